"""Tokens: what holds, what attackers send, and keys that come, go and cannot be had."""

import asyncio
import base64
import inspect
import json
import os
from dataclasses import replace

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from pydantic import TypeAdapter

from adapters.message import Headers, Request
from gateway.call import Call
from gateway.policies import jwks
from gateway.policies.jwt import Jwt
from gateway.policies.testing import CANARY, check_policy
from gateway.services import Clock as Clocks
from gateway.services import Services

NOW = 1_800_000_000
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = RSAKey.generate_key(2048, {"kid": "other"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
EC384 = ECKey.generate_key("P-384", {"kid": "ec384"})
CLAIMS = {"iss": "https://id.example", "aud": "figway", "sub": f"ann-{CANARY}", "exp": NOW + 300, "nbf": NOW - 5,
          "scope": "read write"}
INVALID = ((b"WWW-Authenticate", b'Bearer error="invalid_token"'),)


class Clock:
    def __init__(self, now):
        self.now = float(now)

    def __call__(self):
        return self.now


def key_set(*keys, **more):
    return json.dumps({"keys": [key.as_dict(private=False) | more for key in keys]}).encode()


def sign(key=RSA, alg="RS256", header=None, **claims):
    merged = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    given = {"alg": alg, "kid": key.kid} | (header or {})
    return jwt.encode({name: value for name, value in given.items() if value is not None}, merged, key,
                      algorithms=[alg])


def raw(header, claims=CLAIMS, signature=b""):
    parts = [json.dumps(part).encode() if isinstance(part, dict) else part for part in (header, claims, signature)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed(payload):
    return jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, payload, RSA)


def call(token=None, *more, scheme="Bearer"):
    headers = [] if token is None else [(b"Authorization", f"{scheme} {token}".encode())]
    return Call(Request("GET", b"/", Headers([*headers, *more])), "results", "read", True, "192.0.2.1")


async def admit(policy, made):
    verdict = policy.admit(made if isinstance(made, Call) else call(made))
    return await verdict if inspect.isawaitable(verdict) else verdict


class Made:
    """A policy over a file of keys, with clocks that stand still."""

    def __init__(self, path, keys=(RSA, EC, EC384), **options):
        self.path = path
        self.path.write_bytes(key_set(*keys))
        self.wall, self.monotonic = Clock(NOW), Clock(100)
        self.options = {"issuer": "https://id.example", "audience": "figway", "jwks": {"file": str(path)}, **options}

    def build(self):
        options = TypeAdapter(Jwt.Options).validate_python(self.options)
        return Jwt("staff", options, Services(Clocks(now=self.wall, monotonic=self.monotonic)))


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "jwks.json", algorithms=("RS256", "ES256"))


@pytest.fixture
async def policy(made):
    policy = made.build()
    yield policy
    await policy.close()


def test_it_satisfies_the_contract(made):
    check_policy(made.build, call(sign()))


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256")])
async def test_a_good_token_tells_who_calls(policy, key, alg):
    one = call(sign(key, alg), scheme="bearer")
    assert await admit(policy, one) is None
    assert (one.principal.scheme, one.principal.subject) == ("jwt", CLAIMS["sub"])
    assert one.principal.claims == CLAIMS
    with pytest.raises(TypeError):
        one.principal.claims["sub"] = "eve"


async def test_what_was_verified_is_answered_at_once(policy):
    token = sign()
    assert await admit(policy, token) is None
    again = call(token)
    assert policy.admit(again) is None
    assert again.principal.subject == CLAIMS["sub"]


@pytest.mark.parametrize("headers", [
    [], [(b"Authorization", b"Basic YTpi")], [(b"Authorization", b"Bearer")], [(b"Authorization", b"Bearer  ")],
])
async def test_without_a_token_the_client_is_asked_for_one(policy, headers):
    verdict = await admit(policy, call(None, *headers))
    assert (verdict.code, verdict.headers) == ("unauthenticated", ((b"WWW-Authenticate", b"Bearer"),))


PUBLIC_PEM = RSA.as_pem(private=False)
FORGED = {
    "one part": "abc",
    "dots": "..",
    "five parts": "a.b.c.d.e",
    "not JSON": raw(b"{", b"{"),
    "not an object": raw(b"[]"),
    "deep JSON": raw(b"[" * 3000),
    "none": raw({"alg": "none", "kid": "rsa"}),
    "None": raw({"alg": "None", "kid": "rsa"}),
    "none with a signature": raw({"alg": "none", "kid": "rsa"}, signature=b"x" * 256),
    "alg is a list": raw({"alg": ["RS256"], "kid": "rsa"}),
    "no alg": raw({"kid": "rsa"}),
    "no signature": sign().rpartition(".")[0] + ".",
    "HS256 by the public key": jwt.encode(
        {"alg": "HS256", "kid": "rsa"}, CLAIMS, OctKey.import_key(base64.b64encode(PUBLIC_PEM)), algorithms=["HS256"]),
    "RS384, which is not pinned": sign(alg="RS384"),
    "PS256, which is not pinned": sign(alg="PS256"),
    "ES384, which is not pinned": sign(EC384, "ES384"),
    "RS256 that names an EC key": sign(header={"kid": "ec"}),
    "ES256 that names an RSA key": sign(EC, "ES256", {"kid": "rsa"}),
    "another's key under a known kid": sign(OTHER, header={"kid": "rsa"}),
    "another's key, embedded": sign(OTHER, header={"kid": "rsa", "jwk": OTHER.as_dict(private=False)}),
    "another's key, at a URL": sign(OTHER, header={"kid": "rsa", "jku": "http://127.0.0.1:9/keys"}),
    "another's certificate": sign(OTHER, header={"kid": "rsa", "x5u": "http://127.0.0.1:9/x", "x5c": ["AA=="]}),
    "crit": sign(header={"crit": ["kid"]}),
    "crit that is unknown": raw({"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1}),
    "unencoded payload": raw({"alg": "RS256", "kid": "rsa", "b64": False}),
    "kid is a path": sign(OTHER, header={"kid": "../../../../dev/null"}),
    "kid is SQL": sign(OTHER, header={"kid": "' UNION SELECT 'x"}),
    "kid is a number": raw({"alg": "RS256", "kid": 7}, signature=b"x"),
    "kid is empty": sign(OTHER, header={"kid": ""}),
    "expired": sign(exp=NOW - 31),
    "no exp": sign(exp=None),
    "exp is a text": sign(exp="never"),
    "exp is true": sign(exp=True),
    "exp is huge": sign(exp=10 ** 400),
    "exp is infinite": signed(b'{"iss":"https://id.example","aud":"figway","sub":"a","exp":1e999}'),
    "not yet": sign(nbf=NOW + 31),
    "nbf is a text": sign(nbf="now"),
    "another issuer": sign(iss="https://id.example/"),
    "no issuer": sign(iss=None),
    "another audience": sign(aud="other"),
    "audience that begins so": sign(aud="figway2"),
    "no audience": sign(aud=None),
    "audience is an object": sign(aud={"figway": 1}),
    "audience holds a list": sign(aud=[["figway"]]),
    "no subject": sign(sub=None),
    "subject is a number": sign(sub=7),
    "too long": sign(padding="x" * 9000),
    "claims are no object": signed(b"[]"),
    "claims are no JSON": signed(b"\xff"),
    "claims are deep": signed(b'{"a":' * 1000),
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.proves(21)
async def test_what_does_not_hold_is_refused_in_one_way(policy, name):
    one = call(FORGED[name])
    verdict = await admit(policy, one)
    assert (verdict.code, verdict.detail, verdict.headers) == ("unauthenticated", "", INVALID)
    assert one.principal is None
    # Once more, with nothing left to fetch: there is no second way in.
    assert await admit(policy, call(FORGED[name])) == verdict


@pytest.mark.proves(21)
async def test_a_signature_is_of_these_bytes_alone(policy):
    token = sign()
    assert await admit(policy, token) is None
    head, body, signature = token.split(".")
    for changed in (f"{body}A.{signature}", f"{body}.{signature[:-4]}AAAA", f"{body}.{signature}."):
        assert (await admit(policy, f"{head}.{changed}")).headers == INVALID


async def test_two_authorizations_are_one_too_many(policy):
    field = (b"Authorization", b"Bearer " + sign().encode())
    assert (await admit(policy, call(None, field, field))).headers == INVALID


@pytest.mark.parametrize("claims", [
    {"exp": NOW - 29}, {"nbf": NOW + 30}, {"nbf": None}, {"exp": NOW + 0.5}, {"aud": ["other", "figway"]},
])
async def test_what_the_leeway_and_the_standard_allow(policy, claims):
    assert await admit(policy, sign(**claims)) is None


async def test_a_remembered_token_ends_when_it_expires(made, policy):
    token = sign()
    assert await admit(policy, token) is None
    made.wall.now = NOW + 329
    assert await admit(policy, token) is None
    made.wall.now = NOW + 330
    assert (await admit(policy, token)).headers == INVALID


async def test_scopes_must_all_be_granted(made):
    made.options["scopes"] = ("read", "results")
    policy = made.build()
    assert await admit(policy, sign(scope="results read x")) is None
    assert await admit(policy, sign(scope=None, scp=["read", "results"])) is None
    for claims in ({}, {"scope": ["read", 1]}, {"scope": 7}, {"scope": None}):
        token = sign(**claims)
        for _ in range(2):
            verdict = await admit(policy, token)
            assert verdict.code == "forbidden"
            assert verdict.headers == (
                (b"WWW-Authenticate", b'Bearer error="insufficient_scope", scope="read results"'),)
    await policy.close()


async def test_more_algorithms_and_audiences_by_option(made):
    made.options |= {"algorithms": ("RS384", "ES384"), "audience": ("a", "figway")}
    policy = made.build()
    assert await admit(policy, sign(alg="RS384")) is None
    assert await admit(policy, sign(EC384, "ES384")) is None
    assert (await admit(policy, sign())).headers == INVALID
    await policy.close()


async def test_a_token_without_kid_needs_that_there_is_no_choice(made, policy):
    assert await admit(policy, sign(header={"kid": None})) is None
    made.path.write_bytes(key_set(RSA, OTHER))
    again = made.build()
    assert (await admit(again, sign(header={"kid": None}))).headers == INVALID
    await again.close()


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}])
@pytest.mark.proves(21)
def test_a_key_for_something_else_is_no_key(more):
    assert jwks.read_keys(key_set(RSA, **more), ["RS256"]) == {}


@pytest.mark.parametrize("member", [
    7, {}, {"kty": "oct", "k": "AA", "kid": "rsa"}, {"kty": "RSA"}, {"kty": "RSA", "n": 1, "e": 2},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "EC", "crv": "P-521"}, {"kty": ["RSA"]},
    {"kty": "RSA", "n": "w" * 171, "e": "AQAB"},
])
def test_a_key_that_cannot_be_used_is_passed_over(member):
    raw_set = json.dumps({"keys": [member, RSA.as_dict(private=False)]}).encode()
    assert jwks.read_keys(raw_set, ["RS256", "ES256"]).keys() == {("rsa", "RS256"), (None, "RS256")}


async def test_a_changed_file_is_read_within_seconds_and_voids_what_was_verified(made, policy):
    token = sign()
    assert await admit(policy, token) is None
    made.path.write_bytes(key_set(OTHER))
    assert await admit(policy, token) is None
    made.monotonic.now += jwks.FILE_SECONDS
    await admit(policy, token)
    await settle(policy)
    assert (await admit(policy, token)).headers == INVALID
    assert await admit(policy, sign(OTHER)) is None


async def test_after_a_long_rest_the_keys_are_read_before_they_are_used(made, policy):
    token = sign()
    assert await admit(policy, token) is None
    made.path.write_bytes(key_set(OTHER))
    made.monotonic.now += jwks.MAX_REFRESH
    assert (await admit(policy, token)).headers == INVALID


async def test_without_keys_nobody_gets_in(made):
    made.path.unlink()
    policy = made.build()
    verdict = await admit(policy, sign())
    assert (verdict.code, verdict.headers) == ("policy_unavailable", ())
    made.path.write_bytes(key_set(RSA))
    assert (await admit(policy, sign())).code == "policy_unavailable"
    made.monotonic.now += jwks.RETRY_SECONDS
    assert await admit(policy, sign()) is None
    await policy.close()


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[]", b'{"keys": 7}', b"\xff", b" " * (jwks.MAX_BYTES + 1), b'{"keys": []}',
    b'{"keys": [[], 1, null]}', b"null", b'{"keys": [{"kty": "RSA", "n": 1, "e": {}}, {"kty": []}]}', b'{"keys": {}}',
    b"<html>",
    b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]}',
])
@pytest.mark.proves(22)
async def test_an_outage_keeps_the_last_good_keys_for_a_day(made, policy, content):
    remembered, fresh = sign(exp=NOW + 10 ** 6), sign(exp=NOW + 10 ** 6, jti="2")
    assert await admit(policy, remembered) is None
    made.path.write_bytes(content)
    made.monotonic.now += jwks.FILE_SECONDS
    await admit(policy, remembered)
    await settle(policy)
    made.monotonic.now += jwks.HOLD_SECONDS - 60
    assert await admit(policy, fresh) is None
    await settle(policy)
    made.monotonic.now += 60
    assert (await admit(policy, remembered)).code == "policy_unavailable"
    assert (await admit(policy, fresh)).code == "policy_unavailable"


async def test_a_first_answer_without_keys_is_an_outage(made, caplog):
    made.path.write_bytes(b'{"keys": []}')
    policy = made.build()
    assert (await admit(policy, sign())).code == "policy_unavailable"
    assert "policy staff: the keys cannot be read (no key that can be used)" in caplog.messages
    await policy.close()


async def test_a_pipe_is_no_set_and_nobody_waits_for_it(made):
    made.path.unlink()
    os.mkfifo(made.path)
    policy = made.build()
    assert (await admit(policy, sign())).code == "policy_unavailable"
    await policy.close()


async def settle(policy):
    """Wait for the refresh that runs in the background, if one does."""
    flight = policy._ring._flight
    if flight is not None:
        await flight


class Issuer:
    """A JWKS endpoint on loopback; `answer` is what it sends next, None for nothing at all."""

    def __init__(self):
        self.asked = []
        self.answer(key_set(RSA))

    def answer(self, body, status=b"200 OK", *fields):
        self.reply = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n%b\r\n%b" % (
            status, len(body), b"".join(field + b"\r\n" for field in fields), body)

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/keys"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.reply)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def issuer():
    async with Issuer() as running:
        yield running


@pytest.fixture
async def fetching(made, issuer):
    made.options["jwks"] = {"url": issuer.url}
    policy = made.build()
    yield policy
    await policy.close()


async def test_keys_are_fetched_when_first_needed_and_once_for_all_that_wait(issuer, fetching):
    assert issuer.asked == []
    assert await asyncio.gather(*(admit(fetching, sign(jti=str(n))) for n in range(20))) == [None] * 20
    assert len(issuer.asked) == 1
    assert issuer.asked[0].startswith(b"GET /keys HTTP/1.1\r\n")


@pytest.mark.proves(22)
async def test_an_unknown_kid_is_looked_for_once_a_minute(made, issuer, fetching):
    assert await admit(fetching, sign()) is None
    issuer.answer(key_set(RSA, OTHER))
    assert (await admit(fetching, sign(OTHER))).headers == INVALID
    made.monotonic.now += jwks.REFETCH_SECONDS
    tokens = [sign(OTHER, jti=str(n)) for n in range(20)]
    assert await asyncio.gather(*(admit(fetching, token) for token in tokens)) == [None] * 20
    assert len(issuer.asked) == 2
    for n in range(20):
        assert (await admit(fetching, sign(OTHER, header={"kid": str(n)}))).headers == INVALID
    assert len(issuer.asked) == 2


@pytest.mark.proves(22)
async def test_a_key_that_is_gone_verifies_nothing_after_the_refresh(made, issuer, fetching):
    token = sign()
    assert await admit(fetching, token) is None
    issuer.answer(key_set(OTHER))
    made.monotonic.now += 300
    assert await admit(fetching, token) is None
    await settle(fetching)
    assert (await admit(fetching, token)).headers == INVALID


@pytest.mark.parametrize(("status", "fields"), [
    (b"500 Oops", ()), (b"404 Not Found", ()), (b"302 Found", (b"Location: /elsewhere",)), (b"204 No Content", ()),
])
@pytest.mark.proves(22)
async def test_any_other_answer_is_an_outage(made, issuer, fetching, status, fields, caplog):
    issuer.answer(b"" if status.startswith(b"204") else key_set(RSA), status, *fields)
    assert (await admit(fetching, sign())).code == "policy_unavailable"
    assert len(issuer.asked) == 1
    assert [record.getMessage() for record in caplog.records if record.name == "gateway.policies.jwks"] == [
        f"policy staff: the keys cannot be read (status {status[:3].decode()})"]


@pytest.mark.proves(22)
async def test_a_set_that_is_too_large_or_compressed_is_an_outage(made, issuer, fetching):
    issuer.answer(b" " * (jwks.MAX_BYTES + 1) + key_set(RSA))
    assert (await admit(fetching, sign())).code == "policy_unavailable"
    issuer.answer(b"\x1f\x8b" + b"x" * 100, b"200 OK", b"Content-Encoding: gzip")
    made.monotonic.now += jwks.RETRY_SECONDS
    assert (await admit(fetching, sign())).code == "policy_unavailable"


@pytest.mark.proves(22)
async def test_through_an_outage_of_the_issuer_nobody_waits(made, issuer, fetching):
    token = sign()
    assert await admit(fetching, token) is None
    issuer.answer(b"", b"503 Busy")
    made.monotonic.now += 300
    assert fetching.admit(call(token)) is None
    await settle(fetching)
    made.monotonic.now += jwks.MAX_REFRESH
    for _ in range(3):
        made.monotonic.now += jwks.RETRY_SECONDS
        assert fetching.admit(call(token)) is None
        await settle(fetching)
    assert len(issuer.asked) == 5


async def test_a_client_that_goes_away_does_not_take_the_keys_with_it(issuer, fetching):
    first = asyncio.ensure_future(admit(fetching, sign()))
    second = asyncio.ensure_future(admit(fetching, sign()))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None
    assert first.cancelled()
    assert len(issuer.asked) == 1


async def test_closing_stops_what_is_under_way(issuer, fetching):
    waiting = asyncio.ensure_future(admit(fetching, sign()))
    await asyncio.sleep(0)
    await fetching.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(("options", "says"), [
    ({"leeway": "61s"}, "^leeway: "), ({"leeway": "soon"}, "^leeway: "), ({"leeway": -1}, "^leeway: "),
    ({"algorithms": ()}, "^algorithms: "), ({"issuer": ""}, "^issuer: "), ({"audience": ()}, "^audience: "),
    ({"audience": ""}, "^audience: "), ({"scopes": ('a"',)}, "^scopes: "), ({"jwks": {}}, "^jwks: "),
    ({"jwks": {"file": "a", "url": "https://a"}}, "^jwks: "), ({"jwks": {"url": "ftp://a"}}, "^jwks.url: "),
    ({"jwks": {"url": "http://id.example/keys"}}, "^jwks.url: "), ({"jwks": {"url": "https://"}}, "^jwks.url: "),
    ({"jwks": {"url": "https://a", "refresh": "11m"}}, "^jwks.refresh: "),
])
def test_options_that_cannot_be_say_which(made, options, says):
    made.options |= options
    with pytest.raises(ValueError, match=says):
        made.build()


@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256", "EdDSA"])
@pytest.mark.proves(21)
def test_no_other_algorithm_can_be_chosen(made, algorithm):
    made.options["algorithms"] = (algorithm,)
    with pytest.raises(ValueError, match="algorithms"):
        made.build()


def test_plain_http_must_be_asked_for(made):
    made.options["jwks"] = {"url": "http://id.example/keys", "plain_http": True}
    assert isinstance(made.build(), Jwt)


@pytest.mark.proves(21)
def test_the_refusal_of_an_unknown_key_is_the_refusal_of_any(made):
    policy = made.build()
    assert policy._unknown_key == policy._invalid == replace(policy._invalid)
