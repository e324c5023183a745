"""figway flip, rollback and resume: asks the gateway for a flip, and says what was done."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.control import call, end
from gateway.cli.opened import as_json, plain
from gateway.cli.sources import Refused
from shadow.words import noun


def run(wanted: Mapping[str, Any], config: Path, admin: str | None, output: str) -> None:
    """Do what the command is for; exits with its status."""
    try:
        done = call(config, admin, "POST", "/flips", json={key: value for key, value in wanted.items()
                                                           if value is not None})
    except Refused as refused:
        end(refused)
    if output == "json":
        as_json(done)
        return
    for line in _lines(done):
        click.echo(plain(line))


def _lines(done: Mapping[str, Any]) -> Iterator[str]:
    record, override = done["record"], done["stand"]["override"]
    if record is None:
        yield done["says"]
        return
    yield f"{record['capability']}: {record['plan']} (revision {record['revision']})"
    if override is not None and override["expires"] is not None:
        yield "  until the override expires, unless another flip comes before"
    if done["stand"]["latch"] is not None:
        yield f"  held back by {done['stand']['latch']['guard']}: figway resume ends that"
    if gate := record["detail"].get("gate"):
        known = record["evidence"]
        says = known.get("says") or f"unread, {known['unread']}"
        yield f"  {'forced; ' if gate == 'forced' else ''}the gate: {says}"
    lacking = record["detail"].get("writes_that_legacy_lacks")
    if lacking is not None and not lacking:
        yield "  modern took no writes that legacy lacks"
    for operation, count in sorted((lacking or {}).items()):
        yield f"  legacy lacks {count:,} {noun(count, 'write')} that modern took: {operation}"
