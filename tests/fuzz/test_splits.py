"""The same bytes in any pieces have one reading: what a client's requests are does not depend on how they were cut."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.edges.settings import EdgeSettings
from tests.playbooks.client import Client

CHUNKED = b"POST /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = [
    b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n",
    b"POST /d HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n\r\nGET / HTTP/1\r\n\r\n",
    CHUNKED + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
    CHUNKED + b"1\r\nx\r\n" * 600 + b"0\r\n\r\n",
    b"\r\n\r\n",
]
BROKEN = [
    b"",
    b"\r",
    b"\x16\x03\x01\x02",
    b"GET /a HTTP/1.1\r\nHo",
    b"GET /a HTTP/1.1\nHost: h\n\n",
    b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n",
    b" GET / HTTP/1.1\r\n\r\n",
    b"GET /i HTTP/3.0\r\nHost: h\r\n\r\n",
    b"POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
    CHUNKED + b"3\r\nabcd\r\n",
    CHUNKED + b"3\r\nabc\r\n",
]


async def reading(pieces):
    """What a listener takes the bytes for: each request with its body, in order, and what is refused."""
    client = Client(EdgeSettings(via=""), answers_itself=True)
    log = []
    for piece in pieces:
        if client.wire.closing:
            break
        log += client.sends(piece)
        # What was put off to a later turn comes before more bytes do, as it does where reading has stopped.
        while client.listener.scheduled:
            await asyncio.sleep(0)
            log += client.happened()
    found = []
    for event, *rest in log:
        if event == "begins":
            found.append([rest[0], rest[1], rest[2]])
        elif event == "body":
            found[-1][2] += rest[0]
        elif event == "client broke":
            # A body that is malformed may be refused before its exchange begins, or break it off.
            found[-1] = ["refused"]
        elif event == "refuses":
            # Which fault is seen first may depend on the cut. That there is one does not.
            found.append(["refused"])
    return found


@given(st.data(), st.lists(st.sampled_from(WHOLE), max_size=4), st.sampled_from(BROKEN))
def test_requests_are_the_same_however_their_bytes_are_cut(data, whole, broken):
    sent = b"".join([*whole, broken])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True) if start < end]

    assert asyncio.run(reading(pieces)) == asyncio.run(reading([sent] if sent else []))


def test_one_byte_at_a_time_is_no_other_reading():
    sent = b"".join(WHOLE)
    assert asyncio.run(reading([sent[at:at + 1] for at in range(len(sent))])) == asyncio.run(reading([sent]))
