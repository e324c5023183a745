"""When legacy answers in modern's place: after which failures, how often, and how long modern is waited for.

Only safe calls of a canary have a fallback (gateway/decide.py), so nothing is ever done twice.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable

from gateway.capability import Arm, Target
from gateway.decide import Decision, passing_by
from gateway.errors import FAILURES
from gateway.transports.base import Sending
from gateway.upload import Upload
from shadow.latency import BOUNDS, Histogram

STATUSES = frozenset({502, 503, 504})
"""Answers of modern that legacy may answer in place of."""

KINDS = frozenset({
    "connect_refused", "connect_timeout", "dns", "tls", "pool_full", "no_endpoint", "first_byte_timeout",
    "total_timeout", "reset", "malformed",
})
"""The same for failures (shadow.observation.Failure.kind)."""


def code_for_client(code: str, why: str) -> str:
    """The code that a client gets if legacy cannot answer instead of modern (because of `code`): the code of modern's
    failure, `why` the call would have fallen back. Without a failure, or if modern is only ejected, it is `code`."""
    return FAILURES.get(why, "upstream_unavailable") if why and why != "ejected" else code


_TIMES = 10
_PATIENCE = 2.0, 30.0
_UNKNOWN = 5.0
_MANY = 4096


class Budget:
    """How many fallbacks a capability may make for single failures: a fifth of its calls in the last ten seconds, and
    ten more. A call that passes by an ejected modern spends nothing."""

    __slots__ = ("_calls", "_since", "_spent")

    def __init__(self) -> None:
        self._since = 0.0
        self._calls = self._spent = 0

    def call(self, now: float) -> None:
        """Count a call that may need a fallback."""
        if now - self._since > 10.0:
            self._since, self._calls, self._spent = now, 0, 0
        self._calls += 1

    def spend(self) -> bool:
        """Whether one more fallback is within the budget; if so it is spent."""
        if self._spent >= 10 + self._calls // 5:
            return False
        self._spent += 1
        return True


class Pace:
    """How fast legacy answers one operation. `patience` is how many seconds modern may take to begin its answer: ten
    times legacy's median, within 2 s and 30 s; 5 s until legacy has answered once. An operation that is slow by nature
    is slow in legacy too, and does not hang."""

    __slots__ = ("_counts", "_next", "_total", "patience")

    def __init__(self) -> None:
        self._counts = Histogram()
        self._total = 0
        self._next = 1
        self.patience = _UNKNOWN

    def add(self, seconds: float) -> None:
        """Record that legacy has answered, and after how many seconds."""
        self._counts.counts[bisect_left(BOUNDS, seconds)] += 1
        self._total += 1
        if self._total < self._next:
            return
        median = self._counts.quantile(0.5) or 0.0
        self.patience = min(max(median * _TIMES, _PATIENCE[0]), _PATIENCE[1])
        if self._total >= _MANY:
            # Old answers count for less and less.
            self._counts = Histogram(count // 2 for count in self._counts.counts)
            self._total = self._counts.total
        # The more answers are known, the less often the median is computed again.
        self._next = self._total + max(1, self._total // 8)


class Fallbacks:
    """The basis of one worker's fallbacks: a budget for each capability, and legacy's pace for each operation."""

    def __init__(self) -> None:
        self._budgets: dict[str, Budget] = {}
        self._paces: dict[tuple[str, str], Pace] = {}

    def budget(self, target: Target) -> Budget:
        """The budget of a target's capability."""
        name = target.capability.name
        return self._budgets.get(name) or self._budgets.setdefault(name, Budget())

    def pace(self, target: Target) -> Pace:
        """How fast legacy answers a target's operation."""
        key = (target.capability.name, target.operation.name)
        return self._paces.get(key) or self._paces.setdefault(key, Pace())

    def open(self, decision: Decision, target: Target, now: float) -> "tuple[Decision, Fallback | None]":
        """For a decision with a fallback: that decision and its Fallback. Where the arm that would serve is ejected, it
        is passed by instead, with no second chance. Mirrors find out when it is well again; without shadowing, one call
        now and then does (Upstream.may_be_asked)."""
        if decision.fallback is None or not decision.serve.upstream.may_be_asked(time.monotonic()):
            return passing_by(decision), None
        self.budget(target).call(now)
        return decision, Fallback(decision.fallback, decision, target, self)


class Fallback:
    """The chance that `arm` answers one exchange instead of the arm that serves. An exchange has it as long as its
    client has no answer and its whole request is in memory. It can be used once."""

    __slots__ = ("_fallbacks", "_serve", "_target", "_timer", "arm")

    def __init__(self, arm: Arm, decision: Decision, target: Target, fallbacks: Fallbacks) -> None:
        self.arm = arm
        self._serve = decision.serve
        self._target = target
        self._fallbacks = fallbacks
        self._timer: asyncio.TimerHandle | None = None

    def use(self, sending: Sending | None, *, hangs: bool, status: int) -> bool:
        """Whether `arm` may answer now, instead of the serving arm, which failed in the call `sending`: it answered
        with `status`, or it `hangs`, or it gave no answer. The first two count as failures of its endpoint here, the
        last did already. This spends the budget. Beyond it, `arm` may answer only if the serving arm hangs or is
        ejected by now."""
        if sending is not None and (status or hangs):
            sending.blame()
        ejected = not self._serve.upstream.available(time.monotonic())
        return self._fallbacks.budget(self._target).spend() or hangs or ejected

    def limit_patience(self, sending: Sending | None, upload: Upload | None, lose: Callable[[], None]) -> None:
        """Where the serving arm has all of the request: call `lose` when it takes longer than it may to begin its
        answer."""
        split = self._target.capability.split
        if split is None or sending is None or (upload is not None and not upload.whole) or self._timer is not None:
            return
        after = split.fallback_after or self._fallbacks.pace(self._target).patience
        self._timer = asyncio.get_running_loop().call_later(after, lose)

    def close(self) -> None:
        """It is used, or no longer needed."""
        if self._timer is not None:
            self._timer.cancel()
