"""figway clients: lists who still speaks what, and who reaches legacy, from the store or from a running gateway."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import click
from rich.text import Text

from gateway.cli.opened import as_json
from gateway.cli.sources import Refused, clients_asked, clients_of
from shadow.ledger.habits import REACHES, REFUSED, Clients, Doing
from shadow.renderers.fitted import Column, Fitted
from shadow.renderers.table import terminal

COLUMNS = (Column("WHAT", part=1), Column("CLIENT"), Column("SINCE"), Column("LAST"))
_SPOKEN = {"http_1_0": "HTTP/1.0", "no_keep_alive": "no keep-alive", "odd_method": "odd method",
           "raw_target": "raw target"}


def run(capability: str | None, most: int, output: str, config: Path, admin: str | None) -> None:
    """Do what `figway clients` is for; exits with its status."""
    try:
        found = clients_asked(admin) if admin else clients_of(config)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    if capability is not None:
        found = replace(found, habits=[one for one in found.habits if one.capability == capability],
                        unreached=[one for one in found.unreached if one.capability == capability])
    if output == "json":
        as_json(found)
        return
    console = terminal()
    if not found.since:
        console.print("Nothing is known of clients yet: a gateway notes them while it runs.")
        return
    console.print(f"Watched from {minute(found.since)} to {minute(found.until)}. Tokens stand for addresses.")
    console.print(Fitted(COLUMNS, [*_rows(found.habits, most), *_unreached(found)]))


def _rows(habits: Iterable[Doing], most: int) -> Iterator[tuple[Text, Text, str, str]]:
    # What modern answered is no proof of anything. It is in the JSON.
    shown = [one for one in habits if one.arm != "modern"]
    for what, some in groupby(shown, key=what_of):
        every = list(some)
        for one in every[:most]:
            yield Text(what), Text(one.client), day(one.since), minute(one.last)
        if len(every) > most:
            rest = every[most:]
            yield (Text(what), Text(f"and {len(rest):,} more"), day(min(one.since for one in rest)),
                   minute(max(one.last for one in rest)))


def _unreached(found: Clients) -> Iterator[tuple[Text, str, str, str]]:
    for one in found.unreached:
        yield Text(f"legacy {_operation(one.capability, one.operation)}"), "no client", day(one.since), "-"


def what_of(one: Doing) -> str:
    """What a client does, for people."""
    if one.does == REACHES:
        return f"{one.arm} {_operation(one.capability, one.name)}"
    return f"refused: {one.name}" if one.does == REFUSED else _SPOKEN.get(one.name, one.name)


def _operation(capability: str, name: str) -> str:
    return capability if name == capability else f"{capability}.{name}"  # the default's two names are one


def day(at: float) -> str:
    """The day of a time, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def minute(at: float) -> str:
    """A time in UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(at))
