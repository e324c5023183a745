"""figway shadow purge: destroys what is stored about a subject, about a capability, or everything."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.cli.opened import Opened, opened
from gateway.cli.sources import Refused, store_of
from shadow.lane.epoch_keys import PURPOSE
from shadow.ledger.unlink import Trace, tokens_of
from shadow.sealed.base import Vault, VaultError
from shadow.sealed.search import SHORTEST, occurs
from shadow.words import noun


@dataclass(slots=True)
class _Done:
    """The counts of a purge: records destroyed, exchanges whose examples lost their tokens, pairs of identifiers
    removed, held things that stayed, and records that could not be read."""

    records: int = 0
    examples: int = 0
    pairs: int = 0
    held: int = 0
    unread: int = 0

    def summary(self, subject: bool) -> str:
        parts = [f"{_count(self.records, 'record')} destroyed", f"{self.held} held and kept"]
        if subject:
            parts[1:1] = f"{_count(self.examples, 'example')} unlinked", f"{_count(self.pairs, 'pair')} dropped"
        if self.unread:
            parts.append(f"{self.unread} that cannot be read")
        return ", ".join(parts)


def run(subject: str | None, capability: str | None, every: bool, reason: str, config: Path) -> None:
    """Do what `figway shadow purge` is for; exits with its status."""
    if (subject is not None) + (capability is not None) + every != 1:
        raise click.UsageError("give one of --subject -, --capability NAME and --all")
    identifier = _identifier() if subject is not None else ""
    done = _Done()
    with opened(config) as stored:
        what = stored.capability(capability) if capability is not None else "all" if every else "a subject"
        records = stored.vault if identifier else stored.records
        stored.because(reason, "purge", what)
        if identifier:
            traces = _of_subject(records, identifier, done) if records is not None else set()
            _unlink(stored, identifier, traces, done)
        else:
            _destroy(stored.records, [entry.id for entry in stored.records.entries(capability)], done)
        stored.deed("purged", what, done.summary(bool(identifier)))
        click.echo(done.summary(bool(identifier)))
        if done.held or done.unread:
            raise Refused("not everything is purged: see `figway shadow list` and `figway shadow holds`", 1)


def _identifier() -> str:
    # Python has no standard input if it was closed.
    found = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if len(found) < SHORTEST:
        raise click.UsageError(f"standard input has no identifier of {SHORTEST} characters or more")
    return found


def _destroy(vault: Vault, ids: Iterable[str], done: _Done) -> frozenset[str]:
    """Destroy records, except held ones. Returns the ids of the destroyed ones."""
    vault.expire()
    purged = vault.purge(ids)
    done.records += len(purged.gone)
    done.held += len(purged.held)
    return frozenset(purged.gone)


def _of_subject(vault: Vault, identifier: str, done: _Done) -> set[Trace]:
    """Destroy the records that contain the identifier. Returns the exchanges of the destroyed ones."""
    found = []
    for entry in vault.entries():
        try:
            if occurs(vault.open(entry.id), identifier):
                found.append(entry)
        except VaultError:
            done.unread += 1
    gone = _destroy(vault, [entry.id for entry in found], done)
    return {(entry.capability, entry.trace_id) for entry in found if entry.id in gone}


def _unlink(stored: Opened, identifier: str, traces: set[Trace], done: _Done) -> None:
    """Remove the subject's tokens from the store, if it is a file."""
    store = store_of(stored.built)
    if store is None:
        return
    try:
        unlinked = store.unlink(tokens_of(identifier, _keys(stored)), traces, frozenset(stored.custody.holds()))
    finally:
        store.close()
    done.examples += unlinked.examples
    done.pairs += unlinked.bindings
    done.held += unlinked.held


def _keys(stored: Opened) -> dict[str, list[bytes]]:
    """The keys of every epoch, by capability."""
    keys: dict[str, list[bytes]] = {}
    for scope in stored.custody.scopes(PURPOSE):
        if (key := stored.custody.find(PURPOSE, scope)) is not None:
            keys.setdefault(scope.partition(" ")[0], []).append(key)
    return keys


def _count(number: int, what: str) -> str:
    return f"{number} {noun(number, what)}"
