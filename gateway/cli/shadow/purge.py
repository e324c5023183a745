"""figway shadow purge: destroy what is stored of a subject, of a capability, or all of it."""

import sys
from pathlib import Path
from typing import NamedTuple

import click

from gateway.cli.kept import Kept, kept
from gateway.cli.sources import Refused
from shadow.search import SHORTEST, occurs
from shadow.vault import VaultError


class _Wanted(NamedTuple):
    """The ids of records to destroy, and how many could not be read to tell."""

    ids: list[str]
    unread: int = 0


@click.command()
@click.option("--subject", type=click.Choice(["-"]), help="Records in which an identifier occurs, one line of standard "
                                                          "input: arguments are seen by other users.")
@click.option("--capability", metavar="NAME", help="Every record of a capability.")
@click.option("--all", "every", is_flag=True, help="Every record.")
@click.option("--reason", required=True, help="Why; for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
def purge(subject: str | None, capability: str | None, every: bool, reason: str, config: Path) -> None:
    """Destroy sealed records, and their keys: those of a subject, of a capability, or all.

    What is held stays. Exits with 1 where something stays, or could not be read to be searched, or without a reason;
    with 2 where there is nothing sealed or no such capability.
    """
    if (subject is not None) + (capability is not None) + every != 1:
        raise click.UsageError("one of --subject -, --capability NAME and --all")
    identifier = _identifier() if subject is not None else ""
    with kept(config) as stored:
        stored.records.expire()
        what = stored.capability(capability) if capability is not None else "all" if every else "a subject"
        stored.because(reason, "purge", what)
        wanted = _of_subject(stored, identifier) if identifier else _Wanted(
            [entry.id for entry in stored.records.entries(capability)])
        done = stored.records.purge(wanted.ids)
        told = (f"{_count(len(done.gone))} destroyed, {len(done.held)} held and kept"
                + (f", {wanted.unread} that cannot be read" if wanted.unread else ""))
        stored.deed("purged", what, told)
        click.echo(told)
        if done.held or wanted.unread:
            raise Refused("not everything is purged: see figway shadow list and holds", 1)


def _identifier() -> str:
    found = sys.stdin.readline().strip()
    if len(found) < SHORTEST:
        raise click.UsageError(f"standard input has no identifier of {SHORTEST} characters or more")
    return found


def _of_subject(stored: Kept, identifier: str) -> _Wanted:
    ids, unread = [], 0
    for entry in stored.records.entries():
        try:
            if occurs(stored.records.open(entry.id), identifier):
                ids.append(entry.id)
        except VaultError:
            unread += 1
    return _Wanted(ids, unread)


def _count(records: int) -> str:
    return f"{records} record{'' if records == 1 else 's'}"
