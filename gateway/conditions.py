"""Conditions of an operation beyond path and method: header fields and query parameters, and their values.

Values are compared as servers read them: without blanks around a field's value (RFC 9110 section 5.5), and SOAPAction
without its quotes (SOAP 1.1 section 6.1.1). The `action` of Content-Type counts as SOAPAction: SOAP 1.2 puts it there.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import quote, unquote_to_bytes

from adapters.message import Headers, Request

# It may stand inside another parameter's quotes, with its own quotes escaped: MTOM's start-info repeats it.
_ACTION = re.compile(rb'(?i);[ \t]*action[ \t]*=[ \t]*(?:\\("[^"\\]*)\\(")|("(?:[^"\\]|\\.)*"|\'[^\']*\'|[^";,\s]*))')
_ESCAPED = re.compile(rb"\\(.)")
# What Python and .NET strip from a field's value, which they read as Latin-1.
_BLANKS = b" \t\x85\xa0"


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition looks at in a request: a header field (lower-case name) or a query parameter."""

    kind: str
    name: bytes

    def values(self, request: Request) -> list[bytes]:
        """The field's values in the request, one for each occurrence."""
        if self.kind == "query":
            return query_values(request.query, self.name)
        values = request.headers.get_all(self.name)
        if self.name != b"soapaction":
            return values
        found = [_unquoted(value) for value in values]
        for media_type in request.headers.get_all(b"content-type"):
            found += [_unquoted(b"".join(one)) for one in _ACTION.findall(media_type)]
        return found

    def may_hold(self, wanted: bytes | None, request: Request, query: dict[bytes, set[bytes]]) -> bool:
        """Whether some server may find the value, or any for None. `query` is the result of `loose_query`."""
        if self.kind != "query":
            return self.holds(wanted, request)
        values = query.get(_loose(self.name), ())
        return wanted in values or (wanted is None and bool(values))

    def any_values(self, request: Request) -> set[bytes]:
        """The values of the field that some server may find in the request."""
        if self.kind != "query":
            return set(self.values(request))
        read = loose_query(request.query, {self.name})
        return set(self.values(request)) if read is None else read[_loose(self.name)]

    def alone(self, value: bytes, request: Request) -> Request:
        """A request like this one, without its body, in which the field has only this value."""
        headers, path = request.headers, request.target
        if self.kind == "query":
            path, _, query = path.partition(b"?")
            mine = _loose(self.name)
            rest = [b"=".join((key, said)) for key, _, said in _pairs(query) if _loose(_decoded(key)) != mine]
            said = [b"%b=%b" % (quote(self.name).encode(), quote(value).encode())]
            return Request(request.method, path + b"?" + b"&".join(rest + said), headers)
        said_too = b"content-type" if self.name == b"soapaction" else b""
        others = [(name, _ACTION.sub(b"", said) if name.lower() == said_too else said)
                  for name, said in headers if name.lower() != self.name]
        return Request(request.method, path, Headers([*others, (self.name, value)]))

    def wanted(self, value: str | None) -> bytes | None:
        """A condition's value in the form that `values` returns."""
        if value is None or self.kind == "query":
            return None if value is None else value.encode()
        plain = value.encode().strip(b" \t")
        return _unquoted(plain) if self.name == b"soapaction" else plain

    def holds(self, wanted: bytes | None, request: Request) -> bool:
        """Whether the request has the value; None stands for any."""
        values = self.values(request)
        if wanted is None or wanted in values:
            return bool(values)
        # A media type is the same with and without parameters (charset …), unless the condition names them.
        return (self.name == b"content-type" and b";" not in wanted
                and any(value.partition(b";")[0].strip().lower() == wanted.lower() for value in values))


def _unquoted(value: bytes) -> bytes:
    value = value.strip(_BLANKS)
    if len(value) > 1 and value[:1] == value[-1:] and value[:1] in (b'"', b"'"):
        # RFC 9110 and SOAP know no single quotes, but Apache CXF removes them too.
        return _ESCAPED.sub(rb"\1", value[1:-1]).strip(_BLANKS)
    return value


def query_values(query: bytes, name: bytes) -> list[bytes]:
    """The values of one query parameter, decoded as a form is (application/x-www-form-urlencoded)."""
    return [_decoded(value) for key, _, value in _pairs(query) if key == name or _decoded(key) == name]


def loose_query(query: bytes, asked: Collection[bytes]) -> dict[bytes, set[bytes]] | None:
    """Every value that some server may find in a query for the parameters `asked`, by their names as `_loose` makes
    them; None if every server finds the same values."""
    found: dict[bytes, set[bytes]] = {_loose(name): set() for name in asked}
    odd = False
    for one in {query, query.replace(b";", b"&")}:
        for key, _, value in _pairs(one):
            name = key if key in asked else _decoded(key)
            values = found.get(_loose(name))
            if values is not None:
                values.add(_decoded(value))
                odd = odd or name not in asked or one is not query or b";" in value
    return found if odd else None


def _pairs(query: bytes) -> list[tuple[bytes, bytes, bytes]]:
    return [pair.partition(b"=") for pair in query.split(b"&")]


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _loose(name: bytes) -> bytes:
    """A parameter's name as the most lenient servers read it: .NET in any case; PHP up to a NUL, without blanks before
    it, and with dots and blanks as underscores."""
    return name.partition(b"\0")[0].lstrip().lower().replace(b".", b"_").replace(b" ", b"_")


Pairs: TypeAlias = tuple[tuple[str, str | None], ...]
Conditions: TypeAlias = tuple[tuple[Field, bytes | None], ...]


def conditions(headers: Pairs, query: Pairs) -> Conditions:
    """The conditions on header fields and query parameters, ready to be compared with requests."""
    fields = [(Field("header", name.lower().encode()), value) for name, value in headers]
    fields += [(Field("query", name.encode()), value) for name, value in query]
    return tuple((field, field.wanted(value)) for field, value in fields)


class Conditional(Protocol):
    """Something that has conditions: an operation in the route table."""

    @property
    def conditions(self) -> Conditions:
        """All of them must hold."""
        ...


C = TypeVar("C", bound=Conditional)


class ByField(Generic[C]):
    """Operations of one path, best first, indexed by the `telling` field: the one for which most require a value."""

    __slots__ = ("by_value", "every", "others", "telling")

    def __init__(self, every: Sequence[C]) -> None:
        self.every = tuple(every)
        self.telling: Field | None = None
        self.others: tuple[C, ...] = self.every
        self.by_value: dict[bytes, tuple[C, ...]] = {}
        # Content-Type has more than one spelling of a value, so it is not looked up.
        common = Counter(field for one in every for field, wanted in one.conditions
                         if wanted is not None and field.name != b"content-type").most_common(1)
        if common and common[0][1] > 1:
            self.telling = telling = common[0][0]
            wants = [(one, dict(one.conditions).get(telling)) for one in every]
            self.others = tuple(one for one, wanted in wants if wanted is None)
            by_value: dict[bytes, list[C]] = {wanted: [] for _, wanted in wants if wanted is not None}
            for one, wanted in wants:
                for value in by_value if wanted is None else (wanted,):
                    by_value[value].append(one)
            self.by_value = {value: tuple(found) for value, found in by_value.items()}

    def possible(self, request: Request) -> tuple[C, ...]:
        """The operations that the telling field does not rule out, best first."""
        if self.telling is None:
            return self.every
        values = self.telling.values(request)
        # A repeated field may satisfy several operations, so all are tried.
        return self.every if len(values) > 1 else self.by_value.get(values[0], self.others) if values else self.others
