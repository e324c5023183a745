"""Adapts third parties' stores that were made for the previous release: they work for one more, with a warning.

Their `write` takes the parts of a batch as separate arguments, and knows an epoch as four texts, a stratum as four
fields and no reasons. So what counts by its reason proves nothing there: exchanges that were left out before modern
answered, and races.
"""

import inspect
import warnings
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from shadow.compare.comparison import Comparison, Outcome
from shadow.evidence.counting import Counts, counts_as
from shadow.evidence.epoch import Epoch
from shadow.evidence.noise import Noise
from shadow.evidence.stratum import Stratum
from shadow.ledger.rows import Crossing, Declared, Evidence, Ledger, Sighting, Traffic
from shadow.ledger.unlink import Tokens, Trace, Unlinked
from shadow.stores.base import NONE_HELD, Batch, Held, Store

WRITE = "def write(self, batch: Batch, held: Held = NONE_HELD) -> Collection[tuple[str, Epoch]]:"
"""The present signature of `write`."""

_Row = TypeVar("_Row", Evidence, Noise, Declared)


class _Stratum(NamedTuple):
    """A stratum as the previous release had it."""

    operation: str
    status: str
    resource: str
    shape: str


class _Texts(NamedTuple):
    """An epoch as the previous release had it. Its `rules` also hold the arms, their endpoints and everything else."""

    legacy: str
    modern: str
    rules: str
    comparator: str


def as_of_now(store: Any) -> Store:
    """The store itself, or an Earlier around it if its `write` is that of the previous release."""
    try:
        inspect.signature(store.write).bind(Batch(), NONE_HELD)
    except TypeError:  # it needs more arguments than that: the previous release gave at least three
        pass
    except ValueError:  # its signature is not known, as with functions written in C
        return cast(Store, store)
    else:
        return cast(Store, store)
    warnings.warn(
        f"the store {type(store).__module__}.{type(store).__qualname__} was made for the release before, and will not "
        f"work with the next: its `write` must be `{WRITE}` (see shadow.stores.base)", FutureWarning, stacklevel=2)
    return Earlier(store)


class Earlier:
    """A Store with the present contract, around a store of the previous release."""

    Options: ClassVar[type[Any]] = type(None)

    def __init__(self, options: Any) -> None:
        """`options` is the store itself, open."""
        self._store = options

    def write(self, batch: Batch, held: Held = NONE_HELD) -> Collection[tuple[str, Epoch]]:
        # Some of these stores have no `gaps` yet.
        gaps = {"gaps": batch.gaps} if batch.gaps else {}
        sightings = [_as_before(one) for one in batch.sightings]
        dropped = self._store.write(
            batch.comparisons, batch.tallies, batch.traffic, sightings, held, batch.bindings, **gaps)
        return {(capability, _as_now(epoch)) for capability, epoch in dropped or ()}

    def read(self, capability: str | None = None) -> Ledger:
        found: Ledger = self._store.read(capability)
        evidence = [replace(row, stratum=Stratum(*row.stratum)) for row in _rows(found.evidence)]
        return replace(found, evidence=evidence, noise=_rows(found.noise), declared=_rows(found.declared))

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        unlinked: Unlinked = self._store.unlink(tokens, traces, held)
        return unlinked

    def close(self) -> None:
        self._store.close()


def latest(comparisons: Iterable[Comparison], traffic: Iterable[Traffic], sightings: Iterable[Sighting]) -> float:
    """When the latest part of a batch was seen, in seconds since 1970: `Batch.latest` for stores without a Batch."""
    return Batch(comparisons=list(comparisons), traffic=list(traffic), sightings=list(sightings)).latest


def crossed(one: Crossing, other: Crossing) -> Crossing:
    """Two rows of one kind, added up."""
    newest = max(one, other, key=lambda row: row.last_seen)
    return replace(newest, count=one.count + other.count, first_seen=min(one.first_seen, other.first_seen))


def _as_before(one: Sighting) -> Sighting:
    texts = cast(Epoch, _Texts(*one.epoch.stored))
    by_reason = one.outcome is Outcome.TRANSIENT and counts_as(one.outcome, one.reason) is Counts.RIGHT
    tells = not by_reason and counts_as(one.outcome, one.reason) is not Counts.BEFORE
    return replace(one, epoch=texts, stratum=cast(Stratum, _Stratum(*one.stratum[:4])),
                   tokens=one.tokens if tells else frozenset(),
                   noise=tuple(replace(row, epoch=texts) for row in one.noise))


def _as_now(epoch: Iterable[Any]) -> Epoch:
    legacy, modern, rules, comparator, *_ = epoch
    return Epoch.from_stored(legacy, modern, rules, comparator)


def _rows(rows: Iterable[_Row]) -> list[_Row]:
    return [replace(row, epoch=_as_now(row.epoch)) for row in rows]
