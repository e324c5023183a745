"""What is fuzzed. A target takes any bytes, and raises where a rule is broken that must hold for all bytes."""

from adapters.message import Headers
from gateway.ambiguity import UNAMBIGUOUS, is_ambiguous
from gateway.edges.forwarded import client_address, forwarding_fields
from gateway.edges.request_head import read
from gateway.edges.settings import EdgeSettings
from gateway.errors import problem
from gateway.reading import PRESETS, canonical, spellings
from gateway.wire.bodies import CHUNKED, Chunked
from gateway.wire.heads import Malformed, fields, parse_response_head
from tests.fuzz.answers import ours, same_as_llhttp

SETTINGS = EdgeSettings(via="")
# Fields that end at this hop: none of them may reach an upstream.
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
              b"proxy-authorization", b"http2-settings"}


def request_head(data):
    """A request's head is refused with a code, or goes on as a head that is read again in the same way."""
    try:
        method, target, head = read(data, SETTINGS)
    except Malformed as malformed:
        problem(malformed.code, trace_id="")
        return
    names = [name.lower() for name, _ in head.headers]
    assert HOP_BY_HOP.isdisjoint(names)
    assert not any(name.startswith(b"x-figway-") for name in names)
    assert names.count(b"content-length") <= 1
    assert names.count(b"host") <= 1
    lines = fields(head.headers)
    assert lines.count(b"\r\n") == len(head.headers), "a field must not end early"
    if head.length == CHUNKED:
        lines += b"Transfer-Encoding: chunked\r\n"
    if head.trace:
        lines += b"traceparent: %b\r\n" % head.trace
    version = b"1.1" if head.is_11 else b"1.0"
    again = read(b"%b %b HTTP/%b\r\n%b\r\n" % (method.encode(), target, version, lines), SETTINGS)
    assert again[:2] == (method, target)
    assert (again[2].length, again[2].host) == (head.length, head.host)
    assert fields(again[2].headers) == fields(head.headers) or head.max_forwards > 0


def response_head(data):
    """A response's head is refused, or is one: a status of three digits, and whole fields."""
    try:
        status, reason, _, headers = parse_response_head(data)
    except Malformed:
        return
    assert 100 <= status <= 999
    assert b"\r" not in reason
    assert fields(headers).count(b"\r\n") == len(headers)


def _read_chunks(pieces):
    """("malformed", code), or what was read of a chunked body that came in pieces: (payload, whether it ended, what
    follows it, trailers)."""
    framing, payload, rest = Chunked("bad_framing", 200, 5000), b"", b""
    try:
        for piece in pieces:
            if framing.done:
                rest += piece
                continue
            payload += framing.feed(piece)
            while framing.behind:
                payload += framing.feed(b"")
    except Malformed as malformed:
        return "malformed", malformed.code
    return payload, framing.done, framing.rest + rest, list(framing.trailers)


def chunked(data):
    """A chunked body is read in one way, however its bytes are cut. The first byte says where to cut it."""
    at, body = (data[0] if data else 0), data[1:]
    whole = _read_chunks([body])
    assert _read_chunks([body[:at], body[at:]]) == whole
    assert _read_chunks([body[number:number + 1] for number in range(len(body))]) == whole


def answer(data):
    """An answer has one reading, which is llhttp's if that takes it. The first byte says where to cut it."""
    at, sent = (data[0] if data else 0), data[1:]
    whole = ours([sent] if sent else [])
    assert ours([piece for piece in (sent[:at], sent[at:]) if piece]) == whole
    same_as_llhttp(sent)


def path(data):
    """A path has one canonical form, and each of its spellings can be had."""
    canon = canonical(data)
    assert canonical(canon) == canon
    if is_ambiguous(data):
        assert b"/." in data or data.translate(None, UNAMBIGUOUS), "the quick look must not overlook it"
    for reading in PRESETS.values():
        assert spellings(b"/" + data, reading.possible, reading.same)


def forwarded(data):
    """Whatever a proxy writes, the client has an address, and an upstream is sent whole fields."""
    if any((byte < 0x20 and byte != 9) or byte == 0x7F for byte in data):
        # No head holds these.
        return
    for name in ("x-forwarded", "forwarded"):
        settings = EdgeSettings(trusted_hops=2, trusted_fields=name, forwarded="both")
        received = Headers([(b"X-Forwarded-For", data), (b"Forwarded", data), (b"X-Forwarded-Host", data)])
        assert client_address("192.0.2.7", received, settings)
        sent = forwarding_fields("192.0.2.7", "http", b"h", received, settings)
        assert fields(sent).count(b"\r\n") == len(sent)


TARGETS = {one.__name__: one for one in (request_head, response_head, chunked, answer, path, forwarded)}
