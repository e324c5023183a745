"""The calls of an endpoint that have left its pool, within a bound of their own: tunnels, event streams, and calls
that go at their client's pace. So a connection of the pool is held for as long as the upstream takes, and no longer."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from gateway.transports.http.connection import Connection


class Served(Protocol):
    """What is counted by. `client` is the client's address."""

    client: str


Call = TypeVar("Call", bound=Served)


class Streams(Generic[Call]):
    """At most `most` calls, of which one client address has at most `each`."""

    __slots__ = ("_calls", "_of", "each", "most")

    def __init__(self, most: int, each: int) -> None:
        self.most = most
        self.each = each
        self._calls: dict[Connection, Call] = {}
        self._of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def items(self) -> Iterator[tuple[Connection, Call]]:
        """Connections and what they serve."""
        yield from self._calls.items()

    def of(self, client: str) -> int:
        """How many are this client address's."""
        return self._of.get(client, 0)

    def room(self, client: str) -> bool:
        """Whether there is room for one more of this client address. Calls that are no client's are not shared out."""
        return len(self._calls) < self.most and (not client or self._of.get(client, 0) < self.each)

    def add(self, connection: Connection, call: Call) -> None:
        """One more."""
        self._calls[connection] = call
        self._of[call.client] = self._of.get(call.client, 0) + 1

    def pop(self, connection: Connection) -> Call | None:
        """One less, if it was here."""
        call = self._calls.pop(connection, None)
        if call is None:
            return None
        left = self._of[call.client] - 1
        if left:
            self._of[call.client] = left
        else:
            del self._of[call.client]
        return call
