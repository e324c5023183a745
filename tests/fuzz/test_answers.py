"""The bytes of an upstream's answer have one reading, however they are cut. It is llhttp's, if llhttp takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backends.untidy import BAD_CHUNKS, CHUNKED, OK, REFUSED, UNTIDY
from tests.fuzz.answers import ours, same_as_llhttp

SENT = {**{case: untidy.sent for case, untidy in UNTIDY.items()}, **{case: sent for case, (sent, _) in REFUSED.items()},
        **{f"chunks: {case}": OK + CHUNKED + b"\r\n2\r\nhi\r\n" + chunk for case, (chunk, _) in BAD_CHUNKS.items()}}
SHORT = [sent for sent in SENT.values() if len(sent) < 500]

ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n"] * 3 + [b"\r", b"\r\r\n", b""])
STATUS_LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 None", b"HTTP/1.1 304 Same", b"HTTP/1.1 200",
    b"HTTP/1.1  200 OK", b"HTTP/1.1 403.1 No", b"HTTP/1.2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/1.1 100 Go on"])
LINES = st.sampled_from([
    b"Content-Length: 5", b"Content-Length: 6", b"Content-Length : 5", b"content-length:5 ", b"Content-Length: 5, 5",
    b"Content-Length: 0", b"Content-Length: 05", b"Transfer-Encoding: chunked", b"Transfer-Encoding : Chunked ",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding:", b"X-A: b", b"X-A :b",
    b" folded", b"\tfolded", b" ", b"X(A): b", b"X-A: \x01", b"X-A: \x00", b"X-A: \xe9", b"HTTP/1.1 200 OK", b"none",
    b": b", b"Connection: close", b"Connection: keep-alive", b"Connection: x-a", b"X-A:"])
BODIES = st.sampled_from([
    b"hello", b"5", b"5 ", b" 5", b"05", b"0", b"0 ", b"5;a=b", b"+5", b"hello!", b"hell", b"X-T: u", b"X-T : u", b"",
    b"HTTP/1.1 200 OK", b"\r\n", b"\n"])


@st.composite
def answers(draw):
    """Bytes that begin like an answer, and may be one."""
    lines = [draw(STATUS_LINES), *draw(st.lists(LINES, max_size=5)), b"", *draw(st.lists(BODIES, max_size=8))]
    # Most of a server's lines end alike.
    usual = draw(ENDS)
    ends = [draw(ENDS) if draw(st.integers(0, 9)) == 0 else usual for _ in lines]
    before = draw(st.sampled_from([b""] * 8 + [b"\r\n", b"\n", b"\r"]))
    return before + b"".join(line + end for line, end in zip(lines, ends, strict=True))


@given(answers())
def test_an_answer_that_llhttp_takes_too_means_what_llhttp_says(sent):
    same_as_llhttp(sent)


@given(st.data(), answers() | st.sampled_from(SHORT))
def test_an_answer_is_the_same_however_its_bytes_are_cut(data, sent):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True) if start < end]
    assert ours(pieces) == ours([sent])


@pytest.mark.parametrize("case", SENT)
def test_an_answer_in_single_bytes_is_no_other(case):
    sent = SENT[case]
    pieces = [sent[at:at + 1] for at in range(len(sent))] if len(sent) < 500 else [sent[:400], sent[400:]]
    assert ours(pieces) == ours([sent])


def test_llhttp_takes_most_of_what_is_repaired():
    """Else the comparison with it would show little."""
    taken = [case for case, untidy in UNTIDY.items() if same_as_llhttp(untidy.sent)]
    assert len(taken) > len(UNTIDY) / 2, taken
