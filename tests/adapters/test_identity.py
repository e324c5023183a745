"""The identity adapter, and the checker's own eyes."""

from dataclasses import replace

import pytest

from adapters.base import AdapterError
from adapters.identity import Identity
from adapters.message import Headers, Request, Response
from adapters.testing import Example, check_adapter

EXAMPLE = Example(
    "read", Request("GET", b"/results/00123?kind=lab", Headers([(b"Accept", b"*/*")])),
    Response(200, Headers([(b"Content-Type", b"text/plain")]), b"72.50"), {"id": "00123"}, ("00123", "72.50"))


def make():
    return Identity(Identity.Options())


def test_it_satisfies_the_contract():
    check_adapter(make(), [EXAMPLE])


def test_what_goes_in_comes_out():
    assert make().request("read", {}, EXAMPLE.request) is EXAMPLE.request
    assert make().response("read", EXAMPLE.response) is EXAMPLE.response


class Leaks(Identity):
    def response(self, operation, response):
        if b"72.50" not in response.body:
            return response
        raise AdapterError("response", "72.50 is too high")


class Changes(Identity):
    def request(self, operation, params, request):
        request.headers.append((b"X-More", b"1"))
        return request


class Blames(Identity):
    def response(self, operation, response):
        if response.status == 200 and response.body == b"72.50":
            return response
        raise AdapterError("request", "no")


class Crashes(Identity):
    def request(self, operation, params, request):
        return replace(request, target=params["id"].encode())


class Wavers(Identity):
    count = 0

    def response(self, operation, response):
        self.count += 1
        return replace(response, status=200 + self.count)


@pytest.mark.parametrize(("broken", "says"), [
    (Leaks, "contains a value"), (Changes, "changed the request"), (Blames, "about the request"),
    (Wavers, "gave two results"),
])
def test_the_checker_sees(broken, says):
    with pytest.raises(AssertionError, match=says):
        check_adapter(broken(Identity.Options()), [EXAMPLE])


def test_the_checker_lets_a_crash_be_seen():
    with pytest.raises((KeyError, UnicodeEncodeError)):
        check_adapter(Crashes(Identity.Options()), [EXAMPLE])
