"""One call as an awaitable: the whole answer at once, for those who have time (mirrors, health checks)."""

import asyncio

from adapters.message import Headers
from gateway.upstreams.endpoint import Endpoint, Sending
from shadow.observation import Failure


class Collected:
    """A receiver that keeps the whole answer, up to `limit` bytes of body; past them the call ends as oversize."""

    def __init__(self, limit: int) -> None:
        self.status = 0
        self.reason = b""
        self.headers = Headers()
        self.trailers = Headers()
        self.body = b""
        self.failure: Failure | None = None
        self.sending: Sending | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
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
        self.trailers = trailers
        self._settle()

    def on_failure(self, failure: Failure) -> None:
        self.failure = failure
        self._settle()

    def on_upload_blocked(self) -> None:
        """The body was handed over whole."""

    def on_upload_resumed(self) -> None:
        """The body was handed over whole."""

    def _oversize(self) -> None:
        if self.sending is not None:
            self.sending.cancel()
        self.failure = Failure("oversize", sent=True)
        self._settle()

    def _settle(self) -> None:
        self.body = b"".join(self._pieces)
        if not self.done.done():
            self.done.set_result(None)


async def fetch(
    endpoint: Endpoint, method: str, before: bytes, after: bytes, body: bytes, *, total: float, limit: int
) -> Collected:
    """Send one request with a whole body and wait for all of the answer, `total` seconds at most.
    Never raises for what the upstream does: that is in `failure`. Cancelling cancels the call."""
    collected = Collected(limit)
    sending = Sending(endpoint, collected, method, before, after, body, True, False, False, total)
    collected.sending = sending
    endpoint.send(sending)
    try:
        await collected.done
    except asyncio.CancelledError:
        sending.cancel()
        raise
    return collected
