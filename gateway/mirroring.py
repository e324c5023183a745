"""Mirroring, as the gateway sees it: the Witness of an exchange, and the lane's way back to ask the other arm.

The lane knows mirrors and arms by name alone. A Way leads from a mirror to an upstream: the lane carries it, and does
not look inside.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from adapters.message import Headers, Request
from gateway.call import Arrival
from gateway.capability import Arm, Capability, Match
from gateway.decide import Decision
from gateway.digests import DIGESTS, Passing
from gateway.forward import ask
from gateway.jars import as_said
from gateway.members import members
from gateway.question import question
from gateway.room import PIECE, Room
from gateway.telemetry.record import Account
from gateway.transports.base import Sending
from gateway.transports.http.affinity import Affinity
from gateway.upload import Upload
from gateway.wire.bodies import CHUNKED
from shadow.evidence.stratum import LARGEST, LeftOut
from shadow.lane.asking import Cancel
from shadow.lane.mirror import Mirror
from shadow.observation import NO_FIELDS, Digest, Failure, Observation
from shadow.preconditions import is_conditional

_NO_HEADERS = Headers()
# Bytes of a request's body that take no time to speak of on their way to an arm.
_SOON_SENT = 64 << 10
# Streams of events end when somebody leaves: what they say until then is no body that could be compared.
_ENDLESS = b"text/event-stream"


class Way(NamedTuple):
    """What asking an arm takes beside the mirror. `said` is the other arm's observation where it is in hand already:
    the client was answered by the fallback, and the arm that failed is not asked again."""

    match: Match
    arrival: Arrival
    said: Observation | None = None


class Intake(Protocol):
    """Where each exchange that is eligible for a mirror goes: shadow.lane.lane.Lane, which says more."""

    def offer(self, mirror: Mirror[Way]) -> None:
        """Take a mirror."""

    def skip(self, capability: str, operation: str, reason: str, left_out: LeftOut | None = None) -> None:
        """Count an exchange that is not mirrored."""


class Witness:
    """Sees what the serving arm says, and offers the exchange to the lane when the client has its answer. Made only
    where a mirror is due. It stands before the outlet: a mirror compares what the arms said, not what the client may
    see. Whatever it keeps is counted in the worker's room; where there is none, the mirror is given up. Of a body that
    is too large to be kept it has a digest made.

    An exchange ends its witness once, by `skip` or by `end`: so the lane counts the exchange exactly once.
    """

    __slots__ = (
        "_arrival", "_asked", "_asked_at", "_call", "_digest", "_first_at", "_headers", "_held", "_lane", "_last_at",
        "_match", "_paused", "_pieces", "_plan", "_room", "_said", "_sent_at", "_size", "_status", "trailers",
    )

    def __init__(self, lane: Intake, room: Room, match: Match, arrival: Arrival, decision: Decision) -> None:
        """`decision` has a mirror, so the match's capability has a shadow plan."""
        plan, mirror = match.target.capability.shadow, decision.mirror
        assert plan is not None
        assert mirror is not None
        self._lane = lane
        self._room = room
        self._match = match
        self._arrival = arrival
        self._plan = plan
        self._call = decision.admitted.call
        # The arm that is still to be asked.
        self._asked = mirror.name
        # What the arm said that a fallback was used for: that arm is not asked again.
        self._said: Observation | None = None
        # The answer's body so far: its pieces, their bytes, and the bytes that they count for in the room. Once it is
        # too large, its digest instead.
        self._pieces: list[bytes] = []
        self._size = self._held = 0
        self._digest: Passing | None = None
        # The fields that came after the body, set when they come.
        self.trailers = NO_FIELDS
        # The status and the head fields of the arm's answer, set when it comes.
        self._status = 0
        self._headers = _NO_HEADERS
        # When the arm was asked, when it was sent the whole request, and when its answer's head and end were read, in
        # monotonic seconds; 0.0 while that is unknown.
        self._asked_at = self._sent_at = self._first_at = self._last_at = 0.0
        # Whether the arm had to wait for the client, so that the time of its last byte says nothing of it.
        self._paused = False

    def begin(self, status: int, headers: Headers, sending: Sending | None, asked_at: float) -> None:
        """The head of the arm's answer has come over this call, which began at `asked_at` (monotonic)."""
        self._status, self._headers = status, headers
        self._asked_at = asked_at
        self._sent_at = sending.sent_at if sending is not None else 0.0
        self._first_at = self._first_at or time.monotonic()

    def read(self, head_at: float, end_at: float) -> None:
        """The head of the arm's answer, and its end, were read at these times. An adapter translates it now."""
        self._first_at, self._last_at = head_at, end_at

    def pause(self) -> None:
        """The arm is asked to wait for the client: from now on the pace of its answer is the client's."""
        self._paused = True

    def see(self, data: bytes) -> bool:
        """Keep a piece of the answer's body. Where that is too much, the mirror is skipped and this is False."""
        if self._digest is not None:
            if self._digest.add(data):
                return True
            self.skip("overloaded")
            return False
        self._size += len(data)
        if self._size > self._plan.max_body:
            return self._see_large(data)
        size = len(data) + PIECE
        if not self._room.take_spare(size):
            self.skip("overloaded")
            return False
        self._held += size
        self._pieces.append(data)
        return True

    def _see_large(self, data: bytes) -> bool:
        """The body is too large to be kept: from now on it is digested, unless it has no end."""
        if (self._headers.get(b"content-type") or b"").lower().startswith(_ENDLESS):
            # The answer is modern's, unless its fallback is answering.
            by_modern = self._asked == "legacy" and self._said is None
            self.skip("body_too_large_modern" if by_modern else "body_too_large")
            return False
        self._digest = DIGESTS.begin(self._headers, [*self._pieces, data])
        self._let_go()
        return True

    def see_failed(self, said: Observation) -> None:
        """The serving arm failed and its fallback answers: what the arm did is compared with what the fallback says."""
        said.headers = as_said(said.headers)
        self._said = said
        self._first_at = self._last_at = 0.0

    def skip(self, reason: str) -> None:
        """Count the exchange as skipped, and keep nothing."""
        target, control, size = self._match.target, None, -1
        if self._status and (self._asked == "modern" or self._said is not None):
            # Legacy answers the client: modern was to be asked, or legacy is the fallback. The beginning of the body
            # is enough: it only tells what kind of answer this is.
            control = Observation("legacy", 0.0, self._status, self._headers, b"".join(self._pieces[:1]))
            size = LARGEST if reason == "body_too_large" else -1
        self._let_go()
        self._drop_digest()
        self._lane.skip(target.capability.name, target.operation.name, reason,
                        left_out(target.capability, self._arrival.request, control, size))

    def end(
        self, account: Account, upload: Upload | None, affinity: Affinity | None, failure: Failure | None,
    ) -> None:
        """The client has its answer, or never will: offer a mirror to the lane, or say why there is none."""
        body = b"" if upload is None else upload.joined()
        if reason := self._unfit(account, upload, affinity, failure):
            self.skip(reason)
            return
        said, target, arrival = self._said, self._match.target, self._arrival
        first, last = (None, None) if failure else self._times(account.arm_seconds, len(body))
        served = Observation(account.arm, account.arm_seconds, 0 if failure else account.status,
                             as_said(self._headers), b"".join(self._pieces), failure, first=first, last=last,
                             trailers=self.trailers)
        self._let_go()
        request = arrival.request
        if body:
            request = Request(request.method, request.target, request.headers, body)
        condition = served.status if served.status in (304, 412) and is_conditional(request) else 0
        mirror = Mirror(
            target.capability.name, target.operation.name, request, served,
            self._asked if said is None else said.arm, arrival.trace_id, time.time(),
            Way(self._match, arrival, said), self._plan, self._call.safe, condition,
            members(self._plan.groups, self._call),
        )
        if failure is not None:
            self._drop_digest()
        if self._digest is None:
            self._lane.offer(mirror)
        else:
            self._digest.end(partial(self._offer, mirror))

    def _offer(self, mirror: Mirror[Way], digest: Digest) -> None:
        mirror.served.digest = digest
        self._lane.offer(mirror)

    def _times(self, seconds: float, size: int) -> tuple[float | None, float | None]:
        """`first` and `last`, as Observation has them, of an answer that ended `seconds` after the arm was asked. The
        request's body has `size` bytes: a long one came at the client's pace, and its arm had read most of it by then.
        """
        sent_at, first_at = self._sent_at, self._first_at
        if not 0.0 < sent_at <= first_at or size > _SOON_SENT:
            return None, None
        last_at = self._last_at or self._asked_at + seconds
        return first_at - sent_at, None if self._paused else last_at - sent_at

    def _unfit(
        self, account: Account, upload: Upload | None, affinity: Affinity | None, failure: Failure | None,
    ) -> str:
        """Why an exchange cannot be mirrored after all, or ""."""
        if failure is not None and (reason := _unsaid(failure, account)):
            return reason
        if is_logged_in(affinity, self._match.target.capability):
            return "connection_auth"
        if upload is not None and not upload.whole:
            return _by_arm("request_unfinished", account)
        status, said = account.status, self._said
        if upload is not None and len(upload.joined()) > self._plan.max_body:
            return "body_too_large"
        if said is not None and said.status and said.status // 100 == status // 100:
            # Legacy is as unwell as modern, whose answer was not read: there is nothing to compare.
            return "fallback"
        return ""

    def _drop_digest(self) -> None:
        digest, self._digest = self._digest, None
        if digest is not None:
            digest.drop()

    def _let_go(self) -> None:
        if self._held:
            self._room.take(-self._held)
            self._held = 0
        self._pieces.clear()


def left_out(
    capability: Capability, request: Request, control: Observation | None = None, size: int = -1,
) -> LeftOut:
    """What is known of an exchange that is not mirrored. `control` is what legacy said, if it has answered, and `size`
    as in LeftOut."""
    plan = capability.shadow
    return LeftOut(request, control, time.time(), plan.basis.parameters if plan is not None else frozenset(), size)


def is_logged_in(affinity: Affinity | None, capability: Capability) -> bool:
    """Whether a client's connection is logged in at an arm of the capability. A mirror would not be logged in there."""
    if affinity is None:
        return False
    return affinity.concerns(*(arm.upstream for arm in (capability.legacy, capability.modern) if arm is not None))


_BY_MODERN = {
    "client_gone": "client_gone_modern", "request_unfinished": "request_unfinished_modern",
}
"""The reasons while modern serves. It may have had a hand in them, so such an exchange is not left out for free."""


def _by_arm(reason: str, account: Account) -> str:
    """The reason, as it is counted for the arm that served."""
    return _BY_MODERN[reason] if account.arm == "modern" else reason


def _unsaid(failure: Failure, account: Account) -> str:
    """Why a failure is not an arm's, so that there is nothing to compare; "" where it is one."""
    if failure.kind in ("cancelled", "refused"):
        if failure.source == "downstream":
            # A client that breaks its request, instead of leaving, does so by itself.
            return _by_arm("client_gone", account) if account.error == "client_gone" else "client_gone"
        return "body_too_large" if account.error == "body_too_large" else "refused"
    return "overloaded" if failure.kind == "no_room" else ""


def ask_mirror(
    mirror: Mirror[Way], name: str, extra: bool, heard: Callable[[Observation | None], None]
) -> Cancel | None:
    """Ask the arm called `name` what the client asked: see shadow.lane.asking.Ask.

    A call is `extra` where mirroring could do without it. Legacy declines those while any of its endpoints is out:
    it has enough to do.
    """
    way = mirror.way
    if way.said is not None and not extra:
        heard(way.said)
        return None
    capability = way.match.target.capability
    arm = capability.legacy if name == "legacy" else capability.modern
    if arm is None or (extra and name == "legacy" and not _is_whole(arm)):
        heard(None)
        return None
    # Legacy is asked beyond what mirroring takes only where it must say again what it has said: the same question is
    # put to it, with the credentials of the client that it has answered.
    own = extra and name == "legacy" and mirror.ask == "modern"
    plain = arm.adapter is None and way.arrival.head.length != CHUNKED
    asked = question(way.match, mirror.request, mirror.served.status, own=own, plain=plain,
                     conditions=mirror.ask == name == "modern")
    # An adapter needs the whole answer.
    limit = mirror.plan.max_body if arm.adapter is None else max(mirror.plan.max_body, capability.buffer_limit)
    # The lane has the deadline. A client's call has the arm's own bound, and so has this.
    return ask(arm, asked, way.arrival, limit, arm.upstream.settings.timeouts.total, heard)


def _is_whole(arm: Arm) -> bool:
    """Whether every endpoint of an arm is healthy and not ejected."""
    now = time.monotonic()
    return all(endpoint.available(now) for endpoint in arm.upstream.endpoints)
