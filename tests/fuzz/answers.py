"""Reads an upstream's bytes twice, with a connection of ours and with llhttp. What both take, both read the same."""

import asyncio
import socket

import httptools

from adapters.message import Headers
from gateway.transports.http.connection import Connection
from gateway.transports.tally import Tally

# Fields that end at this hop, or that say where the body ends.
_OURS = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"}
_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x09)
_BLANKED = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


class _Socket(asyncio.Transport):
    """What the connection would write to. Nothing comes from its socket."""

    def __init__(self, end):
        super().__init__()
        self._end = end
        self._closing = False

    def get_extra_info(self, name, default=None):
        return self._end if name == "socket" else default

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def write(self, data):
        pass

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def is_closing(self):
        return self._closing

    def abort(self):
        self._closing = True

    close = abort


class _Owner:
    first_byte = between_bytes = 240.0
    strict = False

    def __init__(self):
        self.tally = Tally()
        self.released_it = False

    def released(self, connection):
        self.released_it = True

    def closing(self, connection):
        pass

    def sends_rest(self):
        return False

    def lost(self, connection):
        pass

    def stalled(self, connection):
        pass

    def leaves_pool(self, connection):
        return True


class _Asked:
    """The request that is answered, and its receiver."""

    method = "GET"
    sent_all = True
    upgrade = False

    def __init__(self):
        self.receiver = self
        self.interims = []
        self.head = None
        self.body = b""
        self.outcome = "open"
        self.trailers = []

    def on_interim(self, status, reason, headers):
        self.interims.append((status, reason, list(headers)))

    def on_head(self, status, reason, headers, length):
        self.head = status, reason, list(headers)

    def on_data(self, data):
        self.body += data

    def on_flush(self):
        pass

    def on_end(self, trailers):
        self.outcome, self.trailers = "whole", list(trailers)

    def offered(self, schemes):
        return True

    def on_login(self):
        return None

    def ended(self):
        pass

    def failed(self, failure, *, answered):
        self.outcome = failure.kind, failure.detail


async def _read(pieces):
    asked, owner = _Asked(), _Owner()
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        connection = Connection(owner, "127.0.0.1")
        transport = _Socket(near)
        connection.connection_made(transport)
        connection.serve(asked, b"")
        for piece in pieces:
            if transport.is_closing():
                break
            connection.data_received(piece)
            # What was put off to a later turn comes before more bytes do, as it does where reading has stopped.
            for _ in range(8):
                await asyncio.sleep(0)
        reused = owner.released_it and not transport.is_closing()
        if not transport.is_closing():
            connection.connection_lost(None)
    return asked, reused, owner.tally.counts


def ours(pieces):
    """What a connection makes of the bytes, and of their end: (outcome, head, interims, body, trailers, whether the
    connection serves another request, the rules that were broken). Of an answer that failed, only why."""
    asked, reused, counts = asyncio.run(_read(pieces))
    if asked.outcome != "whole":
        return (asked.outcome,)
    return asked.outcome, asked.head, asked.interims, asked.body, asked.trailers, reused, counts


class _Heard:
    """The messages that llhttp reports."""

    def __init__(self):
        self.messages = []
        self.parser = None

    def on_message_begin(self):
        self.messages.append([0, b"", Headers(), b"", False])

    def on_status(self, reason):
        self.messages[-1][1] += reason

    def on_header(self, name, value):
        self.messages[-1][2].append((name, value))

    def on_headers_complete(self):
        self.messages[-1][0] = self.parser.get_status_code()

    def on_body(self, body):
        self.messages[-1][3] += body

    def on_message_complete(self):
        self.messages[-1][4] = True


def llhttps(data, *, lenient):
    """(status, fields, body) of the first final answer, as llhttp reads it; None where it does not take the bytes."""
    heard = _Heard()
    heard.parser = parser = httptools.HttpResponseParser(heard)
    if lenient:
        parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_chunked_length=True, lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True)
    failed = False
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        failed = True
    for status, _, headers, body, whole in heard.messages:
        if any(name.endswith((b" ", b"\t")) for name, _ in headers):
            # Lenient llhttp takes "Content-Length " for a name like any other. RFC 9112 section 5.1 does not.
            return None
        if status < 200:
            if status == 101 or not whole:
                return None
            continue
        named = {option.strip(b" \t").lower() for value in headers.get_all(b"connection")
                 for option in value.split(b",")} - {b"date", b"set-cookie"}
        if not whole and (failed or any(name.lower() == b"content-length" for name, _ in headers)):
            return None
        return status, [(name, _plain(value)) for name, value in headers
                        if name.lower() not in _OURS | named], body
    return None


def _plain(value):
    return b" ".join(value.translate(_BLANKED).split())


def same_as_llhttp(data):
    """Hold our reading of the bytes to llhttp's, where both take them. Return whether both do."""
    outcome, *mine = ours([data] if data else [])
    if outcome != "whole":
        return False
    (status, _, headers), _, body, trailers, *_ = mine
    # llhttp reports trailers as fields.
    said = [(name, _plain(value)) for name, value in [*headers, *trailers] if name.lower() not in _OURS]
    both = False
    for lenient in (False, True):
        read = llhttps(data, lenient=lenient)
        if read is not None:
            assert read == (status, said, body), f"lenient: {lenient}"
            both = True
    return both
