"""An upstream may have several endpoints, and be reached in other ways than IPv4."""

import pytest

from tests.backends.upstream import Upstream, closed_port, never, until
from tests.backends.wire import request, response


def several(endpoints, extra):
    return f"""
version: 1
upstreams: {{legacy: {{endpoints: [{', '.join(f'"{one}"' for one in endpoints)}], {extra}}}}}
default: {{upstream: legacy}}
"""


def test_calls_go_to_the_endpoint_that_has_least_to_do(gateway, legacy, modern):
    legacy.does(never)
    both = gateway(several([legacy.url, modern.url], "timeouts: {first_byte: 20s}"))
    stuck = []
    while not legacy.asked:
        stuck.append(both.connect().send(request("GET", "/stuck")))
        until(lambda: len(legacy.asked) + len(modern.asked) == len(stuck), "a call does not arrive")

    assert [both.ask("GET", "/").status for _ in range(10)] == [200] * 10
    assert len(legacy.asked) == 1
    for wire in stuck:
        wire.close()


@pytest.mark.proves(14)
def test_an_endpoint_that_keeps_failing_is_left_out(gateway, legacy):
    both = gateway(several([f"http://127.0.0.1:{closed_port()}", legacy.url], "ejection: {failures: 2, for: 60s}"))
    first = [both.ask("GET", "/").status for _ in range(12)]
    then = [both.ask("GET", "/").status for _ in range(10)]

    assert set(first) <= {200, 502}
    assert then == [200] * 10


def test_an_endpoint_that_is_unhealthy_is_left_out_until_it_is_well(gateway, legacy, modern):
    well = False

    def ails(wire, asked):
        if asked.target == b"/health":
            wire.send(response(200 if well else 503))
        else:
            wire.send(response(200, body=b"modern"))

    modern.does(ails)
    both = gateway(several([legacy.url, modern.url], """health: {path: /health, every: 50ms, timeout: 1s,
        unhealthy: 2, healthy: 2, status: 200}"""))
    until(lambda: modern.targets().count("/health") >= 4, "nobody asks for its health")
    answers = {both.ask("GET", "/").body for _ in range(10)}
    assert b"modern" not in answers

    well = True
    until(lambda: both.ask("GET", "/").body == b"modern", "it never comes back")


def test_a_unix_socket_is_an_upstream(gateway, tmp_path):
    upstream = Upstream(path=tmp_path / "s")
    over = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{upstream.url}"}}}}
default: {{upstream: legacy}}
""")
    assert over.ask("POST", "/x", body=b"hi").status == 200
    assert upstream.asked[0].get("Host") == "clinic.example"
    upstream.close()


def test_ipv6_is_spoken(gateway):
    upstream = Upstream(host="::1")
    over = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{upstream.url}", host: upstream}}}}
default: {{upstream: legacy}}
""")
    assert over.ask("GET", "/x").status == 200
    assert upstream.asked[0].get("Host") == f"[::1]:{upstream.port}"
    upstream.close()
