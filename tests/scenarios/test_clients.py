"""Old clients: who is refused is named once, who speaks what is listed, and no address is written anywhere."""

import json
import re
import socket
import subprocess
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.figway import running
from tests.backends.packages import needs
from tests.backends.pki import Authority
from tests.backends.upstream import until
from tests.backends.wire import PATIENCE, request, response

CLINIC = """
version: 1
server: {{drain: {{grace: 2s}}, trusted_hops: {hops}}}
store: {{sqlite: {{path: figway.db}}}}
upstreams: {{legacy: {{url: "{url}"}}, picky: {{url: "{url}", raw_targets: refuse}}}}
capabilities:
  scheduling:
    owner: t
    operations:
      read: {{method: GET, path: "/slots/{{id}}"}}
      book: {{method: POST, path: "/slots"}}
    legacy: legacy
    stage: legacy
  ascii:
    owner: t
    operations: {{read: {{path: "/ascii/{{id}}"}}}}
    legacy: picky
    stage: legacy
default: {{upstream: legacy}}
"""
HOST = b"Host: clinic.example\r\n\r\n"
# Bytes of public bug reports about old clients behind other proxies: status and rule here, "" where they pass.
REPORTS = {
    "openresty 1067: legacy clients with blanks in their targets": (
        b"GET /slots/a b HTTP/1.1\r\n" + HOST, 400, "blank_in_target"),
    "openresty 1067: and in Host": (b"GET /slots/1 HTTP/1.1\r\nHost: clinic example\r\n\r\n", 400, "host_value"),
    "haproxy 2803: devices of the old generation": (
        b"GET /Test Services/Test?func=getversion HTTP/1.1\r\n" + HOST, 400, "blank_in_target"),
    "haproxy 2773: a length of -1": (
        b"POST /slots HTTP/1.1\r\nContent-Length: -1\r\n" + HOST, 400, "bad_length"),
    "haproxy 3059: CONNECT to a proxy": (
        b"CONNECT pay.example:443 HTTP/1.1\r\nHost: pay.example:443\r\n\r\n", 400, "method_not_supported"),
    "envoy 38695: a line end of LF after a body": (b"\nPOST /slots HTTP/1.1\r\n" + HOST, 400, "blank_start"),
    "envoy 38695: one of CRLF": (b"\r\nGET /slots/1 HTTP/1.1\r\n" + HOST, 200, ""),
    "envoy 29379: CONNECT without a target": (b"CONNECT HTTP/1.1\r\n" + HOST, 400, "request_line"),
    "traefik 5501: HTTP/1.0 without Host": (b"GET /slots/1 HTTP/1.0\r\n\r\n", 200, ""),
    "nginx 1499: a line without a colon": (b"GET / HTTP/1.1\r\nBogus\r\n" + HOST, 400, "no_colon"),
    "http-parser 297: a blank before a colon": (
        b"POST /slots HTTP/1.1\r\nContent-Length : 5\r\n" + HOST + b"12345", 400, "blank_before_colon"),
    "tomcat 65272: LF as the end of lines": (b"GET /slots/1 HTTP/1.1\nHost: clinic.example\n\n", 400, "line_ends"),
    "openresty echo 104: fields of several lines": (
        b"GET /slots/1 HTTP/1.1\r\nX-Foo: a\r\n  b\r\n" + HOST, 400, "folded_field"),
    "blacklabelops 43: underscores in a field's name": (
        b"GET /slots/1 HTTP/1.1\r\nX_FORWARDED_PROTO: http\r\n" + HOST, 200, ""),
    "haproxy 1773: the rest of an upload where a request should be": (
        b"5N\xcfd\x85\xd8 \xbb, N\xfa\r\n------WebKitFormBoundary--\r\n\r\n", 400, "method_name"),
    "http-garden 21: bytes beyond ASCII in a value": (b"GET /slots/1 HTTP/1.1\r\nTest: \xff\r\n" + HOST, 200, ""),
    "EnergySmartBridge 8: a TLS hello to a port without TLS": (
        b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x01" + bytes(30) + b"\n\n", 400, "tls"),
}


@pytest.fixture(autouse=True)
def service(legacy):
    legacy.answers(response(200, body=b"{}"))


def clinic(legacy, hops=0):
    return CLINIC.format(url=legacy.url, hops=hops)


def lines(figway, event):
    return [line for line in figway.log() if line["event"] == event]


def run(figway, *arguments, status=0):
    """What `figway clients …` prints for this gateway."""
    found = CliRunner().invoke(main, ["clients", *arguments, "--config", str(figway.file)])
    assert found.exit_code == status, found.output
    return found.stdout


def known(figway):
    """What the store knows: (kind, name, capability, client)."""
    found = json.loads(run(figway, "-o", "json"))
    return {(one["does"], one["name"], one["capability"], one["client"]) for one in found["habits"]}


def waits_for(figway, *things):
    until(lambda: {one[:2] for one in known(figway)} >= set(things), f"not all is known of {things}", PATIENCE)


def names(figway, rule):
    until(lambda: any(line["rule"] == rule for line in lines(figway, "client_refused")), f"nobody is named for {rule}")
    return [line["client"] for line in lines(figway, "client_refused") if line["rule"] == rule]


# --- refusals ---

def test_what_public_bug_reports_are_about_is_named_by_its_rule(gateway, legacy):
    figway = gateway(clinic(legacy))
    for said, (data, status, rule) in REPORTS.items():
        reply = figway.say(data)
        assert reply.status == status, said
        if rule:
            assert json.loads(reply.body).get("rule", rule) == rule, said
    rules = {rule for _, _, rule in REPORTS.values() if rule}
    for rule in rules:
        names(figway, rule)
    assert [line["rule"] for line in lines(figway, "refused")] == [rule for _, _, rule in REPORTS.values() if rule]
    assert len({line["client"] for line in lines(figway, "client_refused")}) == 1, "it is one client"
    assert figway.metric("figway_refusals_total", rule="blank_in_target") == 2
    waits_for(figway, *(("refused", rule) for rule in rules))


def test_what_is_refused_once_its_head_was_accepted_is_named_too(gateway, legacy):
    figway = gateway(clinic(legacy))
    assert figway.ask("GET", "/ascii/M\xfcller", ("Host", "h")).status == 400
    names(figway, "raw_target")
    chunked = request("POST", "/slots", ("Host", "h"), ("Transfer-Encoding", "chunked"), body=b"zz\r\n")
    assert figway.say(chunked).status == 400
    names(figway, "chunk")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_is_named_once_and_the_rest_is_counted(gateway, legacy, workers):
    figway = gateway(clinic(legacy), "--workers", str(workers))
    for _ in range(20):
        assert figway.say(b"GET / HTTP/1.1\nHost: h\n\n").status == 400
    names(figway, "line_ends")
    figway.stop()
    assert len(lines(figway, "refused")) == 20
    assert len(lines(figway, "client_refused")) == 1
    assert sum(line["count"] for line in lines(figway, "clients_refused")) == 19


def test_many_addresses_make_few_lines(gateway, legacy):
    figway = gateway(clinic(legacy, hops=1))
    wire = figway.connect()
    for number in range(200):
        host = ("X-Forwarded-For", f"10.7.{number}.1"), ("Host", "h")
        assert wire.send(request("GET", "/ascii/M\xfcller", *host)).read_reply().status == 400
    figway.stop()
    assert len(lines(figway, "client_refused")) == 50
    assert [line["count"] for line in lines(figway, "clients_refused")] == [150]


# --- TLS ---

def test_a_handshake_that_fails_is_named_by_its_rule(gateway, legacy, tmp_path):
    openssl, curl, nc = needs("openssl"), needs("curl"), needs("nc")
    pair = Authority(tmp_path, "ca").issue("figway.example")
    with running(tmp_path, clinic(legacy), "--tls-cert", str(pair.cert), "--tls-key", str(pair.key)) as figway:
        def shakes(*options):
            subprocess.run([openssl, "s_client", "-connect", f"127.0.0.1:{figway.port}", *options], check=False,
                           input=b"", capture_output=True, timeout=PATIENCE)

        shakes("-tls1", "-cipher", "ALL:@SECLEVEL=0")
        names(figway, "tls_version")
        shakes("-tls1_2", "-cipher", "AES128-SHA")
        names(figway, "tls_suites")
        subprocess.run([curl, "-s", f"https://127.0.0.1:{figway.port}/"], check=False, timeout=PATIENCE)
        names(figway, "tls_certificate")
        subprocess.run([curl, "-s", f"http://127.0.0.1:{figway.port}/"], check=False, timeout=PATIENCE)
        names(figway, "tls_not_spoken")
        subprocess.run([nc, "-N", "127.0.0.1", str(figway.port)], input=b"", check=False, timeout=PATIENCE)
        names(figway, "tls_left")
        assert figway.metric("figway_refusals_total", rule="tls_version") == 1
        assert len({line["client"] for line in lines(figway, "client_refused")}) == 1


# --- habits ---

def test_real_old_clients_are_listed_by_what_they_speak(gateway, legacy):
    figway = gateway(clinic(legacy, hops=1))
    url = f"http://127.0.0.1:{figway.port}/slots/1"
    ab, curl, wget, nc, perl = needs("ab"), needs("curl"), needs("wget"), needs("nc"), needs("lwp-request")
    lwp = f"use LWP::UserAgent; exit !LWP::UserAgent->new->get('{url}', 'X-Forwarded-For' => 'FOR')->is_success"
    # As Python 2's httplib, a device and a script of their time write it.
    by_hand = b"GET /slots/1 HTTP/1.0\r\nAccept-Encoding: identity\r\nX-Forwarded-For: FOR\r\n\r\n"
    raw = b"GET /slots/M\xfcller HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: FOR\r\n\r\n"
    clients = [
        ([ab, "-q", "-n", "4", "-H", "X-Forwarded-For: FOR", url], b"", {"http_1_0", "no_keep_alive"}),
        ([ab, "-q", "-k", "-n", "4", "-H", "X-Forwarded-For: FOR", url], b"", {"http_1_0"}),
        ([curl, "-s", "--http1.0", "-H", "X-Forwarded-For: FOR", url], b"", {"http_1_0", "no_keep_alive"}),
        ([curl, "-s", "-X", "PROPFIND", "-H", "X-Forwarded-For: FOR", url], b"", {"odd_method"}),
        ([wget, "-q", "-O", "-", "--header", "X-Forwarded-For: FOR", url], b"", set()),
        ([perl and "perl", "-e", lwp], b"", {"no_keep_alive"}),
        ([nc, "-N", "127.0.0.1", str(figway.port)], by_hand, {"http_1_0", "no_keep_alive"}),
        ([nc, "-q", "1", "127.0.0.1", str(figway.port)], raw, {"raw_target"}),
    ]
    addresses = [f"198.51.100.{number}" for number in range(len(clients))]
    for address, (command, sent, _) in zip(addresses, clients, strict=True):
        subprocess.run([one.replace("FOR", address) if "FOR" in one else one for one in command], check=True,
                       input=sent.replace(b"FOR", address.encode()), capture_output=True, timeout=PATIENCE)
    until(lambda: len({one[3] for one in known(figway)}) == len(clients), "not all clients are known", PATIENCE)
    for address, (command, _, spoken) in zip(addresses, clients, strict=True):
        [found] = json.loads(run(figway, "find", address, "-o", "json"))["clients"]
        does = {(one["does"], one["name"]) for one in found["does"]}
        reached = "_default" if "PROPFIND" in command else "read"
        assert does == {("speaks", name) for name in spoken} | {("reaches", reached)}, (command, address)


def test_what_nobody_reaches_is_listed_as_unreached(gateway, legacy):
    figway = gateway(clinic(legacy))
    figway.ask("GET", "/slots/1", ("Host", "h"))
    waits_for(figway, ("reaches", "read"))
    found = json.loads(run(figway, "-o", "json"))
    assert [(one["capability"], one["operation"]) for one in found["unreached"]] == [
        ("scheduling", "book"), ("ascii", "read"), ("_default", "_default")]
    assert all(one["since"] == found["since"] > 0 for one in found["unreached"])
    table = run(figway)
    assert re.search(r"legacy scheduling\.book +no client", table)
    assert re.search(r"legacy scheduling\.read +[0-9a-f]{16}", table)
    assert re.search(r"legacy _default +no client", table)
    assert max(map(len, table.splitlines())) <= 80
    assert run(figway, "--capability", "ascii").count("legacy") == 1
    assert json.loads(figway.admin("/clients").body)["unreached"] == found["unreached"]
    assert CliRunner().invoke(main, ["clients", "--admin", f"http://127.0.0.1:{figway.admin_port}"]).output == table


def test_clients_are_known_after_a_restart_and_their_first_time_stays(legacy, tmp_path):
    with running(tmp_path, clinic(legacy)) as figway:
        figway.say(b"GET /slots/1 HTTP/1.0\r\n\r\n")
    before = json.loads(run(figway, "-o", "json"))
    assert {one["name"] for one in before["habits"]} == {"http_1_0", "no_keep_alive", "read"}, "written at the stop"
    with running(tmp_path, clinic(legacy)) as figway:
        figway.say(b"GET /slots/1 HTTP/1.0\r\n\r\n")
    after = json.loads(run(figway, "-o", "json"))
    assert after["since"] == before["since"]
    assert [(one["client"], one["since"]) for one in after["habits"]] == [
        (one["client"], one["since"]) for one in before["habits"]]
    assert all(now["last"] > then["last"] for now, then in zip(after["habits"], before["habits"], strict=True))


def test_where_custody_is_deleted_tokens_are_others_and_that_is_logged(gateway, legacy):
    figway = gateway(clinic(legacy))
    figway.say(b"GET / HTTP/1.1\nHost: h\n\n")
    [before] = names(figway, "line_ends")
    (figway.folder / "figway.db.custody").unlink()
    figway.say(b"GET / HTTP/1.1\r\n\r\n")
    [after] = names(figway, "no_host")
    assert before != after, "it was made with a new key"
    until(lambda: lines(figway, "custody_renewed"), "the loss is not logged")
    assert tokens(figway, "127.0.0.1") == [after]


def test_a_store_in_memory_is_read_at_the_admin_port(gateway, legacy):
    figway = gateway(clinic(legacy).replace("store: {sqlite: {path: figway.db}}", ""), "--workers", "2")
    figway.say(b"GET /slots/1 HTTP/1.0\r\n\r\n")
    until(lambda: b"http_1_0" in figway.admin("/clients").body, "nothing is known", PATIENCE)
    assert CliRunner().invoke(main, ["clients", "--config", str(figway.file)]).exit_code == 2
    assert CliRunner().invoke(main, ["clients", "find", "10.0.0.1", "--config", str(figway.file)]).exit_code == 2


# --- finding a device ---

FORWARDED = ["10.1.2.3", "10.1.2.4", "2001:db8::7", "::ffff:10.1.3.1"]


@pytest.fixture
def found(gateway, legacy):
    """A gateway that knows four clients."""
    figway = gateway(clinic(legacy, hops=1))
    for address in FORWARDED:
        figway.ask("GET", "/slots/1", ("Host", "h"), ("X-Forwarded-For", address))
    until(lambda: len({one[3] for one in known(figway)}) == len(FORWARDED), "not all are known", PATIENCE)
    return figway


def tokens(figway, *arguments, status=0):
    found = run(figway, "find", *arguments, "-o", "json", status=status)
    return [one["client"] for one in json.loads(found)["clients"]]


def test_an_address_has_a_token_and_a_network_the_tokens_of_those_that_are_known(found):
    [one], [other] = tokens(found, "10.1.2.3"), tokens(found, "10.1.2.4")
    assert one != other
    assert {one, other} <= {client for *_, client in known(found)}
    assert set(tokens(found, "10.1.2.0/24")) == {one, other}
    assert set(tokens(found, "10.1.2.3/24")) == {one, other}, "bits of the host do not matter"
    assert set(tokens(found, "10.1.0.0/16")) == {one, other, *tokens(found, "10.1.3.1")}
    assert tokens(found, "::ffff:10.1.3.1") == tokens(found, "10.1.3.1"), "as the gateway spells it"
    assert set(tokens(found, "::ffff:10.1.2.0/120")) == {one, other}
    assert tokens(found, "2001:db8::/112") == tokens(found, "2001:DB8:0::7") == tokens(found, "2001:db8::7%eth0")
    assert tokens(found, "10.9.0.0/16", status=1) == []
    assert tokens(found, "10.1.2.0/24", "--token", one) == [one]
    assert tokens(found, "10.1.2.0/25", "--token", "0" * 16, status=1) == []


@pytest.mark.parametrize("where", ["10.0.0.0/8", "10.0.0.0/15", "2001:db8::/64", "2001:db8::/111", "0.0.0.0/0", "::/0"])
def test_a_network_that_is_too_large_is_refused(legacy, tmp_path, where):
    (tmp_path / "routes.yaml").write_text(clinic(legacy))
    with running(tmp_path, clinic(legacy)) as figway:
        figway.ask("GET", "/slots/1", ("Host", "h"))
    refused = CliRunner().invoke(main, ["clients", "find", where, "--config", str(figway.file)])
    assert refused.exit_code == 2
    assert "addresses: ask for a part of it" in refused.output


def test_who_looked_is_in_the_audit_trail_and_addresses_are_shown_only_where_that_is_asked_for(found):
    shown = run(found, "find", "10.1.2.0/24", "--reason", "ticket 7")
    assert "10.1.2." not in shown
    assert "10.1.2.3" in run(found, "find", "10.1.2.0/24", "--addresses")
    trail = CliRunner().invoke(main, ["shadow", "audit", "-o", "json", "--config", str(found.file)]).output
    deeds = [one for one in json.loads(trail)["deeds"] if one["did"] == "clients_find"]
    assert [one["reason"] for one in deeds] == ["ticket 7", ""]
    assert "10.1.2." not in trail
    for wrong in ("clinic.example", "10.1.2", "10.1.2.3/33", "010.1.2.3", ""):
        assert CliRunner().invoke(main, ["clients", "find", wrong, "--config", str(found.file)]).exit_code == 2


# --- what is written ---

ADDRESSES = ["203.0.113.77", "2001:db8:4711::beef"]
VALUES = ["Quarrington", "4815162342"]


def spelt(text):
    """The ways in which an address or a value may turn up."""
    ways = {text.encode(), quote(text).encode(), text.encode().hex().encode(), text.encode("utf-16-le")}
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except OSError:
            continue
        ways |= {packed, packed.hex().encode(), str(int.from_bytes(packed, "big")).encode()}
    return ways


def test_nothing_that_is_written_holds_an_address_or_a_value(gateway, legacy):
    figway = gateway(clinic(legacy, hops=1), "--workers", "2")
    for address in ADDRESSES:
        for target in ("/slots/Quarrington", "/slots/Quarr\xe4ngton", "/ascii/Quarr\xe4ngton", "/a/..%2f4815162342"):
            figway.say(f"GET {target}?q=Quarrington HTTP/1.0\r\nX-Forwarded-For: {address}\r\n"
                       "Cookie: Quarrington=4815162342\r\n\r\n".encode("latin-1"))
        figway.say(f"GET /slots/Quarrington 4815162342 HTTP/1.1\r\nX-Forwarded-For: {address}\r\n\r\n".encode())
        figway.say(f"GET / HTTP/1.1\r\nX Quarrington: {address}\r\n\r\n".encode())
        figway.say(f"QUARRINGTON /slots/1 HTTP/1.0\r\nX-Forwarded-For: {address}\r\n\r\n".encode())
    names(figway, "raw_target")
    waits_for(figway, ("speaks", "raw_target"), ("refused", "field_name"), ("reaches", "read"))
    said = [figway.metrics().encode(), figway.admin("/clients").body, run(figway).encode(),
            run(figway, "-o", "json").encode(), run(figway, "find", "203.0.113.0/24").encode(),
            run(figway, "find", ADDRESSES[1], "-o", "json").encode()]
    figway.stop()
    written = {path.name: path.read_bytes() for path in figway.folder.rglob("*") if path.is_file()}
    assert {"figway.db", "figway.db.custody", "stdout"} <= written.keys()
    for data in (*said, *written.values()):
        for text in (*ADDRESSES, *VALUES):
            for way in spelt(text):
                assert way not in data, (text, way)
