"""Answers of old servers: what has one meaning passes repaired, what has two or none is refused by name."""

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.untidy import BAD_CHUNKS, CHUNKED, OK, REFUSED, UNTIDY
from tests.backends.upstream import until
from tests.backends.wire import Cut, request, response

REPAIRED, TURNED_AWAY = "figway_answers_repaired_total", "figway_answers_refused_total"
SOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
          ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


@pytest.fixture
def modern(everlasting_modern):
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


@pytest.fixture(scope="module")
def figway(everlasting_legacy, everlasting_modern, tmp_path_factory):
    """A gateway before the legacy system. Below /strict/ nothing is repaired; /mirrored/ is mirrored to modern."""
    with running(tmp_path_factory.mktemp("old"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{everlasting_legacy.url}", ejection: {{failures: 0}}}}
  modern: {{url: "{everlasting_modern.url}"}}
  tidy: {{url: "{everlasting_legacy.url}", strict: true, ejection: {{failures: 0}}}}
capabilities:
  tidy: {{owner: t, operations: {{any: {{path: "/strict/{{rest*}}"}}}}, legacy: tidy, stage: legacy}}
  mirrored:
    owner: t
    operations: {{read: {{method: GET, path: "/mirrored/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, recheck: {{after: []}}}}
default: {{upstream: legacy}}
""") as running_figway:
        yield running_figway


def counted(figway, metric, upstream):
    """Rule → how many answers of this upstream broke it."""
    rules = {line.split('rule="')[1].split('"')[0] for line in figway.metrics().splitlines() if line.startswith(metric)}
    return {rule: count for rule in rules if (count := figway.metric(metric, upstream=upstream, rule=rule))}


def gained(after, before):
    return {rule: count - before.get(rule, 0) for rule, count in after.items() if count > before.get(rule, 0)}


def says(upstream, answer, *, ends):
    """The upstream sends this answer to the first request, and a tidy one to all others."""
    def handler(wire, asked):
        wire.read_body(asked)
        if len(upstream.asked) > 1:
            wire.send(response(200, body=b"next"))
            return
        wire.send(answer)
        if ends:
            wire.close()

    upstream.does(handler)


@pytest.mark.proves(8, 14)
@pytest.mark.parametrize("case", UNTIDY)
def test_an_answer_with_one_meaning_passes_clean_and_its_connection_serves_no_other(figway, legacy, case):
    untidy, before = UNTIDY[case], counted(figway, REPAIRED, "legacy")
    says(legacy, untidy.sent, ends=untidy.ends)
    reply = figway.ask("GET", "/")
    following = figway.ask("GET", "/")

    assert (reply.status, reply.body, following.body) == (untidy.status, untidy.body, b"next")
    assert reply.start.split(b" ", 2)[2:] == [untidy.reason]
    ours = {b"content-length", b"transfer-encoding", b"via"}
    assert tuple(pair for pair in reply.headers if pair[0].lower() not in ours) == untidy.fields
    assert legacy.asked[1].number == 1, "the connection was used again"
    assert gained(counted(figway, REPAIRED, "legacy"), before) == dict.fromkeys(untidy.rules, 1)


@pytest.mark.proves(8, 19)
@pytest.mark.parametrize("length", [b"5 ", b"5\t \t", b"0000000000000000000005", b"0000000000000000000005 "])
@pytest.mark.parametrize("target", ["/", "/strict/"])
def test_blanks_after_a_length_and_zeros_before_it_break_no_rule(figway, legacy, target, length):
    before = counted(figway, REPAIRED, "legacy")
    legacy.answers(OK + b"Content-Length: " + length + b"\r\n\r\nhello", response(200, body=b"next"))
    reply = figway.ask("GET", target)
    following = figway.ask("GET", target)

    assert (reply.status, reply.body, following.body) == (200, b"hello", b"next")
    assert legacy.asked[1].number == legacy.asked[0].number + 1, "the connection was not used again"
    assert counted(figway, REPAIRED, "legacy") == before


@pytest.mark.parametrize("case", UNTIDY)
def test_a_strict_upstream_repairs_nothing(figway, legacy, case):
    untidy, before = UNTIDY[case], counted(figway, REPAIRED, "tidy")
    says(legacy, untidy.sent, ends=untidy.ends)
    try:
        reply = figway.ask("GET", "/strict/")
    except Cut:
        # Its head was clean, and had passed.
        assert {"chunk_line", "last_line"} & set(untidy.rules)
    else:
        assert reply.status == 502
        assert orjson.loads(reply.body)["rule"] in {*untidy.rules, "chunk_size", "chunk_end", "trailer"}
    assert counted(figway, REPAIRED, "tidy") == before


@pytest.mark.proves(14, 6, 9)
@pytest.mark.parametrize("case", REFUSED)
def test_an_answer_without_one_meaning_is_502_by_the_name_of_its_rule(figway, legacy, case):
    (sent, rule), before = REFUSED[case], counted(figway, TURNED_AWAY, "legacy")
    legacy.does(lambda wire, asked: (wire.send(sent), wire.rest()))
    reply = figway.ask("GET", "/")

    document = orjson.loads(reply.body)
    assert (reply.status, document["code"], document["rule"]) == (502, "upstream_malformed", rule)
    assert document["detail"]
    assert b"hello" not in reply.body
    assert len(legacy.asked) == 1
    assert gained(counted(figway, TURNED_AWAY, "legacy"), before) == {rule: 1}
    until(lambda: any(line.get("trace_id") == document["trace_id"] for line in figway.log()), "no line in the log")
    line, = [line for line in figway.log() if line.get("trace_id") == document["trace_id"]]
    assert (line["error"], line["rule"]) == ("upstream_malformed", rule)


@pytest.mark.proves(6)
@pytest.mark.parametrize("case", BAD_CHUNKS)
def test_a_bad_chunk_never_looks_whole(figway, legacy, case):
    (chunk, rule), before = BAD_CHUNKS[case], counted(figway, TURNED_AWAY, "legacy")
    many = 20 if rule == "chunk_allowance" else 1
    legacy.does(lambda wire, asked: (wire.send(OK + CHUNKED + b"\r\n2\r\nhi\r\n" + chunk * many), wire.rest()))
    try:
        status = figway.ask("GET", "/").status
    except Cut:
        status = 502
    assert status == 502
    assert gained(counted(figway, TURNED_AWAY, "legacy"), before) == {rule: 1}


@pytest.mark.proves(6)
@pytest.mark.parametrize("end", [b"", b"0", b"0\r", b"0\r\nX-T: u\r\n", b"0\r\nX-T"],
                         ids=["no last chunk", "half a size", "half an end", "no end of trailers", "half a trailer"])
def test_a_body_that_may_go_on_is_not_whole_where_its_connection_ends(figway, legacy, end):
    says(legacy, OK + CHUNKED + b"\r\n5\r\nhello\r\n" + end, ends=True)
    with pytest.raises(Cut) as cut:
        figway.ask("GET", "/")
    assert cut.value.partial == b"hello"


@pytest.mark.parametrize("case", UNTIDY)
def test_an_untidy_answer_has_one_reading_however_its_bytes_come(figway, legacy, case):
    untidy = UNTIDY[case]

    def trickles(wire, asked):
        for at in range(len(untidy.sent)):
            wire.send(untidy.sent[at:at + 1])
        if untidy.ends:
            wire.close()

    legacy.does(trickles)
    reply = figway.ask("GET", "/")

    assert (reply.status, reply.body) == (untidy.status, untidy.body)


def test_the_log_names_the_rule_and_the_upstream_once(figway, legacy):
    legacy.answers(UNTIDY["a folded field"].sent)
    for _ in range(3):
        assert figway.ask("GET", "/").status == 200

    def lines():
        return [line for line in figway.log() if line["event"] == "answer_repaired" and line["rule"] == "folded_field"]

    until(lines, "nothing is logged")
    assert [(line["upstream"], line["level"]) for line in lines()] == [("legacy", "warning")]


def test_a_mirrors_untidy_answer_is_compared_and_counted(figway, legacy, modern):
    before = counted(figway, REPAIRED, "modern")
    legacy.answers(b"HTTP/1.1 200 OK\r\nX-A: b c\r\nContent-Length: 5\r\n\r\nhello")
    modern.answers(b"HTTP/1.1 200 OK\nX-A : b\n c\nContent-Length: 5\n\nhello")
    matches = figway.metric("figway_shadow_total", outcome="match")
    assert figway.ask("GET", "/mirrored/1").body == b"hello"

    until(lambda: figway.metric("figway_shadow_total", outcome="match") == matches + 1, "no match")
    assert gained(counted(figway, REPAIRED, "modern"), before) == {
        "line_ends": 1, "blank_before_colon": 1, "folded_field": 1}


def test_a_mirrors_answer_with_two_meanings_is_counted(figway, legacy, modern):
    legacy.answers(response(200, body=b"hello"))
    modern.answers(REFUSED["lengths that differ"][0])
    assert figway.ask("GET", "/mirrored/1").status == 200

    until(lambda: counted(figway, TURNED_AWAY, "modern") == {"lengths_differ": 1}, "it is not counted")


def test_an_untidy_handshake_opens_a_websocket(figway, legacy):
    def legacy_upgrades(wire, asked):
        wire.send(b"HTTP/1.1 101 Switching\nConnection : Upgrade\nUpgrade: websocket\n\nhello")
        assert wire.read(3) == b"\x00\r\n"
        wire.send(b"bye")
        wire.close()

    legacy.does(legacy_upgrades)
    wire = figway.connect().send(request("GET", "/socket", *SOCKET))
    reply = wire.read_reply()

    assert (reply.status, reply.get("Upgrade"), reply.get("Connection")) == (101, "websocket", "Upgrade")
    assert wire.read(5) == b"hello"
    assert wire.send(b"\x00\r\n").rest() == b"bye"


@pytest.mark.proves(8)
@pytest.mark.parametrize("left", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_what_is_left_between_two_answers_is_no_part_of_the_next(figway, legacy, left):
    """It comes with the first answer, after it, or just before the second."""
    legacy.answers(response(200, body=b"first") + left)
    assert [figway.ask("GET", "/").body for _ in range(3)] == [b"first"] * 3

    def leaves_later(wire, asked):
        wire.send(response(200, body=b"later"))
        wire.silent(0.05)
        wire.send(left)

    legacy.does(leaves_later)
    assert [figway.ask("POST", "/", body=b"x").body for _ in range(3)] == [b"later"] * 3


@pytest.mark.proves(9)
def test_requests_are_not_repaired(figway, legacy):
    for head in (b"GET / HTTP/1.1\nHost: h\n\n", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
                 b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        wire = figway.connect().send(head)
        assert wire.read_reply().status == 400, head
    assert legacy.settled() == []
