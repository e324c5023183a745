"""Who waits for a connection, and whose turn is next: a line for each client address, so that none can crowd out
another by asking more often."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from gateway.transports.http.connection import Connection

# Connections that an address which has its share leaves to others: so many, or a quarter of a small pool.
_KEPT_FOR_OTHERS = 16


class Waits(Protocol):
    """What is looked at of a request. `client` is the client's address, "" where nobody's share is to be counted."""

    client: str
    sent_all: bool
    upgrade: bool


Waiting = TypeVar("Waiting", bound=Waits)


class Rank(IntEnum):
    """How a request stands: it goes first, it goes where nobody of the first rank waits, or it may not go yet."""

    FIRST = 0
    SPARE = 1
    HELD = 2


class Turns(Generic[Waiting]):
    """Requests that wait, by client address. Addresses take turns; within one, first come is first served."""

    __slots__ = ("_lines", "count")

    def __init__(self) -> None:
        self._lines: dict[str, deque[Waiting]] = {}
        self.count = 0

    def __iter__(self) -> Iterator[Waiting]:
        for line in self._lines.values():
            yield from line

    def add(self, one: Waiting) -> None:
        """Stand in line."""
        self._lines.setdefault(one.client, deque()).append(one)
        self.count += 1

    def remove(self, one: Waiting) -> None:
        """Wait no longer. Whoever does not stand here is overlooked."""
        line = self._lines.get(one.client)
        if line is not None and one in line:
            line.remove(one)
            self._left(one.client, line)

    def take(self, rank: Callable[[Waiting], Rank]) -> Waiting | None:
        """Whose turn it is, taken out of line; None where nobody may go. Only the first of each line is asked for."""
        spare = None
        for client, line in self._lines.items():
            found = rank(line[0])
            if found is Rank.FIRST:
                return self._pop(client)
            if found is Rank.SPARE and spare is None:
                spare = client
        return None if spare is None else self._pop(spare)

    def any_may_go(self, rank: Callable[[Waiting], Rank]) -> bool:
        """Whether there is somebody for `take`."""
        return any(rank(line[0]) is not Rank.HELD for line in self._lines.values())

    def evict(self, client: str, each: int) -> Waiting | None:
        """Make room for one more of `client`, of whom fewer than `each` wait: the last of the longest line that has
        more goes. None where there is none, or `client` has its share of the room already."""
        if len(self._lines.get(client, ())) >= each:
            return None
        longest = max(self._lines.values(), key=len, default=None)
        if longest is None or len(longest) <= each:
            return None
        one = longest.pop()
        self.count -= 1
        return one

    def _pop(self, client: str) -> Waiting:
        # Whoever had a turn stands behind the others.
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


class Outside(Protocol):
    """What a share needs to know of the calls that have left the pool."""

    each: int

    def of(self, client: str) -> int: ...


class Shares:
    """What each client address holds of a pool of so many `connections`, of which `each` is one's share; `busy` are the
    calls that hold one. `held` is None until the pool is that full: before that nobody counts."""

    __slots__ = ("_busy", "_each", "_others", "_outside", "held")

    def __init__(self, busy: Mapping[Connection, Waits], outside: Outside, connections: int, each: int) -> None:
        self._busy = busy
        self._outside = outside
        self._each = each
        self._others = connections - min(_KEPT_FOR_OTHERS, connections // 4)
        self.held: dict[str, int] | None = None

    def rank(self, one: Waits) -> Rank:
        """How a request stands. One of an address that has its share goes on only where it leaves something to others,
        and could leave the pool should its client be slow. One whose body is still to come is at its client's pace from
        the start."""
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
        """One more, while it is counted."""
        if self.held is not None:
            self.held[client] = self.held.get(client, 0) + 1

    def let_go(self, client: str) -> None:
        """One less."""
        held = self.held
        if held is None:
            return
        held[client] -= 1
        if not held[client]:
            del held[client]
        if len(self._busy) < self._each // 2:
            self.held = None
