"""Translates a REST read to a SOAP 1.1 call (document/literal) and its answer to JSON, as the options declare.

    soap:
      path: /ws/results                        # where the service listens
      namespace: urn:example:clinic:results
      operations:
        read:
          action: urn:example:clinic:results:GetResult
          request: {element: GetResult, fields: {ResultId: path:id, Kind: "query:kind?", Source: portal}}
          response:
            element: GetResultResponse
            body: {path: Result, fields: {id: "@Id", value: {path: Value, type: decimal}}}   # adapters/mapping.py
            faults: {NoSuchResult: 404, Client.NotFound: {status: 404, body: {error: not-found}}}

A fault is looked up by the first element of its detail, then by its code: "Client.NotFound", then "Client" (SOAP 1.1
section 4.4.1). A fault that is not in the table becomes 400 for Client and 502 for any other code. The client never
gets a fault's own text.
"""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from lxml import etree

from adapters import document, xml
from adapters.base import AdapterError
from adapters.mapping import Field, FieldMap
from adapters.message import Request, Response
from adapters.xmltemplate import Asked, ElementOptions, Template, tag

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
MAX_BODY = 16 << 20
MAX_PARAMETERS = 100

# The client's fields about its own body, or about the representation that it wants. They do not fit the SOAP call.
_NOT_SENT = frozenset({
    b"accept", b"accept-charset", b"accept-encoding", b"content-encoding", b"content-language", b"content-length",
    b"content-location", b"content-type", b"expect", b"if-match", b"if-modified-since", b"if-none-match", b"if-range",
    b"if-unmodified-since", b"range", b"soapaction", b"te", b"trailer", b"transfer-encoding",
})
# The upstream's fields about the envelope, which the client does not get.
_NOT_RETURNED = frozenset({
    b"accept-ranges", b"content-digest", b"content-encoding", b"content-language", b"content-length",
    b"content-location", b"content-md5", b"content-range", b"content-type", b"digest", b"etag", b"last-modified",
    b"repr-digest", b"soapaction", b"trailer", b"transfer-encoding",
})


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The element in the request's Body. Its fields are like those of ElementOptions."""

    element: str
    fields: Mapping[str, str | ElementOptions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOptions:
    """The client's answer for a fault: a status (400 to 599), and a JSON body if it is not problem+json."""

    status: int
    body: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseOptions:
    """The element that the response's Body must hold, the JSON to make from it, and the answers for faults."""

    element: str
    body: Field | str
    faults: Mapping[str, int | FaultOptions] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOptions:
    """One operation. `action` is the SOAPAction, without its quotes."""

    action: str
    request: RequestOptions
    response: ResponseOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SoapOptions:
    """`namespace` is the namespace of the messages. `qualified` says whether the elements inside the request element
    are in it too (the schema's elementFormDefault). `namespaces` are prefixes for paths. A query parameter that no
    field uses is refused, because ignoring a search condition would widen the search; `ignore_query` ignores it."""

    path: str
    namespace: str
    operations: Mapping[str, OperationOptions]
    namespaces: Mapping[str, str] = field(default_factory=dict)
    qualified: bool = True
    ignore_query: bool = False


class Soap:
    """An Adapter that turns REST reads into SOAP 1.1 calls: see the top of this file."""

    Options: ClassVar[type[Any]] = SoapOptions

    def __init__(self, options: SoapOptions) -> None:
        if not options.path.startswith("/") or not options.path.isascii() or set(options.path) & set(" \t\r\n#"):
            raise ValueError("path: not an absolute path")
        if not options.namespace:
            raise ValueError("namespace: must not be empty")
        if not options.operations:
            raise ValueError("operations: needs at least one")
        self._path = options.path.encode()
        self._ignore_query = options.ignore_query
        self._operations = {name: _Operation.of(name, one, options) for name, one in options.operations.items()}

    def operations(self) -> frozenset[str] | None:
        """See Adapter."""
        return frozenset(self._operations)

    def request(self, operation: str, params: Mapping[str, str], request: Request) -> Request:
        """See Adapter. A POST of the envelope, with the client's fields except those about its representation."""
        one = self._find(operation, "request")
        if request.body:
            raise AdapterError("request", "a body is not supported")
        query = _query(request.query)
        if not self._ignore_query and query.keys() - one.parameters:
            raise AdapterError("request", "a query parameter is not supported")
        envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
        one.template.write(etree.SubElement(envelope, f"{{{ENVELOPE}}}Body"), Asked(params, query, request.headers))
        body = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
        headers = request.headers.without(_NOT_SENT)
        headers += [
            (b"Accept", b"text/xml"), (b"Accept-Encoding", b"identity"),
            (b"Content-Type", b"text/xml; charset=utf-8"), (b"Content-Length", b"%d" % len(body)),
            (b"SOAPAction", one.action),
        ]
        return Request("POST", self._path, headers, body)

    def response(self, operation: str, response: Response) -> Response:
        """See Adapter. JSON, with the upstream's fields except those about its envelope."""
        one = self._find(operation, "response")
        entry = _entry(response)
        status, media, reason = 200, b"application/json", response.reason
        if entry.tag == f"{{{ENVELOPE}}}Fault":
            status, media, body = one.fault(entry)
            reason = b""
        elif response.status != 200:
            raise AdapterError("response", "the answer is not a fault, but its status is not 200")
        elif entry.tag != one.element:
            raise AdapterError("response", "the SOAP Body does not hold the expected element")
        else:
            body = document.dump(one.body.read(entry))
        headers = response.headers.without(_NOT_RETURNED)
        headers += [(b"Content-Type", media), (b"Content-Length", b"%d" % len(body))]
        return Response(status, headers, body, reason)

    def _find(self, operation: str, side: str) -> "_Operation":
        one = self._operations.get(operation)
        if one is None:
            raise AdapterError(side, "the operation has no mapping")
        return one


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation, ready for use."""

    action: bytes
    template: Template
    parameters: frozenset[str]
    element: str
    body: FieldMap[xml.Node]
    faults: Mapping[str, tuple[int, bytes, bytes]]

    @classmethod
    def of(cls, name: str, options: OperationOptions, soap: SoapOptions) -> "_Operation":
        """Raises ValueError, with the option's place in its message."""
        with _at(f"operations.{name}.action"):
            if not options.action.isascii() or not options.action.isprintable() or '"' in options.action:
                raise ValueError("not a URI")
        with _at(f"operations.{name}.request"):
            template = Template.of(
                options.request.element, ElementOptions(fields=options.request.fields), soap.namespace,
                qualified=soap.qualified, outermost=True)
        with _at(f"operations.{name}.response"):
            element = tag(options.response.element, soap.namespace)
            body = FieldMap(options.response.body, xml.XmlSource(soap.namespaces))
            faults = {key: _answer(one) for key, one in options.response.faults.items()}
        parameters = frozenset(one.name for one in template.values() if one.source == "query")
        return cls(b'"%b"' % options.action.encode(), template, parameters, element, body, faults)

    def fault(self, fault: xml.Element) -> tuple[int, bytes, bytes]:
        """Status, media type and body for a fault."""
        code = (fault.findtext("faultcode") or "").strip().rpartition(":")[2]
        for key in (*_details(fault), *_shortened(code)):
            if key in self.faults:
                return self.faults[key]
        return _problem(400 if code.partition(".")[0] == "Client" else 502)


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Put the option's place in front of a ValueError's message."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _answer(fault: int | FaultOptions) -> tuple[int, bytes, bytes]:
    fault = FaultOptions(status=fault) if isinstance(fault, int) else fault
    if not 400 <= fault.status <= 599:
        raise ValueError("faults: a status must be from 400 to 599")
    if fault.body is None:
        return _problem(fault.status)
    try:
        return fault.status, b"application/json", document.dump(fault.body)
    except TypeError as error:
        raise ValueError("faults: a body is made of maps, lists, texts, whole numbers, booleans and null") from error


def _problem(status: int) -> tuple[int, bytes, bytes]:
    """An answer as problem+json of the type about:blank: the status says everything (RFC 9457 section 4.2.1)."""
    title = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    tree = {"type": "about:blank", "title": title, "status": status}
    return status, b"application/problem+json", document.dump(tree)


def _details(fault: xml.Element) -> list[str]:
    """The local name of the fault's first detail entry, if there is one."""
    return [etree.QName(entry).localname for entry in fault.iterfind("detail/*")][:1]


def _shortened(code: str) -> list[str]:
    """ "Client.A.B", "Client.A", "Client": the most exact first."""
    parts = code.split(".", 8)
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _query(query: bytes) -> dict[str, list[str]]:
    """The query's parameters (as HTML forms write them). Raises AdapterError."""
    given: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise AdapterError("request", "the query is not percent-encoded UTF-8, or has too many parameters") from None
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return given


def _entry(response: Response) -> xml.Element:
    """The element in the answer's Body. Raises AdapterError unless the answer is a SOAP 1.1 message with just one."""
    media, _, parameters = (response.headers.get(b"content-type") or b"").partition(b";")
    if media.strip().lower() not in {b"text/xml", b"application/xml"}:
        raise AdapterError("response", "the content type is not text/xml")
    try:
        root = xml.parse(_decoded(response), _charset(parameters))
    except xml.XmlError as error:
        raise AdapterError("response", f"the XML is not accepted: {error}") from error
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise AdapterError("response", "the answer is not a SOAP 1.1 envelope")
    # A header marked mustUnderstand must not be ignored (SOAP 1.1 section 4.2.3), and this adapter understands none.
    if any(header.get(f"{{{ENVELOPE}}}mustUnderstand") in {"1", "true"}
           for header in root.iterfind(f"{{{ENVELOPE}}}Header/*")):
        raise AdapterError("response", "a SOAP header is marked mustUnderstand, and none is supported")
    entries = root.findall(f"{{{ENVELOPE}}}Body/*")
    if len(entries) != 1:
        raise AdapterError("response", "the SOAP Body does not hold exactly one element")
    return entries[0]


def _charset(parameters: bytes) -> str | None:
    for parameter in parameters.split(b";"):
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"charset":
            return value.strip(b" \t\"").decode("latin-1")
    return None


def _decoded(response: Response) -> bytes:
    """The body without its content coding. The request asked for none, but some servers compress anyway."""
    codings = b",".join(response.headers.get_all(b"content-encoding")).strip().lower()
    body = response.body
    if codings in {b"gzip", b"x-gzip"}:
        inflater = zlib.decompressobj(wbits=31)
        try:
            body = inflater.decompress(body, MAX_BODY + 1)
        except zlib.error as error:
            raise AdapterError("response", "the body is not valid gzip") from error
        if not inflater.eof and len(body) <= MAX_BODY:
            raise AdapterError("response", "the body is cut off")
    elif codings not in {b"", b"identity"}:
        raise AdapterError("response", "the content coding is not supported")
    if len(body) > MAX_BODY:
        raise AdapterError("response", "the body is too large")
    return body
