"""figway shadow audit: shows who did what to stored data, and whether the trail is complete."""

from collections.abc import Iterable
from pathlib import Path

import click

from gateway.cli.opened import as_json, opened, rows, when
from gateway.cli.recorded import take_over, trail
from gateway.cli.sources import Refused
from shadow.custody.base import Deed


def run(config: Path, output: str) -> None:
    """Do what `figway shadow audit` is for; exits with its status."""
    with opened(config, sealed=False) as stored:
        take_over(stored.built.control.path, stored.custody)
        deeds, whole = trail(stored.built.control.path, stored.custody)
        if output == "json":
            as_json({"complete": whole, "deeds": [
                {"at": deed.at, "who": deed.actor, "role": deed.role, "did": deed.action, "to": deed.subject,
                 "reason": deed.reason}
                for deed in deeds
            ]})
        else:
            _table(deeds)
        if not whole:
            raise Refused("the audit trail is not complete: lines were changed or removed", 1)


def _table(deeds: Iterable[Deed]) -> None:
    for line in rows(("AT", "WHO", "ROLE", "DID", "TO", "REASON"), [
        (when(deed.at), deed.actor, deed.role or "-", deed.action, deed.subject, deed.reason or "-") for deed in deeds
    ]):
        click.echo(line)
