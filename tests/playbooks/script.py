"""A script of one exchange: `>>` is what comes in, `<<` is the next thing that must go out.

The Exchange is the real one; its client, its upstreams and its lane are scripted here. All that it does to them is
noted in order, and each `<<` must be the first that was not named yet. A script is true when nothing is left:

    assert play >> head("GET", "/a") << asks("modern") >> reply(503) << asks("legacy") >> reply(200) << answers(200)
"""

import asyncio

from adapters.message import Headers, Request
from gateway.call import Arrival, Head
from gateway.capability import DEFAULT, Arm, Capability, Operation, Split
from gateway.phase import DONE, TRANSITIONS
from gateway.pipeline import Exchange, Pipeline
from gateway.routing import RouteTable
from gateway.stage import Stage
from gateway.telemetry.record import Recorder
from gateway.testing import Sent
from gateway.transports.settings import UpstreamSettings
from gateway.wire.bodies import CHUNKED
from shadow.observation import Failure
from shadow.plan import ShadowPlan
from tests.playbooks.watched import watched

Watched = watched(Exchange, TRANSITIONS, repeats=True)


class Call:
    """One call down an arm (gateway.transports.base.Sending): what is written to it is noted. Its request is not sent
    until a play says so."""

    waits = False
    sent_at = 0.0

    def __init__(self, note, name, receiver):
        self._note, self._name, self.receiver = note, name, receiver
        self.cancelled = self.over = False

    def write(self, data):
        self._note(f"{self._name} gets {data.decode()}")

    def finish(self):
        self._note(f"{self._name} has it all")

    def pause(self):
        self._note(f"{self._name} waits")

    def resume(self):
        self._note(f"{self._name} goes on")

    def cancel(self):
        self.cancelled = True
        self._note(f"{self._name} is let go")

    def blame(self):
        self._note(f"{self._name} is blamed")


class Service:
    """A transport to one upstream (gateway.transports.base.Transport). `well` is whether it is not ejected."""

    endpoints = ()

    def __init__(self, note, name):
        self._note, self.name = note, name
        self.settings = UpstreamSettings(name, ("http://127.0.0.1:1",))
        self.well = True
        self.calls = []

    def send(self, request, arrival, body, receiver, affinity, *, whole, streams, total, safe):
        self._note(f"asks {self.name}: {body.decode()}{'' if whole else '…'}".removesuffix(": "))
        self.calls.append(Call(self._note, self.name, receiver))
        return self.calls[-1]

    def available(self, now):
        return self.well

    def may_be_asked(self, now):
        return self.well

    def is_busy(self):
        return False


class Client(Sent):
    """The client's connection (gateway.outlet.Downstream): its answer is noted, once as its head comes and once as it
    ends."""

    affinity = None

    def __init__(self, note):
        super().__init__()
        self._say = note

    def send_interim(self, status, reason, headers):
        super().send_interim(status, reason, headers)
        self._say(f"interim {status}")

    def send_head(self, status, reason, headers, length):
        super().send_head(status, reason, headers, length)
        mark = " instead of modern" if headers.get(b"x-figway-fallback") else ""
        self._say(f"head {status}{mark}")

    def send_end(self, trailers):
        super().send_end(trailers)
        self._say(f"end: {self.status}")

    def abort(self):
        super().abort()
        self._say("cut")

    def send_data(self, data):
        super().send_data(data)
        if self.status == 101:
            self._say(f"client gets {data.decode()}")

    def hang_up(self):
        self._say("hang up")

    def pause_upload(self):
        self._say("client waits")

    def resume_upload(self):
        self._say("client goes on")


class Lane:
    """The shadow's lane: what is offered to it or skipped is noted."""

    def __init__(self, note):
        self._note = note
        self.offered = []

    def offer(self, mirror):
        self.offered.append(mirror)
        said = mirror.way.said
        known = f", which said {said.status or said.failure.kind}" if said else ""
        self._note(f"mirror to {mirror.ask}{known}: {mirror.request.body.decode()}".removesuffix(": "))

    def skip(self, capability, operation, reason, left_out=None):
        self._note(f"no mirror: {reason}")


class Log:
    """The access log, unread."""

    dropped = 0

    def write(self, line):
        pass


class Play:
    """One exchange of a capability whose stage, limits and adapter are as given."""

    def __init__(self, stage=Stage.CANARY, *, shadow=False, adapter=None, room=0, patience=60, **keys):
        self.notes = []
        self._noted = asyncio.Event()
        self._seen = 0
        self.legacy, self.modern = Service(self._note, "legacy"), Service(self._note, "modern")
        arms = Arm("legacy", self.legacy), Arm("modern", self.modern, adapter)
        split = Split(10_000, ("client_ip",), "salt", fallback_after=patience) if stage == Stage.CANARY else None
        capability = Capability("results", "", (Operation("ask", "/results", safe=True),), *arms, stage, split=split,
                                shadow=ShadowPlan(1.0) if shadow else None, **keys)
        default = Capability(DEFAULT, "", (Operation("any"),), arms[0])
        self.recorder = Recorder(Log())
        self.pipeline = Pipeline(RouteTable((capability,), default), Lane(self._note), self.recorder)
        self.pipeline.room.limit = room
        self.client = Client(self._note)
        self.exchange = Watched(self.pipeline, self.client)

    def _note(self, what):
        self.notes.append(what)
        self._noted.set()

    def __rshift__(self, event):
        """Something comes in."""
        event(self)
        return self

    def __lshift__(self, expected):
        """This must have gone out next: one thing, or several in a row."""
        for one in (expected,) if isinstance(expected, str) else expected:
            left = self.notes[self._seen:]
            assert left[:1] == [one], f"{one!r} is due, and there is {left or 'nothing'}"
            self._seen += 1
        return self

    def __bool__(self):
        """The script is over: nothing is left to tell, and what was counted is given back."""
        assert self.notes[self._seen:] == []
        if self.exchange.phase is DONE:
            assert (self.pipeline.room.held, self.recorder.in_flight) == (0, 0)
        return True

    @property
    def calls(self):
        """The calls down both arms that are under way."""
        return [call for arm in (self.modern, self.legacy) for call in arm.calls if not (call.cancelled or call.over)]

    async def until(self, expected):
        """Wait for something to go out, however long that takes."""
        while expected not in self.notes[self._seen:]:
            self._noted.clear()
            await self._noted.wait()


# --- what comes in: from the client, then from the arm that is asked ---


def head(method="GET", length=0, *fields, **keys):
    """A request's head. A `length` of "chunked" announces a body without one; keys are facts of the head."""
    def come(play):
        size = CHUNKED if length == "chunked" else length
        judged = Head(Headers(fields), length=size, client="192.0.2.1", **keys)
        arrival = Arrival(Request(method, b"/results", judged.headers), judged, "0" * 32)
        play.exchange.begin(arrival, b"", whole=size == 0)
    return come


def data(text):
    """A piece of the request's body."""
    return lambda play: play.exchange.request_data(text.encode())


def end(play):
    """The request's body is complete."""
    play.exchange.request_end()


def gone(play):
    """The client goes away."""
    play.exchange.client_gone()


def broken(code):
    """The request's body turns out to be malformed."""
    return lambda play: play.exchange.client_broke(code)


def full(play):
    """The client takes no more of its answer for now."""
    play.exchange.pause_download()


def empty(play):
    """The client takes more again."""
    play.exchange.resume_download()


def begins(status, *fields, length=-1):
    """The arm that was asked last begins its answer."""
    return lambda play: play.calls[-1].receiver.on_head(status, b"", Headers(fields), length)


def says(text):
    """It sends a piece of the answer's body, or of a tunnel."""
    return lambda play: play.calls[-1].receiver.on_data(text.encode())


def ends(play):
    """Its answer is complete."""
    play.calls[-1].receiver.on_end(Headers())


def reply(status, text=""):
    """It answers at once and in full."""
    def come(play):
        call = play.calls[-1]
        call.receiver.on_head(status, b"", Headers(), len(text))
        if not call.cancelled and text:
            call.receiver.on_data(text.encode())
        if not call.cancelled:
            call.receiver.on_end(Headers())
    return come


def fails(kind, source="upstream"):
    """It fails, and says nothing more: check_transport holds every transport to that."""
    def fail(play):
        call = play.calls[-1]
        call.over = True
        call.receiver.on_failure(Failure(kind, source))
    return fail


def blocked(play):
    """It takes no more of the request for now."""
    play.calls[-1].receiver.on_upload_blocked()


def resumed(play):
    """It takes more again."""
    play.calls[-1].receiver.on_upload_resumed()


def ejected(name):
    """An upstream is ejected, before or during the exchange."""
    return lambda play: setattr(getattr(play, name), "well", False)


# --- what goes out ---


def asks(name, body=""):
    """An arm is asked, with what has come of the body; "…" at its end says that more is to come."""
    return f"asks {name}: {body}".removesuffix(": ")


def answers(status, *, instead=False):
    """An answer's head and its end. `instead` says that it is marked as legacy's answer in modern's place."""
    return f"head {status}{' instead of modern' if instead else ''}", f"end: {status}"
