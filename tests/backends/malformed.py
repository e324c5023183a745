"""Malformed requests, byte for byte, and the check that the gateway refuses them."""

import orjson
import pytest

from tests.backends.figway import Figway
from tests.backends.upstream import Upstream

POST = "POST /refused HTTP/1.1"
CHUNKED = ("Transfer-Encoding", "chunked")


def head(*lines: str | bytes, start: str = "GET /refused HTTP/1.1", host: bool = True) -> bytes:
    """A head of exactly these lines."""
    given = [start, *(["Host: clinic.example"] if host else []), *lines]
    return b"".join((line if isinstance(line, bytes) else line.encode("latin-1")) + b"\r\n" for line in given) + b"\r\n"


def refuse(strict: Figway, legacy: Upstream, data: bytes, statuses: set[int]) -> None:
    """Check that `data` is answered with one of `statuses` and a close, that no complete request of it arrives
    upstream, and that the next client is served."""
    legacy.forget()
    wire = strict.connect()
    try:
        wire.send(data)
    except ConnectionError:
        # The gateway may hang up before it has read everything; its answer is still there to be read.
        pass
    reply = wire.read_reply()
    assert reply.status in statuses, reply.start
    assert reply.get("Content-Type") == "application/problem+json"
    assert reply.get("Proxy-Status").startswith("figway; error=http_request_")
    assert len(orjson.loads(reply.body)["trace_id"]) == 32
    assert wire.ends(), "the connection stays open"
    wire.close()

    assert strict.ask("GET", "/next").status == 200
    assert [one.target for one in legacy.settled()] == [b"/next"]
    assert legacy.failures == []


def table(cases: dict[str, tuple[bytes, set[int]]]) -> pytest.MarkDecorator:
    """Cases as parameters: name → (bytes, statuses)."""
    return pytest.mark.parametrize(("data", "statuses"), cases.values(), ids=cases.keys())
