"""Where answers leave: the Outlet, a port between an exchange and its client.

The order is: arm → adapter back → fallback → Witness → outlet → client. The Witness is before the outlet, so a mirror
compares what the arms said and not what one client may see.

A Downstream, the client's connection, is an Outlet itself. It is the direct one: where nothing is demanded of an
answer, the exchange speaks to it with no layer between, and no call more for each piece. An outlet that withholds,
changes or records answers wraps a Downstream, and is held to `gateway.testing.check_outlet`.
"""

import time
from typing import Protocol

from adapters.message import Headers
from gateway.call import Call
from gateway.courtesy import Courtesy, shown
from gateway.errors import phrase
from gateway.telemetry.record import Account
from gateway.transports.http.affinity import Affinity


class Outlet(Protocol):
    """Takes one answer: interim responses, a head, pieces of a body, and an end; or it is aborted on the way."""

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Pass on a 1xx response, with the next flush."""
        ...

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """Begin the answer. `length` is as in gateway.transports.base.Receiver.on_head: the body's bytes, or
        negative where that is not known. 101 begins a tunnel."""
        ...

    def send_data(self, data: bytes) -> None:
        """Send a piece of the body."""
        ...

    def flush(self) -> None:
        """Send everything so far to the client now: nothing more follows for a while."""
        ...

    def send_end(self, trailers: Headers) -> None:
        """The answer is complete, and goes out."""
        ...

    def abort(self) -> None:
        """Cut the connection, so that an answer that broke off cannot look whole."""
        ...


class Downstream(Outlet, Protocol):
    """The client's connection, as an exchange sees it. `affinity` holds the upstream connections that belong to it:
    None where there are none, which is nearly always."""

    affinity: Affinity | None

    def bind(self, address: str) -> Affinity:
        """Its affinity, which is made now where there is none; `address` is the client's."""
        ...

    def hang_up(self) -> None:
        """Close the connection without an answer. Nothing was sent yet."""
        ...

    def pause_upload(self) -> None:
        """Read no more of the request's body for now."""
        ...

    def resume_upload(self) -> None:
        """Read on."""
        ...


def with_ours(headers: Headers, call: Call | None, *, fell_back: bool) -> Headers:
    """An arm's answer's fields, those that policies add, and the mark of legacy's answer in modern's place."""
    added = call.response_headers if call is not None else None
    marked = [(b"X-Figway-Fallback", b"legacy")] if fell_back else []
    return Headers([*headers, *(added or ()), *marked])


def send_whole(outlet: Outlet, status: int, headers: Headers, body: bytes) -> None:
    """Send an answer of the gateway's own."""
    outlet.send_head(status, phrase(status), headers, len(body))
    outlet.send_data(body)
    outlet.send_end(Headers())


class Courteous:
    """The outlet of a capability with a Courtesy: it adds what that says to the head, and passes on all else. It stands
    behind the Witness, so no comparison sees these fields."""

    __slots__ = ("_account", "_call", "_courtesy", "_outlet")

    def __init__(self, outlet: Outlet, courtesy: Courtesy, account: Account, call: Call) -> None:
        """`call` has its principal by the time that an answer begins, if a policy has verified one."""
        self._outlet = outlet
        self._courtesy = courtesy
        self._account = account
        self._call = call

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """See Outlet."""
        self._outlet.send_interim(status, reason, headers)

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """See Outlet."""
        courtesy = self._courtesy
        headers = courtesy.added(status, headers)
        if courtesy.insight is not None and courtesy.insight.permits(self._call):
            headers = shown(headers, self._account, time.monotonic())
        self._outlet.send_head(status, reason, headers, length)

    def send_data(self, data: bytes) -> None:
        """See Outlet."""
        self._outlet.send_data(data)

    def flush(self) -> None:
        """See Outlet."""
        self._outlet.flush()

    def send_end(self, trailers: Headers) -> None:
        """See Outlet."""
        self._outlet.send_end(trailers)

    def abort(self) -> None:
        """See Outlet."""
        self._outlet.abort()
