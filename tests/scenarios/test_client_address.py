"""Behind a proxy, a client is one client to limits and splits however its address is written, and nobody is another."""

import pytest

from tests.backends.upstream import closed_port
from tests.backends.wire import connect, request, response

SPELLINGS = {
    "192.0.2.7": {
        "X-Forwarded-For": [
            "192.0.2.7", "192.0.2.7:1", "192.0.2.7:65535", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:4711",
            "::FFFF:c000:0207", '"192.0.2.7"', "6.6.6.6, 192.0.2.7", '"6.6.6.6, 192.0.2.7:2'],
        "Forwarded": [
            "for=192.0.2.7", "For=192.0.2.7:1", 'proto=https;for="192.0.2.7:_x"', 'for="[::ffff:192.0.2.7]:4711"',
            'for="\\192.0.2.7"', "for=6.6.6.6, for=192.0.2.7", 'for="6.6.6.6, for=192.0.2.7;host="a, for=6.6.6.6"'],
    },
    "2001:db8::7": {
        "X-Forwarded-For": [
            "2001:db8::7", "2001:DB8:0:0:0:0:0:7", "[2001:db8::7]", "[2001:0db8::0007]:4711", "2001:db8::7%eth0",
            "2001:db8::0.0.0.7"],
        "Forwarded": [
            'for="[2001:db8::7]"', 'for="[2001:DB8::0007]:4711"', 'for="[2001:db8:0:0::7]:_obf"',
            "for=[2001:db8::7]:1"],
    },
}
OTHER_FAMILY = {"X-Forwarded-For": "Forwarded", "Forwarded": "X-Forwarded-For"}
FAMILIES = {"X-Forwarded-For": "x-forwarded", "Forwarded": "forwarded"}


def behind_a_proxy(field, legacy, modern):
    return f"""
version: 1
server: {{trusted_hops: 1, trusted_fields: {FAMILIES[field]}}}
upstreams:
  legacy: {{url: "{legacy.url}"}}
  modern: {{url: "{modern.url}"}}
policies: {{once: {{ratelimit: {{rate: 1/1h}}}}}}
capabilities:
  limited:
    owner: t
    operations: {{read: {{path: "/limited"}}}}
    legacy: legacy
    stage: legacy
    policies: [once]
  split:
    owner: t
    operations: {{read: {{method: GET, path: "/split"}}}}
    legacy: legacy
    modern: modern
    stage: canary
    split: {{percent: 50%, sticky: [client_ip]}}
default: {{upstream: legacy, policies: []}}
"""


def values(field, address):
    return [(field, value) for value in SPELLINGS[address][field]]


def forgeries(field):
    """What a client may add of its own that the proxy passes on as it came."""
    other = OTHER_FAMILY[field]
    return [(other, f"for=198.51.100.{n}" if other == "Forwarded" else f"198.51.100.{n}") for n in range(1, 4)] + [
        ("X-Real-IP", "198.51.100.9"), ("X_Forwarded_For", "198.51.100.10")]


@pytest.mark.parametrize("field", FAMILIES)
def test_a_client_has_one_allowance_and_one_arm_however_it_is_written(gateway, legacy, modern, field):
    legacy.answers(response(200, body=b"legacy"))
    modern.answers(response(200, body=b"modern"))
    figway = gateway(behind_a_proxy(field, legacy, modern))
    for address in SPELLINGS:
        statuses, arms = [], set()
        for told in values(field, address):
            for forged in [(), *((one,) for one in forgeries(field))]:
                statuses.append(figway.ask("GET", "/limited", *forged, told).status)
                arms.add(figway.ask("GET", "/split", *forged, told).body)
        assert statuses == [200] + [429] * (len(statuses) - 1)
        assert len(arms) == 1
    # The split does tell clients apart.
    many = [f"for=192.0.2.{n}" if field == "Forwarded" else f"192.0.2.{n}" for n in range(40)]
    assert {figway.ask("GET", "/split", (field, told)).body for told in many} == {b"legacy", b"modern"}


@pytest.mark.parametrize("field", FAMILIES)
def test_who_is_named_by_no_address_counts_as_the_proxy(gateway, legacy, modern, field):
    figway = gateway(behind_a_proxy(field, legacy, modern))
    prefix = "for=" if field == "Forwarded" else ""
    nodes = ("unknown", "_a1", "_b2", "10.0.0.256", "10.0.0.5:")
    tried = [(), *(((field, f"192.0.2.7, {prefix}{node}"),) for node in nodes)]
    tried += [((OTHER_FAMILY[field], "for=192.0.2.7" if field != "Forwarded" else "192.0.2.7"),)]
    assert [figway.ask("GET", "/limited", *fields).status for fields in tried] == [200] + [429] * (len(tried) - 1)


@pytest.mark.parametrize("field", FAMILIES)
def test_what_the_proxy_does_not_write_reaches_no_upstream(gateway, legacy, modern, field):
    figway = gateway(behind_a_proxy(field, legacy, modern).replace("{trusted_hops", "{forwarded: both, trusted_hops"))
    for forged in forgeries(field):
        assert figway.ask("GET", "/", values(field, "192.0.2.7")[0], forged).status == 200
        head = legacy.asked[-1].head
        assert b"198.51.100" not in head
        assert legacy.asked[-1].get("X-Forwarded-For") == "192.0.2.7, 127.0.0.1"
        assert legacy.asked[-1].get("Forwarded").startswith("for=192.0.2.7")


def test_without_trust_no_field_makes_another_client(gateway, legacy, modern):
    figway = gateway(behind_a_proxy("Forwarded", legacy, modern).replace("trusted_hops: 1, ", ""))
    tried = [(), (("X-Forwarded-For", "192.0.2.7"),), (("Forwarded", "for=192.0.2.7"),)]
    assert [figway.ask("GET", "/limited", *fields).status for fields in tried] == [200, 429, 429]


def test_a_client_of_ipv4_is_one_on_a_port_that_takes_both(gateway, legacy):
    port = closed_port()
    gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""", "--listen", f"[::]:{port}")
    for host, told in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        wire = connect(port, host=host)
        assert wire.send(request("GET", "/")).read_reply().status == 200
        wire.close()
        assert legacy.asked[-1].get("X-Forwarded-For") == told
