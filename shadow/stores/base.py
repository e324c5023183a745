"""The contract of a store (Store): it remembers, within bounds, what the lane learnt and what the gateway did.

A store is built from its `Options` (a frozen dataclass, decoded strictly by the configuration) and registered under
the entry-point group `figway.stores`. It is synchronous. The lane calls it in a thread, one call at a time, while
others may read. `shadow.testing.check_store` holds a store to this contract.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from shadow.compare.comparison import Comparison, Tally
from shadow.evidence.epoch import Epoch
from shadow.evidence.pace import Pace
from shadow.ledger.habits import Habit
from shadow.ledger.rows import Binding, Gap, Ledger, Member, Sighting, Traffic, Waiting
from shadow.ledger.unlink import Tokens, Trace, Unlinked

SIGNATURES = 500
"""Kinds of differences kept of each capability; more are counted as overflow."""

RETENTION = 90.0
"""Days after which rows that were not seen again are dropped."""

CLIENTS = 500
"""Clients kept of each thing that they do (shadow.ledger.habits); those past it are counted together."""


Held: TypeAlias = frozenset[str] | None
"""Capabilities under a legal hold: none of their rows are dropped. None: holds are unknown, so drop nothing."""

NONE_HELD: Held = frozenset()


def is_held(capability: str, held: Held) -> bool:
    """Whether nothing of a capability may be dropped."""
    return held is None or capability in held


class StoreError(Exception):
    """A store cannot be opened, read or written now. The message names the fault, never a value out of a message."""


class StoreRenewed(StoreError):
    """Everything written before is lost: the file was deleted or replaced.

    The first write after that raises it, once. That write stored nothing and may be repeated. `made` is when the
    present store was made, in seconds since 1970; 0 if that is unknown."""

    def __init__(self, text: str, made: float = 0.0) -> None:
        super().__init__(text)
        self.made = made


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that is written in one transaction.

    A comparison counts its own tally, so `tallies` count only exchanges that left nothing else to remember. What
    exchanges prove may come in a later batch than their outcomes: see shadow.lane.cohorts.
    `eligible` counts the exchanges that were to be compared, by capability and hour (since 1970): 0 if clients asked
    and none was. `sightings` are what
    exchanges prove, with the noise that was seen; `bindings` are pairs of identifiers; `members` count effective
    exchanges by who asked; `paces` are how the times of both arms compare, with all pairs of a row in one block.
    `waiting` takes the place of what the same worker has said of a capability before; without exchanges it is nothing.
    `habits` are what clients still do, for a store that is Attentive.
    """

    comparisons: Sequence[Comparison] = ()
    tallies: Mapping[Tally, int] = field(default_factory=dict)
    traffic: Sequence[Traffic] = ()
    sightings: Sequence[Sighting] = ()
    bindings: Sequence[Binding] = ()
    gaps: Sequence[Gap] = ()
    eligible: Mapping[tuple[str, int], int] = field(default_factory=dict)
    members: Sequence[Member] = ()
    paces: Sequence[Pace] = ()
    waiting: Sequence[Waiting] = ()
    habits: Sequence[Habit] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write. Bindings and members never come without a tally or a comparison."""
        return not (self.comparisons or self.tallies or self.traffic or self.sightings or self.gaps
                    or self.paces or self.waiting or self.habits)

    @property
    def latest(self) -> float:
        """When the latest part of the batch was seen, in seconds since 1970. A store drops old rows by this time."""
        return max((*(one.at for one in self.comparisons), *(row.at for row in self.traffic),
                    *(one.last for one in self.sightings), *(one.last for one in self.habits)), default=0.0)


class Store(Protocol):
    """Keeps sums: counts by tally, differences by signature with one example each, traffic by arm, evidence.

    A token is kept for its own hour and the next. A subject counts as seen once in an hour: an exchange is effective
    if a token of its sighting was new.
    """

    Options: ClassVar[type[Any]]

    def __init__(self, options: Any) -> None:
        """Open the store, or make it if there is none. Raises StoreError."""
        ...

    def write(self, batch: Batch, held: Held = NONE_HELD) -> Collection[tuple[str, Epoch]]:
        """Add a batch, wholly or not at all. Raises StoreError; the batch may then be written again.

        A binding that contradicts a known one is counted and changes nothing: the first pair is kept. Gaps of one
        capability, reason and hour are added up. The pairs of a Pace follow those that are stored of its capability,
        epoch, operation, moment, ratio and plus, as shadow.evidence.pace.grown joins them.

        Returns the epochs whose evidence was dropped for lack of room or for its age, each after its capability: the
        keys of these epochs are not needed any more. No row of a capability in `held` is dropped.
        """
        ...

    def read(self, capability: str | None = None) -> Ledger:
        """What is known of one capability, or of all. Raises StoreError."""
        ...

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        """Remove a subject from the store. Raises StoreError.

        Removes all tokens of every exchange that is among the `traces`, or that has one of these tokens in an example;
        and every pair with an identifier that has such a token. Rows that are `held` stay, and are counted.
        """
        ...

    def close(self) -> None:
        """Release all resources. Nothing may be called afterwards."""
        ...


@runtime_checkable
class Restartable(Protocol):
    """A store in which a person may begin a capability's evidence anew. A Store need not be one: then nobody can."""

    def restart(self, capability: str, at: float, who: str, reason: str) -> int:
        """Record that the evidence of a capability begins anew (a Restart), at `at` in seconds since 1970. It is never
        dropped. Returns its number, which is 1 more than that of the one before. Raises StoreError."""
        ...

    def restarts(self) -> Mapping[str, int]:
        """The number of the latest restart of each capability that has one. Raises StoreError."""
        ...


@runtime_checkable
class Attentive(Protocol):
    """A store that keeps the habits of clients. A Store need not be one: then nobody can ask for them."""

    def habits(self) -> Sequence[Habit]:
        """All rows: those of one client and one thing are one. Of each thing it has up to CLIENTS clients, and all
        others together (OTHERS). Raises StoreError."""
        ...


@runtime_checkable
class Provable(Protocol):
    """A store that knows which processes wrote to it. A Store need not be one: then it is not noticed if a store is
    deleted or replaced after a worker was killed and before the next one has opened it."""

    @property
    def writer(self) -> int:
        """By which number the store knows what this process has written: 1 or more, below 2**63, and another one for
        each store that it was replaced by. 0 if this process has written nothing to the present store."""
        ...

    def prove(self, writer: int) -> None:
        """Raises StoreRenewed if the store has nothing of this writer, and StoreError if it cannot be read."""
        ...


@runtime_checkable
class Numbered(Provable, Protocol):
    """A Provable store that numbers its writes. A Store need not be one: then what a worker was just writing when it
    was killed counts as lost, though the store may have it."""

    @property
    def last(self) -> tuple[int, int]:
        """By which number the store will know what this process writes next, and the number of its last write to the
        present store; 0 if there is none. Later writes have larger numbers, below 2**62."""
        ...

    def number(self, writer: int) -> int:
        """The number of this writer's last write; 0 if there is none. Raises StoreError."""
        ...


def writer_of(store: object) -> int:
    """By which number the store knows what this process has written; 0 if it has written nothing, or the store is not
    Provable."""
    return store.writer if isinstance(store, Provable) else 0


def last_of(store: object) -> tuple[int, int]:
    """See Numbered.last; zeros if the store is not Numbered."""
    return store.last if isinstance(store, Numbered) else (0, 0)


def number_of(store: object, writer: int) -> int:
    """See Numbered.number; 0 if the store is not Numbered, or cannot be read."""
    try:
        return store.number(writer) if isinstance(store, Numbered) else 0
    except StoreError:
        return 0


def prove(store: object, writers: Iterable[int]) -> None:
    """Raises StoreRenewed if a Provable store has nothing of one of these writers, and StoreError if it cannot be
    read."""
    if isinstance(store, Provable):
        for writer in writers:
            store.prove(writer)


def restarts_of(store: object) -> Mapping[str, int]:
    """The number of the latest restart of each capability; none in a store that is not Restartable. Raises
    StoreError."""
    return store.restarts() if isinstance(store, Restartable) else {}
