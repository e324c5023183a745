"""A client sees through the gateway what it sees without it, and the legacy system hears what the client said."""

import gzip
import os
import re
import threading

import orjson
import pytest

from tests.backends.wire import PATIENCE, request, response

OURS = {"via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "traceparent", "x-request-id"}
"""All that the gateway may add to a request."""

CHUNKED = ("Transfer-Encoding", "chunked")


def theirs(headers):
    """The fields that are not the gateway's own."""
    return [(name, value) for name, value in headers if name.decode().lower() not in OURS]


# ---- requests


@pytest.mark.proves(20)
@pytest.mark.parametrize("method", [
    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "M-SEARCH", "MKCOL", "LOCK", "SEARCH"])
def test_a_method_arrives_as_it_was_sent(plain, legacy, method):
    reply = plain.ask(method, "/patients")

    assert reply.status == 200
    assert orjson.loads(reply.body)["method"] == method
    assert legacy.asked[-1].framing == "none"


@pytest.mark.proves(16, 17)
@pytest.mark.parametrize("target", [
    "/", "/?", "/a?b", "/a?b?c", "/patients/%41%6c", "/patients/a%2Fb", "/patients/a%2fb", "/a%20b", "/a+b",
    "//double//slash/", "/x;v=1/y", "/a?q=%C3%A9&q=é", "/a?redirect=../b&x=%2e%2e", "/a..b/...", "/~user/!$&'()*,=:@",
    "/a%25%32%46", "/a?empty=&&=&", "/" + "a" * 8000, "/é", "/[x]", '/a"b', "/a|b^c`d{e}"])
def test_a_target_arrives_byte_for_byte(plain, legacy, target):
    assert plain.say(request("GET", target)).status == 200
    assert legacy.targets() == [target]


def test_an_asterisk_target_arrives(plain, legacy):
    assert plain.ask("OPTIONS", "*").status == 200
    assert legacy.targets() == ["*"]


@pytest.mark.proves(19, 20)
def test_request_fields_keep_order_case_and_repetitions_and_nothing_is_invented(plain, legacy):
    fields = [
        ("hOsT", "Clinic.Example:8443"), ("X-b", "1"), ("X-A", "2"), ("x-B", "3"), ("Cookie", "a=1"), ("COOKIE", "b=2"),
        ("Accept", "*/*"), ("accept", "text/html"), ("X-Empty", ""), ("X-Latin", "caf\xe9 \xff"), ("X-Tab", "a\tb"),
        ("X_Under", "score"), ("User-Agent", "old, client (1.0)"), ("Authorization", "Basic YTpi")]

    plain.ask("GET", "/", *fields)

    heard = theirs(legacy.asked[0].headers)
    assert heard == [(name.encode(), value.encode("latin-1")) for name, value in fields]


@pytest.mark.proves(20)
def test_a_bare_request_gets_no_field_but_the_gateways_own(plain, legacy):
    plain.ask("GET", "/")

    assert theirs(legacy.asked[0].headers) == [(b"Host", b"clinic.example")]
    assert legacy.asked[0].start == b"GET / HTTP/1.1"


@pytest.mark.proves(18)
def test_forwarding_fields_of_a_stranger_are_replaced(plain, legacy):
    plain.ask("GET", "/", ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
              ("Forwarded", "for=6.6.6.6"), ("X-Real-IP", "6.6.6.6"), ("X_Forwarded_For", "6.6.6.6"),
              ("X_Real_IP", "6.6.6.6"), ("X-Figway-User", "root"))

    asked = legacy.asked[0]
    assert asked.get("X-Forwarded-For") == "127.0.0.1"
    assert asked.get("X-Forwarded-Proto") == "http"
    assert b"6.6.6.6" not in asked.head
    assert b"evil" not in asked.head
    assert b"root" not in asked.head


def test_a_forwarding_chain_of_a_trusted_hop_is_kept(gateway, legacy):
    behind_one = gateway(f"""
version: 1
server: {{trusted_hops: 1, forwarded: both}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    behind_one.ask("GET", "/", ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"))

    asked = legacy.asked[0]
    assert asked.get("X-Forwarded-For") == "192.0.2.7, 127.0.0.1"
    assert asked.get("X-Forwarded-Proto") == "https"
    assert "127.0.0.1" in asked.get("Forwarded")


@pytest.mark.proves(48)
def test_via_names_the_gateway_both_ways_after_those_before_it(plain, legacy):
    legacy.answers(response(200, ("Via", "1.0 old"), body=b"ok"))
    reply = plain.ask("GET", "/", ("Via", "1.1 proxy.example"))

    assert re.fullmatch(rb"1\.1 proxy\.example, ?1\.1 figway", b", ".join(legacy.asked[0].headers.get_all(b"via")))
    assert re.fullmatch(rb"1\.0 old, ?1\.1 figway", b", ".join(reply.headers.get_all(b"via")))


def test_trace_context_is_carried_on(plain, legacy):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    plain.ask("GET", "/", ("traceparent", f"00-{trace}-00f067aa0ba902b7-01"))

    assert legacy.asked[0].get("traceparent").split("-")[1] == trace


@pytest.mark.proves(11)
def test_hop_by_hop_fields_stop_at_the_gateway(plain, legacy):
    plain.ask("GET", "/", ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
              ("Proxy-Connection", "keep-alive"), ("TE", "trailers"), ("Proxy-Authorization", "Basic YTpi"),
              ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"), ("X-Stays", "1"))

    assert theirs(legacy.asked[0].headers) == [(b"Host", b"clinic.example"), (b"X-Stays", b"1")]


@pytest.mark.proves(11)
def test_connection_cannot_remove_what_the_request_needs(plain, legacy):
    reply = plain.ask("POST", "/", ("Connection", "Host, Content-Length, Authorization, X-Forwarded-For, Via"),
                      ("Authorization", "Basic YTpi"), body=b"hello")

    assert reply.status == 200
    asked = legacy.asked[0]
    assert (asked.body, asked.get("Host"), asked.get("Authorization")) == (b"hello", "clinic.example", "Basic YTpi")
    assert asked.get("X-Forwarded-For") == "127.0.0.1"
    assert asked.get("Via") == "1.1 figway"


@pytest.mark.proves(41)
@pytest.mark.parametrize("target", ["http://portal.example/a?b", "http://portal.example:80/a?b", "HTTP://portal.example/a?b"])
def test_an_absolute_target_loses_its_authority_to_host_and_dials_nobody(plain, legacy, target):
    plain.ask("GET", target, ("Host", "other.example"))

    assert legacy.targets() == ["/a?b"]
    assert legacy.asked[0].get("Host") in ("portal.example", "portal.example:80")


def test_a_body_of_known_length_arrives_whole(plain, legacy):
    body = os.urandom(300_000)
    reply = plain.ask("PUT", "/documents/1", ("Content-Encoding", "gzip"), body=body)

    assert reply.status == 200
    assert (legacy.asked[0].body, legacy.asked[0].framing) == (body, "length")
    assert legacy.asked[0].get("Content-Encoding") == "gzip"


def test_an_empty_body_of_known_length_stays_one(plain, legacy):
    plain.ask("POST", "/", body=b"")
    assert legacy.asked[0].get("Content-Length") == "0"


def test_a_chunked_body_arrives_chunked(plain, legacy):
    plain.say(request("POST", "/", CHUNKED, body=b"5;note=kept-here\r\nhello\r\nA\r\n world 123\r\n0\r\n\r\n"))

    assert (legacy.asked[0].body, legacy.asked[0].framing) == (b"hello world 123", "chunked")


def test_a_get_may_have_a_body(plain, legacy):
    plain.ask("GET", "/search", body=b'{"q": 1}')
    assert (legacy.asked[0].method, legacy.asked[0].body) == ("GET", b'{"q": 1}')


@pytest.mark.proves(12)
def test_request_trailers_never_become_fields(plain, legacy):
    body = b"2\r\nhi\r\n0\r\nX-User: admin\r\n\r\n"
    reply = plain.say(request("POST", "/", CHUNKED, ("Trailer", "X-User"), body=body))

    assert reply.status == 200
    assert legacy.asked[0].body == b"hi"
    assert legacy.asked[0].get("X-User") is None
    assert b"admin" not in legacy.asked[0].head


# ---- responses


@pytest.mark.proves(19)
def test_response_fields_keep_order_case_repetitions_and_bytes(plain, legacy):
    fields = [
        ("Server", "Legacy/1.0"), ("Set-Cookie", "a=1; Path=/"), ("x-b", "1"),
        ("SET-COOKIE", "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT"), ("X-B", "2"), ("WWW-Authenticate", "Basic"),
        ("WWW-Authenticate", "Negotiate"), ("X-Latin", "caf\xe9"), ("X-Empty", ""),
        ("Content-type", "text/plain;charset=X"), ("ETag", 'W/"1"'), ("Location", "http://legacy.internal/x")]
    legacy.answers(response(401, *fields, body=b"no", reason="Not Today, caf\xe9"))

    reply = plain.ask("GET", "/")

    assert reply.start == b"HTTP/1.1 401 Not Today, caf\xe9"
    heard = [pair for pair in reply.headers if pair[0].lower() not in (b"via", b"date", b"content-length")]
    assert heard == [(name.encode(), value.encode("latin-1")) for name, value in fields]
    assert reply.headers.get_all(b"date") == [b"Tue, 15 Nov 1994 08:12:31 GMT"]
    assert reply.body == b"no"


@pytest.mark.proves(11)
def test_hop_by_hop_fields_of_a_response_stop_at_the_gateway(plain, legacy):
    legacy.answers(response(200, ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
                            ("Proxy-Connection", "keep-alive"), ("Upgrade", "h2c"), ("X-Stays", "1"), body=b"ok"))
    reply = plain.ask("GET", "/")

    names = [name.decode().lower() for name, _ in reply.headers]
    assert sorted(names) == ["content-length", "date", "via", "x-stays"]


@pytest.mark.proves(11)
def test_connection_cannot_remove_an_answers_framing(plain, legacy):
    legacy.answers(response(200, ("Connection", "Content-Length, Date"), body=b"ok"))
    wire = plain.connect().send(request("GET", "/"))
    reply = wire.read_reply()
    assert (reply.framing, reply.body) == ("length", b"ok")


def test_a_compressed_body_is_not_touched(plain, legacy):
    body = gzip.compress(b"patient" * 1000)
    legacy.answers(response(200, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), body=body))
    reply = plain.ask("GET", "/")

    assert (reply.body, reply.get("Content-Encoding"), reply.get("Content-Length")) == (body, "gzip", str(len(body)))


@pytest.mark.proves(28)
@pytest.mark.parametrize(("method", "answer"), [
    ("HEAD", response(200, ("Content-Length", "1234"))),
    ("HEAD", response(200, CHUNKED)),
    ("HEAD", response(404, ("Content-Length", "0"))),
    ("GET", response(204)),
    ("DELETE", response(204, ("X-Note", "gone"))),
    ("GET", response(304, ("ETag", '"x"'), ("Content-Length", "1234"))),
    ("GET", response(304, ("ETag", '"x"'))),
], ids=["HEAD with length", "HEAD chunked", "HEAD 404", "204", "204 with fields", "304 with length", "304"])
def test_answers_without_a_body_carry_none_and_the_connection_goes_on(plain, legacy, method, answer):
    legacy.answers(answer, response(200, body=b"next"))
    wire = plain.connect()

    first = wire.send(request(method, "/")).read_reply(method)
    second = wire.send(request("GET", "/")).read_reply()

    assert first.head.split(b" ")[1] == answer.split(b" ")[1]
    assert (b"Content-Length: 1234" in answer) == (first.get("Content-Length") == "1234")
    assert first.body == b""
    assert second.body == b"next"


def test_a_range_passes_both_ways(plain, legacy):
    legacy.answers(response(206, ("Content-Range", "bytes 2-4/10"), body=b"cde"))
    reply = plain.ask("GET", "/", ("Range", "bytes=2-4"), ("If-Range", '"x"'))

    assert legacy.asked[0].get("Range") == "bytes=2-4"
    assert (reply.status, reply.get("Content-Range"), reply.body) == (206, "bytes 2-4/10", b"cde")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_the_clients_to_follow(plain, legacy, status):
    legacy.answers(response(status, ("Location", f"{legacy.url}/elsewhere")))
    reply = plain.ask("GET", "/")

    assert (reply.status, reply.get("Location")) == (status, f"{legacy.url}/elsewhere")
    assert legacy.targets() == ["/"]


@pytest.mark.parametrize("status", [200, 299, 400, 404, 418, 429, 500, 502, 503, 504, 599])
def test_a_status_and_its_body_pass_whatever_they_say(plain, legacy, status):
    legacy.answers(response(status, ("Content-Type", "text/x"), ("Retry-After", "3"), body=b"\x00words\xff"))
    reply = plain.ask("GET", "/")

    assert (reply.status, reply.body, reply.get("Retry-After")) == (status, b"\x00words\xff", "3")
    assert reply.get("Proxy-Status") is None


def test_a_chunked_answer_stays_chunked_and_keeps_its_trailers(plain, legacy):
    legacy.answers(response(200, CHUNKED, ("Trailer", "X-Sum"),
                            body=b"5;x=y\r\nhello\r\n3\r\n wo\r\n0\r\nX-Sum: abc\r\nx-second: 2\r\n\r\n"))
    reply = plain.ask("GET", "/", ("TE", "trailers"))

    assert (reply.body, reply.framing) == (b"hello wo", "chunked")
    assert reply.trailers == [(b"X-Sum", b"abc"), (b"x-second", b"2")]


def test_an_answer_that_ends_with_its_connection_arrives_whole(plain, legacy):
    def legacy_closes(wire, asked):
        wire.send(b"HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\n\r\nuntil the end")
        wire.close()

    legacy.does(legacy_closes)
    assert plain.ask("GET", "/").body == b"until the end"


def test_an_http_1_0_upstream_is_understood(plain, legacy):
    def legacy_is_old(wire, asked):
        wire.send(b"HTTP/1.0 200 Fine\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nold")
        wire.close()

    legacy.does(legacy_is_old)
    reply = plain.ask("GET", "/")
    assert (reply.start, reply.body) == (b"HTTP/1.1 200 Fine", b"old")


# ---- interim answers


@pytest.mark.proves(28)
def test_early_hints_are_forwarded_at_once(plain, legacy):
    answer_may_follow = threading.Event()

    def legacy_hints(wire, asked):
        wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n")
        answer_may_follow.wait(PATIENCE)
        wire.send(response(200, body=b"page"))

    legacy.does(legacy_hints)
    wire = plain.connect().send(request("GET", "/"))
    _, start, headers = wire.read_head()
    answer_may_follow.set()

    assert start == b"HTTP/1.1 103 Early Hints"
    assert headers.get_all(b"link") == [b"</a.css>; rel=preload", b"</b.js>"]
    assert wire.read_reply().body == b"page"


@pytest.mark.proves(28, 46)
def test_interim_answers_are_kept_from_http_1_0_clients(plain, legacy):
    legacy.answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(200, body=b"page"))
    reply = plain.say(b"GET / HTTP/1.0\r\n\r\n")

    assert (reply.interim, reply.body) == ([], b"page")


@pytest.mark.proves(27)
def test_100_continue_comes_from_the_upstream(plain, legacy):
    def legacy_waits(wire, asked):
        assert asked.get("Expect") == "100-continue"
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.read_body(asked)
        wire.send(response(201, body=asked.body))

    legacy.does(legacy_waits)
    wire = plain.connect().send(request("POST", "/", ("Expect", "100-continue"), ("Content-Length", "5")))
    _, start, _ = wire.read_head()
    reply = wire.send(b"hello").read_reply()

    assert start.startswith(b"HTTP/1.1 100 ")
    assert (reply.status, reply.body, reply.interim) == (201, b"hello", [])


@pytest.mark.proves(27)
def test_an_upstream_that_does_not_know_expect_still_gets_the_body_from_a_client_that_sends_it(plain, legacy):
    reply = plain.ask("POST", "/", ("Expect", "100-continue"), body=b"hello")

    assert reply.status == 200
    assert legacy.asked[0].body == b"hello"


@pytest.mark.proves(8, 27)
def test_a_refusal_instead_of_100_passes_and_breaks_no_later_request(plain, legacy):
    def legacy_refuses(wire, asked):
        if asked.method == "POST":
            wire.send(response(417, ("Content-Length", "2"), body=b"no"))
            wire.rest()
        else:
            wire.send(response(200, body=b"other"))

    legacy.does(legacy_refuses)
    wire = plain.connect()
    reply = wire.send(request("POST", "/", ("Expect", "100-continue"), ("Content-Length", "5"))).read_reply()
    assert (reply.status, reply.body, reply.interim) == (417, b"no", [])
    wire.close()

    for _ in range(5):
        assert plain.ask("GET", "/").body == b"other"
    assert legacy.settled()[0].method == "GET"
