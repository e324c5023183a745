"""One call down one arm: adapter, upstream, adapter back.

Without an adapter, bytes stream: what the upstream answers goes to the receiver as it comes. With one, the
request's body is whole before this is called, and the answer is gathered up to the capability's buffer limit,
translated, and handed on as if it had come so.
"""

import time
from collections.abc import Callable
from typing import Protocol

from adapters.base import AdapterError
from adapters.message import Headers, Request, Response
from gateway.call import Arrival
from gateway.capability import Arm, Capability, Match
from gateway.decide import Decision
from gateway.room import BODY_FREE, PIECE
from gateway.transports.base import Keeper, Receiver, Sending
from gateway.transports.http.affinity import Affinity
from gateway.transports.http.collect import Collected, call, fetch
from gateway.transports.http.request import SHADOW_FIELD, request_head
from shadow.observation import Failure, Observation

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def forward(
    decision: Decision, arm: Arm, match: Match, arrival: Arrival, body: bytes, asker: "Asker",
    affinity: Affinity | None, *, whole: bool,
) -> Sending | None:
    """Send an admitted call down `arm` (the decision's `serve` or `fallback`); `body` is what has come of it, and
    `affinity` what the client's connection owns upstream, if anything.

    Returns what the rest of the body is written to, or None where the receiver was told of a failure at once.
    """
    call = decision.admitted.call
    request = call.request
    receiver: Receiver = asker
    total = arm.upstream.settings.timeouts.total
    if arm.adapter is not None:
        try:
            request = _translate(arm, match, request, body)
        except AdapterError as error:
            receiver.on_failure(Failure("adapter", source=error.side, detail=error.detail))
            return None
        body, whole = request.body, True
        if len(body) > BODY_FREE and not asker.hold(len(request.body)):
            receiver.on_failure(Failure("no_room", source="gateway"))
            return None
        receiver = Translating(arm, match, asker, call.request.method, match.target.capability.buffer_limit)
    if affinity is not None:
        affinity.serves(match.target.capability.name, arm.name)
    sending = arm.upstream.send(
        request, arrival, body, receiver, affinity, whole=whole, streams=arm.adapter is None, total=total)
    if sending is not None and arm.adapter is not None:
        receiver.sending = sending  # type: ignore[attr-defined]
    return sending


def _translate(arm: Arm, match: Match, request: Request, body: bytes) -> Request:
    """The upstream's request for ours. Raises AdapterError."""
    assert arm.adapter is not None
    operation = match.target.operation.name
    method = "GET" if request.method == "HEAD" else request.method
    try:
        translated = arm.adapter.request(
            operation, match.params(), Request(method, request.target, Headers(request.headers), body))
    except AdapterError:
        raise
    except Exception as error:
        raise _broken(error) from error
    headers = translated.headers.without((b"content-length", b"transfer-encoding", b"host"))
    if request.headers.get(b"host") is not None:
        headers.insert(0, (b"Host", request.headers.get(b"host") or b""))
    if translated.body or translated.method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        headers.append((b"Content-Length", b"%d" % len(translated.body)))
    return Request(translated.method, translated.target, headers, translated.body)


def _broken(error: Exception) -> AdapterError:
    """An adapter's own fault, told without what its message may hold."""
    return AdapterError("gateway", f"the adapter failed: {type(error).__name__}")


class Asker(Receiver, Protocol):
    """A receiver on whose account a body is held."""

    def hold(self, size: int) -> bool:
        """Whether there is room for `size` bytes more."""
        ...


class Translating:
    """A receiver that gathers the upstream's answer and hands on the contract's."""

    __slots__ = ("_arm", "_limit", "_match", "_method", "_pieces", "_receiver", "_response", "_size", "sending")

    def __init__(self, arm: Arm, match: Match, receiver: Asker, method: str, limit: int) -> None:
        self._method = method
        self._arm = arm
        self._match = match
        self._receiver = receiver
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []
        self._response = Response(0, Headers())
        self.sending: Sending | None = None

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """An upstream's interim answer means nothing in the client's protocol."""

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        self._response = Response(status, headers, reason=reason)
        if length > self._limit:
            self._give_up("oversize", "upstream")

    def on_data(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._give_up("oversize", "upstream")
        elif self._size > BODY_FREE and not self._receiver.hold(len(data) + PIECE):
            self._give_up("no_room", "gateway")
        else:
            self._pieces.append(data)

    def on_flush(self) -> None:
        """The whole answer is waited for."""

    def on_end(self, trailers: Headers) -> None:
        self._response.body = b"".join(self._pieces)
        try:
            response, length = translated(self._arm, self._match, self._method, self._response)
        except AdapterError as error:
            source = "gateway" if error.side == "gateway" else "upstream"
            self._receiver.on_failure(Failure("adapter", source, error.detail, sent=True))
            return
        receiver = self._receiver
        receiver.on_head(response.status, response.reason, response.headers, length)
        if self.sending is not None and self.sending.cancelled:
            # The head was enough to have somebody else answer.
            return
        if response.body:
            receiver.on_data(response.body)
        receiver.on_end(response.trailers)

    def on_failure(self, failure: Failure) -> None:
        self._receiver.on_failure(failure)

    def on_upload_blocked(self) -> None:
        """The body was handed over whole."""

    def on_upload_resumed(self) -> None:
        """The body was handed over whole."""

    def on_login(self) -> Keeper | None:
        return self._receiver.on_login()

    def _give_up(self, kind: str, source: str) -> None:
        if self.sending is not None:
            self.sending.cancel()
        self._receiver.on_failure(Failure(kind, source, sent=True))


def translated(arm: Arm, match: Match, method: str, response: Response) -> tuple[Response, int]:
    """The contract's response for the arm's, and its length. A HEAD was asked as a GET: what it would have answered
    is told by the length alone. Raises AdapterError."""
    if arm.adapter is None:
        return response, len(response.body)
    try:
        answer = arm.adapter.response(match.target.operation.name, response)
    except AdapterError:
        raise
    except Exception as error:
        raise _broken(error) from error
    headers = answer.headers.without((b"content-length", b"transfer-encoding"))
    length = len(answer.body)
    if answer.status not in (204, 304):
        headers.append((b"Content-Length", b"%d" % length))
    body = b"" if method == "HEAD" else answer.body
    return Response(answer.status, headers, body, answer.reason, answer.trailers), length


async def ask(capability: Capability, arm: Arm, match: Match, arrival: Arrival, body: bytes, *, deadline: float
              ) -> Observation:
    """Ask an arm in the shadow: the same translation and upstream as the real call, marked, without credentials
    unless the capability passes them, under a deadline of its own. What goes wrong is in the observation."""
    request = _mirrored(capability, arm, arrival, body)
    started = time.monotonic()
    try:
        if arm.adapter is not None:
            request = _translate(arm, match, request, body)
        endpoint = arm.upstream.for_mirrors().choose()
        if endpoint is None:
            return Observation(arm.name, 0.0, failure=Failure("no_endpoint"))
        before, after = request_head(
            arm.upstream.settings.host, request, arrival, SHADOW_FIELD, chunked=False, upgrade=False)
        answer = await fetch(endpoint, request.method, before, after, request.body, total=deadline,
                             limit=_limit(capability))
        seen = _observed(arm, time.monotonic() - started, answer)
        if arm.adapter is None or seen.failure is not None:
            return seen
        response, _ = translated(
            arm, match, arrival.request.method, Response(answer.status, answer.headers, answer.body, answer.reason))
    except AdapterError as error:
        return Observation(arm.name, time.monotonic() - started,
                           failure=Failure("adapter", source=error.side, detail=error.detail))
    return Observation(arm.name, seen.seconds, response.status, response.headers, response.body)


def begin(capability: Capability, arm: Arm, arrival: Arrival, body: bytes, deadline: float,
          heard: Callable[[Observation], None]) -> Sending | None:
    """The same for an arm without an adapter, by a callback: `heard` is told, perhaps before this returns. What it
    returns can be cancelled. None where there is no endpoint, and nothing is asked."""
    request = _mirrored(capability, arm, arrival, body)
    endpoint = arm.upstream.for_mirrors().choose()
    if endpoint is None:
        return None
    before, after = request_head(
        arm.upstream.settings.host, request, arrival, SHADOW_FIELD, chunked=False, upgrade=False)
    started = time.monotonic()

    def settled(answer: Collected) -> None:
        heard(_observed(arm, time.monotonic() - started, answer))

    return call(endpoint, request.method, before, after, body, total=deadline, limit=_limit(capability),
                settled=settled)


def _mirrored(capability: Capability, arm: Arm, arrival: Arrival, body: bytes) -> Request:
    """The client's request, as it is asked in the shadow."""
    original = arrival.request
    headers = original.headers.without(capability.withheld)
    if arm.adapter is None and (body or original.method in _WITH_BODY) and headers.get(b"content-length") is None:
        headers.append((b"Content-Length", b"%d" % len(body)))
    elif len(headers) == len(original.headers):
        headers = original.headers  # whose lines are at hand
    return Request(original.method, original.target, headers, body)


def _limit(capability: Capability) -> int:
    return capability.shadow.max_body if capability.shadow is not None else capability.buffer_limit


def _observed(arm: Arm, seconds: float, answer: Collected) -> Observation:
    if answer.failure is not None:
        return Observation(arm.name, seconds, answer.status, answer.headers, failure=answer.failure)
    return Observation(arm.name, seconds, answer.status, answer.headers, answer.body)
