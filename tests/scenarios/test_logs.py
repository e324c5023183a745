"""The access log is one JSON object a line, and nothing that a message says comes out by the side."""

import threading

import orjson
import pytest

from tests.backends.upstream import closed_port, never, resets, until
from tests.backends.wire import PATIENCE, Cut, request, response

CANARIES = {
    "path": "MRN4711path", "query": "Doe-Jane-query", "header": "ssn-078-05-1120", "body": "born-1961-08-04",
    "json key": "Jane Doe 4711", "token": "eyJhbGciOi-token", "cookie": "cookie-77x", "error": "upstream-error-Jane",
    "answer": "answer-diagnosis-C61", "request id": "Jane.Doe.1961", "trace": "trace-of-Jane",
    "host": "jane-doe-clinic", "method": "JANEDOE", "forwarded": "10.9.8.7-jane", "agent": "Agent-Jane/1.0",
}
"""What must come out nowhere."""


@pytest.fixture
def talkative(gateway, legacy, modern):
    """Every way through: shadow with differences, adapters' refusals, failures, policies."""
    return gateway(f"""
version: 1
server: {{drain: {{grace: 2s}}}}
shadow: {{drain: 1s}}
store: {{sqlite: {{path: learnt.db}}}}
upstreams:
  legacy: {{url: "{legacy.url}", timeouts: {{first_byte: 500ms}}}}
  modern: {{url: "{modern.url}"}}
  down: {{url: "http://127.0.0.1:{closed_port()}"}}
capabilities:
  results:
    owner: results-team
    operations: {{read: {{method: GET, path: "/results/{{id}}"}}, write: {{path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%}}
  down:
    owner: results-team
    operations: {{any: {{path: "/down/{{id}}"}}}}
    legacy: down
    stage: legacy
default: {{upstream: legacy}}
""")


def told(figway):
    """Everything that an operator can get to see or that a log collector gets."""
    files = [path.read_bytes().decode("latin-1") for path in figway.folder.iterdir()
             if path.is_file() and path != figway.file]
    return "\n".join(files)


def fields():
    return [
        ("Host", CANARIES["host"]), ("X-Name", CANARIES["header"]), ("Authorization", f"Bearer {CANARIES['token']}"),
        ("Cookie", f"s={CANARIES['cookie']}"), ("X-Request-Id", CANARIES["request id"]),
        ("traceparent", CANARIES["trace"]), ("X-Forwarded-For", CANARIES["forwarded"]),
        ("User-Agent", CANARIES["agent"]),
    ]


@pytest.mark.proves(23)
def test_what_messages_say_is_told_nowhere(talkative, legacy, modern):
    path, query = CANARIES["path"], CANARIES["query"]
    body = orjson.dumps({CANARIES["json key"]: CANARIES["body"]}) + b"\r\n"
    pages = []

    def ask(method="GET", start="/results/", *more):
        target = f"{start}{path}?name={query}"
        try:
            reply = talkative.say(request(method, target, *fields(), *more, body=body), method)
        except (Cut, ConnectionError):
            return
        if reply.get("Content-Type") == "application/problem+json":
            pages.append((reply.head + reply.body).decode("latin-1"))

    legacy.answers(response(200, ("Content-Type", "application/json"), ("X-Note", CANARIES["answer"]),
                            body=orjson.dumps({CANARIES["json key"]: CANARIES["answer"], "a": [1, 2]})))
    modern.answers(response(200, ("Content-Type", "application/json"), ("X-Note", CANARIES["error"]),
                            body=orjson.dumps({CANARIES["json key"]: CANARIES["error"], CANARIES["answer"]: 1})))
    ask()
    ask("PUT")
    ask("GET", "/")
    ask("GET", "/down/")
    ask(CANARIES["method"])
    ask("GET", "/results/../")
    ask("GET", "/results/", ("Content-Length", CANARIES["body"]))
    ask("GET", "/results/", ("Transfer-Encoding", CANARIES["header"]))
    ask("GET", "/results/", ("Expect", CANARIES["header"]))
    ask("GET", "/results/", (f"X {CANARIES['header']}", "x"))
    ask("POST", "/results/", ("Transfer-Encoding", "chunked"))
    ask("GET", "/" + "x" * (17 << 10))
    for bad in [never, resets]:
        legacy.does(bad)
        ask()
    for bad in [CANARIES["error"].encode() + b"\r\n\r\n", response(200, ("Content-Length", CANARIES["error"])),
                b"HTTP/1.1 200 Fine\r\n" + CANARIES["error"].encode() + b"\r\n\r\n",
                response(200, ("Transfer-Encoding", "chunked"), body=CANARIES["error"].encode() + b"\r\n"),
                response(500, body=CANARIES["error"].encode())]:
        legacy.answers(bad)
        ask()
    until(lambda: modern.asked != [], "modern is not asked")
    until(lambda: talkative.metric("figway_shadow_total", outcome="mismatch") >= 1, "nothing is compared")
    seen = [talkative.metrics(), talkative.readiness()[1], *pages]
    talkative.stop()
    seen.append(told(talkative))

    assert len(pages) >= 9
    for kind, canary in CANARIES.items():
        for text in seen:
            assert canary not in text, f"the {kind} is told"


@pytest.mark.proves(40)
def test_every_line_is_one_json_object_and_every_request_has_one(talkative, legacy):
    names = [
        "/results/1", "/results/%0a%0d%1b", "/results/%E2%80%A8", '/results/"}{', "/é\xff", "/down/1", "/x" * 1000]
    for name in names:
        talkative.say(request("GET", name, ("User-Agent", 'x"}\x85\xff'), ("X-Request-Id", '"}\\')))
    talkative.stop()

    lines = [line for line in talkative.log() if line["event"] == "request"]
    assert len(lines) == len(names)
    assert {line["capability"] for line in lines} == {"results", "down", "_default"}
    for line in lines:
        assert line["status"] in (200, 502)
        assert line["us"] >= 0
        assert len(line["trace_id"]) == 32


def test_what_the_edge_refuses_is_logged_by_the_trace_that_its_client_was_told(talkative):
    told = orjson.loads(talkative.ask("GET", "/../x").body)["trace_id"]
    talkative.stop()

    line = next(line for line in talkative.log() if line["event"] == "refused")
    assert (line["code"], line["trace_id"]) == ("bad_target", told)


def test_a_line_tells_who_answered_and_how_much(talkative, legacy):
    legacy.answers(response(201, body=b"12345"))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    talkative.ask("PUT", "/results/1", ("traceparent", f"00-{trace}-00f067aa0ba902b7-01"), body=b"123")
    talkative.stop()

    line = next(line for line in talkative.log() if line["event"] == "request")
    wanted = {"capability": "results", "operation": "write", "arm": "legacy", "method": "PUT", "status": 201,
              "bytes_in": 3, "bytes_out": 5, "trace_id": trace}
    assert {name: line[name] for name in wanted} == wanted


@pytest.mark.proves(32)
def test_a_client_that_leaves_is_logged_as_such_and_is_nobodys_failure(talkative, legacy):
    gone = threading.Event()

    def legacy_waits(wire, asked):
        wire.rest()
        gone.set()

    legacy.does(legacy_waits)
    wire = talkative.connect().send(request("GET", "/down-not/1"))
    until(lambda: legacy.asked != [], "the request does not arrive")
    wire.reset()
    assert gone.wait(PATIENCE)
    talkative.stop()

    line = next(line for line in talkative.log() if line["event"] == "request")
    assert line["error"] == "client_gone"


@pytest.mark.proves(24)
def test_metrics_stay_few_under_many_paths_methods_and_statuses(talkative, legacy):
    def series():
        return [line.rpartition(" ")[0] for line in talkative.metrics().splitlines() if not line.startswith("#")]

    wire = talkative.connect()
    for start in ("/results/", "/down/", "/x/"):
        wire.send(request("GET", f"{start}0")).read_reply()
    before = len(series())
    for number in range(500):
        wire.send(request("GET", f"/results/{number}?q={number}", ("Host", f"h{number}.example"))).read_reply()
        wire.send(request("GET", f"/x{number}/{number}")).read_reply()
    assert len(series()) - before < 100
    assert not any("/x17" in one for one in series())
