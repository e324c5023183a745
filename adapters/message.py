"""Request, Response and Headers: the message model that every protocol is translated to and from.

Bytes stay as they were on the wire: targets keep their percent-encoding, header names keep their case, fields keep
their order and repetitions (RFC 9110 section 5.3), and bodies keep their content coding.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


class Headers(list[tuple[bytes, bytes]]):
    """Header fields in wire order, as (name, value) pairs. Lookups ignore the case of names. The pairs hold values as
    they came; lookups strip blanks around a value, which are not part of it (RFC 9110 section 5.5)."""

    __slots__ = ("_names",)

    @property
    def names(self) -> tuple[bytes, ...]:
        """The names, as they came. Once somebody has asked for them, no field may be added or taken away."""
        try:
            return self._names
        except AttributeError:
            self._names: tuple[bytes, ...] = tuple([name for name, _ in self])
            return self._names

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
    """One request. `target` is the request target as received (RFC 9112 section 3.2); the edge turns an absolute-form
    into an origin-form. `body` is the whole body, or empty if the body is streamed."""

    method: str
    target: bytes
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> bytes:
        """The path as received: with its percent-encoding, without the query."""
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        """The query as received, without its question mark."""
        return self.target.partition(b"?")[2]


@dataclass(slots=True)
class Response:
    """One final response. `body` is the whole body, still in its content coding."""

    status: int
    headers: Headers
    body: bytes = b""
    reason: bytes = b""
    trailers: Headers = field(default_factory=Headers)
