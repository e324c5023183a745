"""Answers as servers of twenty years write them: some with one meaning, some with two or none."""

from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


class Untidy(NamedTuple):
    """An answer with one meaning: what it says, the rules that it breaks, and whether its connection must end."""

    sent: bytes
    rules: tuple[str, ...]
    status: int = 200
    reason: bytes = b"OK"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b"hello"
    ends: bool = False


UNTIDY = {
    "LF at every line's end": Untidy(
        b"HTTP/1.1 200 OK\nX-A: b\nContent-Length: 5\n\nhello", ("line_ends",), fields=((b"X-A", b"b"),)),
    "LF at one line's end": Untidy(
        b"HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 5\r\n\r\nhello", ("line_ends",), fields=((b"X-A", b"b"),)),
    "LF before an empty line with CR": Untidy(OK + b"Content-Length: 5\n\r\nhello", ("line_ends",)),
    "CR CR LF at a line's end": Untidy(
        b"HTTP/1.1 200 OK\r\r\nX-A: b\r\r\nContent-Length: 5\r\r\n\r\nhello", ("line_ends",), fields=((b"X-A", b"b"),)),
    "an empty line of LF": Untidy(OK + b"Content-Length: 5\r\n\nhello", ("line_ends",)),
    "LF, and CRLF CRLF in the body": Untidy(
        b"HTTP/1.1 200 OK\nContent-Length: 9\n\nhel\r\n\r\nlo", ("line_ends",), body=b"hel\r\n\r\nlo"),
    "LF, and chunks with LF": Untidy(
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n", ("line_ends", "chunk_line")),
    "LF and no reason": Untidy(b"HTTP/1.0 200\nContent-Length: 5\n\nhello", ("line_ends",), reason=b""),
    "a CRLF before the answer": Untidy(b"\r\n" + OK + b"Content-Length: 5\r\n\r\nhello", ("blank_lines",)),
    "two CRLF before the answer": Untidy(b"\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello", ("blank_lines",)),
    "an LF before the answer": Untidy(b"\n" + OK + b"Content-Length: 5\r\n\r\nhello", ("blank_lines",)),
    "blanks in the status line": Untidy(
        b"HTTP/1.1  200\t Fine\r\nContent-Length: 5\r\n\r\nhello", ("status_line",), reason=b"Fine"),
    "a sub-status": Untidy(
        b"HTTP/1.1 403.1 Forbidden\r\nContent-Length: 5\r\n\r\nhello", ("status_line",), status=403,
        reason=b"Forbidden"),
    "a later minor version": Untidy(b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello", ("status_line",)),
    "a later version": Untidy(b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", ("status_line",)),
    "a status line twice": Untidy(
        OK + b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", ("status_line_twice",)),
    "a blank before the colon": Untidy(
        OK + b"X-A : b\r\nContent-Length\t : 5\r\n\r\nhello", ("blank_before_colon",), fields=((b"X-A", b"b"),)),
    "a folded field": Untidy(
        OK + b"X-A: b\r\n c\r\n\td\r\nContent-Length: 5\r\n\r\nhello", ("folded_field",),
        fields=((b"X-A", b"b c d"),)),
    "a field folded after its colon": Untidy(
        OK + b"X-A:\r\n c\r\nContent-Length: 5\r\n\r\nhello", ("folded_field",), fields=((b"X-A", b"c"),)),
    "a name that is none": Untidy(
        OK + b"X(A): b\r\n more\r\nX-B: c\r\nContent-Length: 5\r\n\r\nhello", ("field_name", "folded_field"),
        fields=((b"X-B", b"c"),)),
    "a name in Latin-1": Untidy(
        OK + b"Gr\xf6\xdfe: b\r\nContent-Length: 5\r\n\r\nhello", ("field_name",)),
    "a control character in a value": Untidy(
        OK + b"X-A: b\x1bc\x7f\r\nContent-Length: 5\r\n\r\nhello", ("control_characters",),
        fields=((b"X-A", b"b c"),)),
    "a control character in the reason": Untidy(
        b"HTTP/1.1 200 O\x02K\r\nContent-Length: 5\r\n\r\nhello", ("control_characters",), reason=b"O K"),
    "a length twice": Untidy(OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", ("length_twice",)),
    "a length twice in a list": Untidy(OK + b"Content-Length: 5, 5\r\n\r\nhello", ("length_twice",)),
    "a length beside chunked": Untidy(OK + b"Content-Length: 99\r\n" + CHUNKED + b"\r\n" + CHUNKS,
                                      ("length_and_chunked",)),
    "chunked before a length": Untidy(OK + CHUNKED + b"Content-Length: 99\r\n\r\n" + CHUNKS,
                                      ("length_and_chunked",)),
    "chunked twice": Untidy(OK + CHUNKED + CHUNKED + b"\r\n" + CHUNKS, ("chunked_twice",)),
    "chunked twice in a list": Untidy(OK + b"Transfer-Encoding: chunked, Chunked\r\n\r\n" + CHUNKS,
                                      ("chunked_twice",)),
    "chunked on HTTP/1.0": Untidy(b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n" + CHUNKS, ("chunked_on_http_1_0",)),
    "the coding identity": Untidy(OK + b"Transfer-Encoding: identity\r\n\r\nhello", ("identity_coding",), ends=True),
    "a 204 with a body": Untidy(
        b"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello", ("body_of_204",), status=204, reason=b"None", body=b""),
    "a 204 with chunks": Untidy(
        b"HTTP/1.1 204 None\r\n" + CHUNKED + b"\r\n" + CHUNKS, ("body_of_204",), status=204, reason=b"None", body=b""),
    "a chunk's size with blanks behind": Untidy(OK + CHUNKED + b"\r\n5   \r\nhello\r\n0  \r\n\r\n", ("chunk_line",)),
    "a chunk's size with blanks before": Untidy(OK + CHUNKED + b"\r\n   5\r\nhello\r\n   0\r\n\r\n", ("chunk_line",)),
    "a chunk's size with many zeros": Untidy(
        OK + CHUNKED + b"\r\n" + b"0" * 30 + b"5\r\nhello\r\n" + b"0" * 30 + b"\r\n\r\n", ("chunk_line",)),
    "LF after a chunk's size": Untidy(OK + CHUNKED + b"\r\n5\nhello\r\n0\r\n\r\n", ("chunk_line",)),
    "LF after a chunk": Untidy(OK + CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n", ("chunk_line",)),
    "LF after the trailers": Untidy(OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-T: u\n\n", ("chunk_line",)),
    "no last line": Untidy(OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n", ("last_line",), ends=True),
    "half a last line": Untidy(OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r", ("last_line",), ends=True),
    "an untidy interim answer": Untidy(
        b"HTTP/1.1 102 Wait\nX: y\n\n" + OK + b"Content-Length: 5\r\n\r\nhello", ("line_ends",)),
    "all at once": Untidy(
        b"\r\nHTTP/1.1  200 OK\nX-A : b\n c\nContent-Length: 5\nTransfer-Encoding: chunked\n\n 5\nhello\n0\n\n",
        ("blank_lines", "line_ends", "status_line", "blank_before_colon", "folded_field", "length_and_chunked",
         "chunk_line"), fields=((b"X-A", b"b c"),)),
}

END = b"Content-Length: 5\r\n\r\nhello"
REFUSED = {
    "not HTTP": (b"garbage\r\n\r\n", "not_http"),
    "HTTP/0.9": (b"<html>hello</html>", "not_http"),
    "NULs": (b"\x00\x01\x02\x03\r\n\r\n", "not_http"),
    "a TLS record": (b"\x16\x03\x01\x00\x00", "not_http"),
    "another protocol": (b"ICY 200 Fine\r\n" + END, "not_http"),
    "a CR before the answer": (b"\r" + OK + END, "not_http"),
    "no status": (b"HTTP/1.1\r\n\r\n", "first_status_line"),
    "two digits": (b"HTTP/1.1 20 Fine\r\n" + END, "first_status_line"),
    "four digits": (b"HTTP/1.1 2000 Fine\r\n" + END, "first_status_line"),
    "letters": (b"HTTP/1.1 abc Fine\r\n" + END, "first_status_line"),
    "a colon after the status": (b"HTTP/1.1 404: Fine\r\n" + END, "first_status_line"),
    "another version": (b"HTTP/3.0 200 Fine\r\n" + END, "first_status_line"),
    "half a version": (b"HTTP/2 200 Fine\r\n" + END, "first_status_line"),
    "two statuses": (OK + b"HTTP/1.1 404 Not Found\r\n" + END, "statuses_differ"),
    "NUL in the reason": (b"HTTP/1.1 200 Fi\x00ne\r\n" + END, "nul"),
    "NUL in a value": (OK + b"X-A: b\x00c\r\n" + END, "nul"),
    "CR in a value": (OK + b"X-A: b\rc\r\n" + END, "bare_cr"),
    "CR CR LF at the head's end": (b"HTTP/1.1 200 OK\r\r\nX-A: b\r\r\n\r\r\nhello", "bare_cr"),
    "CR CR LF alone at the head's end": (OK + b"X-A: b\r\n\r\r\n\r\n" + END, "bare_cr"),
    "no colon": (OK + b"no colon\r\n" + END, "no_colon"),
    "no name": (OK + b": b\r\n" + END, "no_name"),
    "a blank as a name": (OK + b"X-A: c\r\n : b\r\n : \r\nX\r\n" + END, "no_colon"),
    "a blank in a name": (OK + b"X A: b\r\n" + END, "blank_in_name"),
    "a control character in a name": (OK + b"X\x0bA: b\r\n" + END, "blank_in_name"),
    "a fold before any field": (OK + b" X-A: b\r\n" + END, "folded_first"),
    "a line of blanks": (OK + b"X-A: b\r\n \r\n" + END, "folded_blank"),
    "a folded length": (OK + b"Content-Length:\r\n 5\r\n\r\nhello", "folded_length"),
    "a folded coding": (OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS, "folded_length"),
    "a name that is nearly a length": (OK + b"(Content-Length): 9\r\n" + END, "framing_name"),
    "a coding behind a control character": (OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS, "framing_value"),
    "a minus": (OK + b"Content-Length: -5\r\n\r\nhello", "bad_length"),
    "a plus": (OK + b"Content-Length: +5\r\n\r\nhello", "bad_length"),
    "a word": (OK + b"Content-Length: five\r\n\r\nhello", "bad_length"),
    "an empty length": (OK + b"Content-Length: \r\n\r\nhello", "bad_length"),
    "a length of 30 digits": (OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nhello", "bad_length"),
    "lengths that differ": (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "lengths_differ"),
    "lengths that differ in a list": (OK + b"Content-Length: 5, 6\r\n\r\nhello!", "lengths_differ"),
    "lengths that differ beside chunked": (
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n" + CHUNKED + b"\r\n" + CHUNKS, "lengths_differ"),
    "an unknown coding": (OK + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS, "coding"),
    "chunked not last": (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKS, "coding"),
    "chunked before an empty element": (OK + b"Transfer-Encoding: chunked,\r\n\r\n" + CHUNKS, "coding"),
    "chunked after another": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS, "coding"),
    "identity with a length": (OK + b"Transfer-Encoding: identity\r\n" + END, "coding"),
    "a length beside chunked on HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n" + CHUNKS, "length_and_chunked_on_http_1_0"),
    "a head too large": (OK + b"X: " + b"a" * (65 << 10), "head_too_large"),
    "blank lines without an end": (b"\r\n" * (33 << 10), "head_too_large"),
    "a flood of interim answers": (b"HTTP/1.1 103 Early\r\n\r\n" * 200, "interim_flood"),
    "an upgrade that was not asked for": (
        b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "unasked_upgrade"),
}
"""Answers that are refused before anything of them has passed, and the rule that they break."""

BAD_CHUNKS = {
    "a plus": (b"+5\r\nhello\r\n", "chunk_size"),
    "a minus": (b"-5\r\nhello\r\n", "chunk_size"),
    "a C prefix": (b"0x5\r\nhello\r\n", "chunk_size"),
    "a blank in the size": (b"0 5\r\nhello\r\n", "chunk_size"),
    "not hex": (b"zz\r\n", "chunk_size"),
    "no size": (b"\r\nhello\r\n", "chunk_size"),
    "no size but an extension": (b";a=b\r\nhello\r\n", "chunk_size"),
    "17 digits": (b"1" * 17 + b"\r\n", "chunk_size"),
    "CR alone": (b"5\rhello\r\n", "chunk_size"),
    "LF in an extension": (b"5;a\nhello\r\n", "chunk_size"),
    "no line end": (b"5\r\nhelloX\r\n0\r\n\r\n", "chunk_end"),
    "CR alone after a chunk": (b"5\r\nhello\rX", "chunk_end"),
    "a trailer without a name": (b"0\r\n: b\r\n\r\n", "trailer"),
    "a folded trailer": (b"0\r\nX-A: b\r\n c\r\n\r\n", "trailer"),
    "a line without an end": (b"5;" + b"a" * 5000, "chunk_allowance"),
    "many extensions": (b"1;" + b"a" * 1000 + b"\r\nx\r\n", "chunk_allowance"),
}
"""Lines that end a chunked body's reading, and the rule that they break. Some come many times."""
