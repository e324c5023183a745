"""Every transport keeps the contract of a transport, over real connections."""

import socket
from urllib.parse import urlsplit

import pytest

from gateway.transports.http.upstream import Upstream as HttpUpstream
from gateway.transports.settings import UpstreamSettings
from gateway.transports.table import TRANSPORTS, connect
from gateway.transports.testing import check_transport
from tests.backends.upstream import Upstream
from tests.backends.wire import response


def echo(wire, asked):
    wire.read_body(asked)
    wire.send(response(200, body=asked.body))


def cut(wire, asked):
    wire.read_body(asked)
    wire.send(response(200, body=b"whole")[:-2])
    wire.close()


@pytest.fixture(params=["a port", "a Unix socket"])
def services(request, tmp_path):
    """The URLs of a service that echoes, one that breaks off, and one that is not there."""
    where = [{"path": tmp_path / name} for name in ("echo", "cut")] if request.param != "a port" else [{}, {}]
    echoes, cuts = (Upstream(**one) for one in where)
    echoes.does(echo)
    cuts.does(cut)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # without listening, so that nobody else gets the port meanwhile
        yield {"echoes": echoes.url, "cuts": cuts.url, "refuses": f"http://127.0.0.1:{unused.getsockname()[1]}"}
    echoes.close()
    cuts.close()


def test_http_keeps_the_contract_of_a_transport(services):
    check_transport(HttpUpstream, **services)


def test_a_transport_that_keeps_a_body_breaks_the_contract(services):
    class Forgetful:
        def __init__(self, settings):
            self._upstream = HttpUpstream(settings)

        def __getattr__(self, name):
            return getattr(self._upstream, name)

        def send(self, request, arrival, body, receiver, affinity, **how):
            receiver.on_data = lambda data: None
            return self._upstream.send(request, arrival, body, receiver, affinity, **how)

    with pytest.raises(AssertionError, match="not this request's"):
        check_transport(Forgetful, **services)


@pytest.mark.parametrize("url", ["http://legacy:80", "https://legacy:443", "unix:///run/legacy.sock"])
def test_the_scheme_of_the_url_chooses_the_transport(url):
    assert urlsplit(url).scheme in TRANSPORTS
    made = connect(UpstreamSettings("legacy", (url,)))
    assert isinstance(made, HttpUpstream)
    assert [endpoint.url for endpoint in made.endpoints] == [url]
