"""A mirror, from the client's request to its outcome: what each party says, in order.

Both services are real servers on loopback. A play is a script: `>>` is what a party says, `<<` what reaches it. A call
marked as a mirror shows that; the last line is the outcome in the lane.
"""

import asyncio
from textwrap import dedent

import pytest

from adapters.base import AdapterError
from adapters.message import Headers, Request, Response
from gateway.capability import Arm, Capability, Operation, Split
from gateway.edges.asgi import Asgi
from gateway.edges.settings import EdgeSettings
from gateway.mirroring import ask_mirror
from gateway.pipeline import Pipeline
from gateway.routing import RouteTable
from gateway.stage import Stage
from gateway.telemetry.output import Output
from gateway.telemetry.record import Recorder
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from shadow.lane.lane import Lane
from shadow.plan import ShadowPlan
from shadow.settings import LaneSettings, Recheck
from shadow.stores.memory import Memory
from tests.shadow.lane.test_lane import Inline

DOSE = '200 {"dose": 5}'


class Wrapped:
    """The adapter of a service that has paths of its own, and answers {"data": …}."""

    def operations(self):
        return None

    def request(self, operation, params, request):
        return Request(request.method, b"/v2?id=" + params["id"].encode(), Headers(request.headers), b"")

    def response(self, operation, response):
        if not response.body.startswith(b'{"data": '):
            raise AdapterError("response", "there is no data")
        return Response(response.status, response.headers, response.body[len(b'{"data": '):-1], response.reason)


class Broken(Wrapped):
    """An adapter with a fault."""

    def response(self, operation, response):
        raise ZeroDivisionError


@pytest.fixture
async def play(tmp_path):
    """play(legacy, modern, …) → the script of one GET, which the services answer so: "status body", or a list of
    these, one for each time that they are asked."""
    script, servers, upstreams = [], [], []

    async def service(name, says, adapter):
        async def serve(reader, writer):
            asked = await reader.readuntil(b"\r\n\r\n")
            mirror = " (mirror)" if b"\r\nX-Figway-Shadow: 1\r\n" in asked else ""
            script.append(f"{name:<6} << {asked.split(b' HTTP')[0].decode()}{mirror}")
            said = says if isinstance(says, str) else says.pop(0)
            script.append(f"{name:<6} >> {said}")
            status, body = said.split(" ", 1)
            writer.write(f"HTTP/1.1 {status} So\r\nContent-Type: application/json\r\nConnection: close\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        upstreams.append(Upstream(UpstreamSettings(name, (url,))))
        return Arm(name, upstreams[-1], adapter)

    async def client(application):
        script.append("client >> GET /results/7")
        answer, says = [], [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            return says.pop() if says else await asyncio.Event().wait()

        async def send(message):
            answer.append(str(message["status"]) if "status" in message else message["body"].decode())
            if message["type"] == "http.response.body" and not message.get("more_body"):
                script.append(f"client << {answer[0]} {''.join(answer[1:])}")

        await application({
            "type": "http", "http_version": "1.1", "scheme": "http", "method": "GET", "raw_path": b"/results/7",
            "query_string": b"", "headers": [(b"host", b"clinic")], "client": ("192.0.2.1", 1),
        }, receive, send)

    async def play(legacy, modern, *, stage=Stage.SHADOW, adapter=None, **plan):
        arms = await service("legacy", legacy, None), await service("modern", modern, adapter)
        results = Capability("results", "team", (Operation("read", "/results/{id}"),), *arms, stage,
                             split=Split(10_000, ("client_ip",), "") if stage is Stage.CANARY else None,
                             shadow=ShadowPlan(1.0, max_body=1000, **plan))
        table = RouteTable([results], Capability("_default", "", (Operation("all"),), arms[0]))
        lane = Lane(ask_mirror, Memory(Memory.Options()), LaneSettings(), Inline())
        with (tmp_path / "log").open("wb") as log:
            output = Output(log.fileno())
            lane.start()
            await client(Asgi(Pipeline(table, lane, Recorder(output)), EdgeSettings))
            await lane.idle()
            await lane.drain(5)
            output.close()
        for tally in lane.counters():
            script.append(f"lane   == {tally.outcome} {tally.reason}".rstrip())
        return script

    yield play
    for upstream in upstreams:
        await upstream.close()
    for server in servers:
        server.close()
        await server.wait_closed()


def reads(text):
    return dedent(text).strip().splitlines()


async def test_without_an_adapter_both_are_asked_the_same(play):
    assert await play(legacy=DOSE, modern=DOSE) == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"dose": 5}
        client << 200 {"dose": 5}
        modern << GET /results/7 (mirror)
        modern >> 200 {"dose": 5}
        lane   == match
    """)


async def test_with_an_adapter_the_answer_is_translated_before_it_is_compared(play):
    assert await play(legacy=DOSE, modern='200 {"data": {"dose": 5}}', adapter=Wrapped()) == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"dose": 5}
        client << 200 {"dose": 5}
        modern << GET /v2?id=7 (mirror)
        modern >> 200 {"data": {"dose": 5}}
        lane   == match
    """)


async def test_another_dose_is_a_mismatch_and_the_client_has_legacys(play):
    assert await play(legacy=DOSE, modern='200 {"data": {"dose": 50}}', adapter=Wrapped()) == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"dose": 5}
        client << 200 {"dose": 5}
        modern << GET /v2?id=7 (mirror)
        modern >> 200 {"data": {"dose": 50}}
        lane   == mismatch
    """)


@pytest.mark.parametrize("adapter", [Wrapped(), Broken()], ids=["refuses", "fails"])
async def test_an_answer_that_cannot_be_translated_is_moderns_error(play, adapter):
    assert await play(legacy=DOSE, modern='200 {"error": 1}', adapter=adapter) == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"dose": 5}
        client << 200 {"dose": 5}
        modern << GET /v2?id=7 (mirror)
        modern >> 200 {"error": 1}
        lane   == candidate_error adapter
    """)


@pytest.mark.parametrize("adapter", [None, Wrapped()], ids=["no adapter", "adapter"])
async def test_a_longer_answer_than_is_kept_is_compared_all_the_same(play, adapter):
    found = await play(legacy=DOSE, modern=f'200 {{"data": "{"x" * 1000}"}}', adapter=adapter)
    assert found[-1] == "lane   == mismatch"
    assert 'client << 200 {"dose": 5}' in found


@pytest.mark.parametrize(("adapter", "path"), [(None, "/results/7"), (Wrapped(), "/v2?id=7")])
async def test_after_a_fallback_the_arm_that_failed_is_not_asked_again(play, adapter, path):
    assert await play(legacy=DOSE, modern='503 {"data": {}}', stage=Stage.CANARY, adapter=adapter) == reads(f"""
        client >> GET /results/7
        modern << GET {path}
        modern >> 503 {{"data": {{}}}}
        legacy << GET /results/7
        legacy >> 200 {{"dose": 5}}
        client << 200 {{"dose": 5}}
        lane   == mismatch
    """)


async def test_a_mismatch_is_asked_again_of_both_and_one_that_settles_was_transient(play):
    found = await play(legacy=DOSE, modern=['200 {"data": {"dose": 4}}', '200 {"data": {"dose": 5}}'],
                       adapter=Wrapped(), recheck=Recheck((0.01,), 1.0, True))
    assert found == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"dose": 5}
        client << 200 {"dose": 5}
        modern << GET /v2?id=7 (mirror)
        modern >> 200 {"data": {"dose": 4}}
        legacy << GET /results/7 (mirror)
        legacy >> 200 {"dose": 5}
        modern << GET /v2?id=7 (mirror)
        modern >> 200 {"data": {"dose": 5}}
        lane   == transient after_0.01s
    """)


async def test_legacy_is_asked_twice_about_noise_and_a_time_of_its_own_is_no_mismatch(play):
    found = await play(legacy=['200 {"at": 1}', '200 {"at": 3}'], modern='200 {"at": 2}', noise=1.0)
    assert found == reads("""
        client >> GET /results/7
        legacy << GET /results/7
        legacy >> 200 {"at": 1}
        client << 200 {"at": 1}
        modern << GET /results/7 (mirror)
        modern >> 200 {"at": 2}
        legacy << GET /results/7 (mirror)
        legacy >> 200 {"at": 3}
        lane   == unstable
    """)
