"""figway history: shows the newest records of the journal."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.chosen import width
from gateway.cli.control import call, end
from gateway.cli.opened import as_json, rows
from gateway.cli.shown import lines
from gateway.cli.sources import Refused
from gateway.flips.record import parsed


def run(capability: str | None, most: int, config: Path, admin: str | None, output: str) -> None:
    """Do what `figway history` is for; exits with its status."""
    asked: dict[str, str] = {"most": str(most)} | ({"capability": capability} if capability else {})
    try:
        found = call(config, admin, "GET", "/journal", params=asked)
    except Refused as refused:
        end(refused)
    if output == "json":
        as_json(found)
        return
    if sys.stdout.isatty():  # a refusal's words alone are wider than a terminal
        for one in found["records"]:
            for line in lines(parsed(json.dumps(one)), width()):
                click.echo(line)
        return
    for line in rows(("AT", "REVISION", "WHO", "ROLE", "DID", "CAPABILITY", "WHAT", "REASON"),
                     [_row(one) for one in found["records"]]):
        click.echo(line)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    what = one["plan"] or one["detail"].get("why") or _moved(one)
    return (one["time"], str(one["revision"]), one["actor"], one["role"] or "-", one["action"],
            one["capability"] or "-", what or "-", one["reason"] or "-")


def _moved(one: dict[str, Any]) -> str:
    """From where to where, for records without a summary."""
    before, after = one["before"], one["after"]
    return "; ".join(f"{part} {before.get(part, '–')} → {after.get(part, '–')}" for part in ("reads", "writes")
                     if before.get(part) != after.get(part))
