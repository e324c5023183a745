"""One call and its whole answer at once, for those who have time (mirrors, health checks)."""

import asyncio
from collections.abc import Callable

from adapters.message import Headers
from gateway.transports.base import Sending
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.sending import HttpSending
from shadow.observation import Failure

_NO_HEADERS = Headers()


class Collected:
    """A receiver that keeps the whole answer, up to `limit` bytes of body; past them the call ends as oversize.
    `settled` is called with it once, at the end."""

    __slots__ = (
        "_limit", "_pieces", "_settled", "_size", "body", "failure", "headers", "reason", "sending", "status",
    )

    def __init__(self, limit: int, settled: Callable[["Collected"], None]) -> None:
        self.status = 0
        self.reason = b""
        self.headers = _NO_HEADERS
        self.body = b""
        self.failure: Failure | None = None
        self.sending: Sending | None = None
        self._settled: Callable[[Collected], None] | None = settled
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Of no interest here."""

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        self.status, self.reason, self.headers = status, reason, headers
        if length > self._limit:
            self._oversize()

    def on_data(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._oversize()
        else:
            self._pieces.append(data)

    def on_flush(self) -> None:
        """The whole answer is waited for."""

    def on_end(self, trailers: Headers) -> None:
        self._settle()

    def on_failure(self, failure: Failure) -> None:
        self.failure = failure
        self._settle()

    def on_upload_blocked(self) -> None:
        """The body was handed over whole."""

    def on_upload_resumed(self) -> None:
        """The body was handed over whole."""

    def on_login(self) -> None:
        """No client is here to be logged in."""

    def _oversize(self) -> None:
        if self.sending is not None:
            self.sending.cancel()
        self.failure = Failure("oversize", sent=True)
        self._settle()

    def _settle(self) -> None:
        self.body = b"".join(self._pieces)
        self.sending = None  # which holds this: without the circle, a body goes as soon as it is let go
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(self)


def call(
    endpoint: Endpoint, method: str, before: bytes, after: bytes, body: bytes, *, total: float, limit: int,
    settled: Callable[[Collected], None],
) -> HttpSending:
    """Send one request with a whole body and have `settled` told of all of the answer, after `total` seconds at most
    and perhaps before this returns. Never raises for what the upstream does: that is in `failure`."""
    collected = Collected(limit, settled)
    sending = HttpSending(endpoint, collected, method, before, after, body, True, False, False, total)
    collected.sending = sending
    endpoint.send(sending)
    return sending


async def fetch(
    endpoint: Endpoint, method: str, before: bytes, after: bytes, body: bytes, *, total: float, limit: int
) -> Collected:
    """The same for those who wait. Cancelling cancels the call."""
    done: asyncio.Future[Collected] = asyncio.get_running_loop().create_future()

    def settled(collected: Collected) -> None:
        if not done.done():
            done.set_result(collected)

    sending = call(endpoint, method, before, after, body, total=total, limit=limit, settled=settled)
    try:
        return await done
    except asyncio.CancelledError:
        sending.cancel()
        raise
