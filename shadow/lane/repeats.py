"""Natural repeats: clients that ask the same thing twice within seconds get two answers of legacy, for nothing.

What differs between the two is legacy's own drift. So the latest answers are kept for some seconds, in a part of the
lane's memory, by a hash of what was asked: method, target, body, credentials, and what the client accepts.
"""

from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

from adapters.message import Request
from shadow.credentials import is_credential
from shadow.observation import Observation

WITHIN = 10.0
"""Seconds between two answers to the same question that are compared."""

PART = 16
"""The answers take one part in this many of the lane's memory."""

LARGEST = 1 << 18
"""Bytes of the largest body that is kept."""

_OVERHEAD = 1024
_CHOOSES = frozenset({b"accept", b"accept-language", b"accept-encoding", b"range", b"prefer"})


def question_of(request: Request) -> int:
    """A hash of what a client asks. It is equal within this process if the same client asks the same thing again."""
    headers = request.headers
    said = [headers[at][1] for at in _telling(headers.names)]
    return hash((request.method, request.target, request.body, *said))


@lru_cache(maxsize=512)
def _telling(names: tuple[bytes, ...]) -> tuple[int, ...]:
    """The places of the fields among these names that say who asks, or what is accepted."""
    return tuple(at for at, name in enumerate(names) if name.lower() in _CHOOSES or is_credential(name))


class _Kept(NamedTuple):
    at: float
    answer: Observation
    cost: int


class Repeats:
    """Legacy's latest answers of one worker, in at most `memory` bytes, of which `held` are taken. Times are those of
    the event loop."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._most = min(memory, LARGEST + _OVERHEAD)
        self.held = 0
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def earlier(self, question: int, answer: Observation, now: float) -> Observation | None:
        """Legacy's earlier answer to this question, if it is recent enough. Its place is taken by this one."""
        known = self._drop(question)
        cost = len(answer.body) + _OVERHEAD
        if cost <= self._most:
            self.held += cost
            self._kept[question] = _Kept(now, answer, cost)
            if self.held > self._memory:
                self.expire(now)
        return known.answer if known is not None and now - known.at <= WITHIN else None

    def expire(self, now: float) -> float | None:
        """Drop what is too old or too much. Returns the time at which the next is too old, None if nothing is left."""
        # Each answer was put at the end, so the first is the oldest. A plain dict would look for the first ever longer,
        # the more of them were dropped.
        while self._kept:
            oldest = next(iter(self._kept))
            if self.held <= self._memory and now - self._kept[oldest].at <= WITHIN:
                return self._kept[oldest].at + WITHIN
            self._drop(oldest)
        return None

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self.held = 0

    def _drop(self, question: int) -> _Kept | None:
        known = self._kept.pop(question, None)
        if known is not None:
            self.held -= known.cost
        return known
