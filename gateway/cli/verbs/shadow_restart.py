"""figway shadow restart: begins the evidence of a capability anew."""

import time
from pathlib import Path

import click

from gateway.cli.opened import opened, plain
from gateway.cli.sources import Refused, actor, store_of
from shadow.stores.base import Restartable

LONGEST = 200
"""The most characters of a reason: it stands in reports."""


def run(capability: str, reason: str, config: Path) -> None:
    """Do what `figway shadow restart` is for; exits with its status."""
    if len(reason) > LONGEST:
        raise click.UsageError(f"--reason may have {LONGEST} characters at most")
    with opened(config) as stored:
        stored.capability(capability)
        store = store_of(stored.built)
        if store is None:
            raise Refused("there is no store to begin anew in: evidence in the gateway's memory begins anew when the "
                          "gateway does" if stored.built.store[0] == "memory" else
                          "there is no store yet: it is made when a gateway starts")
        try:
            if not isinstance(store, Restartable):
                raise Refused(f'the store "{stored.built.store[0]}" cannot begin evidence anew')
            stored.because(reason, "restart", capability)
            number = store.restart(capability, time.time(), actor(), plain(reason).replace("\n", " ").strip())
        finally:
            store.close()
        click.echo(f"the evidence of {capability} begins anew: restart {number}")
