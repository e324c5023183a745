"""What is ambiguous or malformed is refused, its connection closed, and nothing of it reaches the upstream whole."""

import pytest

from tests.backends.malformed import CHUNKED, POST, head, refuse, table
from tests.backends.wire import request

BAD, CODING = {400}, {400, 501}


@pytest.mark.proves(1, 2)
@table({
    "length and coding": (head("Content-Length: 5", "Transfer-Encoding: chunked", start=POST) + b"0\r\n\r\n", BAD),
    "coding and length": (head("Transfer-Encoding: chunked", "Content-Length: 5", start=POST) + b"0\r\n\r\n", BAD),
    "length zero and coding": (head("Transfer-Encoding: chunked", "Content-Length: 0", start=POST) + b"0\r\n\r\n", BAD),
    "length and identity": (head("Content-Length: 5", "Transfer-Encoding: identity", start=POST) + b"hello", CODING),
    "differing lengths": (head("Content-Length: 5", "Content-Length: 6", start=POST) + b"hello!", BAD),
    "differing lengths in a list": (head("Content-Length: 5, 6", start=POST) + b"hello!", BAD),
    "an empty and a length": (head("Content-Length: ", "Content-Length: 5", start=POST) + b"hello", BAD),
    "a sign": (head("Content-Length: +5", start=POST) + b"hello", BAD),
    "a minus": (head("Content-Length: -5", start=POST) + b"hello", BAD),
    "an underscore": (head("Content-Length: 5_0", start=POST) + b"h" * 50, BAD),
    "empty": (head("Content-Length:", start=POST), BAD),
    "19 digits": (head("Content-Length: 1000000000000000000", start=POST), BAD),
    "40 digits": (head("Content-Length: " + "1" * 40, start=POST), BAD),
    "hex": (head("Content-Length: 0x5", start=POST) + b"hello", BAD),
    "letters": (head("Content-Length: five", start=POST) + b"hello", BAD),
    "a blank inside": (head("Content-Length: 5 0", start=POST) + b"h" * 50, BAD),
    "a fraction": (head("Content-Length: 5.0", start=POST) + b"hello", BAD),
    "an exponent": (head("Content-Length: 5e0", start=POST) + b"hello", BAD),
    "another script's digit": (head("Content-Length: ５".encode(), start=POST) + b"hello", BAD),
    "a trailing comma": (head("Content-Length: 5,", start=POST) + b"hello", BAD),
})
def test_a_doubtful_length_is_refused(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


@pytest.mark.proves(2)
@pytest.mark.parametrize("lines", [("Content-Length: 5", "Content-Length: 5"), ("Content-Length: 5, 5",)],
                         ids=["two lines", "one list"])
def test_equal_lengths_are_refused_or_become_one(strict, legacy, lines):
    reply = strict.say(head(*lines, start=POST) + b"hello")

    assert reply.status in (200, 400)
    for asked in legacy.asked:
        assert (asked.get("Content-Length"), asked.body) == ("5", b"hello")


@pytest.mark.proves(3)
@table({
    name: (head(*lines, start=start) + b"5\r\nhello\r\n0\r\n\r\n", statuses) for name, (lines, start, statuses) in {
        "an unknown coding": (["Transfer-Encoding: xchunked"], POST, CODING),
        "chunked twice": (["Transfer-Encoding: chunked, chunked"], POST, CODING),
        "chunked on two lines": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], POST, CODING),
        "chunked before gzip": (["Transfer-Encoding: chunked, gzip"], POST, CODING),
        "gzip before chunked": (["Transfer-Encoding: gzip, chunked"], POST, CODING),
        "gzip alone": (["Transfer-Encoding: gzip"], POST, CODING),
        "identity": (["Transfer-Encoding: identity"], POST, CODING),
        "identity on a second line": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], POST, CODING),
        "empty": (["Transfer-Encoding:"], POST, CODING),
        "a comma": (["Transfer-Encoding: ,chunked"], POST, CODING),
        "quoted": (['Transfer-Encoding: "chunked"'], POST, CODING),
        "a parameter": (["Transfer-Encoding: chunked;a=b"], POST, CODING),
        "a tab inside": (["Transfer-Encoding: chu\tnked"], POST, CODING),
        "a vertical tab": (["Transfer-Encoding: \x0bchunked"], POST, CODING),
        "a tab before the colon": (["Transfer-Encoding\t: chunked"], POST, CODING),
        "a blank before the colon": (["Transfer-Encoding : chunked"], POST, CODING),
        "no blank but text": (["Transfer-Encoding: chunked x"], POST, CODING),
        "folded": (["Transfer-Encoding:", " chunked"], POST, CODING),
        "on HTTP/1.0": (["Transfer-Encoding: chunked"], "POST /refused HTTP/1.0", BAD),
        "on HTTP/1.0, kept alive": (["Connection: keep-alive", "Transfer-Encoding: chunked"],
                                    "POST /refused HTTP/1.0", BAD),
    }.items()})
def test_a_doubtful_coding_is_refused(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


@pytest.mark.proves(3)
@pytest.mark.parametrize("coding", ["CHUNKED", "Chunked", "\tchunked"])
def test_chunked_in_any_case_is_chunked(strict, legacy, coding):
    reply = strict.say(head(f"Transfer-Encoding: {coding}", start=POST) + b"5\r\nhello\r\n0\r\n\r\n")

    assert reply.status == 200
    assert (legacy.asked[0].body, legacy.asked[0].framing) == (b"hello", "chunked")


@pytest.mark.proves(4, 43)
@table({
    name: (request("POST", "/refused", CHUNKED, body=body), statuses) for name, (body, statuses) in {
        "a bare LF after the size": (b"5\nhello\r\n0\r\n\r\n", BAD),
        "a bare CR after the size": (b"5\rhello\r\n0\r\n\r\n", BAD),
        "a bare LF after the data": (b"5\r\nhello\n0\r\n\r\n", BAD),
        "a bare CR after the data": (b"5\r\nhello\r0\r\n\r\n", BAD),
        "no CRLF after the data": (b"5\r\nhello0\r\n\r\n", BAD),
        "more data than the size": (b"5\r\nhello!\r\n0\r\n\r\n", BAD),
        "a plus": (b"+5\r\nhello\r\n0\r\n\r\n", BAD),
        "a minus": (b"-5\r\nhello\r\n0\r\n\r\n", BAD),
        "a 0x": (b"0x5\r\nhello\r\n0\r\n\r\n", BAD),
        "an underscore": (b"0_5\r\nhello\r\n0\r\n\r\n", BAD),
        "a blank before": (b" 5\r\nhello\r\n0\r\n\r\n", BAD),
        "a blank after": (b"5 \r\nhello\r\n0\r\n\r\n", BAD),
        "a tab after": (b"5\t\r\nhello\r\n0\r\n\r\n", BAD),
        "empty": (b"\r\nhello\r\n0\r\n\r\n", BAD),
        "only an extension": (b";a=b\r\nhello\r\n0\r\n\r\n", BAD),
        "not hex": (b"g\r\nhello\r\n0\r\n\r\n", BAD),
        "17 digits": (b"00000000000000005\r\nhello\r\n0\r\n\r\n", BAD),
        "17 digits that overflow": (b"10000000000000005\r\nhello\r\n0\r\n\r\n", BAD),
        "all of 64 bits": (b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", {400, 408, 413}),
        "a bare LF in an extension": (b"5;a\nhello\r\n0\r\n\r\n", BAD),
        "a bare CR in an extension": (b"5;a\rb\r\nhello\r\n0\r\n\r\n", BAD),
        "a NUL in an extension": (b"5;a\x00b\r\nhello\r\n0\r\n\r\n", BAD),
        "a LF alone at the end": (b"5\r\nhello\r\n0\n\n", BAD),
        "a LF for the last line": (b"5\r\nhello\r\n0\r\n\n", BAD),
        "a trailer without a colon": (b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n", BAD),
        "a trailer with a blank before its colon": (b"5\r\nhello\r\n0\r\nX : y\r\n\r\n", BAD),
        "a folded trailer": (b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", BAD),
        "a trailer with a bare LF": (b"5\r\nhello\r\n0\r\nX: y\nZ: w\r\n\r\n", BAD),
        "an extension beyond 16 KiB": (b"5;a=" + b"b" * (17 << 10) + b"\r\nhello\r\n0\r\n\r\n", {400, 413, 431}),
        "extensions beyond 16 KiB in all": (b"1;a=bcdefghijklm\r\nx\r\n" * 1400 + b"0\r\n\r\n", {400, 413, 431}),
        "trailers beyond 16 KiB": (
            b"5\r\nhello\r\n0\r\n" + b"X-Pad: " + b"p" * (17 << 10) + b"\r\n\r\n", {400, 413, 431}),
        "extensions and trailers beyond 16 KiB together": (
            b"1;a=bcdefghijklm\r\nx\r\n" * 700 + b"0\r\nX-Pad: " + b"p" * (8 << 10) + b"\r\n\r\n", {400, 413, 431}),
    }.items()})
def test_a_doubtful_chunk_is_refused_and_its_request_never_completed(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


@pytest.mark.proves(4)
@pytest.mark.parametrize("body", [
    b"0000000000000005\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\n\r\n", b'5;a="b c"\r\nhello\r\n0;last\r\n\r\n',
    b"2\r\nhe\r\n3\r\nllo\r\n000\r\nX-Trailer: 1\r\n\r\n",
], ids=["16 digits", "an extension", "quoted", "zeros and a trailer"])
def test_unusual_but_valid_chunks_are_understood(strict, legacy, body):
    assert strict.say(request("POST", "/", CHUNKED, body=body)).status == 200
    assert legacy.asked[0].body == b"hello"


@pytest.mark.proves(9)
@table({
    "a folded line": (head("X-A: b", " c"), BAD),
    "a line folded by a tab": (head("X-A: b", "\tc"), BAD),
    "a fold on the first line": (head(" X-A: b", host=False), BAD),
    "LF for every line end": (b"GET /refused HTTP/1.1\nHost: clinic.example\n\n", BAD),
    "LF for one line end": (b"GET /refused HTTP/1.1\r\nHost: clinic.example\nX-A: b\r\n\r\n", BAD),
    "LF after the request line": (b"GET /refused HTTP/1.1\nHost: clinic.example\r\n\r\n", BAD),
    "LF for the last line end": (b"GET /refused HTTP/1.1\r\nHost: clinic.example\r\n\n", BAD),
    "CR for one line end": (b"GET /refused HTTP/1.1\r\nHost: clinic.example\rX-A: b\r\n\r\n", BAD),
    "CR in a value": (head("X-A: b\rc"), BAD),
    "CR CR LF": (head("X-A: b\r"), BAD),
    "NUL in a value": (head("X-A: b\x00c"), BAD),
    "NUL in a name": (head("X-\x00A: b"), BAD),
    "a control character in a value": (head("X-A: b\x01c"), BAD),
    "an escape in a value": (head("X-A: b\x1bc"), BAD),
    "DEL in a value": (head("X-A: b\x7fc"), BAD),
    "a blank before the colon": (head("X-A : b"), BAD),
    "a tab before the colon": (head("X-A\t: b"), BAD),
    "a blank before Content-Length's colon": (head("Content-Length : 5", start=POST) + b"hello", BAD),
    "a blank in a name": (head("X A: b"), BAD),
    "no colon": (head("X-A"), BAD),
    "no name": (head(": b"), BAD),
    "a bracket in a name": (head("X-(A): b"), BAD),
    "a quote in a name": (head('X-"A: b'), BAD),
    "a slash in a name": (head("X/A: b"), BAD),
    "a letter beyond ASCII in a name": (head("X-\xe9: b"), BAD),
})
def test_a_malformed_field_is_refused(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


LINE = {400, 405, 501, 505}


@pytest.mark.proves(9)
@table({
    name: (head(start=start), statuses) for name, (start, statuses) in {
        "a method with a blank": ("GE T /refused HTTP/1.1", BAD),
        "a method with a bracket": ("G(ET /refused HTTP/1.1", BAD),
        "a method with a NUL": ("G\x00ET /refused HTTP/1.1", BAD),
        "no method": (" /refused HTTP/1.1", BAD),
        "two blanks after the method": ("GET  /refused HTTP/1.1", BAD),
        "two blanks after the target": ("GET /refused  HTTP/1.1", BAD),
        "a tab for a blank": ("GET\t/refused HTTP/1.1", BAD),
        "a blank at the end": ("GET /refused HTTP/1.1 ", BAD),
        "a blank in the target": ("GET /refused x HTTP/1.1", BAD),
        "no target": ("GET HTTP/1.1", BAD),
        "no slash": ("GET refused HTTP/1.1", BAD),
        "an asterisk with GET": ("GET * HTTP/1.1", BAD),
        "a fragment": ("GET /refused#top HTTP/1.1", BAD),
        "a control character in the target": ("GET /refused\x01 HTTP/1.1", BAD),
        "a NUL in the target": ("GET /refused\x00 HTTP/1.1", BAD),
        "DEL in the target": ("GET /refused\x7f HTTP/1.1", BAD),
        "no version": ("GET /refused", {400, 505}),
        "HTTP/0.9": ("GET /refused HTTP/0.9", {400, 505}),
        "HTTP/2.0": ("GET /refused HTTP/2.0", {400, 505}),
        "HTTP/3.0": ("GET /refused HTTP/3.0", {400, 505}),
        "HTTP/1": ("GET /refused HTTP/1", {400, 505}),
        "HTTP/1.10": ("GET /refused HTTP/1.10", {400, 505}),
        "HTTP/01.1": ("GET /refused HTTP/01.1", {400, 505}),
        "lower case http": ("GET /refused http/1.1", {400, 505}),
        "another protocol": ("GET /refused SIP/2.0", {400, 505}),
        "an unknown method": ("FROBNICATE /refused HTTP/1.1", LINE),
        "a lower case method": ("get /refused HTTP/1.1", LINE),
        "a scheme that is not http": ("GET ftp://clinic.example/refused HTTP/1.1", BAD),
        "an absolute target with user": ("GET http://u:p@clinic.example/refused HTTP/1.1", BAD),
        "an absolute target without host": ("GET http:///refused HTTP/1.1", BAD),
    }.items()})
def test_a_malformed_request_line_is_refused(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


def test_the_http_2_preface_is_refused(strict, legacy):
    refuse(strict, legacy, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LINE)


def test_bytes_that_are_not_http_are_refused(strict, legacy):
    refuse(strict, legacy, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", BAD)


@pytest.mark.proves(10)
@table({
    name: (head(*lines, host=False), BAD) for name, lines in {
        "none": [],
        "two equal": ["Host: a.example", "Host: a.example"],
        "two that differ": ["Host: a.example", "Host: b.example"],
        "two, one empty": ["Host: a.example", "Host:"],
        "a comma": ["Host: a.example,b.example"],
        "a user": ["Host: user@a.example"],
        "a user and password": ["Host: u:p@a.example"],
        "a path": ["Host: a.example/x"],
        "a query": ["Host: a.example?x"],
        "a fragment": ["Host: a.example#x"],
        "a scheme": ["Host: http://a.example"],
        "a blank": ["Host: a example"],
        "a port of letters": ["Host: a.example:http"],
        "a port of six digits": ["Host: a.example:123456"],
        "a signed port": ["Host: a.example:+80"],
        "two ports": ["Host: a.example:80:80"],
        "an open bracket": ["Host: [::1"],
        "a bracket that holds no address": ["Host: [zz]"],
        "an address without brackets": ["Host: ::1"],
        "a backslash": ["Host: a\\b"],
        "a quote": ['Host: "a"'],
        "letters beyond ASCII": ["Host: cliniqu\xe9.example"],
    }.items()})
def test_a_host_that_is_not_one_is_refused(strict, legacy, data, statuses):
    refuse(strict, legacy, data, statuses)


@pytest.mark.proves(10)
@pytest.mark.parametrize("host", [
    "a", "a.example", "a.example:8443", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535", "a_b.example",
    "a-b~c.example", "a%20b"])
def test_a_host_that_is_one_is_kept(strict, legacy, host):
    assert strict.say(head(f"Host: {host}", host=False)).status == 200
    assert legacy.asked[0].get("Host") == host


@pytest.mark.proves(17)
@pytest.mark.parametrize("path", [
    "/open/../refused", "/open/..", "/../refused", "/open/./refused", "/open/.", "/open/..?a=b",
    "/open/%2e%2e/refused", "/open/%2E%2E/refused", "/open/.%2e/refused", "/open/%2e/refused",
    "/open/..%2frefused", "/open/..%2Frefused", "/open%2f..%2frefused",
    "/open\\refused", "/open/..\\refused", "/open%5crefused", "/open/..%5Crefused",
    "/open/..;/refused", "/open/..;a=b/refused", "/open/%2e%2e;/refused", "/open/.;/refused",
    "/open%00", "/open/%00/refused",
    "/%c0%ae%c0%ae/refused", "/%c0%afrefused", "/%e0%80%afrefused", "/%f0%80%80%afrefused"])
def test_a_path_with_two_readings_is_refused(strict, legacy, path):
    refuse(strict, legacy, request("GET", path), BAD)


@pytest.mark.proves(17)
def test_a_route_may_let_doubtful_paths_through(gateway, legacy):
    lenient = gateway(f"""
version: 1
server: {{ambiguous_paths: true}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    for path in ["/a/../b", "/a/%2e%2e/b", "/a%5cb"]:
        assert lenient.ask("GET", path).status == 200
    assert legacy.targets() == ["/a/../b", "/a/%2e%2e/b", "/a%5cb"]
