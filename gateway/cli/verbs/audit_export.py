"""figway audit export: writes records of the journal as JSON Lines, as they are or as FHIR resources."""

import json
from collections.abc import Mapping
from typing import Any

import click

from gateway.cli.chosen import file_of, records_of
from gateway.cli.control import end
from gateway.cli.sources import Refused
from gateway.flips.base import OutOfReach
from gateway.flips.examined import examine
from gateway.flips.fhir import audit_event
from gateway.flips.record import canonical


def run(chosen: Mapping[str, Any], form: str) -> None:
    """Do what `figway audit export` is for; exits with its status."""
    path = file_of(chosen)
    try:
        found = examine(path)
    except OutOfReach as error:
        end(Refused(str(error), 5))
    for one in records_of(path, chosen):
        line = (audit_event(one.record, one.digest, found.control) if form == "fhir" else
                json.loads(one.body) | {"digest": one.digest, "control": found.control})
        click.echo(canonical(line))
    if found.checked.faults:
        end(Refused("the journal is not whole: see `figway audit verify`", 1))
