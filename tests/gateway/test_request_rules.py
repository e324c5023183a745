"""Which rule a refused request broke: gateway.wire.request_rules."""

import ssl

import pytest

from gateway.edges.request_head import read
from gateway.edges.settings import EdgeSettings
from gateway.errors import CODES, FAULTS
from gateway.wire.heads import Malformed
from gateway.wire.request_rules import REQUEST_RULES, TLS_RULES, broken_handshake, broken_rule

HOST = b"Host: h\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
HEADS = {
    "tls": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\x80\x2e\x01\x00\x02\r\n\r\n"],
    "blank_start": [b" GET / HTTP/1.1\r\n" + HOST, b"\nGET / HTTP/1.1\r\n" + HOST],
    "line_ends": [b"GET / HTTP/1.1\nHost: h\n\n", GET + b"Host: h\nX: 1\r\n\r\n", b"GET / HTTP/1.1\n" + HOST],
    "bare_cr": [GET + b"X: 1\rY: 2\r\n" + HOST, b"GET / HTTP/1.0\r\r\n" + HOST],
    "nul": [GET + b"X: \0\r\n" + HOST],
    "http_0_9": [b"GET /x\r\n\r\n"],
    "request_line": [b"GET\r\n" + HOST, b"GET  / HTTP/1.1\r\n" + HOST, b"GET / http/1.1\r\n" + HOST,
                     b"GET / HTTP/1.1 \r\n" + HOST, b"GET HTTP/1.1\r\n" + HOST, b"hello\r\n\r\n"],
    "blank_in_target": [b"GET /Test Services/Test?a=1 HTTP/1.0\r\n\r\n", b"GET /a b c HTTP/1.1\r\n" + HOST],
    "target_characters": [b"GET /a\tb HTTP/1.1\r\n" + HOST, b"GET /\x7f HTTP/1.1\r\n" + HOST],
    "method_name": [b"G(T / HTTP/1.1\r\n" + HOST, b"5N\xcf / HTTP/1.1\r\n" + HOST],
    "version": [b"GET / HTTP/2.0\r\n" + HOST, b"PRI * HTTP/2.0\r\n\r\n", b"GET / HTTP/1.2\r\n" + HOST],
    "folded_field": [GET + b"X: 1\r\n 2\r\n" + HOST, GET + b"X: 1\r\n\t2\r\n" + HOST],
    "no_colon": [GET + b"Bogus\r\n" + HOST],
    "no_name": [GET + b": 1\r\n" + HOST],
    "blank_before_colon": [GET + b"X : 1\r\n" + HOST, GET + b"Host\t: h\r\n\r\n"],
    "field_name": [GET + b"X Y: 1\r\n" + HOST, GET + b"X(y): 1\r\n" + HOST],
    "control_characters": [GET + b"X: \x01\r\n" + HOST],
    "no_host": [GET + b"\r\n"],
    "host_twice": [GET + b"Host: a\r\n" + HOST],
    "host_value": [GET + b"Host: a b\r\n\r\n", GET + b"Host: a/b\r\n\r\n"],
    "bad_length": [POST + b"Content-Length: -1\r\n\r\n", POST + b"Content-Length: 0x1\r\n\r\n",
                   POST + b"Content-Length: " + b"1" * 19 + b"\r\n\r\n"],
    "lengths_differ": [POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                       POST + b"Content-Length: 1, 2\r\n\r\n"],
    "length_and_chunked": [POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
    "coding": [POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", POST + b"Transfer-Encoding: gzip, \r\n\r\n"],
    "coding_on_http_1_0": [POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n"],
}


def code_of(head):
    """The code for which the edge refuses a whole head."""
    with pytest.raises(Malformed) as refused:
        read(head, EdgeSettings())
    return refused.value.code


@pytest.mark.parametrize(("rule", "head"), [(rule, head) for rule, heads in HEADS.items() for head in heads])
def test_a_refused_head_has_the_rule_that_it_breaks(rule, head):
    code = code_of(head)
    assert broken_rule("bad_request" if code == "version_not_supported" else code, head) == rule
    assert broken_rule(code, head) == rule


def test_each_rule_has_a_head_but_those_that_no_head_breaks():
    assert REQUEST_RULES.keys() - HEADS.keys() == {"head_unfinished", "chunk"}
    assert HEADS.keys() <= REQUEST_RULES.keys()


@pytest.mark.parametrize(("code", "head", "rule"), [
    ("bad_request", GET + b"Host: h\r\n", "head_unfinished"), ("bad_request", b"GET", "head_unfinished"),
    ("bad_request", b"", "bad_request"), ("request_timeout", GET, "request_timeout"),
    ("request_timeout", b"GET / HTTP/1.0\rHost: h\r\r", "bare_cr"), ("request_timeout", b"GET /\r\n", "http_0_9"),
    ("request_timeout", b"\x16\x03\x01", "tls"), ("bad_target", GET + HOST, "bad_target"),
    ("bad_target", b"CONNECT h:443 HTTP/1.1\r\n" + HOST, "method_not_supported"), ("bad_framing", POST, "chunk"),
    ("head_too_large", b"", "head_too_large"), ("overloaded", b"", "overloaded"),
])
def test_a_head_that_is_not_whole_or_breaks_no_known_rule_has_one_too(code, head, rule):
    assert broken_rule(code, head) == rule


def test_a_body_whose_chunks_are_malformed_has_a_rule():
    assert FAULTS["bad_framing"] == "chunk"
    assert FAULTS.keys() <= CODES.keys()
    assert FAULTS.keys() & {"unauthenticated", "forbidden", "rate_limited", "overloaded", "internal"} == set()


def failed(reason):
    """An error as OpenSSL raises it."""
    error = ssl.SSLError(1, "failed")
    error.reason = reason
    return error


@pytest.mark.parametrize(("error", "rule"), [
    (failed("UNSUPPORTED_PROTOCOL"), "tls_version"), (failed("NO_SHARED_CIPHER"), "tls_suites"),
    (failed("NO_SUITABLE_KEY_SHARE"), "tls_groups"), (failed("NO_SUITABLE_SIGNATURE_ALGORITHM"), "tls_signatures"),
    (failed("TLSV1_ALERT_UNKNOWN_CA"), "tls_certificate"), (failed("HTTP_REQUEST"), "tls_not_spoken"),
    (failed("SOMETHING_NEW"), "tls_handshake"), (failed(None), "tls_handshake"),
    (ConnectionAbortedError(), "tls_timeout"), (TimeoutError(), "tls_timeout"), (ConnectionResetError(), "tls_left"),
])
def test_a_handshake_that_failed_has_a_rule(error, rule):
    assert broken_handshake(error) == rule
    assert rule in TLS_RULES


def test_a_handshake_that_the_gateway_ended_has_none():
    assert broken_handshake(KeyboardInterrupt()) == ""
