"""The same pipeline as a plain ASGI application: what ASGI can carry arrives as it does through the data port."""

import asyncio
import contextlib
import threading

import httpx2
import orjson
import pytest

from gateway.config.compile import build
from gateway.edges.asgi import Asgi
from gateway.mirroring import ask_mirror
from gateway.pipeline import Pipeline
from gateway.telemetry.output import Output
from gateway.telemetry.record import Recorder
from shadow.lane.lane import Lane
from shadow.stores.memory import Memory
from tests.backends.logins import SCHEMES, TWO_ROUNDS, domain, token_of
from tests.backends.upstream import PATIENCE, resets, until
from tests.backends.wire import response


@pytest.fixture
async def served(legacy, tmp_path):
    """The application, and what records its requests."""
    file = tmp_path / "routes.yaml"
    file.write_text(f"""
version: 1
server: {{limits: {{body: 1KiB}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
policies: {{clinic: {{apikey: {{keys: {{one: "sha256:{'0' * 64}"}}}}}}}}
capabilities:
  guarded: {{owner: t, operations: {{add: {{path: /guarded}}}}, legacy: legacy, stage: legacy, policies: [clinic],
            limits: {{body: 100B}}}}
  narrow: {{owner: t, operations: {{add: {{path: /narrow}}}}, legacy: legacy, stage: legacy, limits: {{body: 100B}}}}
default: {{upstream: legacy, policies: []}}
""")
    configuration = build(file)
    with (tmp_path / "log").open("wb") as log:
        output = Output(log.fileno())
        lane = Lane(ask_mirror, Memory(Memory.Options()), configuration.lane)
        recorder = Recorder(output)
        yield Asgi(Pipeline(configuration.table, lane, recorder), lambda: configuration.edge), recorder
        for upstream in configuration.upstreams.values():
            await upstream.close()
        output.close()


@pytest.fixture
async def client(served):
    """An HTTP client of the application, with no socket between them."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=served[0]),
                                  base_url="http://clinic.example") as one:
        yield one


async def test_a_request_arrives_with_its_bytes_and_the_gateways_own_fields(client, legacy):
    fields = {"X-A": "1", "X-Forwarded-For": "6.6.6.6"}
    reply = await client.put("/results/a%2Fb?x=%C3%A9&y", content=b"body", headers=fields)

    assert reply.status_code == 200
    asked = legacy.asked[0]
    assert (asked.start, asked.body) == (b"PUT /results/a%2Fb?x=%C3%A9&y HTTP/1.1", b"body")
    assert (asked.get("Host"), asked.get("X-A"), asked.get("Via")) == ("clinic.example", "1", "1.1 figway")
    assert "6.6.6.6" not in asked.get("X-Forwarded-For")


async def test_a_body_in_pieces_arrives_in_chunks(client, legacy):
    async def pieces():
        yield b"one "
        yield b"two"

    reply = await client.post("/", content=pieces())
    assert (orjson.loads(reply.content)["body"], legacy.asked[0].framing) == ("one two", "chunked")


async def test_an_answer_keeps_status_repeated_fields_and_body(client, legacy):
    legacy.answers(response(401, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "X-Hop"), ("X-Hop", "1"),
                            body=b"\x00\xff"))
    reply = await client.get("/")

    assert (reply.status_code, reply.content) == (401, b"\x00\xff")
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-hop" not in reply.headers


async def test_204_has_no_length(client, legacy):
    legacy.answers(response(204, ("Content-Length", "0"), ("X-A", "1")))
    reply = await client.delete("/")
    assert (reply.status_code, reply.headers.get("content-length"), reply.headers["x-a"]) == (204, None, "1")


async def test_a_head_request_has_no_body(client, legacy):
    legacy.answers(response(200, ("Content-Length", "1234")))
    reply = await client.head("/")
    assert (reply.headers["content-length"], reply.content) == ("1234", b"")


async def test_an_upstream_that_fails_is_a_problem(client, legacy):
    legacy.does(resets)
    reply = await client.get("/")
    assert (reply.status_code, reply.headers["content-type"]) == (502, "application/problem+json")


@pytest.mark.parametrize(("method", "target", "fields", "status"), [
    ("GET", "/a%2f../b", {}, 400), ("TRACE", "/", {}, 501), ("GET", "/" + "a" * (17 << 10), {}, 414),
    ("GET", "/", {"Via": "1.1 figway"}, 508), ("GET", "/", {"Host": "a,b"}, 400),
    ("POST", "/", {"Content-Length": "2000"}, 413),
], ids=["two readings", "TRACE", "too long", "a loop", "a bad host", "too large"])
async def test_what_the_data_port_refuses_is_refused(client, legacy, method, target, fields, status):
    reply = await client.request(method, target, headers=fields)
    assert reply.status_code == status
    assert legacy.asked == []


async def test_an_answer_cut_short_is_an_error(client, legacy):
    def legacy_leaves(wire, asked):
        wire.send(response(200, ("Content-Length", "100"), body=b"hello"))
        wire.reset()

    legacy.does(legacy_leaves)
    with pytest.raises(ConnectionError):
        await client.get("/")


@pytest.mark.parametrize(("path", "status"), [("/guarded", 401), ("/narrow", 413)])
async def test_a_refused_request_whose_body_still_comes_is_refused_once(served, path, status):
    app, recorder = served
    pieces = [{"type": "http.request", "body": bytes(150), "more_body": True} for _ in range(6)]
    coming, sent = iter([*pieces, {"type": "http.request", "body": b"", "more_body": False}]), []

    async def receive():
        return next(coming, {"type": "http.disconnect"})

    async def send(message):
        # A server that is slow to write lets the body come meanwhile.
        await asyncio.sleep(0.02)
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
               "headers": [(b"host", b"clinic.example"), (b"transfer-encoding", b"chunked")], "scheme": "http",
               "client": ("127.0.0.1", 1), "http_version": "1.1"}, receive, send)

    assert [one["status"] for one in sent if one["type"] == "http.response.start"] == [status]
    assert recorder.in_flight == 0
    assert sum(recorder.errors.values()) == 1


@pytest.mark.parametrize(("then", "raised"), [
    ({"type": "http.disconnect"}, None),
    ({"type": "http.request", "body": bytes(900), "more_body": True}, ConnectionError),
], ids=["the client leaves", "the body is over the limit"])
async def test_an_answer_under_way_ends_with_its_request(served, legacy, then, raised):
    app, recorder = served
    over = threading.Event()

    def legacy_begins(wire, asked):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        over.wait(PATIENCE)
        wire.close()

    legacy.does(legacy_begins)
    begun = asyncio.Event()
    coming = iter([{"type": "http.request", "body": bytes(500), "more_body": True}])

    async def receive():
        if (first := next(coming, None)) is not None:
            return first
        await begun.wait()
        return then

    async def send(message):
        begun.set()

    asking = app({"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"",
                  "headers": [(b"host", b"clinic.example"), (b"transfer-encoding", b"chunked")], "scheme": "http",
                  "client": ("127.0.0.1", 1), "http_version": "1.1"}, receive, send)
    try:
        with pytest.raises(raised) if raised else contextlib.nullcontext():
            await asyncio.wait_for(asking, PATIENCE)
    finally:
        over.set()
    assert recorder.in_flight == 0


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_login_lasts_no_longer_than_its_request(client, legacy, scheme):
    """ASGI does not say which requests came on one connection: so none of them answers as another's."""
    clinic = domain(legacy)
    for _ in range(3):
        token = "1" if scheme in TWO_ROUNDS else "doctor"
        reply = await client.get("/results/1", headers={"Authorization": f"{scheme} {token}"})
        assert reply.status_code == (401 if scheme in TWO_ROUNDS else 200)
        given = token_of(reply.headers.get("www-authenticate", ""))
        reply = await client.get("/results/1", headers={"Authorization": f"{scheme} doctor.{given}"})
        assert reply.status_code == (401 if scheme in TWO_ROUNDS else 200)
        stranger = await client.get("/results/1")
        assert (stranger.status_code, orjson.loads(stranger.content)["user"]) == (401, None)
        assert (await client.get("/open/1")).status_code == 200
    await asyncio.to_thread(until, lambda: not any(wire in clinic._users for wire in legacy.wires), "a login is kept")
