"""Collects an answer until it is whole: for mirrors, for health checks, and for arms with an adapter."""

import time
from collections.abc import Callable
from typing import Protocol

from adapters.message import Headers
from gateway.digests import DIGESTS, Passing
from gateway.room import BODY_FREE, PIECE
from gateway.transports.base import Keeper, Receiver, Sending
from shadow.observation import NO_FIELDS, Digest, Failure

_NO_HEADERS = Headers()


class Asker(Receiver, Protocol):
    """The receiver of a client's exchange. What is held for the exchange counts in the worker's memory."""

    def count_translation(self, size: int) -> bool:
        """Count `size` bytes more of a translation, or return False if there is no room for them."""
        ...

    def on_read(self, head_at: float, end_at: float) -> None:
        """The head of the arm's answer, and its end, were read at these times (monotonic seconds). The head and the
        rest of the answer follow, translated."""
        ...


class Collected:
    """A receiver that keeps the whole answer, and calls `settled` with itself once, at the end.

    The body may have up to `limit` bytes; a longer one ends the call, with the failure "oversize", or, if it may be
    `digested`, has a `digest` in its place. If a client waits for the answer, `asker` is the client's exchange. A body
    that finds no room there ends the call, with "no_room". `bodiless` says that no body comes, whatever length the head
    has (answers to HEAD). `sending` is the call, from when the transport has returned it until `settled` has returned.
    If the answer is `timed`, `head_at` is when its head was read, in monotonic seconds, and 0.0 before that.
    """

    __slots__ = (
        "_asker", "_bodiless", "_digested", "_limit", "_over", "_passing", "_pieces", "_settled", "_size", "_timed",
        "body", "digest", "failure", "head_at", "headers", "reason", "sending", "status", "trailers",
    )

    def __init__(self, limit: int, settled: Callable[["Collected"], None], asker: Asker | None = None, *,
                 bodiless: bool = False, timed: bool = False, digested: bool = False) -> None:
        self._bodiless = bodiless
        self._timed = timed
        self.head_at = 0.0
        self.status = 0
        self.reason = b""
        self.headers = _NO_HEADERS
        self.body = b""
        self.failure: Failure | None = None
        self.sending: Sending | None = None
        self.digest: Digest | None = None
        self.trailers = NO_FIELDS
        self._digested = digested
        # The digest of a body past `limit`, while it is made, and whether all of the answer has come meanwhile.
        self._passing: Passing | None = None
        self._over = False
        self._settled: Callable[[Collected], None] | None = settled
        self._asker = asker
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Ignore it: a mirror needs no interim answers, and they mean nothing to a client of an adapter."""

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        if self._timed:
            self.head_at = time.monotonic()
        self.status, self.reason, self.headers = status, reason, headers
        has_body = not self._bodiless and status not in (204, 304)  # RFC 9110 section 8.6
        if length > self._limit and has_body and not self._digested:
            self._end("oversize", "upstream")

    def on_data(self, data: bytes) -> None:
        self._size += len(data)
        if self._passing is not None:
            if not self._passing.add(data) and self.sending is not None:
                # No client waits for this answer, so its arm may.
                self.sending.pause()
                self._passing.when_less_waits(self._go_on)
        elif self._size > self._limit and self._digested:
            self._passing = DIGESTS.begin(self.headers, [*self._pieces, data])
            self._pieces.clear()
        elif self._size > self._limit:
            self._end("oversize", "upstream")
        elif (self._size > BODY_FREE and self._asker is not None
                and not self._asker.count_translation(len(data) + PIECE)):
            self._end("no_room", "gateway")
        else:
            self._pieces.append(data)

    def on_flush(self) -> None:
        """Nothing to do: the answer is handed on when it is whole."""

    def on_end(self, trailers: Headers) -> None:
        self.trailers = trailers or NO_FIELDS
        if self._passing is None:
            self._settle()
        else:
            self._over = True
            self._passing.end(self._known)

    def _go_on(self) -> None:
        """The digest has caught up: the arm goes on."""
        if self.sending is not None and not self._over:
            self.sending.resume()

    def give_up(self) -> None:
        """Nobody needs the answer: cancel the call. `settled` is not called any more."""
        self._settled = None
        if self._passing is not None:
            self._passing.drop()
        if self.sending is not None and not self._over:
            self.sending.cancel()
        self.sending = None

    def _known(self, digest: Digest) -> None:
        """The digest of the whole body is known."""
        self.digest = digest
        self._settle()

    def on_failure(self, failure: Failure) -> None:
        if self._passing is not None:
            self._passing.drop()
        self.failure = failure
        self._settle()

    def on_upload_blocked(self) -> None:
        """Nothing to do: the request's body was handed over whole."""

    def on_upload_resumed(self) -> None:
        """Nothing to do: the request's body was handed over whole."""

    def on_login(self) -> Keeper | None:
        return self._asker.on_login() if self._asker is not None else None

    def _end(self, kind: str, source: str) -> None:
        """Give the call up: cancel it, and settle it as failed."""
        if self.sending is not None:
            self.sending.cancel()
        self.failure = Failure(kind, source, sent=True)
        self._settle()

    def _settle(self) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            self.body = b"".join(self._pieces)
            settled(self)
        # The call refers to this receiver. Breaking this cycle frees the body as soon as it is no longer used.
        self.sending = None
