"""figway audit search: shows records of the journal."""

import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

import click

from gateway.cli.chosen import file_of, records_of, width
from gateway.cli.opened import as_json
from gateway.cli.shown import lines


def run(chosen: Mapping[str, Any], most: int, output: str) -> None:
    """Do what `figway audit search` is for; exits with its status."""
    found = deque(records_of(file_of(chosen), chosen), most)
    found.reverse()
    if output == "json":
        as_json({"records": [one.record.facts() | {"digest": one.digest} for one in found]})
    else:
        for one in found:
            for line in lines(one.record, width()):
                click.echo(line)
    sys.exit(0 if found else 1)
