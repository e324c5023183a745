"""The contract of a transport: it carries requests to one upstream and brings the answers back.

The scheme of the upstream's URL says which transport it gets (table.py). A transport writes an arm's request as the
bytes of its protocol, and calls a Receiver with the answer as it comes. Each transport must pass
`gateway.transports.testing.check_transport`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from adapters.message import Headers, Request
from gateway.call import Arrival
from gateway.transports.settings import UpstreamSettings
from gateway.transports.tally import Tally
from shadow.observation import Failure


class Receiver(Protocol):
    """Takes an upstream's answer as it comes.

    The callbacks come in this order: any number of interims, one head, any number of pieces of data, one end. A
    failure may come at any point instead; nothing comes after it. Callbacks return at once and do not raise.
    """

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """A 1xx response other than 101 has come."""
        ...

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """The head of the final response has come.

        `headers` are the end-to-end fields. `length` is the Content-Length, CHUNKED or UNTIL_CLOSE
        (gateway.wire.bodies), as the head declares it. An answer to HEAD, a 204 and a 304 have no body, whatever
        `length` is.
        """
        ...

    def on_data(self, data: bytes) -> None:
        """A piece of the body has come, with its content coding still applied."""
        ...

    def on_flush(self) -> None:
        """All that has come so far was handed over; more may take a while."""
        ...

    def on_end(self, trailers: Headers) -> None:
        """The body is complete."""
        ...

    def on_failure(self, failure: Failure) -> None:
        """The call failed."""
        ...

    def on_upload_blocked(self) -> None:
        """The upstream takes no more of the request's body for now."""
        ...

    def on_upload_resumed(self) -> None:
        """The upstream takes more of the request's body again."""
        ...

    def on_login(self) -> "Keeper | None":
        """The answer's head says that its connection is logged in, or is about to be.

        Return the keeper that the connection belongs to from now on. Return None if it cannot be kept; the
        connection then closes after the answer.
        """
        ...


class Keeper(Protocol):
    """Keeps connections that are logged in for one client."""

    def adopt(self, connection: Any, owner: Any) -> bool:
        """Take a connection from its present owner; both are the transport's own objects.

        Return whether it could be taken. A connection that the keeper has already stays with it.
        """
        ...


class Endpoint(Protocol):
    """One address that answers for an upstream, as the rest of the gateway sees it."""

    @property
    def url(self) -> str:
        """The URL as configured."""
        ...

    @property
    def pending(self) -> int:
        """Requests in flight and waiting."""
        ...

    @property
    def connections(self) -> int:
        """Open connections, without those of `streams`."""
        ...

    @property
    def streams(self) -> int:
        """Calls that hold no place in a pool: those without a foreseeable end, and those of slow clients."""
        ...

    @property
    def last_failure(self) -> str:
        """The kind of the last failure to connect, "" for none."""
        ...

    def available(self, now: float) -> bool:
        """Whether the endpoint is healthy and not ejected; `now` is in monotonic seconds."""
        ...


class Sending(Protocol):
    """One request that a transport is sending."""

    @property
    def waits(self) -> bool:
        """Whether the request has no connection yet, so that what is written is held in memory."""
        ...

    @property
    def sent_at(self) -> float:
        """When the whole request was handed to a connection, in monotonic seconds; 0.0 while it was not."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether the call was cancelled."""
        ...

    def write(self, data: bytes) -> None:
        """Send a piece of the body; after an upgrade, bytes as they are."""
        ...

    def finish(self) -> None:
        """End the body: it is complete."""
        ...

    def pause(self) -> None:
        """Take no more of the answer for now."""
        ...

    def resume(self) -> None:
        """Take more of the answer again."""
        ...

    def cancel(self) -> None:
        """Give up the call. The receiver is not called again."""
        ...

    def blame(self) -> None:
        """Count the call as failed against its endpoint: its answer, or the lack of one, was not acceptable."""
        ...


class Transport(Protocol):
    """The way to one upstream. Nothing is opened or started before the first call."""

    settings: UpstreamSettings
    name: str
    """The upstream's name."""
    tally: Tally
    """The answers that broke a rule of the protocol, those to mirrors included, and the certificates that were seen."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The upstream's endpoints."""
        ...

    def send(
        self, request: Request, arrival: Arrival, body: bytes, receiver: Receiver, affinity: Any, *,
        whole: bool, streams: bool, total: float, safe: bool = False,
    ) -> Sending | None:
        """Send an arm's request, and call `receiver` with the answer.

        `request` gives method, target and fields; `arrival` is the client's request that it was made of. `body` is
        the part of the body so far, and `whole` says whether that is all; the rest is written to the returned Sending.
        `streams` says that the request goes on as the client sent it: it may be chunked, or an upgrade. Otherwise
        `whole` is true and the fields give the length. `affinity` holds the upstream connections that belong to the
        client's connection, None for none. `total` bounds the call in seconds, 0: no bound. `safe` says that asking
        changes nothing, so that the request may be sent twice.

        Returns None if nothing could be sent; the receiver has then been called with a failure. Never raises for what
        the upstream does.
        """
        ...

    def available(self, now: float) -> bool:
        """Whether an endpoint is healthy and not ejected; `now` is in monotonic seconds."""
        ...

    def may_be_asked(self, now: float) -> bool:
        """Like `available`, for a caller that could ask another arm, and that sends a request if this returns true.

        After an ejection this returns true to one caller, whose request tries the endpoint.
        """
        ...

    def is_busy(self) -> bool:
        """Whether as much of an endpoint's pool is in use as one client's share, or more."""
        ...

    def for_mirrors(self) -> "Transport":
        """Return the transport to the same upstream for the shadow's calls, which marks them as such.

        Its connections, queues and ejections are its own, so that nothing done for a mirror can delay or fail a client.
        """
        ...

    def hand_over(self, successor: "Transport | None") -> None:
        """Prepare for the end: a new configuration uses `successor` for this upstream, or does not have it (None)."""
        ...

    def watch(self) -> None:
        """Start the active health checks, if any. Needs the running event loop; may be called again."""
        ...

    async def close(self) -> None:
        """End health checks and idle connections. Calls in flight finish."""
        ...
