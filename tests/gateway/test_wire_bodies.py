"""Chunked bodies, however they are cut: what is read is what was sent, and no call reads more than its share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edges.http1.tunnel import Frames
from gateway.wire.bodies import Chunked
from gateway.wire.heads import Malformed

# Rows of equal sizes, as an attack has them, and any others.
ROWS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 600), st.booleans()), max_size=6)


def drained(framing, data):
    """The payload in `data`, in as many calls as it takes."""
    said = framing.feed(data)
    while framing.behind:
        said += framing.feed(b"")
    return said


def read(framing, pieces):
    return b"".join(drained(framing, piece) for piece in pieces)


@st.composite
def pieces(draw, data):
    """Bytes, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(st.data(), ROWS, st.sampled_from([b"", b"X-Sum: 1\r\n"]), st.sampled_from([b"", b"GET / HTTP/1.1\r\n"]))
def test_a_chunked_body_is_read_as_it_was_sent(data, rows, trailers, rest):
    body, sent = b"", b""
    for size, count, capital in rows:
        for number in range(count):
            # Payloads that look like framing.
            payload = (b"1\r\nf\r\n%d" % number * 10)[:size]
            sent += (b"%X\r\n%b\r\n" if capital else b"%x\r\n%b\r\n") % (size, payload)
            body += payload
    sent += b"0\r\n" + trailers + b"\r\n"
    framing, left = Chunked("bad_framing"), b""
    heard = []
    for piece in data.draw(pieces(sent + rest)):
        if framing.done:
            left += piece
        else:
            heard.append(drained(framing, piece))

    assert b"".join(heard) == body
    assert framing.done
    assert framing.rest + left == rest
    assert list(framing.trailers) == ([(b"X-Sum", b"1")] if trailers else [])


@pytest.mark.parametrize("size", range(1, 18))
def test_a_row_of_small_chunks_may_be_cut_anywhere(size):
    """A payload may look like framing: a piece may end where a chunk seems to begin."""
    payload = (b"1\r\nf\r\n" * 3)[:size]
    sent = b"%x\r\n%b\r\n" % (size, payload) * 6 + b"0\r\n\r\n"
    for cut in range(len(sent)):
        framing = Chunked("bad_framing")
        assert read(framing, [sent[:cut], sent[cut:]]) == payload * 6
        assert framing.done


@pytest.mark.parametrize("size", [1, 2, 15, 16])
def test_one_call_reads_so_many_chunks_and_no_more(size):
    framing = Chunked("bad_framing")
    sent = b"%x\r\n%b\r\n" % (size, b"x" * size) * 20_000
    said = framing.feed(sent)

    assert framing.behind
    assert 0 < len(said) <= 1024 * size
    calls = 1
    while framing.behind:
        more = framing.feed(b"")
        assert len(more) <= 1024 * size
        said += more
        calls += 1
    assert calls > 15
    assert said == b"x" * size * 20_000
    assert drained(framing, b"0\r\n\r\n") == b""
    assert framing.done


@pytest.mark.parametrize("sent", [
    b"1\r\nx\n", b"1\nx\r\n", b"1\r\nxy\r\n", b"2\r\nx\r\n", b"1 \r\nx\r\n", b"0x1\r\nx\r\n", b"g\r\nx\r\n", b"\r\n",
])
def test_a_chunk_that_is_none_is_refused_among_small_ones(sent):
    framing = Chunked("bad_framing")
    with pytest.raises(Malformed, match="bad_framing"):
        read(framing, [b"1\r\nx\r\n" * 700 + sent + b"1\r\nx\r\n" * 700])


@pytest.mark.parametrize("size", [1, 7])
def test_small_chunks_count_towards_the_bound_of_a_body(size):
    chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
    assert len(read(Chunked("bad_framing", room=100 * size), [chunk * 100])) == 100 * size
    with pytest.raises(Malformed, match="body_too_large"):
        read(Chunked("bad_framing", room=100 * size), [chunk * 101])


@given(st.data(), st.lists(st.integers(0, 300), max_size=30))
def test_frames_are_followed_in_as_many_calls_as_it_takes(data, sizes):
    sent = b"".join(b"\x82" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2)) + bytes(size)
                    for size in [*sizes, *[0] * 2000])
    frames = Frames()
    for piece in data.draw(pieces(sent)):
        frames.feed(piece)
        while frames.behind:
            assert not frames.between
            frames.feed(b"")
    assert frames.between
    frames.feed(b"\x82\x05ab")
    assert not frames.between
    assert frames.first_end(b"cde\x82") == 3


@pytest.mark.parametrize("digit", list("123456789abcdefABCDEF"))
def test_the_sizes_of_small_chunks_are_those_of_the_grammar(digit):
    payload = b"x" * int(digit, 16)
    assert read(Chunked("bad_framing"), [digit.encode() + b"\r\n" + payload + b"\r\n"]) == payload
