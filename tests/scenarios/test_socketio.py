"""Socket.io under a shadow: its long polls take events away, and a second poll of a session ends that session. Real
servers, real clients, a default shadow between: no client may notice."""

import subprocess

import orjson
import pytest

from tests.backends.figway import running
from tests.backends.packages import needs, node_modules
from tests.backends.processes import ended, started
from tests.backends.servers import APPLICATIONS
from tests.backends.upstream import closed_port, until
from tests.backends.wire import connect, request

CLIENTS, READINGS = 10, 20
OUTCOMES = "figway_shadow_total"


@pytest.fixture(scope="module")
def environment():
    return node_modules("socket.io", "socket.io-client")


@pytest.fixture(scope="module")
def ports(environment):
    """Two servers, legacy's and modern's: each knows its own sessions alone."""
    found = closed_port(), closed_port()
    script = str(APPLICATIONS / "sockets.js")
    options = {"env": environment, "stdout": subprocess.DEVNULL}
    with (started([needs("node"), script, str(found[0]), str(READINGS)], **options),
          started([needs("node"), script, str(found[1]), str(READINGS)], **options)):
        until(lambda: all(map(answers, found)), "the servers do not start")
        yield found


def answers(port):
    try:
        wire = connect(port)
    except OSError:
        return False
    try:
        return wire.send(request("GET", "/")).read_reply().status == 200
    finally:
        wire.close()


def config(legacy, modern):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
capabilities:
  ward:
    owner: ward-team
    operations:
      poll: {{method: GET, path: /socket.io/}}
      send: {{method: POST, path: /socket.io/}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%}}
default: {{upstream: legacy}}
"""


@pytest.mark.proves(26)
@pytest.mark.parametrize(("transports", "last"), [("polling", "polling"), ("polling,websocket", "websocket")])
def test_clients_of_socket_io_lose_nothing_under_a_default_shadow(environment, ports, transports, last, tmp_path):
    with running(tmp_path, config(*ports)) as figway:
        script = str(APPLICATIONS / "sockets_client.js")
        done = ended([needs("node"), script, str(figway.port), str(CLIENTS), str(READINGS), transports],
                     env=environment)
        found = [orjson.loads(line) for line in done.stdout.splitlines()]
        assert [one["errors"] for one in found] == [[]] * CLIENTS, done.stderr
        for one in found:
            assert one["readings"] == list(range(READINGS)), "none is lost, doubled or late"
            assert len(one["notes"]) == READINGS
            assert one["transport"] == last
        until(lambda: figway.metric(OUTCOMES) >= CLIENTS, "nothing is mirrored")
        assert figway.metric("figway_legacy_extra_total", capability="ward") == 0
        if last == "websocket":
            assert figway.metric(OUTCOMES, outcome="skipped", reason="upgraded") == CLIENTS
