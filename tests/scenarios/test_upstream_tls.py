"""Upstreams behind TLS with a private CA: verified by name, shown a client certificate, or refused."""

import pytest

from tests.backends.figway import running
from tests.backends.pki import Authority
from tests.backends.upstream import Upstream, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "private")


@pytest.fixture(scope="module")
def secure(authority):
    """A server whose certificate is for localhost, 127.0.0.1 and server.clinic.example."""
    upstream = Upstream(tls=authority.server())
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def mutual(authority):
    """The like, that wants to see a certificate of the same authority."""
    upstream = Upstream(tls=authority.server(clients=authority))
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def figway(authority, secure, mutual, everlasting_legacy, tmp_path_factory):
    """A gateway with an upstream for each way to set TLS up, each behind a path of its name."""
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger")
    pair = authority.issue("gateway.clinic.example")
    ways = {
        "trusted": (secure.url, f"ca: {authority.ca}"),
        "named": (secure.url, f"ca: {authority.ca}, server_name: server.clinic.example"),
        "other-name": (secure.url, f"ca: {authority.ca}, server_name: other.example"),
        "other-address": (secure.url, f"ca: {authority.ca}, server_name: 127.0.0.2"),
        "stranger": (secure.url, f"ca: {stranger.ca}"),
        "unverified": (secure.url, "verify: false"),
        "shown": (mutual.url, f"ca: {authority.ca}, cert: {pair.cert}, key: {pair.key}"),
        "not-shown": (mutual.url, f"ca: {authority.ca}"),
        "clear": (everlasting_legacy.url.replace("http:", "https:"), f"ca: {authority.ca}"),
    }
    upstreams = "".join(
        f'\n  {name}: {{url: "{url}", timeouts: {{connect: 1s}}, tls: {{{tls}}}}}' for name, (url, tls) in ways.items())
    capabilities = "".join(
        f'\n  {name}: {{owner: t, operations: {{any: {{path: "/{name}/{{rest*}}"}}}}, stage: legacy, legacy: {name}}}'
        for name in ways)
    with running(tmp_path_factory.mktemp("figway"), f"""
version: 1
upstreams:{upstreams}
capabilities:{capabilities}
default: {{upstream: trusted}}
""") as started:
        yield started


def test_a_private_authority_is_trusted_when_it_is_named(figway, secure):
    replies = [figway.ask("POST", "/trusted/x", body=b"h" * 100_000) for _ in range(3)]

    assert [reply.status for reply in replies] == [200] * 3
    assert len(secure.asked[-1].body) == 100_000


@pytest.mark.parametrize("way", ["named", "unverified", "shown"])
def test_a_name_of_its_own_no_verification_and_a_client_certificate_are_there_to_be_asked_for(figway, way):
    assert figway.ask("GET", f"/{way}/x").status == 200


@pytest.mark.proves(14)
@pytest.mark.parametrize("way", ["other-name", "other-address", "stranger"])
def test_a_certificate_that_does_not_fit_is_refused_before_anything_is_said(figway, secure, way):
    before = len(secure.asked)
    reply = figway.ask("GET", f"/{way}/x")

    assert reply.status == 502
    assert reply.get("Proxy-Status").startswith("figway; error=tls_")
    assert len(secure.asked) == before


@pytest.mark.proves(14)
def test_no_client_certificate_is_502(figway, mutual):
    before = len(mutual.asked)
    assert figway.ask("GET", "/not-shown/x").status == 502
    assert len(mutual.asked) == before


@pytest.mark.proves(14)
def test_an_upstream_that_speaks_no_tls_is_never_spoken_to_in_the_clear(figway, legacy):
    """It may close, or wait for a line that never comes: then the handshake runs out of time."""
    assert figway.ask("GET", "/clear/x").status in (502, 504)
    assert legacy.asked == []


@pytest.fixture
def renewable(authority, mutual, tmp_path):
    """A gateway that shows the upstream a certificate that it does not take, and how to replace that."""
    stranger = Authority(tmp_path, "another")
    pair = stranger.issue("gateway.clinic.example")
    config = f"""
version: 1
upstreams: {{legacy: {{url: "{mutual.url}", tls: {{ca: {authority.ca}, cert: {pair.cert}, key: {pair.key}}}}}}}
default: {{upstream: legacy}}
"""
    folder = tmp_path / "figway"
    folder.mkdir()
    with running(folder, config) as figway:
        yield figway, pair


def test_a_renewed_client_certificate_is_shown_without_a_restart(renewable, authority):
    figway, pair = renewable
    assert figway.ask("GET", "/").status == 502
    fresh = authority.issue("renewed.clinic.example")
    pair.cert.write_bytes(fresh.cert.read_bytes())
    until(lambda: "[bad_certificate]" in figway.readiness()[1], "half a renewal is not told")
    pair.key.write_bytes(fresh.key.read_bytes())
    until(lambda: figway.ask("GET", "/").status == 200, "it is not taken up")
    assert figway.metric("figway_config_last_reload_successful") == 1


def test_a_renewed_authority_is_believed_without_a_restart(authority, secure, tmp_path):
    stranger = Authority(tmp_path, "another")
    folder = tmp_path / "figway"
    folder.mkdir()
    with running(folder, f"""
version: 1
upstreams: {{legacy: {{url: "{secure.url}", tls: {{ca: {stranger.ca}}}}}}}
default: {{upstream: legacy}}
""") as figway:
        assert figway.ask("GET", "/").status == 502
        stranger.ca.write_bytes(authority.ca.read_bytes())
        until(lambda: figway.ask("GET", "/").status == 200, "it is not taken up")
