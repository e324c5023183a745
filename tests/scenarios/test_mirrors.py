"""What a mirror carries, what is compared, and that mirrors take nothing away from clients."""

import gzip
import hashlib
import random
import threading
from functools import partial

import pytest

from tests.backends.figway import running
from tests.backends.upstream import until
from tests.backends.wire import PATIENCE, request, response

pytestmark = pytest.mark.proves(26)

OUTCOMES = "figway_shadow_total"
KEY = "sesame"


@pytest.fixture
def modern(everlasting_modern):
    """The modern system behind `mirroring`."""
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


@pytest.fixture(scope="module")
def mirroring(everlasting_legacy, everlasting_modern, tmp_path_factory):
    """A gateway that mirrors every read: of `plain` as it is, of `adapted` by an adapter on legacy's side, of `keyed`
    under a policy that reads a credential of its own; `verified` is mirrored from modern to legacy."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()

    def capability(name, legacy="legacy", more="", stage="shadow"):
        return f"""
  {name}:
    owner: results-team
    operations:
      read: {{method: [GET, HEAD], path: "/{name}/{{id}}"}}
      search: {{method: POST, path: /{name}/_search, safe: true}}
    legacy: {legacy}
    modern: modern
    stage: {stage}
    shadow: {{sample: 100%, deadline: 5s, max_body: 64KiB, recheck: {{after: []}}}}
    {more}"""

    with running(tmp_path_factory.mktemp("mirroring"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{everlasting_legacy.url}"}}, modern: {{url: "{everlasting_modern.url}"}}}}
policies: {{clinic: {{apikey: {{header: X-Clinic-Key, forward: true, keys: {{one: "sha256:{digest}"}}}}}}}}
capabilities:
{capability("plain")}
{capability("adapted", "{upstream: legacy, adapter: {identity: {}}}", "limits: {buffer: 1KiB}")}
{capability("keyed", more="policies: [clinic]")}
{capability("verified", stage="verify")}
default: {{upstream: legacy, policies: []}}
""") as figway:
        yield figway


def outcomes(figway):
    """How the mirrors have ended so far, none being on its way: (outcome, reason) → number."""
    until(lambda: figway.metric("figway_shadow_unfinished") == 0, "the lane never comes to rest")
    ends = ["match", "mismatch", "candidate_error", "not_comparable", "shed"]
    skips = ["body_too_large", "body_too_large_modern", "client_gone", "client_gone_modern", "refused",
             "request_unfinished", "loop", "upgraded"]
    found = {(one, ""): figway.metric(OUTCOMES, outcome=one, reason="") for one in ends}
    others = ("match", "status_only"), ("not_comparable", "credentials"), ("not_comparable", "legacy_5xx")
    found |= {(one, reason): figway.metric(OUTCOMES, outcome=one, reason=reason) for one, reason in others}
    found |= {("skipped", one): figway.metric(OUTCOMES, outcome="skipped", reason=one) for one in skips}
    return found


@pytest.fixture
def ended(mirroring):
    """ended(n): how the test's mirrors have ended once there are n, as (outcome, reason) → number."""
    before, total = outcomes(mirroring), mirroring.metric(OUTCOMES)

    def ended(number):
        until(lambda: mirroring.metric(OUTCOMES) - total >= number, f"not {number} outcomes")
        after = outcomes(mirroring)
        assert mirroring.metric(OUTCOMES) - total == number
        return {key: after[key] - before[key] for key in after if after[key] != before[key]}

    return ended


def conditional(wire, asked):
    """A server that knows tags and ranges."""
    wire.read_body(asked)
    if asked.get("If-None-Match") == '"1"':
        wire.send(response(304, ("ETag", '"1"')))
    elif asked.get("Range") and asked.get("If-Range") in (None, '"1"'):
        wire.send(response(206, ("Content-Range", "bytes 0-1/5"), body=b"he"))
    elif asked.method == "HEAD":
        wire.send(response(200, ("ETag", '"1"'), ("Content-Length", "5")))
    else:
        wire.send(response(200, ("ETag", '"1"'), body=b"hello"))


def fails(wire, asked):
    wire.read_body(asked)
    wire.send(response(500))


@pytest.mark.parametrize(("name", "told"), [("plain", '"888888888"'), ("verified", None)])
def test_the_status_of_an_answer_that_turned_on_a_tag_is_compared(mirroring, legacy, modern, ended, name, told):
    for one in (legacy, modern):
        one.does(conditional)
    assert mirroring.ask("GET", f"/{name}/1", ("If-None-Match", '"1"')).status == 304
    assert ended(1) == {("match", "status_only"): 1}
    asked = legacy if name == "verified" else modern
    assert asked.asked[0].get("If-None-Match") == told
    asked.does(fails)
    assert mirroring.ask("GET", f"/{name}/1", ("If-None-Match", '"1"')).status == 304
    # A legacy that is unwell says nothing of modern.
    end = ("mismatch", "") if name == "plain" else ("not_comparable", "legacy_5xx")
    assert ended(2) == {("match", "status_only"): 1, end: 1}


@pytest.mark.parametrize("condition", [("If-None-Match", 'W/"a"'),
                                       ("If-Modified-Since", "Mon, 02 Mar 2026 10:00:00 GMT")])
def test_a_modern_that_calls_every_copy_good_does_not_match_by_copies_that_are(
        mirroring, legacy, modern, ended, condition):
    for one in (legacy, modern):
        one.does(lambda wire, asked: (wire.read_body(asked), wire.send(
            response(304) if asked.get(condition[0]) else response(200, body=b"hello"))))
    assert mirroring.ask("GET", "/plain/1", condition).status == 304
    assert ended(1) == {("mismatch", ""): 1}


CONDITIONS = [("If-None-Match", '"1"'), ("If-Modified-Since", "Mon, 02 Mar 2026 10:00:00 GMT"), ("If-Match", '"1"'),
              ("If-Unmodified-Since", "Mon, 02 Mar 2026 10:00:00 GMT")]


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("wrong", [500, 304])
def test_a_modern_that_is_wrong_about_conditions_alone_is_a_difference(
        mirroring, legacy, modern, ended, condition, wrong):
    def strict(wire, asked):
        wire.read_body(asked)
        wire.send(response(wrong) if asked.get(condition[0]) else response(200, body=b"hello"))

    legacy.answers(response(200, body=b"hello"))
    modern.does(strict)
    assert mirroring.ask("GET", "/plain/1", condition).status == 200
    assert mirroring.ask("GET", "/plain/1").status == 200
    assert ended(2) == {("match", ""): 1, ("mismatch", ""): 1}


@pytest.mark.parametrize("body", [b"hello", b"other"])
def test_a_condition_that_legacy_meets_and_modern_refuses_is_left_out_to_compare_the_answers(
        mirroring, legacy, modern, ended, body):
    """It names legacy's tag, so modern may refuse it (RFC 9110 section 13.1.1)."""
    def other_tag(wire, asked):
        wire.read_body(asked)
        wire.send(response(412) if asked.get("If-Match") else response(200, body=body))

    legacy.answers(response(200, body=b"hello"))
    modern.does(other_tag)
    assert mirroring.ask("GET", "/plain/1", ("If-Match", '"1"')).status == 200
    assert ended(1) == {("match" if body == b"hello" else "mismatch", ""): 1}
    assert [one.get("If-Match") for one in modern.asked] == ['"1"', None]


def test_modern_is_asked_in_the_form_in_which_a_client_would_ask_it(mirroring, legacy, modern, ended):
    """A server may take no body in chunks, or know no Expect: its clients would meet that."""
    for one in (legacy, modern):
        one.answers(response(200, body=b"hello"))
    chunked = request("POST", "/plain/_search", ("Transfer-Encoding", "chunked"), ("Expect", "100-continue"))
    assert mirroring.say(chunked + b"5\r\nhello\r\n0\r\n\r\n", "POST").status == 200
    ended(1)
    for one in (legacy, modern):
        [asked] = one.asked
        assert (asked.framing, asked.body, asked.get("Expect")) == ("chunked", b"hello", "100-continue")


@pytest.mark.parametrize(("tag", "status"), [('"1"', 206), ('"2"', 200)])
def test_a_range_by_a_tag_is_compared_with_what_the_client_got(mirroring, legacy, modern, ended, tag, status):
    """The tag is legacy's own: modern has others, and is asked for the part, or for the whole."""
    def other_tags(wire, asked):
        assert asked.get("If-Range") is None
        conditional(wire, asked)

    legacy.does(conditional)
    modern.does(other_tags)
    assert mirroring.ask("GET", "/plain/1", ("Range", "bytes=0-1"), ("If-Range", tag)).status == status
    assert ended(1) == {("match", ""): 1}


def test_what_modern_takes_too_long_or_too_many_bytes_for_has_a_reason_of_its_own(mirroring, legacy, modern, ended):
    def large(wire, asked):
        wire.read_body(asked)
        wire.send(response(200, ("Content-Type", "text/event-stream"), body=bytes(1 << 17)))

    gone = threading.Event()

    def slow(wire, asked):
        wire.read_body(asked)
        gone.wait(PATIENCE)

    for one in (legacy, modern):
        one.does(large)
    assert mirroring.ask("GET", "/plain/1").status == mirroring.ask("GET", "/verified/1").status == 200
    assert ended(2) == {("skipped", "body_too_large"): 1, ("skipped", "body_too_large_modern"): 1}
    for name, one, reason in (("plain", legacy, "client_gone"), ("verified", modern, "client_gone_modern")):
        gone.clear()
        one.does(slow)
        wire = mirroring.connect().send(request("GET", f"/{name}/1"))
        until(lambda: mirroring.metric("figway_requests_in_flight") == 1, "the request does not arrive")
        wire.reset()
        until(partial(mirroring.metric, OUTCOMES, outcome="skipped", reason=reason), "nobody saw the client go")
        gone.set()


LARGE = bytes(range(256)) * 1024


@pytest.mark.parametrize("name", ["plain", "verified"])
@pytest.mark.parametrize(("one", "other", "outcome"), [
    (LARGE, LARGE, "match"), (LARGE, LARGE[:-1] + b"x", "mismatch"), (LARGE, LARGE + b"x", "mismatch"),
    (LARGE, b"small", "mismatch"), (b"small", LARGE, "mismatch"),
])
def test_of_bodies_that_are_too_large_to_be_kept_the_digests_are_compared(
    mirroring, legacy, modern, ended, name, one, other, outcome,
):
    for server, body in ((legacy, one), (modern, other)):
        server.does(lambda wire, asked, body=body: (wire.read_body(asked), wire.send(response(200, body=body))))
    served = mirroring.ask("GET", f"/{name}/1")
    assert served.body == (other if name == "verified" else one)
    assert ended(1) == {(outcome, ""): 1}


@pytest.mark.parametrize("name", ["plain", "verified"])
def test_a_digest_is_made_of_the_content_and_not_of_its_coding(mirroring, legacy, modern, ended, name):
    content = bytes(random.Random(1).randbytes(1 << 18))
    packed = gzip.compress(content)
    legacy.does(lambda wire, asked: wire.send(response(200, ("Content-Encoding", "gzip"), body=packed)))
    modern.does(lambda wire, asked: wire.send(response(200, body=content)))
    assert mirroring.ask("GET", f"/{name}/1", ("Accept-Encoding", "gzip")).status == 200
    assert ended(1) == {("match", ""): 1}


@pytest.mark.parametrize(("sums", "outcome"), [(("1", "1"), "match"), (("1", "2"), "mismatch")])
def test_trailers_are_compared(mirroring, legacy, modern, ended, sums, outcome):
    for server, value in zip((legacy, modern), sums, strict=True):
        text = f"2\r\n{{}}\r\n0\r\nX-Sum: {value}\r\n\r\n".encode()
        server.does(lambda wire, asked, text=text: wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + text))
    assert mirroring.ask("GET", "/plain/1").status == 200
    assert ended(1) == {(outcome, ""): 1}


@pytest.mark.parametrize("name", ["plain", "adapted"])
def test_no_credential_reaches_modern_wherever_it_is(mirroring, legacy, modern, ended, name):
    target = f"/{name}/1;jsessionid=SECRET1?access_token=SECRET2&a=1&apikey=SECRET3"
    fields = [(one, "SECRET4") for one in ("Authorization", "Cookie", "X-Auth-Token", "Ocp-Apim-Subscription-Key")]
    assert mirroring.ask("GET", target, *fields).status == 200
    ended(1)
    [asked] = modern.asked
    assert asked.target == f"/{name}/1?a=1".encode()
    assert not [value for _, value in asked.headers if b"SECRET" in value]
    assert b"SECRET1" in legacy.asked[0].target


def wants_credentials(wire, asked):
    wire.read_body(asked)
    known = asked.get("Authorization") is not None
    wire.send(response(200, body=b"hello") if known else response(302, ("Location", "/login?next=/plain/1")))


@pytest.mark.parametrize("name", ["plain", "verified"])
def test_a_mirror_that_is_refused_for_want_of_credentials_is_no_difference(mirroring, legacy, modern, ended, name):
    for one in (legacy, modern):
        one.does(wants_credentials)
    assert mirroring.ask("GET", f"/{name}/1", ("Authorization", "Basic eDp5")).status == 200
    assert ended(1) == {("not_comparable", "credentials"): 1}


def test_a_refusal_of_what_had_no_credentials_is_a_difference(mirroring, legacy, modern, ended):
    modern.does(wants_credentials)
    assert mirroring.ask("GET", "/plain/1").status == 200
    assert ended(1) == {("mismatch", ""): 1}


def test_a_mirror_accepts_only_codings_that_can_be_taken_off(mirroring, legacy, modern, ended):
    assert mirroring.ask("GET", "/plain/1", ("Accept-Encoding", "exi, zstd, gzip")).status == 200
    ended(1)
    assert (legacy.asked[0].get("Accept-Encoding"), modern.asked[0].get("Accept-Encoding")) == (
        "exi, zstd, gzip", "zstd, gzip")


def test_a_tag_that_did_not_hold_is_compared_and_so_is_a_range(mirroring, legacy, modern, ended):
    for one in (legacy, modern):
        one.does(conditional)
    assert mirroring.ask("GET", "/plain/1", ("If-None-Match", '"2"')).status == 200
    assert mirroring.ask("GET", "/plain/1", ("Range", "bytes=0-1")).status == 206
    assert ended(2) == {("match", ""): 2}


@pytest.mark.parametrize("name", ["plain", "adapted"])
def test_equal_answers_to_head_match_with_an_adapter_and_without(mirroring, legacy, modern, ended, name):
    for one in (legacy, modern):
        one.does(conditional)
    reply = mirroring.ask("HEAD", f"/{name}/1")
    assert (reply.status, reply.get("Content-Length"), reply.body) == (200, "5", b"")
    assert ended(1) == {("match", ""): 1}


def test_a_key_in_a_field_of_the_policys_own_is_a_credential(mirroring, legacy, modern, ended):
    assert mirroring.ask("GET", "/keyed/1", ("X-Clinic-Key", KEY)).status == 200
    ended(1)
    assert legacy.asked[0].get("X-Clinic-Key") == KEY
    assert modern.asked[0].get("X-Clinic-Key") is None


def test_a_mirror_without_a_body_says_so_as_its_client_did(mirroring, legacy, modern, ended):
    mirroring.say(request("POST", "/plain/_search", ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n")
    mirroring.ask("POST", "/plain/_search")
    ended(2)
    # Mirrors go on connections of their own: one may overtake the other.
    assert {(one.get("Content-Length"), one.get("Transfer-Encoding")) for one in modern.asked} == {
        (None, "chunked"), ("0", None)}


def test_a_body_beyond_the_buffer_is_refused_however_it_comes_and_its_mirror_counted(mirroring, legacy, modern, ended):
    assert mirroring.ask("POST", "/adapted/_search", body=bytes(2000)).status == 413
    wire = mirroring.connect().send(request("POST", "/adapted/_search", ("Content-Length", "2000")))
    assert wire.read_reply().status == 413
    wire = mirroring.connect().send(request("POST", "/adapted/_search", ("Transfer-Encoding", "chunked")))
    wire.silent(0.1)
    assert wire.send(b"7d0\r\n" + bytes(2000)).read_reply().status == 413

    assert ended(3) == {("skipped", "body_too_large"): 3}
    assert legacy.asked == modern.asked == []


def test_a_client_that_leaves_before_its_request_is_whole_is_one_outcome(mirroring, legacy, modern, ended):
    wire = mirroring.connect().send(request("POST", "/adapted/_search", ("Content-Length", "500")) + b"half")
    until(lambda: mirroring.metric("figway_requests_in_flight") == 1, "the request does not arrive")
    wire.reset()
    assert ended(1) == {("skipped", "client_gone"): 1}


def test_mirrors_that_hang_take_neither_connections_nor_endpoints_from_clients(gateway, legacy, modern):
    over = threading.Event()

    def modern_hangs_on_mirrors(wire, asked):
        if asked.get("X-Figway-Shadow"):
            over.wait(PATIENCE)
        wire.send(response(200, body=b"modern"))

    def capability(name, deadline, stage):
        return f"""
  {name}:
    owner: t
    operations: {{read: {{method: GET, path: "/{name}/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: {stage}
    writes: {"modern" if stage == "modern" else "legacy"}
    shadow: {{sample: 100%, deadline: {deadline}}}"""

    modern.does(modern_hangs_on_mirrors)
    both = gateway(f"""
version: 1
shadow: {{concurrency: 4, drain: 0s}}
upstreams:
  legacy: {{url: "{legacy.url}"}}
  modern: {{url: "{modern.url}", pool: {{connections: 2}}, ejection: {{failures: 2, for: 60s}}}}
capabilities:
{capability("quick", "100ms", "shadow")}
{capability("patient", "60s", "shadow")}
{capability("migrated", "1s", "modern")}
default: {{upstream: legacy}}
""")
    for number in range(6):
        both.ask("GET", f"/quick/{number}")
    until(lambda: both.metric(OUTCOMES, outcome="candidate_error") == 6, "the mirrors do not fail")
    assert both.ask("GET", "/migrated/1").body == b"modern"
    assert both.metric("figway_endpoint_available", upstream="modern") == 1

    modern.asked.clear()
    for number in range(6):
        both.ask("GET", f"/patient/{number}")
    until(lambda: modern.asked != [], "modern is not asked")
    assert both.ask("GET", "/migrated/1").body == b"modern"
    over.set()


def test_a_mirror_has_the_time_and_the_room_that_a_clients_call_has(gateway, legacy, modern):
    """Else modern would be right in the shadow, and every client would meet a 504, a 502 or a 413."""
    def slow(wire, asked):
        wire.read_body(asked)
        over.wait(PATIENCE if asked.target.startswith(b"/slow") and asked.get("X-Figway-Shadow") else 0)
        wire.send(response(200, body=bytes(3000)))

    def capability(name, modern):
        return f"""
  {name}:
    owner: t
    operations: {{read: {{method: [GET, POST], path: "/{name}/{{id}}", safe: true}}}}
    legacy: legacy
    modern: {modern}
    stage: shadow
    limits: {{buffer: 1KiB}}
    shadow: {{sample: 100%, deadline: 60s, recheck: {{after: []}}}}"""

    over = threading.Event()
    for one in (legacy, modern):
        one.does(slow)
    both = gateway(f"""
version: 1
upstreams:
  legacy: {{url: "{legacy.url}"}}
  modern: {{url: "{modern.url}", timeouts: {{total: 200ms}}}}
capabilities:
{capability("slow", "modern")}
{capability("adapted", "{upstream: modern, adapter: {identity: {}}}")}
default: {{upstream: legacy}}
""")
    assert both.ask("GET", "/slow/1").status == 200
    until(lambda: both.metric(OUTCOMES, outcome="candidate_error", reason="total_timeout") == 1, "it has more time")
    over.set()
    assert both.ask("GET", "/adapted/1").status == 200
    until(lambda: both.metric(OUTCOMES, outcome="candidate_error", reason="oversize") == 1, "it takes a larger answer")
    before = len(modern.asked)
    assert both.ask("POST", "/adapted/1", body=bytes(2000)).status == 200
    until(lambda: both.metric(OUTCOMES) == 3, "there is no outcome")
    assert len(modern.asked) == before, "it gets a larger request"
