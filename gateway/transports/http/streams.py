"""The calls of an endpoint that have left its pool: tunnels, event streams, and calls that go at their client's pace.

They have a bound of their own. So a call holds a place in the pool no longer than the upstream needs.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from gateway.transports.http.connection import Connection


class Counted(Protocol):
    """A call, which is counted by its client's address."""

    client: str


Call = TypeVar("Call", bound=Counted)


class Streams(Generic[Call]):
    """The calls outside the pool: at most `most` in all, and at most `each` for one client address."""

    __slots__ = ("_calls", "_of", "each", "most")

    def __init__(self, most: int, each: int) -> None:
        self.most = most
        self.each = each
        self._calls: dict[Connection, Call] = {}
        self._of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def items(self) -> Iterator[tuple[Connection, Call]]:
        """The connections and the calls that they serve."""
        yield from self._calls.items()

    def of(self, client: str) -> int:
        """How many calls are this client address's."""
        return self._of.get(client, 0)

    def room(self, client: str) -> bool:
        """Whether there is room for one more call of this client address. Calls of no client ("") have no share."""
        return len(self._calls) < self.most and (not client or self._of.get(client, 0) < self.each)

    def add(self, connection: Connection, call: Call) -> None:
        """Add a call."""
        self._calls[connection] = call
        self._of[call.client] = self._of.get(call.client, 0) + 1

    def pop(self, connection: Connection) -> Call | None:
        """Remove the call of a connection and return it, if there is one."""
        call = self._calls.pop(connection, None)
        if call is None:
            return None
        left = self._of[call.client] - 1
        if left:
            self._of[call.client] = left
        else:
            del self._of[call.client]
        return call
