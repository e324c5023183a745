"""A capability in shadow: legacy answers, modern is asked beside it, and nothing that modern does reaches a client."""

import gzip
import threading
import time

import pytest

from tests.backends.figway import running
from tests.backends.upstream import closed_port, never, pours, resets, until
from tests.backends.wire import PATIENCE, request, response

pytestmark = pytest.mark.proves(26)

OUTCOMES = "figway_shadow_total"


def config(legacy_url, modern_url, stage="shadow", shadow="sample: 100%, deadline: 1s", lane="drain: 1s"):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
shadow: {{{lane}}}
upstreams: {{legacy: {{url: "{legacy_url}"}}, modern: {{url: "{modern_url}"}}}}
capabilities:
  results:
    owner: results-team
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      search: {{method: POST, path: /results/_search, safe: true}}
      add: {{method: POST, path: /results}}
    legacy: legacy
    modern: modern
    stage: {stage}
    writes: legacy
    shadow: {{{shadow}, recheck: {{after: []}}, noise: 0%}}
default: {{upstream: legacy}}
"""


@pytest.fixture
def modern(everlasting_modern):
    """The modern system behind `shadowed`."""
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


@pytest.fixture(scope="module")
def shadowed(everlasting_legacy, everlasting_modern, tmp_path_factory):
    """A gateway that mirrors every read of results."""
    with running(tmp_path_factory.mktemp("shadowed"), config(everlasting_legacy.url, everlasting_modern.url)) as figway:
        yield figway


def outcomes(figway, outcome, **labels):
    """How many mirrors have ended so, none being on its way."""
    until(lambda: figway.metric("figway_shadow_unfinished") == 0, "the lane never comes to rest")
    return figway.metric(OUTCOMES, outcome=outcome, **labels)


def counted(figway, number, outcome, **labels):
    """Waits until so many mirrors have ended so."""
    try:
        until(lambda: figway.metric(OUTCOMES, outcome=outcome, **labels) == number, "")
    except AssertionError:
        counts = [line for line in figway.metrics().splitlines() if line.startswith("figway_shadow")]
        raise AssertionError(f"not {number:g} × {outcome}: {counts}") from None


def garbage(wire, asked):
    wire.send(b"\x00 this is not HTTP \xff\r\n\r\n")
    wire.close()


ANSWERS = [
    response(200, ("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
             body=b'{"id": 1.00}'),
    response(200, ("Content-Encoding", "gzip"), body=gzip.compress(b"patient" * 5000)),
    response(200, ("Transfer-Encoding", "chunked"), body=b"5\r\nhello\r\n3\r\n wo\r\n0\r\nX-Sum: 1\r\n\r\n"),
    response(404, body=b"not here"),
    response(204),
]


@pytest.mark.parametrize("arm", [never, resets, pours(1 << 30), garbage],
                         ids=["never answers", "resets", "pours 1 GiB", "garbage"])
def test_what_modern_does_wrong_changes_nothing_for_a_client(shadowed, plain, legacy, modern, arm):
    modern.does(arm)
    for answer in ANSWERS:
        legacy.answers(answer)
        with_shadow, without = shadowed.ask("GET", "/results/1"), plain.ask("GET", "/results/1")
        assert with_shadow == without
    until(lambda: len(modern.asked) >= len(ANSWERS), "modern is not asked")


def test_a_modern_arm_that_is_down_changes_nothing_for_a_client(gateway, legacy, plain):
    down = gateway(config(legacy.url, f"http://127.0.0.1:{closed_port()}"))
    legacy.answers(ANSWERS[0])

    assert [down.ask("GET", "/results/1") == plain.ask("GET", "/results/1") for _ in range(20)] == [True] * 20
    counted(down, 20, "candidate_error")


def test_a_gigabyte_from_modern_costs_no_memory(shadowed, legacy, modern):
    modern.does(pours(1 << 30))
    shadowed.ask("GET", "/results/1")
    with shadowed.watching_memory() as resident:
        for number in range(10):
            assert shadowed.ask("GET", f"/results/{number}").status == 200
        until(lambda: len(modern.asked) == 11, "modern is not asked")
    assert max(resident) - resident[0] < 64 << 20


def test_a_client_has_its_answer_before_modern_is_asked(shadowed, legacy, modern):
    answered = threading.Event()

    def modern_waits(wire, asked):
        answered.wait(PATIENCE)
        wire.send(response(200, body=b"late"))

    modern.does(modern_waits)
    assert shadowed.ask("GET", "/results/1").status == 200
    answered.set()


def test_equal_answers_match_and_others_do_not(shadowed, legacy, modern):
    until(lambda: shadowed.metric("figway_shadow_unfinished") == 0, "what was asked before has no outcome")
    before = [outcomes(shadowed, one) for one in ("match", "mismatch")]
    for one in (legacy, modern):
        one.answers(response(200, ("Content-Type", "application/json"), body=b'{"value": 1.0}'))
    shadowed.ask("GET", "/results/1")
    counted(shadowed, before[0] + 1, "match")

    modern.answers(response(200, ("Content-Type", "application/json"), body=b'{"value": 1.5}'))
    shadowed.ask("GET", "/results/1")
    counted(shadowed, before[1] + 1, "mismatch")


def test_the_mirror_is_the_same_request_marked_and_without_credentials(shadowed, legacy, modern):
    shadowed.ask("GET", "/results/a%2Fb?x=%C3%A9&y", ("X-Tenant", "north"), ("Authorization", "Bearer secret"),
                 ("Cookie", "session=secret"), ("Accept", "application/json"))
    until(lambda: modern.asked != [], "modern is not asked")

    mirror, original = modern.asked[0], legacy.asked[0]
    assert mirror.start == b"GET /results/a%2Fb?x=%C3%A9&y HTTP/1.1" == original.start
    assert mirror.get("X-Figway-Shadow") == "1"
    assert original.get("X-Figway-Shadow") is None
    assert (mirror.get("X-Tenant"), mirror.get("Accept")) == ("north", "application/json")
    assert b"secret" not in mirror.head
    assert b"secret" in original.head
    assert mirror.get("traceparent").split("-")[1] == original.get("traceparent").split("-")[1]


def test_a_read_with_a_body_is_mirrored_with_it(shadowed, legacy, modern):
    for data in [request("POST", "/results/_search", body=b'{"name": 1}'),
                 request("POST", "/results/_search", ("Transfer-Encoding", "chunked"),
                         body=b"3\r\n{\"n\r\n8\r\name\": 1}\r\n0\r\n\r\n")]:
        shadowed.say(data)
    until(lambda: len(modern.settled()) == 2, "modern is not asked")
    assert [one.body for one in modern.asked] == [b'{"name": 1}'] * 2 == [one.body for one in legacy.asked]


def test_credentials_go_along_when_that_is_asked_for(gateway, legacy, modern):
    trusting = gateway(config(legacy.url, modern.url, shadow="sample: 100%, credentials: pass"))
    trusting.ask("GET", "/results/1", ("Authorization", "Bearer token"))
    until(lambda: modern.asked != [], "modern is not asked")
    assert modern.asked[0].get("Authorization") == "Bearer token"


def test_a_write_is_never_mirrored(shadowed, legacy, modern):
    for method, target in [("POST", "/results"), ("PUT", "/results/1"), ("DELETE", "/results/1"), ("POST", "/other")]:
        assert shadowed.ask(method, target, body=b"x").status == 200
    shadowed.ask("GET", "/results/last")
    until(lambda: modern.asked != [], "modern is not asked")
    assert modern.targets() == ["/results/last"]


def test_a_mirror_of_another_gateway_is_not_mirrored_again(shadowed, legacy, modern):
    before = outcomes(shadowed, "skipped", reason="loop")
    assert shadowed.ask("GET", "/results/1", ("X-Figway-Shadow", "1")).status == 200

    counted(shadowed, before + 1, "skipped", reason="loop")
    assert modern.asked == []


def test_what_the_sample_leaves_out_is_counted(gateway, legacy, modern):
    sparse = gateway(config(legacy.url, modern.url, shadow="sample: 0%"))
    for _ in range(5):
        sparse.ask("GET", "/results/1")
    counted(sparse, 5, "skipped", reason="not_sampled")
    assert modern.asked == []


def test_a_body_over_the_limit_streams_on_and_its_digest_is_compared(gateway, legacy, modern):
    small = gateway(config(legacy.url, modern.url, shadow="sample: 100%, max_body: 1KiB"))
    for one in (legacy, modern):
        one.does(pours(1 << 20))
    assert len(small.ask("GET", "/results/1").body) == 1 << 20
    counted(small, 1, "match")
    modern.does(pours(2 << 20))
    assert len(small.ask("GET", "/results/1").body) == 1 << 20
    counted(small, 1, "mismatch")


def test_a_full_lane_sheds_and_counts(gateway, legacy, modern):
    modern.does(never)
    narrow = gateway(config(legacy.url, modern.url, shadow="sample: 100%, deadline: 20s",
                            lane="queue: 3, concurrency: 1, drain: 0s"))
    for _ in range(10):
        assert narrow.ask("GET", "/results/1").status == 200
    counted(narrow, 7, "shed", reason="queue_full")


def test_every_eligible_request_has_exactly_one_outcome(gateway, legacy, modern):
    counted = gateway(config(legacy.url, modern.url))
    for number in range(30):
        counted.ask("GET", f"/results/{number}")
        if number == 10:
            modern.does(resets)
    until(lambda: counted.metric(OUTCOMES) == 30, "not every request has an outcome")
    time.sleep(0.2)
    assert counted.metric(OUTCOMES) == 30


def test_verify_serves_modern_and_asks_legacy_in_the_shadow(gateway, legacy, modern):
    verified = gateway(config(legacy.url, modern.url, stage="verify"))
    modern.answers(response(200, body=b"modern"))
    assert verified.ask("GET", "/results/1").body == b"modern"

    until(lambda: legacy.asked != [], "legacy is not asked")
    assert legacy.asked[0].get("X-Figway-Shadow") == "1"
    assert modern.asked[0].get("X-Figway-Shadow") is None


def test_a_lane_that_hangs_does_not_hold_up_the_end(gateway, legacy, modern):
    modern.does(never)
    hanging = gateway(config(legacy.url, modern.url, shadow="sample: 100%, deadline: 60s", lane="drain: 200ms"))
    for _ in range(20):
        hanging.ask("GET", "/results/1")
    hanging.stop()
