"""Makes an Arrival of what a client sent: its request, with the head judged. No other file makes one for a client.

A head comes as bytes (HTTP/1.1, `figway shadow replay`) or as fields that a server has parsed (ASGI). Both are judged
by the same rules (request_head.py), and get client address, forwarding fields and trace id in the same way.
"""

from adapters.message import Headers, Request
from gateway.ambiguity import UNAMBIGUOUS
from gateway.call import Arrival, Head
from gateway.edges.forwarded import client_address, forwarding_fields, spelled
from gateway.edges.request_head import check_target, judge, origin_form, read
from gateway.edges.settings import EdgeSettings
from gateway.telemetry import trace
from gateway.wire.heads import METHODS, TARGET, fields
from shadow.ledger.habits import HTTP_1_0, NO_KEEP_ALIVE, ODD_METHOD, RAW_TARGET

# Bytes of the largest head that is remembered. There may be many connections, and each remembers its last head.
_REMEMBERED = 4 << 10
_USUAL = frozenset(METHODS.values())


class Arrivals:
    """Makes the arrivals of one client. `peer` is its address, "" if it has none; `scheme` is "http" or "https"."""

    # Plain slots take less memory than tuples. There may be many connections, and each has an Arrivals.
    __slots__ = (
        "_added", "_added_host", "_added_settings", "_added_version", "_fields", "_head", "_head_settings", "_peer",
        "_scheme",
    )

    def __init__(self, peer: str, scheme: str) -> None:
        self._peer = spelled(peer)
        self._scheme = scheme
        # The last head: its bytes after the request line, what they say, and the settings that it was judged by.
        self._fields = b""
        self._head: Head | None = None
        self._head_settings: EdgeSettings | None = None
        # The lines added last, and what they depend on.
        self._added = self._added_host = self._added_version = b""
        self._added_settings: EdgeSettings | None = None

    def repeated(self, data: bytes, settings: EdgeSettings) -> Arrival | None:
        """The arrival of a head whose fields equal the last head's, byte for byte, as most clients send them: only its
        request line is new. None for any other head, which `judged` must judge. Raises Malformed."""
        head = self._head
        if head is None:
            return None
        end = data.find(b"\r\n")
        if self._fields != data[end:] or self._head_settings is not settings:
            return None
        parts = data[:end].split(b" ")
        method = METHODS.get(parts[0])
        if method is None or len(parts) != 3 or parts[2] != (b"HTTP/1.1" if head.is_11 else b"HTTP/1.0"):
            return None
        target = parts[1]
        if target[:1] != b"/" or len(target) > settings.target:
            return None
        if b"/." in target or target.translate(None, UNAMBIGUOUS):
            # Such targets are rare. They are checked as closely as in any other head.
            if not target.isascii() or TARGET.fullmatch(target) is None:
                return None
            check_target(target, settings)
        return Arrival(Request(method, target, head.headers), head,
                       trace.trace_id(head.trace) if head.trace else trace.new_trace_id())

    def judged(self, data: bytes, settings: EdgeSettings) -> Arrival:
        """The arrival of a whole head, given as bytes that end with its empty line. Raises Malformed."""
        method, target, head = read(data, settings)
        arrival = self._arrival(method, target, head, b"1.1" if head.is_11 else b"1.0", settings)
        if not head.once and len(data) <= _REMEMBERED:
            self._fields = data[data.find(b"\r\n"):]
            self._head = head
            self._head_settings = settings
        return arrival

    def parsed(
        self, method: str, target: bytes, version: bytes, received: Headers, settings: EdgeSettings
    ) -> Arrival:
        """The arrival of a head that a server has parsed; `version` is its HTTP version, as "1.1" or "2".
        Raises Malformed."""
        head = judge(method, True, received, settings)
        if target[:1] != b"/":
            target = origin_form(method, target, head)
        check_target(target, settings)
        return self._arrival(method, target, head, version, settings)

    def _arrival(self, method: str, target: bytes, head: Head, version: bytes, settings: EdgeSettings) -> Arrival:
        head.client = client_address(self._peer, head.forwarded, settings) if head.forwarded else self._peer
        head.added = self._lines_to_add(head, version, settings)
        head.lines = fields(head.headers) + head.added
        if version == b"1.0" or not head.keep_alive or method not in _USUAL or not target.isascii():
            _note_habits(method, target, head, version)
        return Arrival(Request(method, target, head.headers), head,
                       trace.trace_id(head.trace) if head.trace else trace.new_trace_id())

    def _lines_to_add(self, head: Head, version: bytes, settings: EdgeSettings) -> bytes:
        """The Via and forwarding lines for the upstream. They are kept until something that they depend on changes."""
        if (head.forwarded is None and self._added_settings is settings and self._added_host == head.host
                and self._added_version == version):
            return self._added
        via = b"Via: %b %b\r\n" % (version, settings.via.encode()) if settings.via else b""
        added = via + fields(forwarding_fields(self._peer, self._scheme, head.host, head.forwarded, settings))
        if head.forwarded is None:
            self._added = added
            self._added_host = head.host
            self._added_version = version
            self._added_settings = settings
        return added


def _note_habits(method: str, target: bytes, head: Head, version: bytes) -> None:
    """Note in the head what only old clients send. What is in the request line is of this request alone."""
    odd, raw = method not in _USUAL, not target.isascii()
    head.habits = (HTTP_1_0 * (version == b"1.0") | NO_KEEP_ALIVE * (not head.keep_alive) | ODD_METHOD * odd
                   | RAW_TARGET * raw)
    head.once = head.once or odd or raw
