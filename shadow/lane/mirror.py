"""Mirror, what the gateway offers to the lane, and Job, a mirror on its way through the lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from adapters.message import Request
from shadow.compare.comparison import Comparison
from shadow.compare.pair import Pair
from shadow.evidence.stratum import LeftOut, size_of
from shadow.lane.learned_noise import Scope
from shadow.lane.standing import Standing
from shadow.observation import Observation
from shadow.plan import ShadowPlan
from shadow.settings import NEVER, Recheck

Way = TypeVar("Way")
"""What the asker needs to ask an arm. The lane does not look inside."""

_OVERHEAD = 2_048
"""Bytes that a mirror takes beside its bodies and header fields."""


@dataclass(slots=True)
class Mirror(Generic[Way]):
    """One exchange to be shadowed: the client's request, the answer that it got, and the arm that is still to be asked.

    `request` is in the capability's contract, its body whole. `served` is what the arm said that answered the client,
    and `ask` names the other arm: "legacy" or "modern". `at` is in seconds since 1970. `way` leads the asker to
    the arms. `plan` is the capability's. `safe` says whether asking again changes nothing.
    `who` asked, by dimension (as in the plan's groups): names, which leave the lane only as tokens.
    """

    capability: str
    operation: str
    request: Request
    served: Observation
    ask: str
    trace_id: str
    at: float
    way: Way
    plan: ShadowPlan
    safe: bool = True
    who: tuple[tuple[str, str], ...] = ()

    @property
    def recheck(self) -> Recheck:
        """When a mismatch is asked again: never if that would change something."""
        return self.plan.recheck if self.safe else NEVER

    @property
    def noise(self) -> float:
        """The share (0 to 1) of exchanges in which legacy is asked twice: none if that would change something."""
        return self.plan.noise if self.safe else 0.0

    def left_out(self) -> LeftOut:
        """What is known of the exchange if it is left out before both arms have answered."""
        control = self.served if self.ask == "modern" else None
        size = size_of(control) if control is not None else -1
        return LeftOut(self.request, control, self.at, self.plan.basis.parameters, size)

    def cost(self) -> int:
        """About how many bytes this mirror holds."""
        request, served = self.request, self.served
        fields = sum(map(len, chain.from_iterable((*request.headers, *served.headers))))
        return _OVERHEAD + len(request.target) + len(request.body) + len(served.body) + fields


class Job(Generic[Way]):
    """A mirror on its way through the lane.

    `cost` is the bytes that it counts for in the lane's memory, `rules` those by which its arms are compared.
    `pairs` are what is compared once the arms have answered: one pair, or the three of a bracket (legacy asked before
    and after modern). One pair is enough if the bracket is `steady`: legacy said the same twice. `standing` says which
    epoch and stratum the exchange counts for, and `scope` where its noise is learned.

    If the arms came to a mismatch, `found` is that mismatch and `at` the loop's time when it was found. Its arms were
    asked again `round` times, and it was seen again `times` times. `last_hash` is the hash of both answers, or None.
    `sealed` is the id of its record in the vault, or "".
    """

    __slots__ = (
        "at", "cost", "found", "last_hash", "mirror", "pairs", "round", "rules", "scope", "sealed", "standing",
        "steady", "times",
    )

    def __init__(self, mirror: Mirror[Way], cost: int) -> None:
        self.mirror = mirror
        self.cost = cost
        self.rules = mirror.plan.rules_of(mirror.operation)
        self.pairs: Sequence[Pair] = ()
        self.steady = False
        self.last_hash: int | None = None
        self.standing: Standing | None = None
        self.scope: Scope | None = None
        self.found: Comparison | None = None
        self.at = 0.0
        self.round = 0
        self.times = 0
        self.sealed = ""
