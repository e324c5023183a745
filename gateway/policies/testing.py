"""Checks that a policy keeps its contract: `check_policy(make)`, to be called from a plain test."""

import asyncio
import copy
import inspect
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.call import Call, Principal, Refused
from gateway.errors import CODES
from gateway.policies.base import Policy

# Part of every value of a generated call. If it appears in what a policy sends, a value has leaked.
CANARY = "Canary7f3a"

_NAMES = [b"Authorization", b"authorization", b"X-API-Key", b"Cookie", b"X-Forwarded-For", b"X-Tenant", b"Accept"]
_SCHEMES = [b"", b"Bearer ", b"bearer ", b"Basic ", b"Bearer eyJhbGciOiJub25lIn0.", b"Bearer .."]
_text = st.text(max_size=12).map(lambda made: made + CANARY)


def _field_values() -> st.SearchStrategy[bytes]:
    """Any bytes that may stand in a field's value."""
    made = st.binary(max_size=24).map(lambda raw: raw.translate(None, b"\r\n\0"))
    return st.builds(lambda scheme, raw: scheme + raw + CANARY.encode(), st.sampled_from(_SCHEMES), made)


def calls() -> st.SearchStrategy[Call]:
    """Generated calls, many of them odd. Every value contains the canary."""
    names = st.sampled_from(_NAMES) | st.from_regex(rb"\AX-[A-Za-z]{1,8}\Z")
    requests = st.builds(
        Request,
        st.sampled_from(["GET", "HEAD", "POST", "DELETE"]),
        st.binary(max_size=12).map(lambda raw: b"/" + raw.hex().encode() + b"?q=" + CANARY.encode()),
        st.lists(st.tuples(names, _field_values()), max_size=8).map(Headers),
        st.binary(max_size=16),
    )
    principals = st.builds(Principal, st.just("test"), _text, st.just({"role": CANARY}))
    return st.builds(
        Call, requests, st.just("results"), st.just("read"), st.booleans(),
        st.sampled_from(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", ""]),
        st.dictionaries(st.just("id"), _text), st.none() | principals,
    )


def check_policy(make: Callable[[], Policy], *accepted: Call, examples: int = 100) -> None:
    """Raise AssertionError if a policy breaks its contract.

    `make` makes a new policy; `accepted` are calls that it must admit. The rest must hold for those calls and for
    generated ones. The verdict is None or a Refused with a known code, at once or awaited. The request's method, target
    and body stay the same. Its fields may be dropped, but not added or changed. Nothing from the request reaches the
    client. `close` may be called twice, and on a policy that was never used.
    """
    with asyncio.Runner() as runner:

        async def made() -> Policy:
            return make()

        policy = runner.run(made())
        for call in accepted:
            assert runner.run(_verdict(policy, copy.deepcopy(call))) is None, "a call that must be admitted is refused"

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(calls())
        @example(Call(Request("GET", b"*", Headers()), "results", "read", True, ""))
        def holds(call: Call) -> None:
            runner.run(_verdict(policy, call))

        holds()
        unused = runner.run(made())
        for one in (policy, policy, unused, unused):
            runner.run(one.close())


async def _verdict(policy: Policy, call: Call) -> Refused | None:
    """Return the verdict on one call, after checking all that must hold for it."""
    request = call.request
    before = copy.deepcopy(request)
    answer = policy.admit(call)
    verdict = await answer if inspect.isawaitable(answer) else answer
    assert verdict is None or isinstance(verdict, Refused), "a verdict is None or a Refused"
    assert call.request is request, "the request is replaced"
    assert (request.method, request.target, request.body) == (before.method, before.target, before.body), (
        "method, target or body is changed")
    assert isinstance(request.headers, Headers), "the fields are no Headers"
    left = iter(before.headers)
    assert all(pair in left for pair in request.headers), "a field is added, changed or moved"
    for text in _said(verdict, call):
        assert CANARY not in text, "a value of the request reaches the client"
        assert not set("\r\n\0") & set(text), "a field could be split"
    if verdict is not None:
        assert verdict.code in CODES, "the code has no row in CODES"
        assert verdict.policy, "the refusal does not name its policy"
        if CODES[verdict.code].status == 401:
            assert b"www-authenticate" in {name.lower() for name, _ in verdict.headers}, "a 401 needs a challenge"
    return verdict


def _said(verdict: Refused | None, call: Call) -> Iterator[str]:
    """All text that the policy sends to the client."""
    fields = list(call.response_headers or ())
    if verdict is not None:
        yield verdict.code
        yield verdict.detail
        fields += verdict.headers
    for pair in fields:
        for part in pair:
            yield part.decode("latin-1")
