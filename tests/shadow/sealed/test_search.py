"""Search: an identifier is found wherever an exchange has it, and nowhere else."""

import gzip
import json
import zlib

import pytest

from adapters.message import Headers, Request
from shadow.sealed.base import Captured
from shadow.sealed.search import occurs
from tests.shadow.exchanges import answer


def captured(target=b"/results/7", headers=(), body=b"", legacy=b"{}", modern=b"{}", **more):
    request = Request("POST", target, Headers(headers), body)
    return Captured("0" * 16, 1.0, "results", "read", "trace", "pattern", True, request,
                    answer("legacy", legacy, **more), answer("modern", modern, **more))


MRN = "MRN-4711/é"
WIRE = MRN.encode()

PLACES = {
    "target": captured(target=b"/patients?mrn=MRN-4711/\xc3\xa9"),
    "encoded target": captured(target=b"/patients/MRN%2D4711%2f%C3%A9"),
    "latin-1 target": captured(target=b"/patients/MRN-4711%2F%E9"),
    "header": captured(headers=[(b"X-Patient", WIRE)]),
    "header's name": captured(headers=[(WIRE, b"")]),
    "request's body": captured(body=b"<id>" + WIRE + b"</id>"),
    "form": captured(body=b"id=MRN-4711%2F%C3%A9", headers=[(b"Content-Type", b"application/x-www-form-urlencoded")]),
    "legacy": captured(legacy={"id": "x" + MRN + "x"}),
    "modern": captured(modern={"a": [{"id": MRN}]}),
    "name of a member": captured(modern={MRN: 1}),
    "another case": captured(modern={"id": "mrn-4711/É"}),
    "decomposed": captured(modern={"id": "MRN-4711/e\N{COMBINING ACUTE ACCENT}"}),
    "escapes": captured(modern=json.dumps({"id": MRN}).replace("/", "\\/").encode()),
    "escapes of a torn body": captured(modern=b'{"id": "\\u004dRN-4711\\/\\u00e9'),
    "latin-1": captured(modern=MRN.encode("latin-1"), content_type="text/plain"),
    "utf-16": captured(modern=b"\xff\xfe" + MRN.encode("utf-16-le"), content_type="application/octet-stream"),
    "utf-16, odd": captured(modern=b"x\xff\xfe" + MRN.encode("utf-16-be"), content_type="application/octet-stream"),
    "gzip": captured(modern=gzip.compress(b'{"id": "MRN-4711/\\u00e9"}'), content_encoding="gzip"),
    "deflate": captured(legacy=zlib.compress(WIRE), modern=zlib.compress(b""), content_encoding="deflate",
                        content_type=None),
    "entities": captured(modern=b"<a><id>MRN&#45;4711/&#233;</id></a>", content_type="application/xml"),
    "attribute": captured(modern=b'<a id="MRN-4711/&#xe9;"/>', content_type="application/xml"),
    "html": captured(modern=b"<p>MRN-4711/&eacute;</p>", content_type="text/html"),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_identifier_is_found(place):
    assert occurs(PLACES[place], MRN)


@pytest.mark.parametrize("place", PLACES)
def test_another_is_not(place):
    assert not occurs(PLACES[place], "MRN-4712/é")


def test_a_number_is_found_as_it_is_written():
    assert occurs(captured(modern=b'{"id": 900719925474099312345}'), "900719925474099312345")


@pytest.mark.parametrize("coding", ["gzip", "br", "a, b, c, d, e"])
def test_what_cannot_be_decoded_is_searched_as_it_came(coding):
    assert occurs(captured(modern=b"\x00\x01 MRN-1 \xff", content_encoding=coding), "MRN-1")
    assert not occurs(captured(modern=b"\x00\x01 MRN-1 \xff", content_encoding=coding), "MRN-2")
