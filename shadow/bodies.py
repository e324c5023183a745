"""Bodies as they were meant: their content coding taken off, and read by their media type.

Nothing here raises but Incomparable: what cannot be read is a value, since one arm's torn body is a finding.
"""

import zlib
from typing import NamedTuple

from adapters.document import DocumentError, Tree, parse
from adapters.message import Headers
from shadow.diff import Shape, shape
from shadow.heads import is_json, media
from shadow.observation import Observation

MAX_DECODED = 16 << 20
"""Bytes that a body may have once its content coding is off."""

MAX_CODINGS = 4
MAX_MEMBERS = 100


class Incomparable(Exception):
    """Nothing can be said of two bodies. The text is the reason, one of a few fixed words."""


class Unreadable(NamedTuple):
    """A body that is not what its media type says, and why not."""

    reason: str


def form_of(headers: Headers) -> str:
    """What a body is read as: "json", or "" where it is compared byte by byte."""
    found = media(headers)
    return "json" if found is not None and is_json(found[0]) else ""


def read(form: str, body: bytes) -> Tree | Unreadable:
    """The tree of a decoded body of a form, or that there is none."""
    try:
        return parse(body)
    except DocumentError as error:
        return Unreadable(error.reason)


def told(read: Tree | Unreadable) -> Shape:
    """What may be known of what was read."""
    return Shape("invalid", form=read.reason) if isinstance(read, Unreadable) else shape(read)


def decoded(observation: Observation) -> bytes | None:
    """The body with its content coding off (RFC 9110 section 8.4.1), or None where it is corrupt."""
    body = observation.body
    codings = b",".join(observation.headers.get_all(b"content-encoding")).decode("latin-1").lower().split(",")
    if len(codings) > MAX_CODINGS:
        raise Incomparable("unknown_coding")
    for coding in reversed([coding.strip() for coding in codings]):
        if not body or coding in ("", "identity"):
            continue
        try:
            if coding in ("gzip", "x-gzip"):
                body = _inflate(body, 31)
            elif coding == "deflate":
                # "deflate" is the zlib format, but some servers send it bare. The header tells: RFC 1950 section 2.2.
                bare = body[0] & 15 != 8 or int.from_bytes(body[:2]) % 31 != 0
                body = _inflate(body, -15 if bare else 15)
            else:
                raise Incomparable("unknown_coding")
        except zlib.error:
            return None
    return body


def _inflate(body: bytes, window: int) -> bytes:
    """Raises zlib.error where the body is corrupt or ends early."""
    whole: list[bytes] = []
    room = MAX_DECODED
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        whole.append(stream.decompress(body, room + 1))
        room -= len(whole[-1])
        if room < 0:
            raise Incomparable("too_large")
        if not stream.eof:
            raise zlib.error("the stream ends early")
        body = stream.unused_data if window == 31 else b""  # gzip members may follow each other: RFC 1952 section 2.2
        if not body:
            return b"".join(whole)
    raise Incomparable("too_large")
