"""Bodies flow as they come, in constant memory, at the pace of the slower side, and end when their client leaves."""

import threading

import pytest

from tests.backends.upstream import pours, until
from tests.backends.wire import BUFFERS, PATIENCE, Cut, request, response

CHUNKED = ("Transfer-Encoding", "chunked")


def test_server_sent_events_are_not_held_back(plain, legacy):
    heard = threading.Event()

    def legacy_tells(wire, asked):
        wire.send(response(200, ("Content-Type", "text/event-stream"), CHUNKED))
        for number in range(5):
            heard.clear()
            wire.send(b"9\r\ndata: %d\n\n\r\n" % number)
            assert heard.wait(PATIENCE), "the next event waits for the client to have this one"
        wire.send(b"0\r\n\r\n")

    legacy.does(legacy_tells)
    wire = plain.connect().send(request("GET", "/events", ("Accept", "text/event-stream")))
    wire.read_head()
    for number in range(5):
        assert wire.read_line() == b"9"
        assert wire.read(11) == b"data: %d\n\n\r\n" % number
        heard.set()
    assert wire.read(5) == b"0\r\n\r\n"


def test_a_request_body_is_not_held_back(plain, legacy):
    first_half = threading.Event()

    def legacy_reads_slowly(wire, asked):
        assert wire.read(10) == b"5\r\nhello\r\n"
        first_half.set()
        assert wire.read(15) == b"5\r\nworld\r\n0\r\n\r\n"
        asked.complete = True
        wire.send(response(200, body=b"ok"))

    legacy.does(legacy_reads_slowly)
    wire = plain.connect().send(request("POST", "/", CHUNKED) + b"5\r\nhello\r\n")
    assert first_half.wait(PATIENCE), "the first half waits for the second"
    assert wire.send(b"5\r\nworld\r\n0\r\n\r\n").read_reply().body == b"ok"


def test_a_small_body_is_sent_when_it_is_whole(plain, legacy):
    legacy.answers(response(200, body=b"ok"))
    wire = plain.connect().send(request("POST", "/", ("Content-Length", "10")) + b"hello")
    assert wire.silent(0.3)
    assert legacy.asked == []
    assert wire.send(b"world").read_reply().body == b"ok"
    assert legacy.asked[0].body == b"helloworld"


@pytest.mark.proves(5)
@pytest.mark.parametrize("leave", ["close", "reset", "half_close"])
def test_a_client_that_leaves_in_the_middle_of_a_small_body_asks_for_nothing(plain, legacy, leave):
    wire = plain.connect().send(request("POST", "/", ("Content-Length", "10")) + b"hello")
    getattr(wire, leave)()
    if leave == "half_close":
        assert wire.read_reply().status == 400
    assert plain.ask("GET", "/other").status == 200
    assert legacy.targets() == ["/other"]


def test_an_answer_may_come_before_the_request_is_over(plain, legacy):
    def legacy_answers_early(wire, asked):
        wire.send(response(413, ("Connection", "close"), body=b"too much"))
        wire.half_close()
        wire.rest()

    legacy.does(legacy_answers_early)
    reply = plain.connect().send(request("POST", "/", ("Content-Length", "1000000")) + b"start").read_reply()
    assert (reply.status, reply.body) == (413, b"too much")


GIGABYTE = 1 << 30
GROWTH = 30 << 20


@pytest.mark.proves(31)
def test_a_download_of_a_gigabyte_takes_no_memory(plain, legacy):
    legacy.does(pours(GIGABYTE))
    wire = plain.connect()
    with plain.watching_memory() as resident:
        _, _, headers = wire.send(request("GET", "/image")).read_head()
        came = wire.skip(GIGABYTE)
    assert headers.get_all(b"content-length") == [b"%d" % GIGABYTE]
    assert came == GIGABYTE
    assert max(resident) - resident[0] < GROWTH


@pytest.mark.proves(31)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_an_upload_of_a_gigabyte_takes_no_memory(plain, legacy, chunked):
    heard = []

    def legacy_counts(wire, asked):
        if chunked:
            heard.append(0)
            while size := int(wire.read_line(), 16):
                heard[0] += wire.skip(size)
                wire.read(2)
            wire.read(2)
        else:
            heard.append(wire.skip(GIGABYTE))
        asked.complete = True
        wire.send(response(200, body=b"ok"))

    legacy.does(legacy_counts)
    piece = bytes(1 << 20)
    wire = plain.connect()
    with plain.watching_memory() as resident:
        if chunked:
            wire.send(request("PUT", "/image", CHUNKED))
            framed = b"%x\r\n%b\r\n" % (len(piece), piece)
            for _ in range(GIGABYTE // len(piece)):
                wire.send(framed)
            wire.send(b"0\r\n\r\n")
        else:
            wire.send(request("PUT", "/image", ("Content-Length", str(GIGABYTE))))
            for _ in range(GIGABYTE // len(piece)):
                wire.send(piece)
        reply = wire.read_reply()
    assert reply.status == 200
    assert heard == [GIGABYTE]
    assert max(resident) - resident[0] < GROWTH


PIECE = bytes(1 << 16)
PIECES = 2 * BUFFERS // len(PIECE)


def steady(number):
    """The value of number() once it has grown, and stopped growing for half a second."""
    last, calls = -1, 0

    def still() -> bool:
        nonlocal last, calls
        now = number()
        calls = calls + 1 if now == last and now else 0
        last = now
        return calls > 50

    until(still, "it never stops")
    return last


@pytest.mark.proves(31)
def test_a_client_that_does_not_read_makes_the_upstream_stop(plain, legacy):
    sent = 0

    def legacy_pours(wire, asked):
        nonlocal sent
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
        for _ in range(PIECES):
            wire.send(PIECE)
            sent += len(PIECE)

    legacy.does(legacy_pours)
    wire = plain.connect(receive_buffer=1 << 16).send(request("GET", "/image"))
    held = steady(lambda: sent)

    assert 0 < held < BUFFERS
    wire.read_head()
    assert wire.skip(len(PIECE) * PIECES) == len(PIECE) * PIECES


@pytest.mark.proves(31)
def test_an_upstream_that_does_not_read_makes_the_client_stop(plain, legacy):
    may_read = threading.Event()

    def legacy_waits(wire, asked):
        may_read.wait(PATIENCE)
        heard = wire.skip(total)
        asked.complete = True
        wire.send(response(200, body=str(heard).encode()))

    legacy.does(legacy_waits)
    wire, sent, total = plain.connect(), 0, len(PIECE) * PIECES

    def client_pours():
        nonlocal sent
        wire.send(request("PUT", "/image", ("Content-Length", str(total))))
        for _ in range(PIECES):
            wire.send(PIECE)
            sent += len(PIECE)

    client = threading.Thread(target=client_pours)
    client.start()
    held = steady(lambda: sent)
    may_read.set()
    client.join()

    assert 0 < held < BUFFERS
    assert wire.read_reply().body == str(total).encode()


@pytest.mark.proves(32)
@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_ends_the_upstream_call(plain, legacy, leave):
    legacy_left = threading.Event()

    def legacy_waits_for_ever(wire, asked):
        wire.rest()
        legacy_left.set()

    legacy.does(legacy_waits_for_ever)
    wire = plain.connect().send(request("GET", "/slow"))
    until(lambda: legacy.asked != [], "the request does not arrive")
    getattr(wire, leave)()

    # Well inside the five minutes after which the gateway would give up by itself.
    assert legacy_left.wait(PATIENCE), "the upstream is still asked"


@pytest.mark.proves(32)
def test_a_client_that_leaves_in_the_middle_of_an_answer_ends_the_upstream_call(plain, legacy):
    legacy_left = threading.Event()

    def legacy_pours(wire, asked):
        try:
            pours(GIGABYTE)(wire, asked)
        except OSError:
            legacy_left.set()

    legacy.does(legacy_pours)
    wire = plain.connect().send(request("GET", "/image"))
    wire.read(1 << 16)
    wire.close()

    assert legacy_left.wait(PATIENCE), "the upstream still pours"


@pytest.mark.proves(5)
def test_a_client_that_leaves_in_the_middle_of_its_body_completes_nothing(plain, legacy):
    def legacy_reads(wire, asked):
        try:
            wire.read_body(asked)
        except Cut:
            return
        wire.send(response(200))

    legacy.does(legacy_reads)
    for body, framing in [(b"half", ("Content-Length", "100000")), (b"5\r\nhello\r\n", CHUNKED)]:
        for leave in ["close", "reset", "half_close"]:
            wire = plain.connect().send(request("POST", "/", framing) + body)
            until(lambda: any(one.complete is None for one in legacy.asked), "the request does not arrive")
            getattr(wire, leave)()
            assert legacy.settled() == []
