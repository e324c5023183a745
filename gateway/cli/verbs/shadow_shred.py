"""figway shadow shred: destroys the keys of epochs, so that tokens made with them can no longer be linked."""

import sys
from pathlib import Path

import click

from gateway.cli.recorded import record
from gateway.cli.sources import Refused, custody_of, evidence_of
from gateway.config.compile import Configuration
from shadow.custody.base import Custody, CustodyError
from shadow.lane.epoch_keys import PURPOSE, scope


def run(capability: str, every: bool, reason: str | None, config: Path) -> None:
    """Do what `figway shadow shred` is for; exits with its status."""
    try:
        built, custody = custody_of(config, capability)
        try:
            current = max(evidence_of(built, capability), key=lambda row: row.last, default=None)
            known = "" if current is None else scope(capability, current.epoch)
            count = _shred(built, custody, capability, known, reason or "", every=every)
        finally:
            custody.close()
    except CustodyError as error:
        click.echo(f"figway: {error}", err=True)
        sys.exit(2)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    click.echo(f"{count} key{'' if count == 1 else 's'} of {capability} destroyed"
               + ("" if every else "; that of the current epoch is kept"))


def _shred(built: Configuration, custody: Custody, capability: str, current: str, reason: str, *, every: bool) -> int:
    if (hold := custody.holds().get(capability)) is not None:
        record(built, custody, "shred_refused", capability, reason, "operator")
        raise Refused(f"{capability} is held by {hold.actor}: {hold.reason}", 1)
    scopes = {one: made for one, made in custody.scopes(PURPOSE).items() if one.partition(" ")[0] == capability}
    if not every:
        # If the store has no epoch, the one with the latest key is the current one.
        scopes.pop(current or max(scopes, key=scopes.__getitem__, default=""), None)
    record(built, custody, "shred", capability, reason, "operator")
    return sum(custody.destroy(PURPOSE, one) for one in scopes)
