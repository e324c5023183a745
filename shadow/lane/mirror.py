"""Mirror, what the gateway offers to the lane, and Job, a mirror on its way through the lane."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Generic, TypeVar

from adapters.message import Request
from shadow.compare.comparison import Comparison
from shadow.compare.pair import Pair
from shadow.credentials import carries_credentials, is_refusal
from shadow.evidence.stratum import LeftOut, size_of
from shadow.lane.cohorts import Cohort
from shadow.lane.learned_noise import Scope
from shadow.lane.sparing import UNKNOWN
from shadow.lane.standing import Standing
from shadow.observation import Observation
from shadow.plan import ShadowPlan
from shadow.preconditions import FAILED, is_conditional, without_preconditions
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
    the arms. `plan` is the capability's. `safe` says whether asking again changes nothing. `condition` is the status
    (304 or 412) that the client got for a condition in its request; it is 0 if the answer did not turn on a condition.
    Legacy is asked without conditions, modern with them. `who` are the names of who asked, by dimension (as in the
    plan's groups); they leave the lane only as tokens.
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
    condition: int = 0
    who: tuple[tuple[str, str], ...] = ()

    @property
    def recheck(self) -> Recheck:
        """When a mismatch is asked again: never if that would change something."""
        return self.plan.recheck_of(self.operation) if self.safe else NEVER

    @property
    def noise(self) -> float:
        """The share (0 to 1) of exchanges in which legacy is asked twice: none if that would change something, or if
        there is no body to compare."""
        return self.plan.noise_of(self.operation) if self.safe and not self.condition else 0.0

    def refuses_tag(self, asked: Observation) -> bool:
        """Whether modern refuses a condition that legacy has met. It names legacy's own tag or time, so modern may."""
        return (asked.status == FAILED and self.served.status != FAILED and self.ask == "modern"
                and is_conditional(self.request))

    def unconditional(self) -> "Mirror[Way]":
        """The same without the conditions of its request."""
        return replace(self, request=without_preconditions(self.request))

    def wants_credentials(self, asked: Observation, served: Observation) -> bool:
        """Whether the other arm has refused the mirror because the client's credentials were left out of it."""
        return (is_refusal(asked.status, asked.headers) and not is_refusal(served.status, served.headers)
                and self.leaves_credentials_out)

    @property
    def leaves_credentials_out(self) -> bool:
        """Whether the client sent credentials that its mirror does not carry."""
        return not self.plan.pass_credentials and carries_credentials(self.request, self.plan.sealing.secrets)

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

    `cost` is the bytes that it counts for in the lane's memory, `rules` those by which its arms are compared, `cohort`
    the exchanges that its evidence is written with. `pairs` are what is compared once the arms have answered: one pair,
    or the three of a bracket (legacy asked before and after modern). One pair is enough if the bracket is `steady`:
    legacy said the same twice. `earlier` is what legacy has said to the same question seconds before, or None: what
    differs between the two is compared as well. `standing` says which epoch and stratum the exchange counts for.
    `noise` and `recheck` are the mirror's, and by these `asks_legacy` says whether legacy may be asked more than its
    clients ask.

    If the arms came to a mismatch, `found` is that mismatch and `at` the loop's time when it was found. It was asked
    about again `round` times, and seen again `times` times. Meanwhile `control` is what legacy has said, to which
    modern is held; it is None if legacy is asked again too. `kind` is the kind of what legacy said first, if noise can
    be learned from it. `last_hash` is the hash of both answers, or None. `sealed` is the id of its record in the vault,
    or "".
    """

    __slots__ = (
        "asks_legacy", "at", "cohort", "control", "cost", "earlier", "found", "kind", "last_hash", "mirror", "noise",
        "pairs", "recheck", "round", "rules", "sealed", "standing", "steady", "times",
    )

    def __init__(self, mirror: Mirror[Way], cost: int, cohort: Cohort) -> None:
        self.mirror = mirror
        self.cost = cost
        self.cohort = cohort
        self.rules = mirror.plan.rules_of(mirror.operation)
        self.noise = mirror.noise
        self.recheck = mirror.recheck
        self.asks_legacy = self.recheck.legacy or self.noise > 0
        self.pairs: Sequence[Pair] = ()
        self.steady = False
        self.last_hash: int | None = None
        self.standing: Standing | None = None
        self.earlier: Observation | None = None
        self.control: Observation | None = None
        self.kind = UNKNOWN
        self.found: Comparison | None = None
        self.at = 0.0
        self.round = 0
        self.times = 0
        self.sealed = ""

    @property
    def scope(self) -> Scope | None:
        """Where its noise is learned; None if it is not."""
        if self.standing is None or self.kind is UNKNOWN:
            return None
        return Scope(self.mirror.capability, self.mirror.operation, self.kind.status, self.standing.epoch)
