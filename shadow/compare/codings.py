"""Takes content codings off bodies (RFC 9110 section 8.4.1), piece by piece: gzip, deflate, br (RFC 7932) and zstd
(RFC 8878).

However much a body expands, no more than a piece of it is made at once. Whoever asks for pieces bounds their sum.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

import brotli  # type: ignore[import-untyped]  # it ships no types

from adapters.message import Headers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "identity"})
"""The content codings that are taken off."""

MAX_CODINGS = 4
MAX_MEMBERS = 10_000

PIECE = 64 << 10
"""Bytes that are made at once, at most."""

# RFC 9659 section 3: a zstd body that needs a window of more than 8 MB is not for the web.
_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}


class Corrupt(Exception):
    """A body is not in the coding that it declares, or is cut short."""


class UnknownCoding(Exception):
    """A body has a coding that cannot be taken off, or too many of them."""


class _Stream(Protocol):
    """One compressed stream. Raises Corrupt."""

    def take(self, data: bytes) -> bytes:
        """Take more of the stream, and return at most PIECE bytes of its content. `data` must be empty unless `hungry`
        is true."""
        ...

    @property
    def hungry(self) -> bool:
        """Whether all content of what was taken has been returned."""
        ...

    @property
    def rest(self) -> bytes | None:
        """None until the stream has ended; then what was taken beyond its end."""
        ...


class _Gzip:
    """gzip (RFC 1952), or what else zlib reads, by the size of its `window` as zlib has it."""

    def __init__(self, window: int = 31) -> None:
        self._stream = zlib.decompressobj(window)
        self._tail = b""
        self.hungry = True

    def take(self, data: bytes) -> bytes:
        try:
            made = self._stream.decompress(data or self._tail, PIECE)
        except zlib.error:
            raise Corrupt from None
        self._tail = self._stream.unconsumed_tail
        self.hungry = not self._tail and len(made) < PIECE
        return made

    @property
    def rest(self) -> bytes | None:
        return self._stream.unused_data if self._stream.eof else None


class _Deflate:
    """zlib (RFC 1950), or bare deflate (RFC 1951): the coding "deflate" is the former, and some servers send the
    latter. The first two bytes tell which (RFC 1950 section 2.2)."""

    def __init__(self) -> None:
        self._begun = b""
        self._stream: _Gzip | None = None

    def take(self, data: bytes) -> bytes:
        if self._stream is None:
            data = self._begun = self._begun + data
            if len(data) < 2:
                return b""
            self._stream = _Gzip(-15 if data[0] & 15 != 8 or int.from_bytes(data[:2]) % 31 != 0 else 15)
        return self._stream.take(data)

    @property
    def hungry(self) -> bool:
        return self._stream is None or self._stream.hungry

    @property
    def rest(self) -> bytes | None:
        return None if self._stream is None else self._stream.rest


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor(options=_WINDOW)

    def take(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, PIECE)
        except zstd.ZstdError:
            raise Corrupt from None

    @property
    def hungry(self) -> bool:
        return self._stream.needs_input or self._stream.eof

    @property
    def rest(self) -> bytes | None:
        return self._stream.unused_data if self._stream.eof else None


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self.hungry = True

    def take(self, data: bytes) -> bytes:
        try:
            # It makes at least 32,752 bytes, and past a limit of that many up to twice as much.
            made: bytes = self._stream.process(data, output_buffer_limit=PIECE // 4)
        except brotli.error:  # also for bytes that follow the end
            raise Corrupt from None
        # Only an empty piece says that there is no more (github.com/google/brotli, pull request 1234).
        self.hungry = not made
        return made

    @property
    def rest(self) -> bytes | None:
        return b"" if self._stream.is_finished() else None


class _Layer:
    """One coding of a body. A body may be several streams, one after another (RFC 1952 section 2.2, RFC 8878 section
    3.1)."""

    def __init__(self, begin: Callable[[], _Stream]) -> None:
        self._begin = begin
        self._stream: _Stream | None = None
        self._members = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The content of the next `data` of the coded body, in pieces. Raises Corrupt."""
        while data:
            if self._stream is None:
                self._members += 1
                if self._members > MAX_MEMBERS:
                    raise Corrupt
                self._stream = self._begin()
            stream = self._stream
            yield stream.take(data)
            while stream.rest is None and not stream.hungry:
                yield stream.take(b"")
            data = stream.rest or b""
            if stream.rest is not None:
                self._stream = None

    def end(self) -> None:
        """The coded body is complete. Raises Corrupt if it is cut short."""
        if self._stream is not None:
            raise Corrupt


_BEGIN: dict[str, Callable[[], _Stream]] = {
    "gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "br": _Brotli, "zstd": _Zstd}


def codings_of(headers: Headers) -> tuple[str, ...]:
    """The content codings of a body in the order in which they were applied, in lower case, without `identity`."""
    fields = headers.get_all(b"content-encoding")
    if not fields:
        return ()
    names = (name.strip() for name in b",".join(fields).decode("latin-1").lower().split(","))
    return tuple(name for name in names if name not in ("", "identity"))


class Unpacking:
    """Takes these codings off a body, as it comes. Raises UnknownCoding when it is made."""

    def __init__(self, codings: tuple[str, ...]) -> None:
        if len(codings) > MAX_CODINGS or not all(one in _BEGIN for one in codings):
            raise UnknownCoding
        self._layers = [_Layer(_BEGIN[one]) for one in reversed(codings)]

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The content of the next `data` of the body. Raises Corrupt."""
        found: Iterator[bytes] = iter((data,))
        for layer in self._layers:
            found = chain.from_iterable(map(layer.pieces, found))
        return found

    def end(self) -> None:
        """The body is complete. Raises Corrupt if it is cut short."""
        for layer in self._layers:
            layer.end()
