"""How an endpoint has been doing: what its active checks say, and how many calls in a row have failed."""

import time

from gateway.transports.settings import Ejection

BLAMED = frozenset({
    "connect_refused", "connect_timeout", "dns", "tls", "first_byte_timeout", "between_bytes_timeout",
    "total_timeout", "reset", "truncated", "malformed",
})
"""The failures that count against an endpoint. A call that was cancelled, or found no room, says nothing about it."""


class EndpointHealth:
    """Whether an endpoint should be asked.

    `healthy` is what the active checks found. `failures` in a row eject the endpoint until `ejected_until`
    (monotonic seconds).
    """

    __slots__ = ("_ejection", "ejected_until", "failures", "healthy")

    def __init__(self, ejection: Ejection) -> None:
        self._ejection = ejection
        self.healthy = True
        self.ejected_until = 0.0
        self.failures = 0

    def available(self, now: float) -> bool:
        """Whether the endpoint is healthy and not ejected."""
        return self.healthy and now >= self.ejected_until

    def succeeded(self) -> None:
        """A call went through, which ends an ejection. Need not be called if there are no `failures`."""
        self.failures = 0
        self.ejected_until = 0.0

    def failed(self) -> None:
        """A call failed through the endpoint's fault. Enough in a row, and each further one, eject it."""
        ejection = self._ejection
        self.failures += 1
        if ejection.failures and self.failures >= ejection.failures:
            self.ejected_until = time.monotonic() + ejection.seconds

    def try_again(self, now: float) -> None:
        """A call is about to be sent. After an ejection, the first call tries the endpoint.

        All others go on as if it were still ejected, until that call has gone through or the time of one ejection
        has passed.
        """
        ejection = self._ejection
        if self.failures and self.failures >= ejection.failures > 0 and now >= self.ejected_until:
            self.ejected_until = now + ejection.seconds
