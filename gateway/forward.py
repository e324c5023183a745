"""Makes one call to one arm: adapter, upstream, adapter back. `forward` is for a client's call, `ask` for a mirror's.

Without an adapter, bytes stream: the receiver gets the upstream's answer as it arrives. With an adapter, the request's
body must be complete before the call. The answer is collected up to the capability's buffer limit, translated, and
passed on as if the upstream had sent it. An arm with a front has that between the client and its adapter.

A mirror goes the same way, translation and upstream included. Its request, as gateway/question.py makes it, is marked.
Its answer is always collected.
"""

import time
from collections.abc import Callable
from functools import partial

from adapters.base import AdapterError
from adapters.message import Headers, Request, Response
from gateway.call import Arrival
from gateway.capability import Arm, Match
from gateway.decide import Decision
from gateway.front import Fronted
from gateway.question import Question
from gateway.room import BODY_FREE
from gateway.transports.base import Receiver, Sending
from gateway.transports.collect import Asker, Collected
from gateway.transports.http.affinity import Affinity
from shadow.observation import Failure, Observation


def forward(
    decision: Decision, arm: Arm, match: Match, arrival: Arrival, body: bytes, asker: Asker,
    affinity: Affinity | None, *, whole: bool,
) -> Sending | None:
    """Send an admitted call down `arm`, which is the decision's `serve` or `fallback`.

    `body` is the part of the request's body that has come; `whole` says whether that is all. `affinity` has the
    upstream connections that belong to the client's, if any. Returns the call, to which the rest of the body is
    written, or None if it failed at once, after `on_failure`.
    """
    call = decision.admitted.call
    request = call.request
    receiver: Receiver = asker
    collected: Collected | None = None
    total = arm.upstream.settings.timeouts.total
    if arm.front is not None:
        request, plain = arm.front.request(request)
        receiver = asker = Fronted(asker, arm.front, arrival, plain)
    if arm.adapter is not None:
        try:
            request = _translate(arm, match, request, body)
        except AdapterError as error:
            receiver.on_failure(Failure("adapter", source=error.side, detail=error.detail))
            return None
        body, whole = request.body, True
        if len(body) > BODY_FREE and not asker.count_translation(len(body)):
            receiver.on_failure(Failure("no_room", source="gateway"))
            return None
        receiver = collected = Collected(
            match.target.capability.buffer_limit, partial(_hand_on, arm, match, call.request.method, asker), asker,
            timed=decision.mirror is not None)
    if affinity is not None:
        affinity.serves(match.target.capability.name, arm.name)
    sending = arm.upstream.send(
        request, arrival, body, receiver, affinity, whole=whole, streams=arm.adapter is None, total=total,
        safe=call.safe)
    if collected is not None and collected.failure is None:
        collected.sending = sending
    return sending


def _translate(arm: Arm, match: Match, request: Request, body: bytes) -> Request:
    """The request that the arm's adapter makes of the client's. Raises AdapterError."""
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
    """An error for a fault in an adapter. The fault's own message is left out, since it may hold a value."""
    return AdapterError("gateway", f"the adapter failed: {type(error).__name__}")


def _hand_on(arm: Arm, match: Match, method: str, asker: Asker, answer: Collected) -> None:
    """Translate an arm's whole answer and hand it on to the client's exchange."""
    if answer.failure is not None:
        asker.on_failure(answer.failure)
        return
    if answer.head_at:
        asker.on_read(answer.head_at, time.monotonic())
    try:
        response, length = _translate_back(arm, match, method, answer)
    except AdapterError as error:
        source = "gateway" if error.side == "gateway" else "upstream"
        asker.on_failure(Failure("adapter", source, error.detail, sent=True))
        return
    asker.on_head(response.status, response.reason, response.headers, length)
    if answer.sending is not None and answer.sending.cancelled:
        # The head made the exchange fall back: another arm answers.
        return
    if response.body:
        asker.on_data(response.body)
    asker.on_end(response.trailers)


def _translate_back(arm: Arm, match: Match, method: str, answer: Collected) -> tuple[Response, int]:
    """The arm's response in the capability's contract, and the length of its body. Raises AdapterError.

    A HEAD was sent as a GET: its response has the length of the GET's body, and no body.
    """
    assert arm.adapter is not None
    try:
        # Copy the headers: a connection keeps those of its last answer, to use them again if the next has the same.
        response = arm.adapter.response(
            match.target.operation.name, Response(answer.status, Headers(answer.headers), answer.body, answer.reason))
    except AdapterError:
        raise
    except Exception as error:
        raise _broken(error) from error
    headers = response.headers.without((b"content-length", b"transfer-encoding"))
    length = len(response.body)
    if response.status not in (204, 304):
        headers.append((b"Content-Length", b"%d" % length))
    body = b"" if method == "HEAD" else response.body
    return Response(response.status, headers, body, response.reason, response.trailers), length


def ask(
    arm: Arm, asked: Question, arrival: Arrival, limit: int, total: float, heard: Callable[[Observation], None],
) -> Callable[[], object] | None:
    """Ask an arm in the shadow, and call `heard` once with its observation, perhaps before this returns.

    `arrival` is the client's request. `limit` is the most bytes that are kept of the answer's body: of a longer one
    there is a digest, or, if the arm has an adapter, a failure. `total` is how many seconds the arm may take; 0 if the
    caller cancels in time. An arm with an adapter gets and gives no larger bodies than a client's call lets it. A
    failure is an observation too. Returns the function that cancels, or None if `heard` was called already.
    """
    request, match = asked
    started = time.monotonic()
    if arm.front is not None:
        request, _ = arm.front.request(request)
    if arm.adapter is not None:
        held = match.target.capability.buffer_limit
        limit = min(limit, held)
        if len(request.body) > held:
            heard(Observation(arm.name, 0.0, failure=Failure("oversize", source="gateway")))
            return None
        try:
            request = _translate(arm, match, request, request.body)
        except AdapterError as error:
            heard(_untranslated(arm, time.monotonic() - started, error))
            return None

    def settled(answer: Collected) -> None:
        heard(_observed(arm, match, arrival, started, answer))

    collected = Collected(limit, settled, bodiless=request.method == "HEAD", timed=True, digested=arm.adapter is None)
    sending = arm.upstream.for_mirrors().send(
        request, arrival, request.body, collected, None, whole=True, streams=arm.adapter is None,
        total=total, safe=match.target.is_safe(arrival.request.method))
    if sending is None or collected.failure is not None:
        return None
    collected.sending = sending
    return collected.give_up


def _observed(arm: Arm, match: Match, arrival: Arrival, started: float, answer: Collected) -> Observation:
    """The observation of an arm's answer, translated to the capability's contract. The call `started` at that time of
    the monotonic clock, and has just ended."""
    now = time.monotonic()
    seconds = now - started
    first: float | None = None
    last: float | None = None
    sent_at = answer.sending.sent_at if answer.sending is not None else 0.0
    if 0.0 < sent_at <= answer.head_at:
        first, last = answer.head_at - sent_at, now - sent_at
    if answer.failure is not None:
        return Observation(arm.name, seconds, answer.status, answer.headers, failure=answer.failure)
    status, headers, body, trailers = answer.status, answer.headers, answer.body, answer.trailers
    if arm.adapter is not None:
        try:
            response, _ = _translate_back(arm, match, arrival.request.method, answer)
        except AdapterError as error:
            return _untranslated(arm, seconds, error)
        status, headers, body, trailers = response.status, response.headers, response.body, response.trailers
    if arm.front is not None:
        headers = arm.front.observed(headers, arrival)
    return Observation(
        arm.name, seconds, status, headers, body, first=first, last=last, digest=answer.digest, trailers=trailers)


def _untranslated(arm: Arm, seconds: float, error: AdapterError) -> Observation:
    return Observation(arm.name, seconds, failure=Failure("adapter", source=error.side, detail=error.detail))
