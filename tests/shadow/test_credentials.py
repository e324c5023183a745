"""Credentials: which fields and parameters hold them, and what a request is without them."""

import pytest

from adapters.message import Headers, Request
from shadow.credentials import (
    carries_credentials,
    is_credential,
    is_refusal,
    without_in_body,
    without_in_path,
    without_in_target,
)


@pytest.mark.parametrize("name", [
    b"Authorization", b"Cookie", b"X-API-Key", b"apikey", b"Api_Key", b"Ocp-Apim-Subscription-Key", b"X-Auth-Token",
    b"X-Amz-Security-Token", b"X-Goog-Api-Key", b"Private-Token", b"X-Clinic-Session-Token", b"Cf-Access-Jwt-Assertion",
    b"X-User-Token", b"X-Gitlab-Token", b"X-JWT", b"X-Auth", b"X-Session", b"Session-Id", b"X-Api-Secret", b"X-WSSE",
    b"X-Credentials",
])
def test_fields_that_gateways_take_credentials_from_are_known(name):
    assert is_credential(name)


@pytest.mark.parametrize("name", [
    b"Accept", b"X-Request-Id", b"If-None-Match", b"X-Csrf-Token", b"X-XSRF-TOKEN", b"Page-Token",
    b"X-Ms-Continuation-Token", b"X-Author", b"Residual", b"X-Patient-Key", b"Idempotency-Key",
])
def test_other_fields_are_no_credentials(name):
    assert not is_credential(name)


@pytest.mark.parametrize(("target", "bare"), [
    (b"/results/7;jsessionid=ABC.node1", b"/results/7"),
    (b"/results/7;JSESSIONID=ABC/notes;v=1", b"/results/7/notes;v=1"),
    (b"/results/7%3Bjsessionid%3DABC?a=1", b"/results/7?a=1"),
    (b"/results/7;%6Asessionid=ABC", b"/results/7"),
    (b"/(S(lit3py55t21z5v55vlm25s55)F(x))/orders", b"/orders"),
    (b"/(S(lit3py55t21z5v55vlm25s55))", b"/"),
    (b"/results?access_token=abc", b"/results"),
    (b"/results?patient=1&access_token=abc&count=2", b"/results?patient=1&count=2"),
    (b"/results?a=1&access%5Ftoken=abc", b"/results?a=1"),
    (b"/results?a=1;apikey=abc;b=2", b"/results?a=1;b=2"),
    (b"/results?sessionid=1&user_token=2&client_secret=3&pwd=4&SAMLResponse=5&q=6", b"/results?q=6"),
    (b"/results?api_key=1&api-key=2&subscription-key=3&X-Amz-Signature=4&id_token=5", b"/results"),
])
def test_a_target_loses_its_credentials_and_nothing_else(target, bare):
    assert without_in_target(target) == bare


@pytest.mark.parametrize("target", [
    b"/", b"/a;v=1?b=2;c=3&&d", b"/a(b)/(c)?key=1&code=2&session=3&sig=4", b"/a?", b"/a?pageToken=7&token_type=x",
    b"/fhir/Patient?identifier=http%3A%2F%2Fx%7C1;2",
])
def test_a_target_without_credentials_stays_byte_for_byte(target):
    assert without_in_target(target) is target


def test_a_captured_part_of_a_path_loses_them_too():
    assert without_in_path(b"7;jsessionid=ABC") == b"7"


def test_a_form_loses_them_and_any_other_body_stays():
    def request(media):
        return Request("POST", b"/", Headers([(b"Content-Type", media)]), b"name=x&access_token=abc")

    assert without_in_body(request(b"application/x-www-form-urlencoded; charset=utf-8")) == b"name=x"
    assert without_in_body(request(b"text/plain")) == b"name=x&access_token=abc"


@pytest.mark.parametrize(("request_", "carries"), [
    (Request("GET", b"/a?b=1", Headers([(b"Accept", b"*/*")])), False),
    (Request("GET", b"/a", Headers([(b"Authorization", b"Basic eDp5")])), True),
    (Request("GET", b"/a", Headers([(b"X-Clinic", b"k")])), True),
    (Request("GET", b"/a;jsessionid=1", Headers()), True),
    (Request("GET", b"/a?access_token=1", Headers()), True),
])
def test_a_request_carries_credentials_wherever_they_are(request_, carries):
    assert carries_credentials(request_, frozenset({b"x-clinic"})) is carries


@pytest.mark.parametrize(("status", "location", "refusal"), [
    (401, None, True), (403, None, True), (404, None, False), (200, b"/login", False),
    (302, b"/Account/Login?ReturnUrl=%2Fresults", True), (303, b"https://idp.example/oauth2/authorize?x=1", True),
    (302, b"/login.jsp", True), (307, b"https://login.example/", True), (302, b"/results/7", False),
    (302, b"/authors/7?next=/login", False), (304, b"/login", False), (302, None, False),
])
def test_a_refusal_is_an_answer_that_wants_credentials(status, location, refusal):
    headers = Headers([(b"Location", location)] if location is not None else [])
    assert is_refusal(status, headers) is refusal
