"""Counts the connections of one endpoint that are logged in for one client each (affinity.py).

They last as long as their clients' connections, so they take no places in the pool. They have a bound of their own. One
client address has only a share of it, since anybody can make up credentials of such a scheme.
"""

from collections import Counter
from typing import Protocol


class Holder(Protocol):
    """The owner of one such connection."""

    def retire(self) -> None:
        """The endpoint is no longer part of the upstream."""
        ...


class Logins:
    """The logins: at most `most` in all, and at most `each` for one client address.

    `busy` is how many of them have a request under way.
    """

    def __init__(self, most: int, each: int) -> None:
        self.busy = 0
        self._most = most
        self._share = each
        self._clients: dict[Holder, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, holder: Holder, client: str) -> bool:
        """Count one more login of this client address until it leaves. Return False if there is no room for it."""
        if len(self._clients) >= self._most or self._counts[client] >= self._share:
            return False
        self._clients[holder] = client
        self._counts[client] += 1
        return True

    def leave(self, holder: Holder) -> None:
        """Count the login no longer. May be called twice."""
        client = self._clients.pop(holder, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def retire(self) -> None:
        """Retire all logins: the endpoint is no longer part of the upstream."""
        for holder in list(self._clients):
            holder.retire()
