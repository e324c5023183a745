"""Media types are folded to few kinds, whatever clients and services write."""

import pytest

from adapters.message import Headers, Request
from shadow.evidence.media import how_asked, kind_of, kind_wanted


@pytest.mark.parametrize(("media", "kind"), [
    (b"application/json", "json"), (b"Application/JSON; charset=utf-8", "json"), (b"application/x-ndjson", "json"),
    (b"application/problem+json", "json"), (b"application/fhir+json", "fhir+json"), (b"text/xml", "xml"),
    (b"application/soap+xml; action=x", "xml"), (b"application/fhir+xml", "fhir+xml"), (b"text/html", "html"),
    (b"application/xhtml+xml", "html"), (b"text/plain", "text"), (b"text/csv", "text"), (b"application/pdf", "pdf"),
    (b"image/svg+xml", "image"), (b"image/png", "image"), (b"x-application/hl7-v2+er7", "hl7v2"),
    (b"application/hl7-v2+xml", "hl7v2"), (b"application/octet-stream", "binary"), (b"multipart/related", "binary"),
    (b"application/MRN-00123", "binary"), (b"", ""), (b"*/*", ""), (b";", ""), (b"Meier", "binary"),
])
def test_a_content_type_is_of_one_kind(media, kind):
    assert kind_of(media) == kind


@pytest.mark.parametrize(("accept", "kind"), [
    (b"application/fhir+json", "fhir+json"), (b"application/json, text/plain, */*", "json"), (b"*/*", ""), (b"", ""),
    (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
    (b"application/json;q=0.5, application/xml", "xml"), (b"application/json;q=0, */*;q=0.1", ""),
    (b"application/json;q=Meier", ""), (b"application/*", ""), (b"image/*", "image"), (b"application/json;q=nan", ""),
    (b"," * 100 + b"text/html", ""),
])
def test_the_kind_that_is_wanted_most_counts(accept, kind):
    assert kind_wanted(accept) == kind


@pytest.mark.parametrize(("method", "fields", "asked"), [
    ("GET", {}, ""), ("POST", {"Content-Type": "text/html"}, ""), ("HEAD", {}, "HEAD"),
    ("GET", {"If-None-Match": '"1"'}, "conditional"), ("GET", {"IF-MODIFIED-SINCE": "x"}, "conditional"),
    ("GET", {"Range": "bytes=0-1", "accept": "application/pdf"}, "range pdf"),
    ("HEAD", {"If-Match": "*", "Range": "x", "Accept": "text/xml", "If-Unmodified-Since": "x"},
     "HEAD range conditional xml"),
])
def test_how_a_request_asked_is_said_in_few_words(method, fields, asked):
    headers = Headers((name.encode(), value.encode()) for name, value in fields.items())
    assert how_asked(Request(method, b"/", headers)) == asked
