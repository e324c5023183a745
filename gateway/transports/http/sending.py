"""One request on its way to an endpoint: it waits for a connection, its body follows, and it is retried at most once.

A pooled connection may have gone stale: the upstream closed it before a byte of the answer. The request is then sent
once more. That happens only if no effect can come twice (RFC 9110 section 9.2.2), and the whole request is still in
memory: the operation is safe, or the method is PUT or DELETE.
"""

import time
from math import inf
from typing import Protocol

from adapters.message import Headers
from gateway.transports.base import Receiver
from gateway.transports.http import auth_schemes
from gateway.transports.http.connection import Connection
from gateway.transports.http.health import BLAMED, EndpointHealth
from gateway.wire.bodies import chunk, last_chunk
from shadow.observation import Failure

# Methods whose effect is the same, however often the request is sent (RFC 9110 section 9.2.2).
_IDEMPOTENT_WRITES = ("PUT", "DELETE")
# Bytes of a body that are held before the request has a connection. Past them the client is asked to wait.
_EARLY = 64 << 10


class Destination(Protocol):
    """What a request needs of the endpoint that it is sent to."""

    authority: bytes
    health: EndpointHealth

    def send_fresh(self, sending: "HttpSending") -> None:
        """Send on a connection that is opened now, or on the next that is free if no more may be opened."""
        ...

    def forget(self, sending: "HttpSending") -> None:
        """Stop looking for a connection."""
        ...


class HttpSending:
    """One request on its way. Write its body, then finish; or cancel.

    `before` and `after` are its head (request_head), `body` what has come of the body, and `whole` says whether that
    is all. `total` bounds the call, in seconds (0: no bound). `client` is the client's address; "" counts for no
    share of the pool. `safe` says that asking changes nothing, whatever the method. `sent_all` is true once the request
    is complete. `sent_at` is when a connection took the last of it; the connection sets it.
    """

    __slots__ = (
        "_chunked", "_connection", "_early", "_replay", "_retried", "_upload_blocked", "after", "before", "cancelled",
        "client", "endpoint", "limit", "method", "receiver", "sent_all", "sent_at", "upgrade",
        "waiting_since",
    )

    def __init__(
        self, endpoint: Destination, receiver: Receiver, method: str, before: bytes, after: bytes, body: bytes,
        whole: bool, chunked: bool, upgrade: bool, total: float, client: str = "", safe: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.client = client
        self.receiver = receiver
        self.method = method
        self.before = before
        self.after = after
        self.sent_all = whole and not upgrade
        self.sent_at = 0.0
        self.upgrade = upgrade
        self.limit = time.monotonic() + total if total else inf
        self._chunked = chunked
        self._early = body
        self._replay = body if whole and (safe or method in _IDEMPOTENT_WRITES) else None
        self._retried = False
        self._upload_blocked = False
        self.cancelled = False
        self.waiting_since = 0.0
        self._connection: Connection | None = None

    @property
    def waits(self) -> bool:
        """Whether the request has no connection yet, so that what is written is held."""
        return self._connection is None

    def write(self, data: bytes) -> None:
        """Send a piece of the body."""
        if self._chunked:
            data = chunk(data)
        if self._connection is not None:
            self._connection.write(data)
        else:
            self._early += data
            if len(self._early) > _EARLY and not self._upload_blocked:
                self._upload_blocked = True
                self.receiver.on_upload_blocked()

    def finish(self) -> None:
        """End the body: it is complete."""
        self.sent_all = True
        if self._chunked:
            end = last_chunk(Headers())
            if self._connection is None:
                self._early += end
            else:
                self._connection.write(end)
        if self._connection is not None:
            self._connection.await_answer()

    def pause(self) -> None:
        """Take no more of the answer for now."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """Take more of the answer again."""
        if self._connection is not None:
            self._connection.resume()

    def cancel(self) -> None:
        """Give up the call. The receiver is not called again."""
        self.cancelled = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()
        else:
            self.endpoint.forget(self)

    def blame(self) -> None:
        """Count the call as failed against its endpoint: its answer, or the lack of one, was not acceptable."""
        self.endpoint.health.failed()

    def send_once(self) -> None:
        """Never send this request again on another connection."""
        self._replay = None

    # --- called by the endpoint and the connection -----------------------------------------------------------------

    def offered(self, login: tuple[bytes, ...]) -> bool:
        """Whether the request carries credentials of one of these authentication schemes (lower case)."""
        return auth_schemes.offered(self.before + self.after, login)

    def assigned(self, connection: Connection) -> None:
        """Send the head, and what there is of the body, on this connection."""
        self._connection = connection
        early, self._early = self._early, b""
        first = self.before
        if self.after:
            # A head in two parts takes the Host of whichever endpoint is asked.
            first += self.endpoint.authority + self.after
        if len(early) <= _EARLY:
            connection.serve(self, first + early)
        else:
            # Two writes copy less than one joined piece.
            connection.serve(self, first)
            connection.write(early)
        if self._upload_blocked:
            self._upload_blocked = False
            if not connection.blocked:
                self.receiver.on_upload_resumed()

    def ended(self) -> None:
        """The answer is complete."""
        self._connection = None
        health = self.endpoint.health
        if health.failures:
            health.succeeded()

    def failed(self, failure: Failure, *, answered: bool) -> None:
        """The call failed on its connection; `answered` says whether bytes of an answer had come."""
        connection, self._connection = self._connection, None
        stale = failure.kind == "reset" and connection is not None and connection.uses > 1
        if stale and not answered and not self._retried and self._replay is not None:
            self._retried = True
            self._early = self._replay
            self.endpoint.send_fresh(self)
            return
        self.give_up(failure)

    def give_up(self, failure: Failure) -> None:
        """End the call with a failure, which may count against the endpoint."""
        if failure.kind in BLAMED and failure.source == "upstream":
            self.endpoint.health.failed()
        self.receiver.on_failure(failure)
