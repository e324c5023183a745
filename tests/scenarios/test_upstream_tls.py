"""Upstreams behind TLS with a private CA: verified by name, shown a client certificate, or refused."""

import pytest

from tests.backends.pki import Authority
from tests.backends.upstream import Upstream


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "private")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def secure(authority):
    upstream = Upstream(tls=authority.server())
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def mutual(authority):
    upstream = Upstream(tls=authority.server(clients=authority))
    yield upstream
    upstream.close()


def config(upstream, **tls):
    options = ", ".join(f'{name}: "{value}"' if name != "verify" else f"verify: {value}" for name, value in tls.items())
    return f"""
version: 1
upstreams: {{legacy: {{url: "{upstream.url}", tls: {{{options}}}}}}}
default: {{upstream: legacy}}
"""


def test_a_private_authority_is_trusted_when_it_is_named(gateway, secure, authority):
    over = gateway(config(secure, ca=authority.ca))

    replies = [over.ask("POST", "/x", body=b"h" * 100_000) for _ in range(3)]
    assert [reply.status for reply in replies] == [200] * 3
    assert len(secure.asked[-1].body) == 100_000


@pytest.mark.proves(14)
@pytest.mark.parametrize("name", ["other.example", "127.0.0.2"])
def test_a_certificate_for_another_name_is_refused(gateway, secure, authority, name):
    over = gateway(config(secure, ca=authority.ca, server_name=name))
    reply = over.ask("GET", "/")

    assert reply.status == 502
    assert reply.get("Proxy-Status").startswith("figway; error=tls_")


@pytest.mark.proves(14)
def test_a_certificate_of_a_stranger_is_refused(gateway, secure, stranger):
    before = len(secure.asked)
    reply = gateway(config(secure, ca=stranger.ca)).ask("GET", "/")

    assert reply.status == 502
    assert reply.get("Proxy-Status").startswith("figway; error=tls_")
    assert len(secure.asked) == before


def test_a_name_may_be_asked_for_that_the_address_does_not_have(gateway, secure, authority):
    assert gateway(config(secure, ca=authority.ca, server_name="server.clinic.example")).ask("GET", "/").status == 200


def test_verification_can_be_switched_off_by_hand(gateway, secure):
    assert gateway(config(secure, verify="false")).ask("GET", "/").status == 200


def test_a_client_certificate_is_shown(gateway, mutual, authority):
    pair = authority.issue("gateway.clinic.example")
    assert gateway(config(mutual, ca=authority.ca, cert=pair.cert, key=pair.key)).ask("GET", "/").status == 200


@pytest.mark.proves(14)
def test_no_client_certificate_is_502(gateway, mutual, authority):
    before = len(mutual.asked)
    assert gateway(config(mutual, ca=authority.ca)).ask("GET", "/").status == 502
    assert len(mutual.asked) == before


@pytest.mark.proves(14)
def test_an_upstream_that_speaks_no_tls_is_never_spoken_to_in_the_clear(gateway, legacy, authority):
    """It may close, or wait for a line that never comes: then the handshake runs out of time."""
    reply = gateway(config(legacy, ca=authority.ca).replace("http://", "https://")).ask("GET", "/")

    assert reply.status in (502, 504)
    assert legacy.asked == []
