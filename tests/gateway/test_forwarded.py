"""The client's address: every spelling of one is the same client, and nothing that a client sends changes it."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message import Headers
from gateway.edges.forwarded import client_address, forwarding_fields, node_address, spelled
from gateway.edges.settings import EdgeSettings

XFF = EdgeSettings(trusted_hops=1)
RFC7239 = EdgeSettings(trusted_hops=1, trusted_fields="forwarded")
PEER = "10.9.9.9"


def client(settings, *fields, peer=PEER):
    return client_address(peer, Headers([(name.encode(), value.encode("latin-1")) for name, value in fields]), settings)


# --- one node ---

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
PORTS = st.integers(0, 65535).map(lambda port: f":{port}") | st.from_regex(r"\A:_[A-Za-z0-9._-]{1,12}\Z")
ZONES = st.sampled_from(["", "%eth0", "%25eth0", "%3"])


@st.composite
def v6_text(draw, address):
    """An IPv6 address as somebody may write it."""
    text = draw(st.sampled_from([address.compressed, address.exploded]))
    groups = address.exploded.split(":")
    text = draw(st.sampled_from([text, text.upper(), ":".join(f"{int(group, 16):x}" for group in groups),
                                 ":".join(groups[:6]) + f":{ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)}"]))
    return text + draw(ZONES)


@st.composite
def spellings(draw):
    """(the one spelling, another one of the same address that may have a port)."""
    if draw(st.booleans()):
        address = draw(V4)
        high, low = divmod(int(address), 1 << 16)
        text = draw(st.sampled_from([str(address), f"::ffff:{address}", f"::FFFF:{high:X}:{low:x}"]))
        one = str(address)
    else:
        address = draw(V6)
        text = draw(v6_text(address))
        one = str(address.ipv4_mapped or address)
    if ":" in text:
        text = draw(st.sampled_from([text, f"[{text}]"]))
    if not text.startswith("[") and ":" in text:
        return one, text
    return one, text + draw(st.just("") | PORTS)


@given(spellings())
def test_every_spelling_of_an_address_is_one_client(spelling):
    one, text = spelling
    assert node_address(text.encode()) == one
    assert client(XFF, ("X-Forwarded-For", text)) == one
    assert client(RFC7239, ("Forwarded", f'for="{text}"')) == one
    escaped = "".join(f"\\{letter}" for letter in text)
    assert client(RFC7239, ("fOrWaRdEd", f' by=_x; FOR="{escaped}" ;proto=https')) == one


@given(V4 | V6)
def test_a_peer_has_one_spelling(address):
    assert spelled(address.exploded) == str(getattr(address, "ipv4_mapped", None) or address)
    if address.version == 4:
        assert spelled(f"::ffff:{address}") == str(address)


@pytest.mark.parametrize(("node", "address"), [
    ("2001:db8::7:50996", "2001:db8::7"), ("2001:db8:1:2:3:4:5:6:80", "2001:db8:1:2:3:4:5:6"),
    ("::ffff:192.0.2.7:80", "192.0.2.7"), ("::1:65535", "::1"), ("2001:db8::7:8080", "2001:db8::7:8080"),
])
def test_a_port_behind_a_bare_ipv6_address_is_left_off_where_it_can_be_no_group(node, address):
    assert node_address(node.encode()) == address


@pytest.mark.parametrize("node", [
    "", "unknown", "Unknown", "_hidden", "_SEVKISEK", "unknown:80", "_gazonk:80", "10.0.0.256", "10.0.0", "010.0.0.5",
    "10.0.0.5:", "10.0.0.5:123456", "10.0.0.5:80:90", "10.0.0.5:a", "10.0.0.5:_", "[10.0.0.5]", "[::1", "::1]",
    "[::1]80", "[::1]:", ":80", "localhost", "unix:", "1:2", "::1::", "10.0.0.5 x", "[]", "\xb9.2.3.4", "12345:::"])
def test_what_is_no_address_is_none(node):
    assert node_address(node.encode("latin-1")) == ""


# --- which entry counts ---

@pytest.mark.parametrize(("hops", "field", "address"), [
    (1, "192.0.2.7", "192.0.2.7"),
    (1, "6.6.6.6, 192.0.2.7", "192.0.2.7"),
    (2, "6.6.6.6, 192.0.2.7, 10.0.0.1", "192.0.2.7"),
    (2, "6.6.6.6, 192.0.2.7 , [2001:db8::1]:443 , ,", "192.0.2.7"),
    (3, "192.0.2.7", "192.0.2.7"),
    (1, "", PEER), (1, ",", PEER), (1, "192.0.2.7, unknown", PEER), (1, "192.0.2.7, junk", PEER),
    (2, "junk, 10.0.0.1", "10.0.0.1"), (3, "192.0.2.7, junk, 10.0.0.1", "10.0.0.1"),
    (0, "192.0.2.7", PEER),
])
def test_entries_of_x_forwarded_for_are_counted_from_the_right_up_to_one_that_is_no_address(hops, field, address):
    assert client(replace(XFF, trusted_hops=hops), ("X-Forwarded-For", field)) == address


@pytest.mark.parametrize(("hops", "field", "address"), [
    (1, "for=192.0.2.7", "192.0.2.7"),
    (1, "For=192.0.2.7:4711;Proto=http;by=203.0.113.43", "192.0.2.7"),
    (1, "proto=http;by=_x;for=192.0.2.7", "192.0.2.7"),
    (1, 'for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
    (1, "for=[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
    (1, 'for="\\1\\9\\2.0.2.7"', "192.0.2.7"),
    (1, "for=6.6.6.6, for=192.0.2.7;", "192.0.2.7"),
    (2, "for=192.0.2.7 ,for=10.0.0.1,", "192.0.2.7"),
    (1, 'for=192.0.2.7;host="a, for=6.6.6.6"', "192.0.2.7"),
    (1, 'for=192.0.2.7;host="a, for=\\"6.6.6.6"', "192.0.2.7"),
    (1, 'for=192.0.2.7;host="x,for=6.6.6.6;a=";proto="http"', "192.0.2.7"),
    (2, 'for=192.0.2.7, for=10.0.0.1;host="a;b=c,d"', "192.0.2.7"),
    (1, 'for="6.6.6.6, for=192.0.2.7', "192.0.2.7"),
    (1, 'for="6.6.6.6, for="192.0.2.7"', "192.0.2.7"),
    (1, 'a="\\, for=192.0.2.7', "192.0.2.7"),
    (2, 'for="6.6.6.6, for=10.0.0.1', "10.0.0.1"),
    (1, "for=unknown", PEER), (1, "for=_hidden", PEER), (1, "for=192.0.2.7, proto=https", PEER),
    (1, "for=192.0.2.7;for=6.6.6.6", PEER), (1, "for=192.0.2.7, for = 6.6.6.6", PEER), (1, ";", PEER),
    (1, "192.0.2.7", PEER), (1, 'for="192.0.2.7', PEER), (1, "", PEER),
])
def test_elements_of_forwarded_are_read_as_rfc_7239_has_them(hops, field, address):
    assert client(replace(RFC7239, trusted_hops=hops), ("Forwarded", field)) == address


def test_fields_of_one_name_are_one_list():
    fields = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "192.0.2.7"), ("x-forwarded-for", "10.0.0.1")]
    assert client(replace(XFF, trusted_hops=2), *fields) == "192.0.2.7"
    fields = [("Forwarded", "for=6.6.6.6"), ("Forwarded", "for=192.0.2.7"), ("FORWARDED", "for=10.0.0.1")]
    assert client(replace(RFC7239, trusted_hops=2), *fields) == "192.0.2.7"


# What RFC 9110 allows in a quoted string: no DEL.
TEXT = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")
JUNK = st.text(st.sampled_from('for=,;"\\[]:1. _\t') | TEXT, max_size=60)


@given(st.lists(st.tuples(st.sampled_from(["X-Forwarded-For", "Forwarded", "X-Real-IP"]), JUNK), max_size=4), JUNK)
def test_nothing_that_a_client_sends_changes_what_the_proxy_said(forged, host):
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    for settings, name, written in [
        (XFF, "X-Forwarded-For", "192.0.2.7:4711"), (RFC7239, "Forwarded", f'for="192.0.2.7:4711";host="{quoted}"'),
        (RFC7239, "Forwarded", f'host="{quoted}";proto=https;for=192.0.2.7'),
    ]:
        assert client(settings, *forged, (name, written)) == "192.0.2.7"
        merged = ", ".join([*(value for field, value in forged if field == name), written])
        assert client(settings, *[one for one in forged if one[0] != name], (name, merged)) == "192.0.2.7"


def test_a_value_of_the_greatest_length_is_read():
    deep = replace(RFC7239, trusted_hops=32)
    for piece in (",", 'a=",', '",', "a=b;", 'a="b",', '\\"', ", ;"):
        client(deep, ("Forwarded", piece * (60_000 // len(piece)) + '"'))
        client(deep, ("Forwarded", piece * (60_000 // len(piece)) + ",for=192.0.2.7"))


# --- what upstreams are told ---

def told(settings, *fields, peer=PEER):
    received = Headers([(name.encode(), value.encode()) for name, value in fields]) if fields else None
    return {name.decode(): value.decode() for name, value in forwarding_fields(peer, "http", b"h", received, settings)}


def test_the_family_that_is_not_trusted_is_not_passed_on():
    both = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example"),
            ("Forwarded", "for=198.51.100.1;proto=ftp;host=b.example")]
    assert told(replace(XFF, forwarded="both"), *both) == {
        "X-Forwarded-For": f"192.0.2.7, {PEER}", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example",
        "Forwarded": f'for=192.0.2.7;proto=https;host="a.example", for={PEER};proto=http;host="h"'}
    assert told(replace(RFC7239, forwarded="both"), *both) == {
        "X-Forwarded-For": f"198.51.100.1, {PEER}", "X-Forwarded-Proto": "ftp", "X-Forwarded-Host": "b.example",
        "Forwarded": f'for=198.51.100.1;proto=ftp;host=b.example, for={PEER};proto=http;host="h"'}


def test_one_family_becomes_the_other_only_so_far_as_it_is_trusted():
    assert told(replace(XFF, trusted_hops=2, forwarded="forwarded"),
                ("X-Forwarded-For", "6.6.6.6, 2001:DB8::0007, 10.0.0.1:80")) == {
        "Forwarded": f'for="[2001:db8::7]", for=10.0.0.1, for={PEER};proto=http;host="h"'}
    assert told(replace(XFF, trusted_hops=2, forwarded="forwarded"), ("X-Forwarded-For", "junk, 10.0.0.1")) == {
        "Forwarded": f'for=unknown, for=10.0.0.1, for={PEER};proto=http;host="h"'}
    assert told(replace(RFC7239, trusted_hops=2), ("Forwarded", "for=6.6.6.6, for=_x;host=evil, for=10.0.0.1")) == {
        "X-Forwarded-For": f"10.0.0.1, {PEER}", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil"}


@pytest.mark.parametrize(("hops", "written", "said"), [
    (1, ["https", "http"], "http"), (1, ["https, http"], "http"), (2, ["https", "http"], "https"),
    (2, ["ftp, https ,", "http"], "https"), (2, ["https"], "https"), (1, ["https", " ,"], "https"),
])
def test_what_a_client_put_before_the_word_of_trusted_proxies_does_not_count(hops, written, said):
    """HAProxy's add-header and Apache's X-Forwarded-Host add to what is there."""
    settings = replace(XFF, trusted_hops=hops, forwarded="both")
    upstream = told(settings, ("X-Forwarded-For", "192.0.2.7"), *[("X-Forwarded-Proto", value) for value in written],
                    *[("X-Forwarded-Host", value) for value in written])
    assert (upstream["X-Forwarded-Proto"], upstream["X-Forwarded-Host"]) == (said, said)
    assert upstream["Forwarded"].startswith(f'for=192.0.2.7;proto={said};host="{said}", ')


def test_a_value_that_fits_nowhere_is_left_out():
    assert told(replace(XFF, forwarded="forwarded"), ("X-Forwarded-For", "192.0.2.7"),
                ("X-Forwarded-Proto", 'x";for=6.6.6.6'), ("X-Forwarded-Host", 'a";for=6.6.6.6')) == {
        "Forwarded": f'for=192.0.2.7, for={PEER};proto=http;host="h"'}
    assert told(RFC7239, ("Forwarded", 'for=192.0.2.7;host="a b";proto="a, b"')) == {
        "X-Forwarded-For": f"192.0.2.7, {PEER}", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "h"}


def test_a_client_on_a_unix_socket_has_no_address():
    assert told(EdgeSettings(), peer="") == {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "h"}
    assert told(EdgeSettings(forwarded="forwarded"), peer="") == {"Forwarded": 'for=unknown;proto=http;host="h"'}
    assert client(XFF, ("X-Forwarded-For", "192.0.2.7"), peer="") == "192.0.2.7"
