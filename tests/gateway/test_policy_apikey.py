"""API keys: known by their hash, said once, and not passed on."""

from hashlib import sha256

import pytest

from adapters.message import Headers, Request
from gateway.call import Call, Principal
from gateway.policies.apikey import ApiKey
from gateway.policies.testing import CANARY, check_policy

KEY = f"key-of-the-portal-{CANARY}"


def hashed(key):
    return "sha256:" + sha256(key.encode()).hexdigest()


def make(**options):
    return ApiKey("partners", ApiKey.Options(**{"keys": {"portal": hashed(KEY), "lab": hashed("lab")}, **options}))


def call(*headers):
    return Call(Request("GET", b"/", Headers(headers)), "results", "read", True, "192.0.2.1")


def test_it_satisfies_the_contract():
    check_policy(make, call((b"X-API-Key", KEY.encode())))


def test_a_known_key_tells_who_calls_and_goes_no_further():
    made = call((b"Host", b"x"), (b"x-api-KEY", KEY.encode()), (b"Accept", b"*/*"))
    assert make().admit(made) is None
    assert made.principal == Principal("apikey", "portal")
    assert made.request.headers == [(b"Host", b"x"), (b"Accept", b"*/*")]


def test_blanks_around_a_key_are_no_part_of_it():
    made = call((b"X-API-Key", b" " + KEY.encode() + b"\t "))
    assert make().admit(made) is None


def test_it_goes_on_where_the_options_say_so():
    made = call((b"X-API-Key", b"lab"))
    assert make(forward=True).admit(made) is None
    assert made.request.headers == [(b"X-API-Key", b"lab")]


def test_a_client_may_have_two_keys_while_one_replaces_another():
    policy = make(keys={"portal": (hashed("old"), hashed("new"))}, header="X-Key")
    for key in (b"old", b"new"):
        made = call((b"X-Key", key))
        assert policy.admit(made) is None
        assert made.principal.subject == "portal"


@pytest.mark.parametrize("headers", [
    [], [(b"X-API-Key", b"")], [(b"X-API-Key", b"other")], [(b"X-API-Key", KEY.encode() + b"x")],
    [(b"X-API-Key", KEY.encode()), (b"X-API-Key", KEY.encode())], [(b"X-API-Key", b"k" * 5000)],
    [(b"Authorization", KEY.encode())], [(b"X-API-Key", hashed(KEY).encode())],
])
def test_any_other_is_refused_in_one_way(headers):
    made = call(*headers)
    verdict = make().admit(made)
    assert (verdict.code, verdict.detail, verdict.headers) == (
        "unauthenticated", "", ((b"WWW-Authenticate", b"ApiKey"),))
    assert made.principal is None
    assert made.request.headers == headers


@pytest.mark.parametrize(("options", "says"), [
    ({"keys": {}}, "^keys: "), ({"keys": {"a": "secret"}}, "^keys: "), ({"keys": {"a": "sha256:00"}}, "^keys: "),
    ({"keys": {"a": hashed("x"), "b": hashed("x")}}, "^keys: .*twice"), ({"header": "X Key"}, "^header: "),
])
def test_options_that_cannot_be_say_which(options, says):
    with pytest.raises(ValueError, match=says) as caught:
        make(**options)
    assert "secret" not in str(caught.value)
