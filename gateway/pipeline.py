"""The whole path of a request, top to bottom. Read this file first.

    arrival ─ match ─ admit ─ decide ─ forward ─ answer ─ finish ─ mirror
                                          │  └─ fall back (safe calls in canary, once)
                                          └─ each step either goes on or answers with a problem

An Exchange is one request on its way. The edge (edge/http1.py, edge/asgi.py) makes one for each request, tells it
what the client sends, and is told what to answer; between them and the upstream client bytes stream both ways with
backpressure. Nothing here waits: each method is one step, and the next is taken when the bytes for it are there.
That is what keeps a request that needs no waiting free of tasks and futures.

Control is always the legacy arm. A request keeps the route table that it started with. Once the client has its
answer, nothing that happens in the shadow can change, delay or fail it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Iterable
from typing import Protocol

from adapters.message import Headers, Request
from gateway.admit import admit
from gateway.call import Admitted, Arrival, Call, Refused
from gateway.capability import Arm, Capability
from gateway.decide import Decision, decide, passing_by
from gateway.errors import FAILURES, phrase, problem
from gateway.fallback import Budget, Pace
from gateway.forward import forward
from gateway.mirroring import Way
from gateway.room import BODY_FREE, PIECE, STALLED, Room
from gateway.routing import Ambiguous, RouteTable
from gateway.telemetry.record import Recorder
from gateway.transports.base import Sending
from gateway.transports.http.affinity import Affinity
from shadow.lane.lane import Lane
from shadow.lane.mirror import Mirror
from shadow.observation import Failure, Observation

_FALLBACK_STATUSES = frozenset({502, 503, 504})
_FALLBACK_FAILURES = frozenset({
    "connect_refused", "connect_timeout", "dns", "tls", "pool_full", "no_endpoint", "first_byte_timeout",
    "total_timeout", "reset", "malformed",
})
_NO_PARAMS: dict[str, str] = {}
_NO_HEADERS = Headers()
_CLIENT_GONE = 499
_BAD_GATEWAY = 502
# A body up to this size is sent to an upstream when it is whole.
_GATHERED = 64 << 10
_CONDITIONAL = frozenset({304, 412})
_roll = random.random


class Downstream(Protocol):
    """The client's connection, as an exchange sees it. `affinity` is what it owns upstream, None where it owns
    nothing, as nearly all do."""

    affinity: Affinity | None

    def bind(self, address: str) -> Affinity:
        """Its affinity, made now where it has none; `address` is the client's."""
        ...

    def send_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Pass on a 1xx response, with the next flush."""
        ...

    def send_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """Begin the answer; `length` as in upstreams.connection.Receiver.on_head. 101 begins a tunnel."""
        ...

    def send_data(self, data: bytes) -> None:
        """A piece of its body."""
        ...

    def flush(self) -> None:
        """That was all for now: what was sent must go out."""
        ...

    def send_end(self, trailers: Headers) -> None:
        """The answer is complete, and goes out."""
        ...

    def abort(self) -> None:
        """Cut the connection, so that an answer that broke off cannot look whole."""
        ...

    def hang_up(self) -> None:
        """Close without an answer, of which nothing was sent."""
        ...

    def pause_upload(self) -> None:
        """Read no more of the request's body for now."""
        ...

    def resume_upload(self) -> None:
        """Read on."""
        ...


class Pipeline:
    """What exchanges share: the table in force, and where what they learn goes. `table` is replaced whole."""

    def __init__(self, table: RouteTable, lane: Lane[Way], recorder: Recorder) -> None:
        self.table = table
        self.lane = lane
        self.recorder = recorder
        self.room = Room()
        self.draining = False
        self.budgets: dict[str, Budget] = {}
        self.paces: dict[tuple[str, str], Pace] = {}

    def budget(self, capability: str) -> Budget:
        """The fallback budget of a capability."""
        return self.budgets.get(capability) or self.budgets.setdefault(capability, Budget())

    def pace(self, capability: str, operation: str) -> Pace:
        """How fast legacy answers an operation of a capability with a split."""
        key = (capability, operation)
        return self.paces.get(key) or self.paces.setdefault(key, Pace())


class Exchange:
    """One request, from its arrival to its answer. Tells `downstream` what to answer; is told by it and by the
    upstream (as its Receiver) what comes. `finished` ends it: whoever still speaks to it then is not heard."""

    __slots__ = (
        "_admitting", "_arm", "_arm_seconds", "_arm_started", "_arrival", "_body", "_bytes_in", "_bytes_out", "_call",
        "_counted", "_decision", "_downstream", "_error", "_fallback", "_finished", "_head_sent", "_held",
        "_keeps_answer", "_keeps_body", "_match", "_patience", "_pipeline", "_response_headers", "_said", "_sending",
        "_stalled", "_started", "_status", "_taken", "_too_large", "_whole",
    )

    def __init__(self, pipeline: Pipeline, downstream: Downstream) -> None:
        self._pipeline = pipeline
        self._downstream = downstream
        self._call: Call | None = None
        self._decision: Decision | None = None
        self._arm: Arm | None = None
        self._sending: Sending | None = None
        self._admitting: asyncio.Task[None] | None = None
        self._fallback = ""
        self._patience: asyncio.TimerHandle | None = None
        self._said: Observation | None = None
        self._error = ""
        self._status = 0
        self._bytes_in = self._bytes_out = 0
        # What is counted of it in the worker's room, until it ends; whether that is so of a stalled upload.
        self._counted = 0
        self._stalled = False
        self._arm_started = self._arm_seconds = 0.0
        self._head_sent = self._finished = self._too_large = False
        self._keeps_body = self._keeps_answer = False
        self._held: list[bytes] = []
        self._taken: list[bytes] = []
        self._response_headers = _NO_HEADERS

    # --- 2 match, 3 admit, 4 decide --------------------------------------------------------------------------------

    def begin(self, arrival: Arrival, body: bytes, *, whole: bool) -> None:
        """A request has arrived, with `body` of it; `whole` where that is all."""
        self._started = time.monotonic()
        self._arrival = arrival
        self._body = body
        self._whole = whole
        self._bytes_in = len(body)
        pipeline = self._pipeline
        pipeline.recorder.in_flight += 1
        request = arrival.request
        try:
            self._match = match = pipeline.table.match(request, arrival.head.overrides)
        except Ambiguous as ambiguous:
            self._match = ambiguous.match
            self._refuse(ambiguous.code, detail=ambiguous.detail)
            return
        target = match.target
        capability, operation = target.capability, target.operation
        if arrival.head.upgrade and not capability.upgrade:
            # The request goes on as an ordinary one. (A head that asks for an upgrade is never shared.)
            arrival.head.upgrade = b""
        if capability.body_limit and max(arrival.head.length, len(body)) > capability.body_limit:
            self._refuse("body_too_large")
            return
        asks = capability.policies or capability.split is not None
        params = match.params() if asks and match.captures else _NO_PARAMS
        call = Call(request, capability.name, operation.name, operation.is_safe(request.method),
                    arrival.head.client, params)
        self._call = call
        verdict = admit(call, capability.policies)
        if isinstance(verdict, Admitted):
            self._admitted(verdict)
        elif isinstance(verdict, Refused):
            self._refused(verdict)
        else:
            self._downstream.pause_upload()
            self._admitting = asyncio.get_running_loop().create_task(self._await_verdict(verdict))

    async def _await_verdict(self, verdict: Awaitable[Admitted | Refused]) -> None:
        try:
            outcome = await verdict
            self._admitting = None
            if self._finished:
                return
            self._downstream.resume_upload()
            if isinstance(outcome, Refused):
                self._refused(outcome)
            else:
                self._admitted(outcome)
        except asyncio.CancelledError:
            # By us, if nobody waits for the answer any more; else whoever was to give the verdict ended.
            if self._admitting is not None:
                self._admitting = None
                self._refuse("policy_unavailable")
        except Exception as error:
            self._admitting = None
            self.crashed(error)

    def _refused(self, refused: Refused) -> None:
        self._refuse(refused.code, detail=refused.detail, headers=refused.headers)

    def _admitted(self, admitted: Admitted) -> None:
        capability = self._match.target.capability
        affinity = self._downstream.affinity
        head = self._arrival.head
        if affinity is None:
            decision = decide(admitted, capability, _roll(), head)
        else:
            decision = decide(admitted, capability, _roll(), head, affinity.arm(capability.name),
                              logged_in=self._logged_in())
        self._decision = decision
        if decision.fallback is not None:
            if decision.serve.upstream.may_be_asked(time.monotonic()):
                self._pipeline.budget(capability.name).call(self._started)
            else:
                # Whether it is well again the shadow hears, which asks it now; here one call a while finds out.
                self._decision = decision = passing_by(decision)
                self._fallback = "ejected"
        self._keeps_answer = decision.mirror is not None
        if decision.skipped and decision.skipped != "not_sampled":
            self._pipeline.lane.skip(capability.name, admitted.call.operation, decision.skipped)
        self._keeps_body = self._keeps_answer or decision.fallback is not None or decision.serve.adapter is not None
        translates = decision.serve.adapter is not None
        if translates and max(self._arrival.head.length, self._bytes_in) > capability.buffer_limit:
            self._refuse("body_too_large")
            return
        gathers = not self._whole and self._gathers(decision.serve, capability)
        if self._bytes_in > BODY_FREE and (self._keeps_body or gathers):
            if (translates or gathers) and not self.hold(self._bytes_in):
                self._refuse("overloaded")
                return
            if not translates and not gathers and not self._hold_spare(self._bytes_in):
                self._let_go("overloaded")
        if not self._whole and (translates or gathers):
            # Nobody upstream would tell the client to go on and send it.
            if self._arrival.head.expects_continue:
                self._downstream.send_interim(100, b"Continue", Headers())
                self._downstream.flush()
            return
        self._forward(decision.serve)
        if decision.fallback is not None:
            self._limit_patience()

    def _gathers(self, arm: Arm, capability: Capability) -> bool:
        """Whether the body is small, and so is gathered before it is sent: a client that is slow to send it then holds
        no connection to the upstream. One that asked whether to go on is answered by the upstream, while that has
        plenty of connections left."""
        head = self._arrival.head
        if not 0 < head.length <= min(_GATHERED, capability.buffer_limit):
            return False
        return not head.expects_continue or arm.upstream.is_busy()

    def _logged_in(self) -> bool:
        """Whether the client's connection is logged in at an arm of the capability: a mirror would ask as nobody."""
        affinity, capability = self._downstream.affinity, self._capability
        arms = (arm.upstream for arm in (capability.legacy, capability.modern) if arm is not None)
        return affinity is not None and affinity.concerns(*arms)

    # --- 5–7 forward -----------------------------------------------------------------------------------------------

    def _forward(self, arm: Arm) -> None:
        assert self._decision is not None
        if self._held:
            self._body = b"".join([self._body, *self._held])
            self._held.clear()
        body = self._body
        self._arm = arm
        self._arm_started = time.monotonic()
        if not self._keeps_body or self._too_large:
            self._body = b""
        sending = forward(self._decision, arm, self._match, self._arrival, body, self, self._downstream.affinity,
                          whole=self._whole)
        # Where it failed at once, a fallback may already be on its way: that one counts.
        if not self._finished and self._arm is arm and sending is not None:
            self._sending = sending
            if self._bytes_in > BODY_FREE and sending.waits and not self._counted and not self.hold(len(body)):
                self._no_room()

    def request_data(self, data: bytes) -> None:
        """More of the request's body; after an upgrade, whatever the client says."""
        if self._finished:
            return
        self._bytes_in += len(data)
        if self._status == 101 and self._sending is not None:
            self._sending.write(data)
            return
        capability = self._match.target.capability
        if capability.body_limit and self._bytes_in > capability.body_limit:
            self._cancel()
            self._refuse("body_too_large")
            return
        if self._keeps_body or self._sending is None:
            self._keep(data, capability)
        if self._sending is not None:
            self._sending.write(data)

    def _keep(self, data: bytes, capability: Capability) -> None:
        """Hold the body for a translation, a fallback or a mirror, up to the capability's limit. Past it a
        translation is refused; a fallback and a mirror are given up, and the bytes stream on."""
        if self._too_large:
            return
        fits, size = self._bytes_in <= capability.buffer_limit, len(data) + PIECE
        if fits and (self.hold(size) if self._sending is None else self._hold_spare(size)):
            self._held.append(data)
            return
        if self._sending is None:
            refused = "overloaded" if fits else "body_too_large"
            failed = self._fallback and self._fallback != "ejected"
            self._refuse(FAILURES.get(self._fallback, "upstream_unavailable") if failed else refused)
            return
        self._body = b""
        self._let_go("overloaded" if fits else "body_too_large")

    def _let_go(self, why: str) -> None:
        """Keep the body no longer: there is no fallback then, and no mirror."""
        self._too_large = True
        self._held.clear()
        if self._keeps_answer:
            self._skip_mirror(why)

    def hold(self, size: int) -> bool:
        """Count `size` bytes more that are held until the exchange ends. False where there is no room for them."""
        if not self._pipeline.room.take(size):
            return False
        self._counted += size
        return True

    def _hold_spare(self, size: int) -> bool:
        """The same for what can be done without: a fallback, a mirror."""
        if not self._pipeline.room.take_spare(size):
            return False
        self._counted += size
        return True

    def request_end(self) -> None:
        """The request's body is complete."""
        if self._finished:
            return
        self._whole = True
        if self._held:
            self._body = b"".join([self._body, *self._held])
            self._held.clear()
        if self._sending is not None:
            self._sending.finish()
            self._limit_patience()
        elif self._fallback and self._decision is not None and self._decision.fallback is not None:
            self._forward(self._decision.fallback)
        elif self._decision is not None and self._arm is None and not self._finished:
            self._forward(self._decision.serve)
            self._limit_patience()

    def _limit_patience(self) -> None:
        """Modern has all of the request: so long it may take to begin its answer, where legacy would give one."""
        decision, split = self._decision, self._capability.split
        if decision is None or decision.fallback is None or split is None or self._sending is None or self._fallback:
            return
        if self._whole and not self._head_sent and self._patience is None:
            after = split.fallback_after or self._pipeline.pace(*self._names()).patience
            self._patience = asyncio.get_running_loop().call_later(after, self._lose_patience)

    def _lose_patience(self) -> None:
        """Modern hangs: legacy answers, whatever the budget says, and the call counts towards an ejection."""
        self._patience = None
        sending = self._sending
        if self._finished or self._head_sent or self._fallback or self._too_large or sending is None:
            return
        try:
            sending.blame()
            failure = Failure("first_byte_timeout", sent=True)
            self._fall_back("slow", 0, _NO_HEADERS, failure, hangs=True)
        except Exception as error:
            self.crashed(error)

    def _names(self) -> tuple[str, str]:
        return self._capability.name, self._match.target.operation.name

    def _fall_back(
        self, why: str, status: int, headers: Headers, failure: Failure | None = None, *, hangs: bool = False,
    ) -> bool:
        """Have legacy answer in modern's place, where that is allowed: once, nothing answered yet, the request at
        hand as far as it came; and within the budget, unless modern hangs or is ejected by now. Never for a write: a
        decision for one has no fallback. What modern did is kept: it is what legacy's answer is compared with."""
        decision = self._decision
        if decision is None or decision.fallback is None or self._fallback or self._head_sent or self._too_large:
            return False
        if status and self._sending is not None:
            self._sending.blame()
        ejected = not decision.serve.upstream.available(time.monotonic())
        if not self._pipeline.budget(self._capability.name).spend() and not hangs and not ejected:
            return False
        self._fallback = why
        self._cancel()
        if self._keeps_answer:
            self._said = Observation(decision.serve.name, time.monotonic() - self._arm_started, status, headers,
                                     failure=failure)
        if self._whole:
            self._forward(decision.fallback)
            return True
        # The rest of the request is still to come; modern will not ask for it any more.
        self._arm = decision.fallback
        self._downstream.resume_upload()
        if self._arrival.head.expects_continue:
            self._downstream.send_interim(100, b"Continue", Headers())
            self._downstream.flush()
        return True

    # --- 8 response: the upstream speaks ---------------------------------------------------------------------------

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """A 1xx response goes on as it is."""
        self._downstream.send_interim(status, reason, headers)

    def on_login(self) -> Affinity:
        """The arm's connection is the client's from now on."""
        affinity = self._downstream.bind(self._arrival.head.client)
        affinity.serves(self._capability.name, self._arm.name if self._arm is not None else "")
        return affinity

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        """The answer begins."""
        if status in _FALLBACK_STATUSES and self._fall_back(str(status), status, headers):
            return
        self._status = status
        self._head_sent = True
        if status == 101:
            self._keeps_body = False
            self._held.clear()
        if self._keeps_answer:
            self._response_headers = headers
        if self._fallback or (self._call is not None and self._call.response_headers):
            headers = self._with_ours(headers)
        self._downstream.send_head(status, reason, headers, length)

    def _with_ours(self, headers: Headers) -> Headers:
        ours = (self._call.response_headers if self._call is not None else None) or []
        marked = [(b"X-Figway-Fallback", b"legacy")] if self._fallback else []
        return Headers([*headers, *ours, *marked])

    def on_data(self, data: bytes) -> None:
        """A piece of the answer's body: to the client first."""
        self._bytes_out += len(data)
        self._downstream.send_data(data)
        if self._keeps_answer:
            plan = self._capability.shadow
            if plan is not None and self._bytes_out > plan.max_body:
                self._skip_mirror("body_too_large")
            elif self._hold_spare(len(data) + PIECE):
                self._taken.append(data)
            else:
                self._skip_mirror("overloaded")

    def on_flush(self) -> None:
        """That was all for now."""
        self._downstream.flush()

    def on_end(self, trailers: Headers) -> None:
        """The answer is complete, and with it the exchange."""
        if self._finished:
            return
        self._arm_seconds = time.monotonic() - self._arm_started
        self._sending = None
        self._downstream.send_end(trailers)
        self._finish()

    def on_failure(self, failure: Failure) -> None:
        """The arm failed: legacy answers in its place, or a problem does, or an answer under way is cut."""
        if self._finished:
            return
        self._sending = None
        self._arm_seconds = time.monotonic() - self._arm_started
        affinity = self._downstream.affinity
        gone = affinity is not None and affinity.has_lost() and failure.kind == "reset" and not self._head_sent
        if failure.kind in _FALLBACK_FAILURES and self._fall_back(failure.kind, 0, _NO_HEADERS, failure):
            return
        code = FAILURES.get(failure.kind, "internal")
        if failure.kind == "adapter" and failure.source != "upstream":
            code = "not_translatable" if failure.source == "request" else "internal"
        if gone:
            # The upstream closed a login between requests, and so do we: the client may ask again on another
            # connection, as it would without us (RFC 9112 section 9.3.1). Nobody answers in its place.
            self._error, self._status = code, _BAD_GATEWAY
            self._downstream.hang_up()
            self._finish(failure)
        elif self._head_sent:
            self._error = code
            self._downstream.abort()
            self._finish(failure)
        else:
            self._refuse(code, detail=failure.detail, failure=failure)

    def on_upload_blocked(self) -> None:
        """The upstream takes no more for now."""
        self._downstream.pause_upload()
        if not self._stalled and not self._finished:
            self._stalled = self.hold(STALLED)
            if not self._stalled:
                # Not from within what is being sent.
                asyncio.get_running_loop().call_soon(self._no_room)

    def on_upload_resumed(self) -> None:
        """It does again."""
        if self._stalled:
            self._stalled = False
            self.hold(-STALLED)
        self._downstream.resume_upload()

    def _no_room(self) -> None:
        """There is no room for what is held for this exchange, which ends."""
        if self._finished:
            return
        self._cancel()
        if self._head_sent:
            self._error = "overloaded"
            self._downstream.abort()
            self._finish(Failure("cancelled", source="gateway"))
        else:
            self._refuse("overloaded")

    # --- the client speaks -----------------------------------------------------------------------------------------

    def pause_download(self) -> None:
        """The client takes no more for now."""
        if self._sending is not None:
            self._sending.pause()

    def resume_download(self) -> None:
        """It does again."""
        if self._sending is not None:
            self._sending.resume()

    def client_gone(self) -> None:
        """The client went away: the upstream call ends, and is nobody's failure."""
        if self._finished:
            return
        self._error = "client_gone"
        self._status = self._status or _CLIENT_GONE
        self._cancel()
        self._finish(Failure("cancelled", source="downstream"))

    def client_broke(self, code: str) -> bool:
        """The request's body turned out to be cut or malformed: the upstream call ends, incomplete for certain.
        Returns whether the client can still be told (no answer was begun)."""
        if self._finished:
            return False
        self._cancel()
        if self._head_sent:
            self._error = code
            self._finish(Failure("cancelled", source="downstream"))
            return False
        self._refuse(code)
        return True

    def crashed(self, error: Exception) -> None:
        """A fault of ours: counted, logged by its type alone, and the client gets a plain 500."""
        self._pipeline.recorder.event("internal_error", level="error", type=type(error).__name__, place=_place(error))
        if self._finished:
            self._downstream.abort()
            return
        self._cancel()
        if self._head_sent:
            self._error = "internal"
            self._downstream.abort()
            self._finish(Failure("cancelled", source="gateway"))
        else:
            self._refuse("internal")

    def _cancel(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
        admitting, self._admitting = self._admitting, None
        if admitting is not None:
            admitting.cancel()

    # --- the end ---------------------------------------------------------------------------------------------------

    def _refuse(self, code: str, *, detail: str = "", headers: Iterable[tuple[bytes, bytes]] = (),
                failure: Failure | None = None) -> None:
        """Answer with a problem of our own."""
        hop = self._arm.upstream.name if self._arm is not None else ""
        status, fields, body = problem(code, detail=detail, trace_id=self._arrival.trace_id, next_hop=hop)
        fields.extend(headers)
        if self._call is not None and self._call.response_headers:
            fields.extend(self._call.response_headers)
        self._error = code
        self._status = status
        self._head_sent = True
        self._bytes_out = len(body)
        self._downstream.send_head(status, phrase(status), fields, len(body))
        self._downstream.send_data(body)
        self._downstream.send_end(Headers())
        self._finish(failure or Failure("refused", source="gateway"))

    def _finish(self, failure: Failure | None = None) -> None:
        """The client has its answer. Remember it, then offer the mirror."""
        self._finished = True
        if self._counted:
            self._pipeline.room.take(-self._counted)
            self._counted, self._stalled = 0, False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        target, decision = self._match.target, self._decision
        capability = target.capability
        safe = self._call.safe if self._call is not None else True
        if capability.split is not None and failure is None and self._arm is capability.legacy and self._status < 500:
            self._pipeline.pace(*self._names()).add(self._arm_seconds)
        recorder = self._pipeline.recorder
        recorder.in_flight -= 1
        recorder.finished(
            capability.name, target.operation.name, capability.stage(safe=safe),
            self._arm.name if self._arm is not None else "", decision.log_reason if decision is not None else "refused",
            self._arrival.request.method, self._status, self._error, self._bytes_in, self._bytes_out,
            time.monotonic() - self._started, self._arm_seconds, self._arrival.trace_id, self._arrival.head.request_id,
            self._fallback,
        )
        if decision is None:
            return
        if decision.skipped == "not_sampled":
            self._pipeline.lane.skip(capability.name, target.operation.name, "not_sampled")
        elif self._keeps_answer:
            self._offer_mirror(decision, failure)

    # --- 9 mirror --------------------------------------------------------------------------------------------------

    def _offer_mirror(self, decision: Decision, failure: Failure | None) -> None:
        plan, other = self._capability.shadow, decision.mirror
        if plan is None or other is None or self._arm is None:
            self._skip_mirror(self._incomparable(failure, 0) or "refused")
            return
        if reason := self._incomparable(failure, plan.max_body):
            self._skip_mirror(reason)
            return
        served = Observation(self._arm.name, self._arm_seconds, 0 if failure else self._status,
                             self._response_headers, b"".join(self._taken), failure)
        said, asked = self._said, other.name
        if said is not None:
            asked = said.arm
            if said.status and said.status // 100 == self._status // 100:
                # Legacy is as unwell as modern, and modern's words were not waited for.
                self._skip_mirror("fallback")
                return
        original, safe = self._arrival.request, decision.admitted.call.safe
        self._pipeline.lane.offer(Mirror(
            self._capability.name, self._match.target.operation.name,
            Request(original.method, original.target, original.headers, self._body), served, asked,
            self._arrival.trace_id, time.time(), Way(self._match, self._arrival, said), plan, safe,
        ))

    def _incomparable(self, failure: Failure | None, max_body: int) -> str:
        """Why an exchange that was to be mirrored is not, or "". What we refused says nothing about an arm."""
        if failure is not None and failure.kind in ("cancelled", "refused"):
            if failure.source == "downstream":
                return "client_gone"
            return "body_too_large" if self._error == "body_too_large" else "refused"
        if failure is not None and failure.kind == "no_room":
            return "overloaded"
        if self._logged_in():
            return "connection_auth"
        if not self._whole:
            return "request_unfinished"
        if self._status in _CONDITIONAL:
            # It turned on tags or times of one arm's own; the other is asked without them.
            return "conditional"
        return "body_too_large" if len(self._body) > max_body else ""

    def _skip_mirror(self, reason: str) -> None:
        self._keeps_answer = False
        self._taken.clear()
        self._pipeline.lane.skip(self._capability.name, self._match.target.operation.name, reason)

    @property
    def _capability(self) -> Capability:
        return self._match.target.capability


def _place(error: Exception) -> str:
    """Where an exception arose: file and line, never its message, which may hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace is not None else ""
