"""`deprecation` and `server.insight`: what is accepted, refused and warned of, and which fields follow from it."""

from ipaddress import ip_network

import pytest

from gateway.courtesy import Insight
from tests.gateway.test_config import SMALLEST, built, capability, problems, write

__all__ = ["built", "problems", "write"]  # fixtures


def deprecated(text):
    return capability(stage="legacy", deprecation=text)


@pytest.mark.parametrize(("text", "once"), [
    ("{since: 2023-06-30T23:59:59Z}", [(b"Deprecation", b"@1688169599")]),  # the example of RFC 9745
    ("{since: 2023-07-01T01:59:59+02:00}", [(b"Deprecation", b"@1688169599")]),
    ("{since: 1970-01-01, sunset: 2024-06-30T23:59:59Z}",
     [(b"Deprecation", b"@0"), (b"Sunset", b"Sun, 30 Jun 2024 23:59:59 GMT")]),  # of RFC 8594
    ("{since: 2026-03-01, sunset: 2026-03-01}",
     [(b"Deprecation", b"@1772323200"), (b"Sunset", b"Sun, 01 Mar 2026 00:00:00 GMT")]),
    ("{since: \"9999-12-31T23:59Z\"}", [(b"Deprecation", b"@253402300740")]),
])
def test_dates_are_written_as_their_standards_say(built, text, once):
    assert list(built(deprecated(text)).table.capabilities["one"].courtesy.once) == once


def test_links_have_their_relations(built):
    courtesy = built(deprecated("{since: 2026-03-01, link: \"https://clinic.example/a?b=c#d\", sunset_link: /end}")
                     ).table.capabilities["one"].courtesy
    assert [field for _, field in courtesy.links] == [
        (b"Link", b'<https://clinic.example/a?b=c#d>; rel="deprecation"'), (b"Link", b'</end>; rel="sunset"')]


WHEN = "wants a date, or a time with its zone: 2027-03-01, 2027-03-01T06:00:00Z"
WHERE = "wants a URL, or a path that begins with /"


@pytest.mark.parametrize(("text", "message"), [
    ("{}", '"since" is missing [missing]'), ("{since: true}", f"{WHEN}, not \"true\" [bad_value]"),
    *((f"{{since: {date}}}", WHEN) for date in (
        "2026-02-30", "2026-03-01T06:00:00", "1969-12-31", "yesterday", "2026-3-1", "20260301", "2026-W01-1", '"@1"',
        "9999-12-31T23:59:00-14:00", "0000-01-01", "\"2026-03-01\\n\"", "\"٢٠٢٦-03-01\"", "1772323200")),
    ("{since: 2026-03-02, sunset: 2026-03-01}",
     "this is before `since`: clients take such an answer for wrong (RFC 9745 section 4) [bad_value]"),
    *((f"{{since: 2026-03-01, link: {link}}}", WHERE) for link in (
        '"https://x/>; rel=next"', "relative", '"https://x/a b"', '"https://x/\\u00e4"', '"/a\\r\\nX: y"', '""')),
    ("{since: 2026-03-01, sunsets: 2026-03-01}", 'did you mean "sunset"?'),
])
def test_what_cannot_be_said_is_refused(problems, text, message):
    [problem] = problems(deprecated(text))
    assert message in problem


def test_a_capability_with_nothing_to_say_has_no_courtesy(built):
    table = built(capability(stage="legacy")).table
    assert [table.capabilities["one"].courtesy, table.default.courtesy] == [None, None]


def test_who_may_see_the_arm_holds_for_all_capabilities_and_the_default(built):
    seen = '[address:10.0.0.0/8, "address:2001:db8::7", "principal:jwt:urn:a probe", "claim:role=a=b"]'
    table = built(capability(stage="legacy") + f"server: {{insight: {seen}}}\npolicies: {{p: {{gate: {{}}}}}}\n").table
    wanted = Insight((ip_network("10.0.0.0/8"), ip_network("2001:db8::7")), frozenset({("jwt", "urn:a probe")}),
                     (("role", "a=b"),))
    assert {one.courtesy.insight for one in (table.default, *table.capabilities.values())} == {wanted}


@pytest.mark.parametrize(("seen", "message"), [
    ("address:10.0.0.1/8", "this network has bits of a host: write its first address"),
    *((one, "wants address:10.0.0.0/8, principal:apikey:NAME or claim:NAME=VALUE") for one in (
        "address:clinic", "10.0.0.0/8", "principal:", "principal:probe", "principal::x", "subject:x", "claim:role",
        "claim:=x", "everybody", "address:10.0.0.0/33", "7")),
])
def test_who_cannot_be_known_is_refused(problems, seen, message):
    [problem] = problems(SMALLEST + f"server: {{insight: [\"{seen}\"]}}\n")
    assert message in problem


def test_who_is_everybody_or_nobody_is_warned_of(built):
    text = SMALLEST + 'server: {insight: ["address:0.0.0.0/0", "address:::/0", "principal:jwt:probe", "claim:a=b"]}\n'
    assert [(one.message, one.code) for one in built(text).warnings] == [
        *[("every client may see which arm answered", "everybody")] * 2,
        *[("there are no verified callers without a policy", "unused")] * 2]


def test_a_deprecation_leaves_evidence_and_routing_as_they_are(built):
    shadowed = {"stage": "shadow", "modern": "new", "shadow": "{sample: 1%}"}
    was, now = (built(capability(**shadowed, deprecation=text)).table.capabilities["one"]
                for text in ("", "{since: 2026-03-01}"))
    assert was.shadow.basis.setup == now.shadow.basis.setup
    assert not was.unlike(now)
    assert now.courtesy is not None
    assert now.at(now.reads, now.writes).courtesy is now.courtesy
