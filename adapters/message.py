"""Request, Response, Headers: the one message that every protocol is translated to and from.

Bytes stay as they were on the wire: targets keep their percent-encoding, header names their case,
fields their order and repetitions (RFC 9110 section 5.3), bodies their content coding.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


class Headers(list[tuple[bytes, bytes]]):
    """Header fields in wire order, as (name, value) pairs; names are looked up without case. A pair's value is as it
    came; what is looked up has no blanks around it, which are no part of a value (RFC 9110 section 5.5)."""

    __slots__ = ()

    def get(self, name: bytes) -> bytes | None:
        """The first value of `name` (given in lower case), or None."""
        for key, value in self:
            if key.lower() == name:
                return value.strip(b" \t")
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """Every value of `name` (given in lower case), in order."""
        return [value.strip(b" \t") for key, value in self if key.lower() == name]

    def without(self, names: Iterable[bytes]) -> "Headers":
        """A copy that lacks the fields whose lower-case name is in `names`."""
        unwanted = frozenset(names)
        return Headers([pair for pair in self if pair[0].lower() not in unwanted])


@dataclass(slots=True)
class Request:
    """One request. `target` is the request target as received (RFC 9112 section 3.2), origin-form once
    the edge has taken an absolute-form apart. `body` is whole, or empty where the body is streamed."""

    method: str
    target: bytes
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> bytes:
        """The path as received: percent-encoding kept, query left off."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The query as received, without its question mark."""
        return self.target.partition(b"?")[2]


@dataclass(slots=True)
class Response:
    """One final response. `body` is whole, with its content coding still on."""

    status: int
    headers: Headers
    body: bytes = b""
    reason: bytes = b""
    trailers: Headers = field(default_factory=Headers)
