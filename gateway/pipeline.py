"""The whole path of a request, top to bottom. Read this file first.

    arrival ─ match ─ admit ─ decide ─ forward ─ answer ─ finish ─ mirror
                                          │  └─ fall back (safe calls in canary, once)
                                          └─ each step either goes on or answers with a problem

An Exchange is one request on its way. The edge (gateway/edges/) makes one for each request, passes it the client's
bytes, and gets the answer from it. Between the edge and the upstream client bytes stream both ways, with backpressure.
Nothing here awaits: each method is one step, taken when its bytes are there. Only a policy that must wait gets a task.

What is not an exchange's own is in files beside this one: phase.py (its states), admit.py, decide.py, upload.py (what
is held of the request's body), room.py (how much memory a worker may hold), forward.py, fallback.py (when legacy may
answer in modern's place), mirroring.py (the Witness), outlet.py (where answers leave), errors.py (our own answers).

A request keeps the route table that it started with. Once the client has its answer, nothing that happens in the shadow
can change, delay or fail it.
"""

import asyncio
import random
import time

from adapters.message import Headers
from gateway.admit import admit
from gateway.call import Admitted, Arrival, Call, Refused
from gateway.capability import Arm
from gateway.decide import Decision, decide
from gateway.errors import FAULTS, code_of, problem, whereabouts
from gateway.fallback import KINDS, STATUSES, Fallback, Fallbacks, code_for_client
from gateway.forward import forward
from gateway.mirroring import Intake, Witness, is_logged_in, left_out
from gateway.outlet import Courteous, Downstream, Outlet, send_whole, with_ours
from gateway.phase import ADMITTING, ANSWERING, ASKING, DONE, HOLDING, TUNNEL, Phase
from gateway.room import BODY_FREE, Room
from gateway.routing import Ambiguous, RouteTable
from gateway.telemetry.record import Account, Recorder
from gateway.transports.base import Sending
from gateway.transports.http.affinity import Affinity
from gateway.upload import Upload, ask_for_body
from gateway.waiting import wait
from gateway.wire.rules import RULES
from shadow.observation import Failure, Observation

_NO_HEADERS = Headers()
_REFUSED = Failure("refused", source="gateway")
_LEFT = Failure("cancelled", source="downstream")
_HANGS = Failure("first_byte_timeout", sent=True)
_roll = random.random


class Pipeline:
    """What the exchanges of one worker share. `table`, the table in force, is replaced whole."""

    def __init__(self, table: RouteTable, lane: Intake, recorder: Recorder) -> None:
        self.table = table
        self.lane = lane
        self.recorder = recorder
        self.room = Room()
        self.draining = False
        self.fallbacks = Fallbacks()


class Exchange:
    """One request, from its arrival to its answer. It tells `downstream` what to answer; the edge tells it what the
    client sends, and the transport what the arm says. Once it is DONE nothing more is heard."""

    __slots__ = (
        "_account", "_admitting", "_arm", "_arrival", "_call", "_decision", "_downstream", "_fallback",
        "_match", "_outlet", "_pipeline", "_sending", "_translated", "_upload", "_witness", "phase",
    )

    def __init__(self, pipeline: Pipeline, downstream: Downstream) -> None:
        self._pipeline = pipeline
        self._downstream = downstream
        self._outlet: Outlet = downstream  # the direct one: nothing is demanded or said of an answer
        self.phase: Phase = ADMITTING
        self._call: Call | None = None
        self._decision: Decision | None = None
        self._arm: Arm | None = None  # the one that is asked, or will be once the body is whole
        self._sending: Sending | None = None
        self._admitting: asyncio.Task[None] | None = None
        # What only some exchanges have: a request's body, a second chance, a mirror.
        self._upload: Upload | None = None
        self._fallback: Fallback | None = None
        self._witness: Witness | None = None
        self._translated = 0  # bytes of translations, counted in the worker's room until the end

    def begin(self, arrival: Arrival, body: bytes, *, whole: bool) -> None:
        """A request has arrived, with `body` of it; `whole` where that is all."""
        request, head = arrival.request, arrival.head
        self._arrival = arrival
        account = self._account = Account(request.method, arrival.trace_id, head.request_id, time.monotonic())
        account.bytes_in = len(body)
        pipeline = self._pipeline
        pipeline.recorder.in_flight += 1
        try:
            self._match = match = pipeline.table.match(request, head.overrides)
        except Ambiguous as ambiguous:
            self._match = ambiguous.match
            self._answer_problem(ambiguous.code, ambiguous.detail)
            return
        capability = match.target.capability
        if head.upgrade and not capability.upgrade:
            # An ordinary request from here on. Repeated heads share one Head; one with Upgrade is never shared.
            head.upgrade = b""
        call = self._call = match.call(request, head.client)
        if capability.courtesy is not None:
            self._outlet = Courteous(self._outlet, capability.courtesy, account, call)
        if capability.body_limit and max(head.length, len(body)) > capability.body_limit:
            self._answer_problem("body_too_large")
            return
        if body or not whole:
            self._upload = Upload(body, capability.buffer_limit, pipeline.room, whole=whole)
        admission = admit(call, capability.policies)
        if isinstance(admission, (Admitted, Refused)):
            self._policies_spoke(admission)
        else:
            self._downstream.pause_upload()
            self._admitting = asyncio.get_running_loop().create_task(wait(admission, self._waited, self.crashed))

    def _waited(self, admission: Admitted | Refused) -> None:
        """A policy that had to wait has spoken."""
        self._admitting = None
        if self.phase is not DONE:
            self._downstream.resume_upload()
            self._policies_spoke(admission)

    def _policies_spoke(self, admission: Admitted | Refused) -> None:
        if isinstance(admission, Refused):
            self._answer_problem(admission.code, admission.detail, admission.headers)
            return
        match, head, affinity = self._match, self._arrival.head, self._downstream.affinity
        capability = match.target.capability
        if affinity is None:
            decision = decide(admission, capability, _roll(), head)
        else:
            decision = decide(admission, capability, _roll(), head, affinity.arm(capability.name),
                              logged_in=is_logged_in(affinity, capability))
        if decision.fallback is not None:
            decision, self._fallback = self._pipeline.fallbacks.open(decision, match.target, self._account.started)
            if self._fallback is None:
                self._account.fallback = "ejected"
        self._decision = decision
        if decision.mirror is not None:
            self._witness = Witness(self._pipeline.lane, self._pipeline.room, match, self._arrival, decision)
        elif decision.skipped and decision.sampled:
            self._pipeline.lane.skip(capability.name, match.target.operation.name, decision.skipped,
                                     left_out(capability, self._arrival.request))
        if (upload := self._upload) is not None:
            if code := upload.refused(decision.serve, head, capability):
                self._answer_problem(code)
                return
            if upload.waits:
                self.phase = HOLDING
                if head.expects_continue:
                    ask_for_body(self._outlet)
                return
            if (self._witness is not None or self._fallback is not None) and not upload.may_be_kept():
                self._give_up_copies("overloaded")
        self._ask(decision.serve)
        if self._fallback is not None:
            self._fallback.limit_patience(self._sending, self._upload, self._lose_patience)

    def _ask(self, arm: Arm) -> None:
        upload, decision = self._upload, self._decision
        assert decision is not None
        body, whole = b"", True
        if upload is not None:
            body = upload.joined(kept=self._witness is not None or self._fallback is not None)
            whole = upload.whole
        self.phase = ASKING
        self._arm = arm
        self._account.arm = arm.name
        self._account.arm_started = time.monotonic()
        sending = forward(decision, arm, self._match, self._arrival, body, self, self._downstream.affinity, whole=whole)
        # Where it failed at once, a fallback may already be on its way: that one counts.
        if self.phase is not DONE and self._arm is arm and sending is not None:
            self._sending = sending
            if len(body) > BODY_FREE and upload is not None and sending.waits and not upload.may_queue(len(body)):
                self._refuse_or_cut("overloaded")

    def request_data(self, data: bytes) -> None:
        """More of the request's body; after an upgrade, whatever the client says."""
        phase, sending = self.phase, self._sending
        if phase is DONE:
            return
        account = self._account
        account.bytes_in += len(data)
        if phase is not TUNNEL:
            limit = self._match.target.capability.body_limit
            if limit and account.bytes_in > limit:
                self._refuse_or_cut("body_too_large")
                return
            upload = self._upload
            assert upload is not None
            if sending is None:
                if code := upload.hold(data, account.bytes_in):
                    self._answer_problem(code_for_client(code, account.fallback))
            elif (self._witness is not None or self._fallback is not None) and (
                    reason := upload.keep(data, account.bytes_in)):
                self._give_up_copies(reason)
        if sending is not None:
            sending.write(data)

    def _give_up_copies(self, reason: str) -> None:
        """The body is not kept beyond what is sent: without it there is no fallback and no mirror."""
        self._end_fallback()
        if self._witness is not None:
            self._witness.skip(reason)
            self._witness = None

    def count_translation(self, size: int) -> bool:
        """Count `size` bytes of a translation, until the exchange ends. False where there is no room for them."""
        if fits := self._pipeline.room.take(size):
            self._translated += size
        return fits

    def request_end(self) -> None:
        """The request's body is complete."""
        if self.phase is DONE or self._upload is None:
            return
        self._upload.whole = True
        if self.phase is HOLDING:
            assert self._decision is not None
            self._ask(self._arm or self._decision.serve)
        elif self._sending is not None:
            self._sending.finish()
        if self._fallback is not None:
            self._fallback.limit_patience(self._sending, self._upload, self._lose_patience)

    def _lose_patience(self) -> None:
        """Modern hangs: legacy answers, even where fallback.Budget is spent. The call counts towards an ejection."""
        try:
            self._fall_back("slow", _HANGS)
        except Exception as error:
            self.crashed(error)

    def _fall_back(
        self, why: str, failure: Failure | None = None, status: int = 0, headers: Headers = _NO_HEADERS,
    ) -> bool:
        """Have legacy answer, if the exchange has a fallback that may be used now. `why` is as in Account; `failure` or
        `status` and `headers` are what modern said. The Witness keeps that: legacy's answer is compared with it."""
        fallback, account = self._fallback, self._account
        if fallback is None or not fallback.use(self._sending, hangs=failure is _HANGS, status=status):
            return False
        if self._witness is not None:
            seconds = time.monotonic() - account.arm_started
            self._witness.see_failed(Observation(account.arm, seconds, status, headers, failure=failure))
        account.fallback = why
        self._end_fallback()
        self._cancel()
        if self._upload is None or self._upload.whole:
            self._ask(fallback.arm)
            return True
        # The rest of the request is still to come; modern will not ask for it any more.
        self.phase = HOLDING
        self._arm = fallback.arm
        account.arm = fallback.arm.name
        self._downstream.resume_upload()
        if self._arrival.head.expects_continue:
            ask_for_body(self._outlet)
        return True

    def _end_fallback(self) -> None:
        """The exchange has no second chance from here on."""
        fallback, self._fallback = self._fallback, None
        if fallback is not None:
            fallback.close()

    # --- the arm speaks (gateway.transports.base.Receiver), and a client that takes no more of its answer ---

    def on_interim(self, status: int, reason: bytes, headers: Headers) -> None:
        self._outlet.send_interim(status, reason, headers)

    def on_login(self) -> Affinity:
        """From now on the arm's connection belongs to the client's."""
        affinity = self._downstream.bind(self._arrival.head.client)
        affinity.serves(self._match.target.capability.name, self._account.arm)
        return affinity

    def on_head(self, status: int, reason: bytes, headers: Headers, length: int) -> None:
        if self._fallback is not None:
            if status in STATUSES and self._fall_back(str(status), None, status, headers):
                return
            self._end_fallback()
        account, call = self._account, self._call
        account.status = status
        self.phase = TUNNEL if status == 101 else ANSWERING
        if self._witness is not None:
            self._witness.begin(status, headers, self._sending, account.arm_started)
        if account.fallback or (call is not None and call.response_headers):
            headers = with_ours(headers, call, fell_back=bool(account.fallback))
        self._outlet.send_head(status, reason, headers, length)

    def on_read(self, head_at: float, end_at: float) -> None:
        if self._witness is not None:
            self._witness.read(head_at, end_at)

    def on_data(self, data: bytes) -> None:
        """A piece of the answer's body: to the client first."""
        self._account.bytes_out += len(data)
        self._outlet.send_data(data)
        if self._witness is not None and not self._witness.see(data):
            self._witness = None

    def on_flush(self) -> None:
        self._outlet.flush()

    def on_end(self, trailers: Headers) -> None:
        """The answer is complete, and with it the exchange."""
        if self.phase is DONE:
            return
        self._account.arm_seconds = time.monotonic() - self._account.arm_started
        self._sending = None
        self._outlet.send_end(trailers)
        if trailers and self._witness is not None:
            self._witness.trailers = trailers
        self._account_and_mirror()

    def on_failure(self, failure: Failure) -> None:
        """The arm failed: legacy answers in its place, or a problem does, or an answer under way is cut."""
        if self.phase is DONE:
            return
        account, affinity = self._account, self._downstream.affinity
        self._sending = None
        account.arm_seconds = time.monotonic() - account.arm_started
        lost = affinity is not None and affinity.has_lost() and failure.kind == "reset"
        if failure.kind in KINDS and self._fall_back(failure.kind, failure):
            return
        account.rule = failure.detail if failure.kind == "malformed" else ""
        if lost and self.phase is ASKING:
            # The upstream has closed a login, and so do we: the client may ask again (RFC 9112 section 9.3.1).
            account.status = 502
            self._downstream.hang_up()
            self._end_silently(code_of(failure), failure)
        else:
            self._refuse_or_cut(code_of(failure), failure)

    def on_upload_blocked(self) -> None:
        self._downstream.pause_upload()
        upload = self._upload = self._upload or Upload(b"", 0, self._pipeline.room, whole=True)  # none: it is a tunnel
        if self.phase is not DONE and not upload.stall():
            asyncio.get_running_loop().call_soon(self._refuse_or_cut, "overloaded")  # not from within a send

    def on_upload_resumed(self) -> None:
        if self._upload is not None:
            self._upload.go_on()
        self._downstream.resume_upload()

    def pause_download(self) -> None:
        if self._sending is not None:
            self._sending.pause()
        if self._witness is not None:
            self._witness.pause()

    def resume_download(self) -> None:
        if self._sending is not None:
            self._sending.resume()

    def client_gone(self) -> None:
        """The client went away: the upstream call ends, and is nobody's failure."""
        if self.phase is not DONE:
            self._account.status = self._account.status or 499  # nginx's number: HTTP has none
            self._end_silently("client_gone", _LEFT)

    def client_broke(self, code: str) -> bool:
        """The request's body turned out to be cut or malformed: the upstream call is cut, so that no server takes the
        body for whole. Returns whether the client was answered. If not, an answer had begun, and the edge cuts it."""
        if self.phase is DONE:
            return False
        if self.phase is ANSWERING or self.phase is TUNNEL:
            self._end_silently(code, _LEFT)
            return False
        self._cancel()
        self._answer_problem(code)
        return True

    def crashed(self, error: Exception) -> None:
        """A fault of ours: counted, logged by its type and place, and the client gets a plain 500."""
        self._pipeline.recorder.event(
            "internal_error", level="error", type=type(error).__name__, place=whereabouts(error))
        if self.phase is DONE:
            self._downstream.abort()
        self._refuse_or_cut("internal")

    def _cancel(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
        admitting, self._admitting = self._admitting, None
        if admitting is not None:
            admitting.cancel()

    def _refuse_or_cut(self, code: str, failure: Failure = _REFUSED) -> None:
        """End the exchange, if it has not ended: with a problem, or by cutting the answer that has begun."""
        if self.phase is ANSWERING or self.phase is TUNNEL:
            self._outlet.abort()
            self._end_silently(code, failure)
        elif self.phase is not DONE:
            self._cancel()
            self._answer_problem(code, failure.detail, failure=failure)

    def _end_silently(self, code: str, failure: Failure) -> None:
        """End the exchange, and send the client no more."""
        self._account.error = code
        self._cancel()
        self._account_and_mirror(failure)

    def _answer_problem(self, code: str, detail: str = "", headers: tuple[tuple[bytes, bytes], ...] = (),
                        failure: Failure = _REFUSED) -> None:
        """Answer with a problem of our own."""
        account, call = self._account, self._call
        hop = self._arm.upstream.name if self._arm is not None else ""
        added = headers if call is None or not call.response_headers else (*headers, *call.response_headers)
        account.error, rule = code, account.rule
        account.status, fields, body = problem(
            code, detail=RULES.get(rule, detail), trace_id=account.trace_id, next_hop=hop, added=added, rule=rule)
        account.bytes_out = len(body)
        self.phase = ANSWERING
        send_whole(self._outlet, account.status, fields, body)
        self._account_and_mirror(failure)

    def _account_and_mirror(self, failure: Failure | None = None) -> None:
        """The exchange is done: the client has its answer, or never will. Account for it, then offer the mirror."""
        self.phase = DONE
        upload = self._upload
        if upload is not None:
            upload.close()
        if self._fallback is not None:
            self._end_fallback()
        target, decision, account, pipeline = self._match.target, self._decision, self._account, self._pipeline
        if self._translated:
            pipeline.room.take(-self._translated)
        capability = target.capability
        if capability.split is not None and failure is None and self._arm is capability.legacy and account.status < 500:
            pipeline.fallbacks.pace(target).add(account.arm_seconds)  # it sets how long modern may take
        account.capability, account.operation = capability.name, target.operation.name
        safe = account.safe = self._call is None or self._call.safe
        account.stage = capability.stage(safe=safe)
        if decision is not None:
            account.reason = decision.log_reason
        account.seconds = time.monotonic() - account.started
        counter = pipeline.recorder.finished(account)
        head = self._arrival.head
        if head.client not in counter.met or head.habits or account.error:  # of most there is nothing new to note
            pipeline.recorder.clients.meet(counter.place, head.client, head.habits, FAULTS.get(account.error, ""))
        if self._witness is not None:
            self._witness.end(account, upload, self._downstream.affinity, failure)
        elif decision is not None and not decision.sampled:  # often most: no client waits for this
            pipeline.lane.skip(capability.name, target.operation.name, decision.skipped)
