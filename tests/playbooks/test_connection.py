"""A connection to an upstream, as a script: `>>` are bytes that come from the upstream, `<<` is the next call that the
connection makes, to its receiver, its owner or its socket. A script is over when no call is left."""

import asyncio
import socket
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transports.http.connection import Connection
from gateway.transports.http.phase import BODY, CLOSED, EARLY, HEAD, IDLE, TRANSITIONS, TUNNEL
from gateway.transports.tally import Tally
from gateway.wire.bodies import UNTIL_CLOSE
from tests.playbooks.watched import watched

OK = b"HTTP/1.1 200 OK\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: legacy\r\n\r\n"


class Socket(asyncio.Transport):
    """What the connection writes to; it has a real socket, on which nothing ever comes."""

    def __init__(self, calls):
        super().__init__()
        self._calls = calls
        self._ends = socket.socketpair()
        self._ends[0].setblocking(False)
        self._closing = False

    def get_extra_info(self, name, default=None):
        return self._ends[0] if name == "socket" else default

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def write(self, data):
        self._calls.append(f"write {data.decode()!r}")

    def pause_reading(self):
        self._calls.append("pause reading")

    def resume_reading(self):
        self._calls.append("resume reading")

    def is_closing(self):
        return self._closing

    def close(self):
        self._closing = True
        self._calls.append("close")

    def abort(self):
        self._closing = True
        self._calls.append("abort")

    def release(self):
        for end in self._ends:
            end.close()


class Asked:
    """The request that the connection serves, and its receiver."""

    def __init__(self, calls, method="GET", *, sent_all=True, upgrade=False):
        self._calls = calls
        self.method = method
        self.receiver = self
        self.sent_all = sent_all
        self.upgrade = upgrade

    def on_interim(self, status, reason, headers):
        self._calls.append(f"interim {status}")

    def on_head(self, status, reason, headers, length):
        self._calls.append(f"head {status} {length}")

    def on_data(self, data):
        self._calls.append(f"data {data.decode('latin-1')}")

    def on_flush(self):
        self._calls.append("flush")

    def on_end(self, trailers):
        self._calls.append(f"end {dict(trailers)}" if trailers else "end")

    def on_upload_blocked(self):
        self._calls.append("upload blocked")

    def on_upload_resumed(self):
        self._calls.append("upload resumed")

    def offered(self, schemes):
        return True

    def on_login(self):
        self._calls.append("login")

    def ended(self):
        pass

    def failed(self, failure, *, answered):
        self._calls.append(f"failure {failure.kind}{' after bytes' if answered else ''}")


class Owner:
    """The endpoint that the connection belongs to."""

    first_byte = between_bytes = 240.0

    def __init__(self, calls, *, patient=False, has_room=True, strict=False):
        self._calls = calls
        self.strict = strict
        self.tally = Tally()
        self._patient = patient
        self._has_room = has_room

    def released(self, connection):
        self._calls.append("released")

    def closing(self, connection):
        self._calls.append("closing")

    def sends_rest(self):
        return self._patient

    def lost(self, connection):
        self._calls.append("lost")

    def stalled(self, connection):
        self._calls.append("stalled")

    def leaves_pool(self, connection):
        self._calls.append("leaves pool")
        return self._has_room


Watched = watched(Connection, TRANSITIONS)


class Play:
    """A connection and the calls that it has made."""

    def __init__(self, **owner):
        self.calls = []
        self.socket = Socket(self.calls)
        self.connection = Watched(Owner(self.calls, **owner), "127.0.0.1")
        self.connection.connection_made(self.socket)

    def asks(self, method="GET", **asked):
        """A request goes out."""
        self.asked = Asked(self.calls, method, **asked)
        self.connection.serve(self.asked, REQUEST)
        return self << f"write {REQUEST.decode()!r}"

    def __rshift__(self, data):
        self.connection.data_received(data)
        return self

    def __lshift__(self, call):
        assert self.calls[:1] == [call], f"{call!r} is expected; the calls are {self.calls}"
        del self.calls[0]
        return self

    def closes(self, error=None):
        """The upstream closes the connection."""
        self.connection.connection_lost(error)
        return self

    def is_over(self, phase):
        assert (self.calls, self.connection.phase) == ([], phase)


@pytest.fixture
def playing():
    plays = []

    def play(**owner):
        plays.append(Play(**owner))
        return plays[-1]

    yield play
    for one in plays:
        one.socket.release()


def test_an_answer_that_comes_at_once_frees_its_connection(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 5\r\n\r\nhello"
    play << "head 200 5" << "data hello" << "released" << "end"
    play.is_over(IDLE)


def test_an_answer_in_pieces_is_handed_on_piece_by_piece(playing):
    play = playing().asks()
    play >> b"HTTP/1.1 200 OK\r\nConte"
    play << "flush"
    play >> b"nt-Length: 5\r\n\r\n"
    play << "head 200 5" << "flush"
    play >> b"hel"
    play << "data hel" << "flush"
    play >> b"lo"
    play << "data lo" << "released" << "end"
    play.is_over(IDLE)


def test_a_connection_serves_one_request_after_another(playing):
    play = playing()
    for body in (b"one", b"two"):
        play.asks() >> OK + b"Content-Length: 3\r\n\r\n" + body
        play << "head 200 3" << f"data {body.decode()}" << "released" << "end"
    play.is_over(IDLE)


def test_interim_answers_come_before_the_answer(playing):
    play = playing().asks()
    play >> b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    play << "interim 103" << "flush"
    play >> OK + b"Content-Length: 0\r\n\r\n"
    play << "head 200 0" << "released" << "end"
    play.is_over(IDLE)


def test_trailers_come_with_the_end_of_a_chunked_answer(playing):
    play = playing().asks()
    play >> OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    play << "head 200 -1" << "data hello" << "flush"
    play >> b"0\r\nDigest: x\r\n\r\n"
    play << "released" << "end {b'Digest': b'x'}"
    play.is_over(IDLE)


def test_an_answer_of_unknown_length_ends_with_its_connection(playing):
    play = playing().asks()
    play >> OK + b"\r\nhel"
    play << "closing" << "head 200 -2" << "data hel" << "flush"
    play >> b"lo"
    play << "data lo" << "flush"
    play.closes() << "closing" << "lost" << "end" << "lost"
    play.is_over(CLOSED)


def test_an_answer_to_head_has_no_body_whatever_its_length_says(playing):
    play = playing().asks("HEAD")
    play >> OK + b"Content-Length: 5\r\n\r\n"
    play << "head 200 5" << "released" << "end"
    play.is_over(IDLE)


def test_an_answer_that_is_cut_short_fails(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 5\r\n\r\nhel"
    play << "head 200 5" << "data hel" << "flush"
    play.closes() << "lost" << "failure truncated after bytes" << "lost"
    play.is_over(CLOSED)


def test_a_connection_that_closes_before_an_answer_fails_without_bytes(playing):
    play = playing().asks()
    play.closes() << "lost" << "failure reset" << "lost"
    play.is_over(CLOSED)


def test_bytes_that_answer_no_request_close_the_connection(playing):
    play = playing()
    play >> OK + b"Content-Length: 0\r\n\r\n"
    play << "abort"
    play.is_over(IDLE)
    assert not play.connection.usable


def test_bytes_after_the_end_of_an_answer_close_the_connection(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
    play << "head 200 2" << "data ok" << "closing" << "abort" << "lost" << "end"
    play.is_over(CLOSED)


def test_what_is_not_http_fails_at_once(playing):
    play = playing().asks()
    play >> b"SSH-2.0-OpenSSH"
    play << "abort" << "lost" << "failure malformed"
    play.is_over(CLOSED)


def test_an_answer_with_two_lengths_fails(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n"
    play << "abort" << "lost" << "failure malformed"
    play.is_over(CLOSED)


def test_an_answer_that_is_repaired_closes_the_connection(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    play << "closing" << "head 200 -1" << "data ok" << "closing" << "abort" << "lost" << "end"
    play.is_over(CLOSED)


def test_an_interim_answer_that_is_repaired_closes_the_connection_after_the_final_one(playing):
    play = playing().asks()
    play >> b"HTTP/1.1 102 Wait\n\n" + OK + b"Content-Length: 2\r\n\r\nok"
    play << "interim 102" << "head 200 2" << "data ok" << "closing" << "abort" << "lost" << "end"
    play.is_over(CLOSED)


def test_a_strict_connection_repairs_nothing(playing):
    play = playing(strict=True).asks()
    play >> OK + b"Content-Length: 2\n\nok"
    play << "abort" << "lost" << "failure malformed"
    play.is_over(CLOSED)


def test_an_answer_before_the_end_of_its_request_closes_the_connection(playing):
    play = playing().asks("POST", sent_all=False)
    play >> OK + b"Content-Length: 2\r\n\r\nno"
    play << "head 200 2" << "data no" << "closing" << "abort" << "lost" << "end"
    play.is_over(CLOSED)


def test_a_patient_owner_sends_the_rest_of_a_request_that_is_answered(playing):
    play = playing(patient=True).asks("POST", sent_all=False)
    play >> OK + b"Content-Length: 2\r\n\r\nno"
    play << "head 200 2" << "data no" << "flush"
    play.is_over(EARLY)
    play.connection.write(b"the rest")
    play.asked.sent_all = True
    play.connection.await_answer()
    play << "write 'the rest'" << "released" << "end"
    play.is_over(IDLE)


def test_a_tunnel_carries_bytes_until_its_connection_closes(playing):
    play = playing().asks(sent_all=False, upgrade=True)
    play >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi"
    play << "leaves pool" << "closing" << f"head 101 {UNTIL_CLOSE}" << "data hi" << "flush"
    play.is_over(TUNNEL)
    play >> b"there"
    play << "data there" << "flush"
    play.closes() << "closing" << "lost" << "end" << "lost"
    play.is_over(CLOSED)


def test_an_upgrade_that_was_not_asked_for_fails(playing):
    play = playing().asks()
    play >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    play << "abort" << "lost" << "failure malformed"
    play.is_over(CLOSED)


def test_an_event_stream_for_which_there_is_no_room_fails(playing):
    play = playing(has_room=False).asks()
    play >> OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    play << "leaves pool" << "abort" << "lost" << "failure pool_full"
    play.is_over(CLOSED)


def test_an_answer_that_is_not_taken_is_not_read(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 5\r\n\r\nhel"
    play << "head 200 5" << "data hel" << "flush"
    play.connection.pause()
    play << "pause reading" << "stalled"
    play.connection.resume()
    play << "resume reading"
    play >> b"lo"
    play << "data lo" << "released" << "end"
    play.is_over(IDLE)


def test_an_upstream_that_takes_no_more_of_a_body_holds_the_upload_back(playing):
    play = playing().asks("POST", sent_all=False)
    play.connection.pause_writing()
    play << "upload blocked"
    play.connection.resume_writing()
    play << "upload resumed"
    play.is_over(HEAD)


def test_a_deadline_that_passes_fails_the_call_and_closes_the_connection(playing):
    play = playing().asks()
    play >> OK + b"Content-Length: 5\r\n\r\nhel"
    play << "head 200 5" << "data hel" << "flush"
    play.is_over(BODY)
    play.connection.overdue()
    play << "abort" << "lost" << "failure between_bytes_timeout after bytes"
    play.is_over(CLOSED)


def test_an_answer_that_logs_its_connection_in_closes_it_where_nobody_keeps_it(playing):
    play = playing().asks()
    play >> b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
    play << "login" << "closing" << "head 401 0" << "closing" << "abort" << "lost" << "end"
    play.is_over(CLOSED)


async def test_a_body_of_tiny_chunks_is_worked_off_in_turns_of_the_loop(playing):
    play = playing().asks()
    play >> OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n2\r\nyy\r\n" * 300 + b"0\r\n\r\n"
    for _ in range(10):
        await asyncio.sleep(0)  # one turn of the loop
    calls = [call for call in play.calls if not call.startswith("data ")]
    assert "".join(call[5:] for call in play.calls if call.startswith("data ")) == "xyy" * 300
    assert calls == ["head 200 -1", "pause reading", "flush", "resume reading", "flush", "released", "end"]


# --- any split of the same answer gives one reading ---------------------------------------------------------------

_bodies = st.binary(max_size=40)
_field = st.sampled_from([b"X-A: 1\r\n", b"Connection: close\r\n", b"Connection: X-A\r\n", b"Set-Cookie: a=b\r\n"])
_interim = st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
_interims = st.lists(_interim, max_size=2).map(b"".join)


@st.composite
def _framed(draw):
    """Field lines that say how long a body is, and the body as it stands on the wire."""
    body = draw(_bodies)
    how = draw(st.sampled_from(["length", "chunks", "close"]))
    if how == "close":
        return b"", body
    if how == "length":
        return b"Content-Length: %d\r\n" % len(body), body
    size = draw(st.integers(1, 20))
    chunks = [body[at:at + size] for at in range(0, len(body), size)]
    trailers = draw(st.sampled_from([b"", b"X-End: 1\r\n"]))
    return b"Transfer-Encoding: chunked\r\n", b"".join(
        b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"


@st.composite
def answers(draw):
    """An answer's bytes: as an upstream should send them, or with one byte changed, and perhaps cut or too long."""
    status = draw(st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404 Not Found", b"503 "]))
    length, body = draw(_framed())
    fields = b"".join(draw(st.lists(_field, max_size=3)))
    raw = draw(_interims) + b"HTTP/1.%d %b\r\n" % (draw(st.integers(0, 1)), status) + fields + length + b"\r\n" + body
    change = draw(st.sampled_from(["none", "none", "a byte", "cut", "more"]))
    if change == "a byte":
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + draw(st.binary(min_size=1, max_size=1)) + raw[at + 1:]
    elif change == "cut":
        raw = raw[:draw(st.integers(0, len(raw)))]
    elif change == "more":
        raw += draw(_bodies)
    return raw


def read(pieces, method):
    """What the receiver hears of an answer that comes in these pieces, until the upstream closes; and whether the
    connection could have served another request before that."""
    play = Play()
    try:
        play.asks(method)
        for piece in pieces:
            if play.socket.is_closing():
                break
            play >> piece
        usable = play.connection.usable
        play.closes()
    finally:
        play.socket.release()
    heard = [call for call in play.calls if call.split()[0] in ("interim", "head", "data", "end", "failure")]
    failed = any(call.startswith("failure") for call in heard)
    # How much of the body is handed on before it turns out to be malformed depends on how it comes.
    data = "" if failed else "".join(call[5:] for call in heard if call.startswith("data "))
    return [call for call in heard if not call.startswith("data ")], data, usable


@settings(max_examples=400, deadline=None)
@given(answers(), st.sampled_from(["GET", "HEAD"]), st.sets(st.integers(1, 300)))
def test_any_split_of_an_answer_gives_one_reading(raw, method, cuts):
    ends = [*sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    pieces = [raw[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert read(pieces, method) == read([raw], method) == read([bytes([byte]) for byte in raw], method)


def test_a_slow_client_leaves_the_rest_of_its_request_its_time(playing):
    """The answer is complete, so nothing more is due from the upstream."""
    play = playing(patient=True).asks("POST", sent_all=False)
    play >> OK + b"Content-Length: 5\r\n\r\nhello"
    play << "head 200 5" << "data hello" << "flush"
    play.connection.pause()
    play.connection.resume()
    play << "pause reading" << "stalled" << "resume reading"
    assert play.connection.deadline == inf
    play.is_over(EARLY)


def test_an_answer_that_is_complete_stays_so_when_its_connection_is_reset(playing):
    play = playing(patient=True).asks("POST", sent_all=False)
    play >> OK + b"Content-Length: 5\r\n\r\nhello"
    play << "head 200 5" << "data hello" << "flush"
    play.closes(ConnectionResetError())
    play << "closing" << "lost" << "end" << "lost"
    play.is_over(CLOSED)
