"""One end of a TCP connection, byte for byte: tests send and read with it, as a client or as a server.

Nothing here is lenient. A head that is not clean HTTP/1.1 fails the test that reads it, so that what the gateway
writes is judged by a parser that shares nothing with the gateway's.
"""

import re
import socket
import ssl
import struct
from dataclasses import dataclass, field
from pathlib import Path

from adapters.message import Headers

PATIENCE = 60.0
"""Seconds after which a silent peer counts as hung, on the slowest machine."""


def _largest(buffer: str) -> int:
    """The most bytes that the kernel lets a TCP buffer grow to."""
    return int(Path(f"/proc/sys/net/ipv4/{buffer}").read_text().split()[2])


BUFFERS = 2 * (_largest("tcp_rmem") + _largest("tcp_wmem")) + (16 << 20)
"""More bytes than every buffer between two ends can hold: the kernel's of both connections, and the gateway's."""


class Cut(Exception):
    """The peer went away in the middle of a message. `partial` is the part of the body that came; `reset` says whether
    the connection ended by RST."""

    def __init__(self, partial: bytes, *, reset: bool) -> None:
        super().__init__(f"cut after {len(partial)} bytes, {'reset' if reset else 'closed'}")
        self.partial = partial
        self.reset = reset


@dataclass(slots=True)
class Message:
    """A request or a reply as it was on the wire. `framing` is "length", "chunked", "close" or "none"."""

    start: bytes
    headers: Headers
    body: bytes = b""
    framing: str = "none"
    trailers: Headers = field(default_factory=Headers)
    head: bytes = b""

    def get(self, name: str) -> str | None:
        """The only value of a field, or None. A repeated field fails the test."""
        values = self.headers.get_all(name.lower().encode())
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0].decode("latin-1") if values else None


@dataclass(slots=True)
class Reply(Message):
    """A final response, with the interim ones that came before it."""

    interim: list["Reply"] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    @property
    def version(self) -> bytes:
        return self.start.split(b" ")[0]


@dataclass(slots=True)
class Asked(Message):
    """A request as a server got it. `complete` is None until its body has ended or was cut off; `number` counts the
    requests of its connection from 1."""

    complete: bool | None = None
    number: int = 0

    @property
    def method(self) -> str:
        return self.start.split(b" ")[0].decode()

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]


class Wire:
    """A connected socket. It sends exactly the given bytes, and reads exactly as much as it should."""

    def __init__(self, link: socket.socket) -> None:
        self.socket = link
        self._unread = bytearray()

    def __del__(self) -> None:
        # A test may drop its connection without closing it.
        self.socket.close()

    # --- sending ---

    def send(self, data: bytes) -> "Wire":
        self.socket.sendall(data)
        return self

    def half_close(self) -> None:
        """Send FIN: this side sends no more, but still reads."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Send RST, as the system does for a process that is killed with unread bytes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # --- reading ---

    def receive(self, size: int = 1 << 16) -> bytes:
        """The next bytes, at most `size`; b"" if the peer has ended the connection in any way."""
        if self._unread:
            data = bytes(self._unread[:size])
            del self._unread[:size]
            return data
        try:
            return self.socket.recv(size)
        except (ConnectionError, ssl.SSLEOFError):
            return b""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, or Cut."""
        while len(self._unread) < size:
            self._more()
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    def read_line(self, end: bytes = b"\r\n") -> bytes:
        """Up to and without `end`, or Cut."""
        while (at := self._unread.find(end)) < 0:
            self._more()
        data = bytes(self._unread[:at])
        del self._unread[: at + len(end)]
        return data

    def _more(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError as error:
            raise Cut(bytes(self._unread), reset=True) from error
        if not data:
            raise Cut(bytes(self._unread), reset=False)
        self._unread += data

    def rest(self) -> bytes:
        """Everything until the peer ends. A reset ends it too."""
        data = bytearray()
        while piece := self.receive():
            data += piece
        return bytes(data)

    def skip(self, size: int) -> int:
        """Read `size` bytes and drop them. Returns how many came before the peer ended."""
        room, left = memoryview(bytearray(min(size, 1 << 20))), size
        taken = min(left, len(self._unread))
        del self._unread[:taken]
        left -= taken
        while left and (got := self.socket.recv_into(room[:min(left, len(room))])):
            left -= got
        return size - left

    def ends(self) -> bool:
        """Whether the peer closes without sending more. Waits for it; a peer that stays silent is a timeout."""
        return self.receive(1) == b""

    def silent(self, seconds: float) -> bool:
        """Whether nothing at all comes for this long."""
        if self._unread:
            return False
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    # --- whole messages ---

    def read_head(self) -> tuple[bytes, bytes, Headers]:
        """The next head: its raw bytes, its first line, its fields."""
        head = self.read_line(b"\r\n\r\n")
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", head), f"not a clean head: {head!r}"
        start, *lines = head.split(b"\r\n")
        headers = Headers()
        for line in lines:
            name, colon, value = line.partition(b":")
            assert colon, f"not a field: {line!r}"
            assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), f"not a field: {line!r}"
            headers.append((name, value.strip(b" \t")))
        return head, start, headers

    def read_request(self) -> Asked | None:
        """The next request's head, or None if the peer has ended cleanly between requests."""
        try:
            head, start, headers = self.read_head()
        except Cut as cut:
            if cut.partial:
                raise
            return None
        return Asked(start, headers, framing=_framing(headers) or "none", head=head)

    def read_reply(self, method: str = "GET") -> Reply:
        """The next final response and its body, or Cut. Bytes past it stay unread."""
        interim = []
        while True:
            head, start, headers = self.read_head()
            reply = Reply(start, headers, head=head, interim=interim)
            assert re.fullmatch(rb"HTTP/1\.1 [1-9][0-9][0-9] [^\r\n]*", start), f"not a status line: {start!r}"
            if reply.status >= 200 or reply.status == 101:
                break
            interim.append(reply)
        if method != "HEAD" and reply.status not in (101, 204, 304):
            reply.framing = _framing(headers) or "close"
            self.read_body(reply)
        return reply

    def read_body(self, message: Message) -> None:
        """Read the body that follows a head into `message`. Raises Cut with the part that came."""
        match message.framing:
            case "length":
                message.body = self.read(int(message.headers.get(b"content-length") or b"0"))
            case "chunked":
                self._read_chunks(message)
            case "close":
                data = bytearray()
                try:
                    while True:
                        data += self._unread
                        self._unread.clear()
                        self._more()
                except Cut as cut:
                    if cut.reset:
                        raise Cut(bytes(data), reset=True) from cut
                message.body = bytes(data)
        if isinstance(message, Asked):
            message.complete = True

    def _read_chunks(self, message: Message) -> None:
        data = bytearray()
        try:
            while True:
                line = self.read_line()
                assert re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line), f"not a chunk size: {line!r}"
                size = int(line, 16)
                if size == 0:
                    break
                data += self.read(size)
                assert self.read(2) == b"\r\n", "no CRLF after a chunk"
            while line := self.read_line():
                name, _, value = line.partition(b":")
                message.trailers.append((name, value.strip(b" \t")))
        except Cut as cut:
            raise Cut(bytes(data), reset=cut.reset) from cut
        message.body = bytes(data)


def _framing(headers: Headers) -> str | None:
    lengths, codings = headers.get_all(b"content-length"), headers.get_all(b"transfer-encoding")
    assert not (lengths and codings), "both Content-Length and Transfer-Encoding"
    if codings:
        assert [one.lower() for one in codings] == [b"chunked"], f"codings {codings!r}"
        return "chunked"
    if lengths:
        assert len(lengths) == 1, f"lengths {lengths!r}"
        assert re.fullmatch(rb"0*[0-9]{1,18}", lengths[0]), f"lengths {lengths!r}"
        return "length"
    return None


def connect(port: int, *, host: str = "127.0.0.1", receive_buffer: int = 0, source: str = "") -> Wire:
    """A fresh connection to a loopback port, from the address `source`. A small `receive_buffer` makes a slow reader
    felt early."""
    link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        link.bind((source, 0))
    link.settimeout(PATIENCE)
    wire = Wire(link)
    link.connect((host, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def request(
    method: str, target: str, *fields: tuple[str, str], body: bytes | None = None, version: str = "1.1"
) -> bytes:
    """A well-formed request, with a Host unless `fields` has one, and with a Content-Length if there is a body."""
    names = {name.lower() for name, _ in fields}
    given = [*fields]
    if "host" not in names:
        given.insert(0, ("Host", "clinic.example"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        given.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in given)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def response(status: int, *fields: tuple[str, str], body: bytes = b"", reason: str = "Fine") -> bytes:
    """A well-formed response with a Date and, unless `fields` frames it, a Content-Length."""
    names = {name.lower() for name, _ in fields}
    given = [("Date", "Tue, 15 Nov 1994 08:12:31 GMT"), *fields]
    if not names & {"content-length", "transfer-encoding"} and status not in (204, 304):
        given.append(("Content-Length", str(len(body))))
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in given)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
