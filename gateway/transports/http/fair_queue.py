"""The queue of requests that wait for a connection, and each client address's share of the pool.

Client addresses take turns, so that none can crowd out another by asking more often.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from gateway.transports.http.connection import Connection

# Connections that an address with its full share must leave to others: this many, or a quarter of a smaller pool.
_RESERVED = 16


class Queued(Protocol):
    """What the queue needs of a request. `client` is the client's address; "" counts for no share."""

    client: str
    sent_all: bool
    upgrade: bool


Waiting = TypeVar("Waiting", bound=Queued)


class Rank(IntEnum):
    """Whether a request may have a connection: FIRST may, SPARE may if no FIRST waits, and HELD must wait."""

    FIRST = 0
    SPARE = 1
    HELD = 2


class FairQueue(Generic[Waiting]):
    """Requests that wait, by client address. Addresses take turns; the requests of one go in the order they came."""

    __slots__ = ("_lines", "count")

    def __init__(self) -> None:
        self._lines: dict[str, deque[Waiting]] = {}
        self.count = 0

    def __iter__(self) -> Iterator[Waiting]:
        for line in self._lines.values():
            yield from line

    def add(self, one: Waiting) -> None:
        """Queue a request."""
        self._lines.setdefault(one.client, deque()).append(one)
        self.count += 1

    def remove(self, one: Waiting) -> None:
        """Take a request out of the queue, if it is there."""
        line = self._lines.get(one.client)
        if line is not None and one in line:
            line.remove(one)
            self._left(one.client, line)

    def take(self, rank: Callable[[Waiting], Rank]) -> Waiting | None:
        """Take the request whose turn it is out of the queue; None if none may go.

        Only the first request of each address is ranked.
        """
        spare = None
        for client, line in self._lines.items():
            found = rank(line[0])
            if found is Rank.FIRST:
                return self._pop(client)
            if found is Rank.SPARE and spare is None:
                spare = client
        return None if spare is None else self._pop(spare)

    def any_may_go(self, rank: Callable[[Waiting], Rank]) -> bool:
        """Whether `take` would return a request."""
        return any(rank(line[0]) is not Rank.HELD for line in self._lines.values())

    def evict(self, client: str, each: int) -> Waiting | None:
        """Make room for one more request of `client`, and return the request that must go for it.

        That is the last one of the address with the most requests. Return None if `client` has its share of the queue
        (`each`) already, or if no address has more than its share.
        """
        if len(self._lines.get(client, ())) >= each:
            return None
        longest = max(self._lines.values(), key=len, default=None)
        if longest is None or len(longest) <= each:
            return None
        one = longest.pop()
        self.count -= 1
        return one

    def _pop(self, client: str) -> Waiting:
        # The address that had a turn goes behind the others.
        line = self._lines.pop(client)
        one = line.popleft()
        self.count -= 1
        if line:
            self._lines[client] = line
        return one

    def _left(self, client: str, line: deque[Waiting]) -> None:
        self.count -= 1
        if not line:
            del self._lines[client]


class OutsidePool(Protocol):
    """What a share needs to know about the calls that have left the pool."""

    each: int

    def of(self, client: str) -> int:
        """How many of them are this client address's."""
        ...


class Shares:
    """How many of a pool's connections each client address holds.

    The pool has `connections`; `each` is one address's share of them; `busy` are the calls that hold one. `held` counts
    those by address, from when `each` are busy in all: no address can have its share before. It is None again when
    fewer than half as many are busy.
    """

    __slots__ = ("_busy", "_each", "_others", "_outside", "held")

    def __init__(self, busy: Mapping[Connection, Queued], outside: OutsidePool, connections: int, each: int) -> None:
        self._busy = busy
        self._outside = outside
        self._each = each
        self._others = connections - min(_RESERVED, connections // 4)
        self.held: dict[str, int] | None = None

    def rank(self, one: Queued) -> Rank:
        """Rank a request.

        A request of an address that has its share may go if it leaves connections to others, and could leave the pool
        if its client is slow. A request whose body is still to come goes at its client's pace: it must wait.
        """
        if len(self._busy) < self._each:
            return Rank.FIRST
        held = self.held
        if held is None:
            held = self.held = {}
            for call in self._busy.values():
                held[call.client] = held.get(call.client, 0) + 1
        has = held.get(one.client, 0)
        if has < self._each or not one.client:
            return Rank.FIRST
        whole = one.sent_all or one.upgrade
        could_leave = has + self._outside.of(one.client) < self._outside.each
        return Rank.SPARE if whole and could_leave and len(self._busy) < self._others else Rank.HELD

    def took(self, client: str) -> None:
        """Count one more, if calls are counted now."""
        if self.held is not None:
            self.held[client] = self.held.get(client, 0) + 1

    def let_go(self, client: str) -> None:
        """Count one less, if calls are counted now."""
        held = self.held
        if held is None:
            return
        held[client] -= 1
        if not held[client]:
            del held[client]
        if len(self._busy) < self._each // 2:
            self.held = None
