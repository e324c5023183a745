"""SOAP 1.1 behind a REST contract: reads there, JSON back, and everything that a service may send instead."""

import gzip
import json
from dataclasses import replace

import pytest
import yaml
from lxml import etree
from pydantic import TypeAdapter

from adapters.base import AdapterError
from adapters.message import Headers, Request, Response
from adapters.soap import ENVELOPE, Soap
from adapters.testing import Example, check_adapter

OPTIONS = """
path: /ws/results
namespace: urn:example:clinic:results
operations:
  read:
    action: urn:example:clinic:results:GetResult
    request:
      element: GetResult
      fields:
        "@version": "1"
        Id: {fields: {"@kind": "header:X-Kind?", Value: path:id}}
        Kind: query:kind?
        Source: portal
    response:
      element: GetResultResponse
      body:
        path: Result
        fields:
          id: "@Id"
          mrn: Patient/MRN
          value: {path: Value, type: decimal, missing: omit}
          notes: {path: Note, list: true}
          final: {path: Final, type: boolean, missing: "null"}
      faults:
        NoSuchResult: {status: 404, body: {error: not-found, message: There is no such result.}}
        Client.Gone: 410
  list:
    action: urn:example:clinic:results:ListResults
    request: {element: ListResults, fields: {Patient: query:patient}}
    response:
      element: ListResultsResponse
      body: {fields: {items: {path: Result, list: true, fields: {id: "@Id"}}}}
"""
NS = "urn:example:clinic:results"
XML = Headers([(b"Date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"ETag", b'"1"'), (b"Content-Length", b"9"),
               (b"Content-Type", b"text/xml; charset=utf-8"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")])


def make(**changes):
    return Soap(TypeAdapter(Soap.Options).validate_python(yaml.safe_load(OPTIONS) | changes))


def envelope(entry, head=""):
    return (f'<?xml version="1.0"?><s:Envelope xmlns:s="{ENVELOPE}" xmlns:c="{NS}">{head}<s:Body>{entry}</s:Body>'
            f'</s:Envelope>').encode()


def result(inner, name="GetResultResponse"):
    return envelope(f'<c:{name}><c:Result Id="R-1"><c:Patient><c:MRN>00123</c:MRN></c:Patient>{inner}</c:Result>'
                    f'</c:{name}>')


def fault(code, detail=""):
    return envelope(f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>Mrs Canary</faultstring>{detail}</s:Fault>")


def ask(target=b"/results/00123", params=None, operation="read", headers=(), **changes):
    made = make(**changes).request(
        operation, {"id": "00123"} if params is None else params, Request("GET", target, Headers(headers)))
    return made, etree.fromstring(made.body).find(f"{{{ENVELOPE}}}Body")[0]


def answer(body, status=200, operation="read", headers=XML):
    made = make().response(operation, Response(status, Headers(headers), body, b"OK"))
    return made, json.loads(made.body, parse_float=str)


def refused(body, status=200, headers=XML):
    with pytest.raises(AdapterError) as caught:
        answer(body, status, headers=headers)
    assert caught.value.side == "response"
    assert "anary" not in caught.value.detail
    return caught.value.detail


def test_it_satisfies_the_contract():
    check_adapter(make(), [
        Example("read", Request("GET", b"/results/00123?kind=lab", Headers([(b"X-Kind", b"Canary1")])),
                Response(200, XML, result("<c:Value>72.50</c:Value><c:Note>Canary2</c:Note>")), {"id": "00123"},
                ("Canary", "72.50", "00123")),
        Example("list", Request("GET", b"/results?patient=Canary3", Headers()),
                Response(200, XML, result("Canary4", "ListResultsResponse")), {}, ("Canary",)),
        Example("read", Request("GET", b"/results/00123", Headers()), Response(500, XML, fault("Client.Canary5")),
                {"id": "00123"}, ("Canary",)),
    ])
    assert make().operations() == {"read", "list"}


def test_a_read_becomes_a_call():
    request, call = ask(b"/results/00123?kind=a%26%3Cb%3E+c", headers=[
        (b"Host", b"x"), (b"Accept", b"application/json"), (b"Accept-Encoding", b"gzip"), (b"Range", b"bytes=0-1"),
        (b"Authorization", b"Bearer t"), (b"If-None-Match", b'"1"')])
    assert (request.method, request.target) == ("POST", b"/ws/results")
    assert request.headers == [
        (b"Host", b"x"), (b"Authorization", b"Bearer t"), (b"Accept", b"text/xml"), (b"Accept-Encoding", b"identity"),
        (b"Content-Type", b"text/xml; charset=utf-8"), (b"Content-Length", b"%d" % len(request.body)),
        (b"SOAPAction", b'"urn:example:clinic:results:GetResult"')]
    assert call.tag == f"{{{NS}}}GetResult"
    assert dict(call.attrib) == {"version": "1"}
    assert [(etree.QName(one).localname, one.text) for one in call.iter()][1:] == [
        ("Id", None), ("Value", "00123"), ("Kind", "a&<b> c"), ("Source", "portal")]
    assert request.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def test_elements_are_qualified_as_the_schema_says():
    assert all(one.tag.startswith(f"{{{NS}}}") for one in ask()[1].iter())
    call = ask(qualified=False)[1]
    assert [one.tag for one in call.iter()] == [f"{{{NS}}}GetResult", "Id", "Value", "Source"]


@pytest.mark.parametrize(("query", "says"), [
    (b"other=Canary", "a query parameter is not supported"),
    (b"kind=Canary&kind=b", "query kind is given more than once"),
    (b"kind=%00Canary", "a character that XML cannot hold"),
    (b"kind=%ff", "not percent-encoded UTF-8"),
    (b"kind=\xff", "not percent-encoded UTF-8"),
    (b"&".join([b"kind=1"] * 101), "too many parameters"),
])
def test_a_query_that_does_not_fit_is_refused(query, says):
    with pytest.raises(AdapterError, match=says) as caught:
        ask(b"/results/00123?" + query)
    assert caught.value.side == "request"
    assert "Canary" not in caught.value.detail


def test_other_parameters_can_be_passed_over():
    assert ask(b"/results/1?other=1", ignore_query=True)[1].find(f"{{{NS}}}Kind") is None


def test_what_is_needed_must_be_there():
    with pytest.raises(AdapterError, match=r"^query patient is missing$"):
        ask(b"/results", operation="list")
    with pytest.raises(AdapterError, match=r"^path id is missing$"):
        ask(params={})
    with pytest.raises(AdapterError, match=r"^the operation has no mapping$"):
        ask(operation="book")
    with pytest.raises(AdapterError, match=r"^a body is not supported$"):
        make().request("read", {"id": "1"}, Request("POST", b"/", Headers(), b"x"))


def test_an_answer_becomes_json():
    response, _ = answer(result("<c:Value>72.50</c:Value><c:Note>é</c:Note><c:Final>true</c:Final>"))
    assert response.status == 200
    assert response.body == '{"id":"R-1","mrn":"00123","value":72.50,"notes":["é"],"final":true}'.encode()
    assert response.headers == [
        (b"Date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"),
        (b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(response.body))]


def test_lists_stay_lists():
    assert answer(result("", "ListResultsResponse"), operation="list")[1] == {"items": [{"id": "R-1"}]}
    assert answer(envelope("<c:ListResultsResponse/>"), operation="list")[1] == {"items": []}


@pytest.mark.parametrize(("coded", "content_type"), [
    ("é".encode("latin-1"), b'text/xml; charset="ISO-8859-1"'),
    ("é".encode("cp1252"), b"text/xml;charset=windows-1252"),
    ("é".encode(), b"TEXT/XML"),
    ("é".encode(), b"application/xml; charset=UTF-8"),
])
def test_the_charset_is_that_of_the_media_type(coded, content_type):
    body = result("<c:Note>NOTE</c:Note>").replace(b"NOTE", coded)
    assert answer(body, headers=[(b"Content-Type", content_type)])[1]["notes"] == ["é"]


def test_a_byte_order_mark_goes_before_the_charset():
    body = result("<c:Note>é</c:Note>").decode().encode("utf-16")
    assert answer(body)[1]["notes"] == ["é"]


def test_a_compressed_answer_is_read_within_bounds():
    headers = Headers([*XML, (b"Content-Encoding", b"gzip")])
    assert answer(gzip.compress(result("")), headers=headers)[1]["id"] == "R-1"
    assert refused(gzip.compress(b"\0" * (64 << 20)), headers=headers) == "the body is too large"
    assert refused(gzip.compress(result(""))[:-9], headers=headers) == "the body is cut off"
    assert refused(b"Canary", headers=headers) == "the body is not valid gzip"
    assert "coding" in refused(b"", headers=Headers([*XML, (b"Content-Encoding", b"br")]))


@pytest.mark.parametrize(("code", "detail", "status"), [
    ("Client", "<detail><c:NoSuchResult/></detail>", 404),
    ("Client.Gone.Canary", "", 410),
    ("Client.Other", "<detail><c:Canary/></detail>", 400),
    ("Client", "", 400),
    ("Server", "", 502),
    ("Server.Canary", "<detail>Canary</detail>", 502),
    ("MustUnderstand", "", 502),
    ("", "", 502),
])
@pytest.mark.parametrize("sent_as", [200, 500])
def test_a_fault_becomes_a_status_and_tells_nothing_of_its_own(code, detail, status, sent_as):
    response, body = answer(fault(code, detail), sent_as)
    assert response.status == status
    assert b"anary" not in response.body
    media = response.headers.get_all(b"content-type")
    if status == 404:
        assert (media, body) == ([b"application/json"], {"error": "not-found", "message": "There is no such result."})
    else:
        assert media == [b"application/problem+json"]
        assert (body["type"], body["status"]) == ("about:blank", status)


@pytest.mark.parametrize(("body", "says"), [
    (b"", "not well-formed"),
    (b"Canary", "not well-formed"),
    (b"<html>Canary</html>", "not a SOAP 1.1 envelope"),
    (envelope(""), "exactly one element"),
    (envelope("<c:GetResultResponse/><c:Canary/>"), "exactly one element"),
    (envelope("<c:Canary/>"), "does not hold the expected element"),
    (envelope("<GetResultResponse xmlns='urn:canary'/>"), "does not hold the expected element"),
    (envelope("<c:GetResultResponse/>"), "the document is missing"),
    (result("<c:Value>Canary</c:Value>"), "/value is not of type decimal"),
    (result("<c:Final>Canary</c:Final>"), "/final is not of type boolean"),
    (envelope("<c:GetResultResponse/>", "<s:Header><c:Canary s:mustUnderstand='1'/></s:Header>"), "mustUnderstand"),
    (result("").replace(ENVELOPE.encode(), b"http://www.w3.org/2003/05/soap-envelope"), "not a SOAP 1.1 envelope"),
    (b"\xff\xfe\xfd", "encoding"),
])
def test_what_is_no_answer_is_an_error(body, says):
    assert says in refused(body)


def test_only_xml_with_status_200_is_an_answer():
    assert "content type" in refused(result(""), headers=[(b"Content-Type", b"text/html")])
    assert "content type" in refused(result(""), headers=[])
    assert "status" in refused(result(""), 503)
    assert "encoding" in refused(result(""), headers=[(b"Content-Type", b"text/xml; charset=utf-7")])


BOMB = '<!DOCTYPE b [<!ENTITY a "Canary">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)) + "]>"
DOCTYPES = [
    BOMB + "<b>&j;</b>", BOMB + "<b x='&j;'/>",
    '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/hostname">]><b>&x;</b>',
    '<!DOCTYPE b SYSTEM "http://192.0.2.1/canary.dtd"><b/>',
    '<!DOCTYPE b [<!ENTITY % x SYSTEM "http://192.0.2.1/canary"> %x;]><b/>',
    "<!DOCTYPE b><b/>", "\n <!DOCTYPE\nb><b/>", "<!-- > --><?p ?><!DOCTYPE b><b/>",
    '<?xml version="1.0" standalone="yes"?><!DOCTYPE b><b/>',
]


@pytest.mark.parametrize("text", DOCTYPES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
@pytest.mark.parametrize("content_type", [b"text/xml", b"text/xml; charset=utf-8", b"text/xml; charset=utf-16le"])
def test_no_doctype_gets_in_whatever_it_is_written_in(text, encoding, content_type):
    detail = refused(text.encode(encoding), headers=[(b"Content-Type", content_type)])
    if encoding == "utf-8" and b"16" not in content_type:
        assert "DOCTYPE" in detail


def test_a_doctype_in_a_text_is_a_text():
    note = "<c:Note><![CDATA[<!DOCTYPE html><p>]]></c:Note>"
    assert answer(result(note))[1]["notes"] == ["<!DOCTYPE html><p>"]


@pytest.mark.parametrize("body", [
    b"<a>" * 10_000 + b"</a>" * 10_000,
    b"<a " + b"".join(b"b%d='' " % n for n in range(50_000)) + b"b1=''/>",
    b"<a b='" + b"x" * (11 << 20) + b"'/>",
    b"<" + b"a" * 100_000 + b"/>",
    b"<!---->" * 100_000 + b"<!DOCTYP",
    b"<a>" + b"<!---->" * 100_000,
    b"<a xmlns='" + b"u" * 100_000 + b"'/>",
])
def test_what_is_too_deep_or_too_long_is_refused(body):
    assert refused(body)


@pytest.mark.parametrize(("changes", "says"), [
    ({"path": "ws"}, "^path: "),
    ({"path": "/w s"}, "^path: "),
    ({"namespace": ""}, "^namespace: "),
    ({"operations": {}}, "^operations: "),
])
def test_options_that_cannot_be_say_which(changes, says):
    with pytest.raises(ValueError, match=says):
        make(**changes)


@pytest.mark.parametrize(("place", "value", "says"), [
    (("action",), 'a"b', "action"),
    (("request", "element"), "a b", "request"),
    (("request", "fields"), {"1": "x"}, "request"),
    (("request", "fields"), {"@a": {"fields": {}}}, "request"),
    (("response", "element"), "", "response"),
    (("response", "body"), "a//b", "response: the document: path"),
    (("response", "faults"), {"Client": 200}, "response: faults"),
    (("response", "faults"), {"Client": {"status": 404, "body": 1.5}}, "response: faults"),
])
def test_an_operation_that_cannot_be_says_where(place, value, says):
    options = yaml.safe_load(OPTIONS)
    inner = options["operations"]["read"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ValueError, match=f"^operations.read.{says}"):
        Soap(TypeAdapter(Soap.Options).validate_python(options))


def test_translating_keeps_no_state():
    adapter = make()
    one = Response(200, XML, result("<c:Value>1.0</c:Value>"))
    assert adapter.response("read", one) == adapter.response("read", replace(one))
