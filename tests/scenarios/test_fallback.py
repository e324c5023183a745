"""In canary, legacy answers a read that modern could not. Never a write."""

import threading

import pytest

from tests.backends.figway import running
from tests.backends.upstream import BlackHole, closed_port, never, resets, until
from tests.backends.wire import Cut, request, response

pytestmark = pytest.mark.proves(47)


def status(number):
    """A handler that answers with this status."""
    def handler(wire, asked):
        wire.read_body(asked)
        wire.send(response(number, ("X-From", "modern"), body=b"modern is unwell"))
    return handler


def broken(wire, asked):
    wire.send(b"nonsense\r\n\r\n")
    wire.close()


FAULTS = {
    "silent": (never, 504), "reset": (resets, 502), "broken": (broken, 502), "s502": (status(502), 502),
    "s503": (status(503), 503), "s504": (status(504), 504),
}
"""What modern may do wrong: a name, the handler, and what a client is told where nobody answers in its place."""


def capability(name, stage="canary", modern="", more=""):
    modern = modern or ("impatient" if name == "silent" else "modern")
    return f"""
  {name}:
    owner: results-team
    operations:
      read: {{method: [GET, HEAD], path: "/{name}/{{id}}"}}
      search: {{method: POST, path: /{name}/_search, safe: true}}
      add: {{method: POST, path: /{name}}}
    legacy: legacy
    modern: {modern}
    stage: {stage}
    writes: {"canary" if stage == "canary" else "legacy"}
    split: {{percent: 100%, sticky: [client_ip]}}
    {more}"""


def config(legacy_url, modern_url, *capabilities):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy_url}"}}
  modern: {{url: "{modern_url}", ejection: {{failures: 0, for: 1s}}}}
  impatient: {{url: "{modern_url}", timeouts: {{first_byte: 300ms}}, ejection: {{failures: 0, for: 1s}}}}
  down: {{url: "http://127.0.0.1:{closed_port()}", ejection: {{failures: 0, for: 1s}}}}
  narrow: {{url: "{modern_url}", pool: {{connections: 1, pending: 0}}, ejection: {{failures: 0, for: 1s}}}}
capabilities:{"".join(capabilities)}
default: {{upstream: legacy}}
"""


@pytest.fixture
def modern(everlasting_modern):
    """The modern system, answering "modern"."""
    everlasting_modern.forget()
    everlasting_modern.answers(response(200, body=b"modern"))
    yield everlasting_modern
    assert everlasting_modern.failures == []


@pytest.fixture(autouse=True)
def legacy_answers(legacy):
    legacy.answers(response(200, body=b"legacy"))


@pytest.fixture(scope="module")
def canary(everlasting_legacy, everlasting_modern, tmp_path_factory):
    """All of results goes to modern; a capability for each fault as well, since each has a budget of its own."""
    capabilities = [
        *map(capability, ["results", "spent", *FAULTS]), capability("migrated", "modern"),
        capability("translated", modern="{upstream: modern, adapter: {identity: {}}}"),
        capability("refused", modern="down", more="limits: {buffer: 1KiB}"), capability("narrow", modern="narrow"),
    ]
    with running(tmp_path_factory.mktemp("canary"),
                 config(everlasting_legacy.url, everlasting_modern.url, *capabilities)) as figway:
        yield figway


def fell_back(reply):
    return (reply.status, reply.body, reply.get("X-Figway-Fallback")) == (200, b"legacy", "legacy")


def test_modern_serves_while_it_is_well(canary, modern):
    reply = canary.ask("GET", "/results/1")
    assert (reply.body, reply.get("X-Figway-Fallback")) == (b"modern", None)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_read_that_modern_fails_is_answered_by_legacy_labelled_and_counted(canary, legacy, modern, fault):
    modern.does(FAULTS[fault][0])
    assert fell_back(canary.ask("GET", f"/{fault}/1"))
    assert fell_back(canary.ask("POST", f"/{fault}/_search", body=b"name"))

    assert legacy.asked[1].body == b"name"
    assert canary.metric("figway_fallbacks_total", capability=fault) == 2


def test_a_fallback_is_logged(gateway, legacy, modern):
    modern.does(resets)
    logged = gateway(config(legacy.url, modern.url, capability("results")))
    logged.ask("GET", "/results/1")
    logged.stop()
    assert [bool(line["fallback"]) for line in logged.log() if line["event"] == "request"] == [True]


OUTCOMES = {
    "silent": ("candidate_error", "first_byte_timeout"), "reset": ("candidate_error", "reset"),
    "broken": ("candidate_error", "malformed"), "s502": ("mismatch", ""), "s503": ("mismatch", ""),
    "s504": ("mismatch", ""),
}
"""What becomes of an exchange that legacy answered in modern's place."""

SHADOW = "shadow: {sample: 100%, noise: 0%, recheck: {budget: 0%}}"


def ended(figway, number, **labels):
    """Whether so many exchanges ended so, and no other."""
    until(lambda: figway.metric("figway_shadow_total") == number, "not every exchange has ended")
    return figway.metric("figway_shadow_total", **labels) == number


@pytest.mark.parametrize("fault", FAULTS)
def test_what_modern_did_where_legacy_answered_for_it_is_judged_and_not_asked_again(gateway, legacy, modern, fault):
    modern.does(FAULTS[fault][0])
    figway = gateway(config(legacy.url, modern.url, capability("results", more=SHADOW)))
    assert fell_back(figway.ask("GET", "/results/1"))
    assert fell_back(figway.ask("POST", "/results/_search", body=b"name"))

    outcome, reason = OUTCOMES[fault]
    assert ended(figway, 2, outcome=outcome, reason=reason)
    assert (len(modern.asked), len(legacy.asked)) == (2, 2)


def test_nothing_is_judged_where_legacy_answers_no_better_for_modern(gateway, legacy, modern):
    modern.does(status(503))
    legacy.does(status(502))
    figway = gateway(config(legacy.url, modern.url, capability("results", more=SHADOW)))
    assert figway.ask("GET", "/results/1").status == 502
    assert ended(figway, 1, outcome="skipped", reason="fallback")


def test_a_read_falls_back_when_modern_is_down(gateway, legacy):
    hole = BlackHole()
    for url in [f"http://127.0.0.1:{closed_port()}", hole.url]:
        assert fell_back(gateway(config(legacy.url, url, capability("results"))).ask("GET", "/results/1"))
    hole.close()


def test_a_search_sent_in_chunks_falls_back_whole(canary, legacy, modern):
    modern.does(resets)
    reply = canary.say(request("POST", "/results/_search", ("Transfer-Encoding", "chunked"),
                               body=b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"))
    assert fell_back(reply)
    assert legacy.asked[0].body == b"abcdef"


def test_a_translated_arm_that_is_replaced_says_no_more(canary, legacy, modern):
    def legacy_takes_its_time(wire, asked):
        threading.Event().wait(0.1)
        wire.send(response(200, body=b"legacy"))

    modern.does(status(503))
    legacy.does(legacy_takes_its_time)
    wire = canary.connect().send(request("GET", "/translated/1") + request("GET", "/translated/2"))
    assert [fell_back(wire.read_reply()) for _ in range(2)] == [True, True]


SEARCH = request("POST", "/refused/_search", ("Content-Length", "3"))


def test_a_search_that_modern_refuses_falls_back_once_its_body_is_whole(canary, legacy):
    wire = canary.connect().send(SEARCH)
    wire.silent(0.1)
    assert fell_back(wire.send(b"abc").read_reply())
    assert legacy.asked[0].body == b"abc"


def test_a_search_that_finds_moderns_pool_full_falls_back_once_its_body_is_whole(canary, legacy, modern):
    modern.does(never)
    first = canary.connect().send(request("GET", "/narrow/1"))
    until(lambda: modern.asked != [], "the place is not taken")
    wire = canary.connect().send(SEARCH.replace(b"refused", b"narrow"))
    wire.silent(0.1)
    assert fell_back(wire.send(b"abc").read_reply())
    assert legacy.asked[0].body == b"abc"
    first.close()


def test_an_early_failure_of_modern_falls_back_once_the_body_is_whole(canary, legacy, modern):
    def modern_fails_early(wire, asked):
        wire.send(response(503, body=b"modern is unwell"))
        wire.rest()

    modern.does(modern_fails_early)
    wire = canary.connect().send(SEARCH.replace(b"refused", b"results"))
    wire.silent(0.1)
    assert fell_back(wire.send(b"abc").read_reply())
    assert legacy.asked[0].body == b"abc"


def test_a_client_that_waits_for_word_before_its_body_is_told_to_go_on_and_falls_back(canary, legacy):
    wire = canary.connect()
    wire.send(request("POST", "/refused/_search", ("Content-Length", "3"), ("Expect", "100-continue")))
    assert wire.read_head()[1].startswith(b"HTTP/1.1 100 ")
    assert fell_back(wire.send(b"abc").read_reply())
    assert legacy.asked[0].body == b"abc"


def test_a_body_too_large_to_keep_for_a_fallback_is_answered_with_moderns_failure(canary, legacy):
    wire = canary.connect().send(SEARCH.replace(b": 3", b": 3000"))
    wire.silent(0.1)
    assert wire.send(bytes(3000)).read_reply().status == 502
    assert legacy.asked == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_write_never_falls_back(canary, legacy, modern, fault):
    handler, told = FAULTS[fault]
    modern.does(handler)
    assert canary.ask("POST", f"/{fault}", body=b"x").status == told
    assert legacy.asked == []
    assert modern.targets() == [f"/{fault}"]


@pytest.mark.parametrize("number", [400, 401, 404, 429, 500, 501])
def test_any_other_status_is_modern_answering(canary, legacy, modern, number):
    modern.does(status(number))
    reply = canary.ask("GET", "/results/1")
    assert (reply.status, reply.get("X-From")) == (number, "modern")
    assert legacy.asked == []


def test_an_answer_that_has_begun_is_not_replaced(canary, legacy, modern):
    def modern_leaves(wire, asked):
        wire.send(response(200, ("Content-Length", "100"), body=b"begun"))
        wire.silent(0.1)
        wire.reset()

    modern.does(modern_leaves)
    with pytest.raises(Cut):
        canary.ask("GET", "/results/1")
    assert legacy.asked == []


def test_a_failing_fallback_is_told_as_it_is(canary, legacy, modern):
    for one in (legacy, modern):
        one.does(resets)
    assert canary.ask("GET", "/results/1").status == 502
    # A stale connection may have been replaced once on either side; a fresh one never is.
    assert [one.number for one in modern.asked].count(1) == [one.number for one in legacy.asked].count(1) == 1


def test_fallbacks_have_a_budget(canary, legacy, modern):
    modern.does(resets)
    statuses = [canary.ask("GET", f"/spent/{number}").status for number in range(60)]
    assert set(statuses) == {200, 502}
    assert len(legacy.asked) == statuses.count(200) < 40


def test_modern_alone_has_no_fallback(canary, legacy, modern):
    modern.does(resets)
    assert canary.ask("GET", "/migrated/1").status == 502
    assert legacy.asked == []
