"""The connections of one endpoint that belong to a client's connection each, counted apart from its pool.

They live as long as their clients keep theirs, so they must not take the pool's places. They are bounded all the same,
and so is what one client's address may have: credentials of such a scheme are easily made up.
"""

from collections import Counter
from typing import Protocol


class Holder(Protocol):
    """One such connection."""

    def retire(self) -> None:
        """The endpoint is no longer part of the upstream."""
        ...


class Logins:
    """At most `bound` of them, and `each` for one client's address. `busy` is how many have a request under way."""

    def __init__(self, bound: int, each: int) -> None:
        self.busy = 0
        self._bound = bound
        self._share = each
        self._clients: dict[Holder, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._clients)

    def admit(self, holder: Holder, client: str) -> bool:
        """Whether there is room for one more of this client's address; if so it is counted until it leaves."""
        if len(self._clients) >= self._bound or self._counts[client] >= self._share:
            return False
        self._clients[holder] = client
        self._counts[client] += 1
        return True

    def leave(self, holder: Holder) -> None:
        """It is gone. May be said twice."""
        client = self._clients.pop(holder, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def retire(self) -> None:
        """Tell all of them that the endpoint is no longer part of the upstream."""
        for holder in list(self._clients):
            holder.retire()
