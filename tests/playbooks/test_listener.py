"""A client connection, as a script: bytes that the client sends, and what the listener does about each."""

import asyncio

import pytest

from adapters.message import Headers
from gateway.build import is_compiled
from gateway.edges.http1.phase import MOVES, Phase
from gateway.edges.settings import EdgeSettings
from tests.playbooks.client import Client, Watched, Wire

A = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
B = b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n"
CHUNKED = b"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKING = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
LONG = POST.replace(b"6", b"600000")
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

OK = ("writes", b"HTTP/1.1 200 Said\r\n\r\nok")
LAST_OK = ("writes", b"HTTP/1.1 200 Said\r\nConnection: close\r\n\r\nok")


def begins(target, body=b"", *, whole=True, method="GET"):
    return ("begins", method, target, body, whole)


async def turn(client):
    """One turn of the event loop."""
    await asyncio.sleep(0)
    return client.happened()


# --- one request after another ---

def test_a_request_in_one_piece():
    client = Client()
    assert client.sends(A) == [begins(b"/a")]
    assert client.answers() == [OK]
    assert client.sends(B) == [begins(b"/b")]
    assert client.answers() == [OK]
    assert client.goes() == []


def test_a_head_that_comes_in_pieces():
    client = Client()
    assert client.sends(b"GET /a HT") == []
    assert client.sends(b"TP/1.1\r\nHost: h\r\n\r") == []
    assert client.sends(b"\n") == [begins(b"/a")]


async def test_pipelined_requests_are_served_one_after_another_each_in_a_turn_of_its_own():
    client = Client()
    assert client.sends(A + B + A) == [begins(b"/a")]
    assert client.answers() == [OK]
    assert await turn(client) == [begins(b"/b")]
    assert await turn(client) == []
    assert client.answers() == [OK]
    assert await turn(client) == [begins(b"/a")]


def test_what_is_sent_ahead_past_a_limit_is_not_read():
    client = Client()
    assert client.sends(A) == [begins(b"/a")]
    assert client.sends(B * 3000) == [("stops reading",)]
    assert client.goes() == [("client gone",)]


def test_the_connection_closes_after_the_answer_where_the_client_says_so():
    client = Client()
    assert client.sends(A.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) == [begins(b"/a")]
    assert client.answers() == [LAST_OK, ("closes",)]


def test_an_old_client_that_half_closes_still_gets_its_answer():
    client = Client()
    assert client.sends(b"GET /a HTTP/1.0\r\n\r\n") == [begins(b"/a")]
    assert client.half_closes() == []
    assert client.answers() == [LAST_OK, ("closes",)]


# --- refusals ---

@pytest.mark.parametrize(("head", "code"), [
    (b"GET /a HTTP/1.1\r\n\r\n", "bad_host"),
    (b"GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "bad_target"),
    (b"GET /a HTTP/1.1\nHost: h\n\n", "bad_request"),
    (b"GET /" + b"a" * 70_000, "target_too_long"),
    (CHUNKED[:-2] + b"Content-Length: 1\r\n\r\n", "bad_framing"),
])
def test_a_head_that_is_refused_closes_the_connection(head, code):
    client = Client()
    refused, written, ended = client.sends(head)
    assert refused == ("refuses", code)
    assert b"\r\nConnection: close\r\n\r\n" in written[1]
    assert ended == ("ends",)
    assert client.sends(A) == [], "what still comes is thrown away"


def test_a_head_that_does_not_come_in_time_is_refused_and_an_idle_connection_closes():
    client = Client()
    client.sends(b"GET /a")
    assert client.is_late()[0] == ("refuses", "request_timeout")
    assert Client().is_late() == [("closes",)]


# --- bodies ---

def test_a_body_goes_on_as_it_comes():
    client = Client()
    assert client.sends(POST + b"ab") == [begins(b"/p", b"ab", whole=False, method="POST")]
    assert client.sends(b"cd") == [("body", b"cd")]
    assert client.sends(b"ef") == [("body", b"ef"), ("body ends",)]
    assert client.answers() == [OK]


async def test_a_chunked_body_ends_where_its_last_chunk_does():
    client = Client()
    assert client.sends(CHUNKED + b"2\r\nab\r\n1") == [begins(b"/p", b"ab", whole=False, method="POST")]
    assert client.sends(b"\r\nc\r\n0\r\n\r\n" + B) == [("body", b"c"), ("body ends",)]
    assert client.answers() == [OK]
    assert await turn(client) == [begins(b"/b")]


async def test_many_small_chunks_are_read_in_several_turns_and_nothing_else_meanwhile():
    client = Client()
    client.sends(CHUNKED)
    [(_, first), stops] = client.sends(b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n")
    assert stops == ("stops reading",)
    read, log = len(first), []
    while ("body ends",) not in log:
        log = await turn(client)
        read += sum(len(said[1]) for said in log if said[0] == "body")
    assert read == 2000
    assert log[-2:] == [("body ends",), ("reads on",)]


@pytest.mark.parametrize(("rest", "code"), [(b"g\r\n", "bad_framing"), (None, "body_truncated")])
def test_a_body_that_breaks_off_ends_its_exchange(rest, code):
    client = Client()
    client.sends(CHUNKED + b"2\r\nab\r\n")
    said = client.half_closes() if rest is None else client.sends(rest)
    assert said == [("client broke", code), ("cuts",)]


def test_a_body_that_comes_too_slowly_ends_its_exchange():
    client = Client(EdgeSettings(via="", body_rate=100))
    client.sends(POST + b"a")
    assert client.is_late() == [("client broke", "request_timeout"), ("cuts",)]


def test_a_short_rest_of_a_body_that_nobody_wants_is_read_and_the_connection_stays():
    client = Client()
    client.sends(POST + b"ab")
    assert client.answers(413) == [("writes", b"HTTP/1.1 413 Said\r\n\r\nok")]
    assert client.sends(b"cdef") == []
    assert client.sends(A) == [begins(b"/a")]


@pytest.mark.parametrize("head", [ASKING, LONG])
def test_a_long_rest_and_one_that_may_never_come_close_the_connection(head):
    client = Client()
    client.sends(head)
    assert client.answers(413) == [("writes", b"HTTP/1.1 413 Said\r\nConnection: close\r\n\r\nok"), ("ends",)]


# --- a client that takes its answer slowly, and one that goes ---

def test_an_exchange_waits_for_a_client_that_takes_nothing_and_then_is_given_up():
    client = Client()
    client.sends(A)
    assert client.takes_no_more(300 << 10) == [("waits for the client",)]
    assert client.takes_all() == [("goes on",)]
    client.takes_no_more(300 << 10)
    assert client.is_late() == [("cuts",)]


def test_the_next_request_waits_while_the_client_does_not_take_the_answer():
    client = Client()
    client.takes_no_more(100 << 10)
    assert client.sends(A) == []


def test_a_client_that_goes_ends_its_exchange():
    client = Client()
    client.sends(POST)
    assert client.goes() == [("client gone",)]


def test_an_answer_that_breaks_off_cuts_the_connection():
    client = Client()
    client.sends(A)
    downstream = client.pipeline.latest.downstream
    downstream.send_head(200, b"OK", Headers(), 10)
    downstream.abort()
    assert client.happened() == [("cuts",)]


# --- tunnels and stopping ---

def test_an_upgraded_connection_carries_bytes_and_ends_between_two_frames():
    client = Client()
    assert client.sends(UPGRADE) == [begins(b"/ws")]
    downstream = client.pipeline.latest.downstream
    downstream.send_head(101, b"Switching Protocols", Headers([(b"Upgrade", b"websocket")]), -2)
    assert client.happened() == [("writes", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")]
    assert client.sends(b"\x81\x80abcd") == [("body", b"\x81\x80abcd")]
    downstream.send_data(b"\x82\x05ab")
    downstream.flush()
    client.listener.shutdown()
    assert client.happened() == [("writes", b"\x82\x05ab")]
    downstream.send_data(b"cde\x82\x01x")
    assert client.happened() == [("writes", b"cde\x88\x02\x03\xe9")]
    downstream.send_end(Headers())
    assert client.happened() == [("ends",)]


def test_a_server_that_stops_closes_after_the_answer_under_way():
    client = Client()
    client.sends(A)
    client.listener.shutdown()
    assert client.answers() == [LAST_OK, ("closes",)]


def test_an_idle_connection_still_takes_a_request_that_was_on_its_way():
    client = Client()
    client.listener.shutdown()
    client.pipeline.draining = True
    assert client.sends(A) == [begins(b"/a")]
    assert client.answers() == [LAST_OK, ("closes",)]


def test_a_connection_without_a_place_is_refused_and_a_silent_one_makes_way():
    client = Client(EdgeSettings(via="", connections=1))
    silent = client.listener
    client.edge.silent[silent] -= 1
    client.connects(Wire(client.log))
    assert client.happened() == [("closes",)]
    assert silent.phase is Phase.LINGER
    client.connects(Wire(client.log))
    assert client.happened()[0] == ("refuses", "overloaded")


# --- the table ---

def upgraded():
    client = Client()
    client.sends(UPGRADE)
    client.pipeline.latest.downstream.send_head(101, b"Switching Protocols", Headers(), -2)
    return client


def test_every_move_of_the_table_happens():
    for head in (A, POST, POST[:-9]):
        for start in (0, 5):
            client = Client()
            client.sends(head[:start])
            client.sends(head[start:])
            client.is_late()
    for listener in (Client().listener, upgraded().listener):
        listener.close()
    client = Client()
    client.sends(POST)
    client.sends(b"abcdef")
    client.answers()
    client.sends(POST)
    client.answers()
    client.sends(b"abcdef")
    client.sends(POST)
    client.answers()
    client.listener.leave(soon=False)
    client = Client()
    client.sends(A)
    client.listener.hang_up()

    if not is_compiled():
        assert Watched.seen == {(before, after) for before, moves in MOVES.items() for after in moves}
    assert MOVES.keys() == set(Phase)
