"""A fault of SOAP by which a server says no is its answer. One by which it says that it failed is none."""

from dataclasses import replace

import pytest

from shadow.compare.comparison import Outcome, compare
from shadow.faults import says_no
from tests.shadow.exchanges import answer, pair

ONE = "http://schemas.xmlsoap.org/soap/envelope/"
TWO = "http://www.w3.org/2003/05/soap-envelope"


def first(code, detail=""):
    return (f'<?xml version="1.0"?><s:Envelope xmlns:s="{ONE}"><s:Body><s:Fault><faultcode>{code}</faultcode>'
            f"<faultstring>no such patient</faultstring>{detail}</s:Fault></s:Body></s:Envelope>").encode()


def second(code, detail=""):
    return (f'<env:Envelope xmlns:env="{TWO}"><env:Body><env:Fault><env:Code>\n <env:Value> {code} </env:Value>'
            f'</env:Code><env:Reason><env:Text xml:lang="en">no</env:Text></env:Reason>{detail}</env:Fault>'
            "</env:Body></env:Envelope>").encode()


FOUND = "<detail><n:NotFound xmlns:n='urn:n'/></detail>"


def said(body, media="text/xml; charset=utf-8", status=500, arm="legacy"):
    return answer(arm, body, status, content_type=media)


@pytest.mark.parametrize("body", [
    first("s:Client"), first("soap:Client.Authentication"), first("app:NotFound"), first("s:Server", FOUND),
    first("MustUnderstand"), second("env:Sender"),
    second("env:Receiver", "<env:Detail>\n<n xmlns='urn:n'/></env:Detail>"),
    first("s:Client").replace(b"<faultcode>", b'<faultcode xmlns:q="urn:q">\n'),
])
def test_a_server_that_says_no_has_answered(body):
    assert says_no(said(body).headers, body)
    assert not said(body).broke
    assert said(body, status=503).broke
    found = compare(pair(said(body), said(body, arm="modern")))
    assert found.tally.outcome is Outcome.MATCH
    other = compare(pair(said(body), said(body.replace(b"no", b"yes"), arm="modern")))
    assert other.tally.outcome is Outcome.MISMATCH


@pytest.mark.parametrize("body", [
    first("s:Server"), first("SOAP-ENV:Server.Busy"), second("env:Receiver"), first("s:Server", "<detail/>"),
    first("s:Server", "<detail>java.lang.NullPointerException</detail>"), first(""), b"<Fault>", b"",
    b"<html>Fault</html>", b"<a>" * 30_000 + first("s:Client"), b"\xff\xfe<\0F\0a\0u\0l\0t\0>\0",
])
def test_a_server_that_failed_has_not(body):
    assert said(body).broke
    found = compare(pair(said(body), said(b"<ok/>", arm="modern", status=200)))
    assert found.tally[2:] == (Outcome.NOT_COMPARABLE, "legacy_5xx")


def test_a_fault_is_one_by_its_media_type():
    body = first("s:Client")
    assert not said(body, "application/soap+xml").broke
    assert said(body, "application/json").broke
    assert said(body, "").broke
    assert replace(said(body), headers=type(said(body).headers)()).broke
