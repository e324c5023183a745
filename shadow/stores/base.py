"""The contract of a store: it remembers, within bounds, what the lane learnt and what the gateway did.

A store is built from its `Options` (a frozen dataclass, decoded strictly by the configuration) and registered under
the entry-point group `figway.stores`. It is synchronous; the lane calls it in a thread, one call at a time, while
others may read. `shadow.testing.check_store` is what every store must satisfy.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from shadow.compare.comparison import Comparison, Tally
from shadow.evidence.epoch import Epoch
from shadow.ledger.rows import Binding, Gap, Ledger, Sighting, Traffic
from shadow.ledger.unlink import Tokens, Trace, Unlinked

SIGNATURES = 500
"""Kinds of differences kept of each capability; more are counted as overflow."""


RETENTION = 90.0
"""Days after which what was not seen again is forgotten."""


Held: TypeAlias = frozenset[str] | None
"""Capabilities under a legal hold, of which nothing is dropped; None where nobody knows: then nothing is at all."""

NONE_HELD: Held = frozenset()


def is_held(capability: str, held: Held) -> bool:
    """Whether nothing of a capability may be dropped."""
    return held is None or capability in held


class StoreError(Exception):
    """A store cannot be opened, read or written now. The message names the fault, never a value out of a message."""


class StoreRenewed(StoreError):
    """What was written before is gone: the file was deleted, or another was put in its place. It is raised once, by the
    write that finds it, which wrote nothing and may be done again. `made` is since when the store of now is there, in
    seconds since the epoch (0 where nobody knows)."""

    def __init__(self, text: str, made: float = 0.0) -> None:
        super().__init__(text)
        self.made = made


class Store(Protocol):
    """Aggregates: counts by tally, differences by signature with one example each, traffic by arm, evidence.

    A token is kept for the hour that it is of and the next, and a subject counts as seen once in that hour: an
    exchange is effective where a token of its sighting was new.
    """

    Options: ClassVar[type[Any]]

    def __init__(self, options: Any) -> None:
        """Open the store, making it if it is not there. Raises StoreError."""
        ...

    def write(
        self, comparisons: Sequence[Comparison], tallies: Mapping[Tally, int], traffic: Sequence[Traffic],
        sightings: Sequence[Sighting] = (), held: Held = NONE_HELD, bindings: Sequence[Binding] = (),
        gaps: Sequence[Gap] = (),
    ) -> Collection[tuple[str, Epoch]]:
        """Add a batch, wholly or not at all. A comparison counts its own tally; `tallies` are of exchanges that
        left nothing else to remember. A binding that contradicts one that is there is counted, and changes nothing:
        whoever came first stays. Returns the epochs, after their capability, whose evidence was dropped for want
        of room or for its age: nothing needs their keys any more. What is `held` is not dropped, for neither. Raises
        StoreError; the batch may then be written again. Gaps of one capability, reason and hour are added up."""
        ...

    def read(self, capability: str | None = None) -> Ledger:
        """What is known of one capability, or of all. Raises StoreError."""
        ...

    def unlink(self, tokens: Tokens, traces: Collection[Trace], held: Held = NONE_HELD) -> Unlinked:
        """Take a subject out: every token goes of an exchange of which an example has one of these tokens, or that is
        among the `traces`; and every pair of identifiers of which one has. What is `held` stays, and is counted.
        Raises StoreError."""
        ...

    def close(self) -> None:
        """Give everything back. Nothing may be called afterwards."""
        ...
