"""Several requests on one connection stay apart, and one request has one reading."""

import pytest

from tests.backends.malformed import CHUNKED, POST, head, refuse
from tests.backends.wire import request, response


@pytest.mark.proves(45)
@pytest.mark.parametrize("second", [b"NONSENSE\r\n\r\n", head("Host: two"), b"\x00\x00\x00\x00\r\n\r\n",
    head("Bad Field: x"),
                                    head("Content-Length: 5", "Transfer-Encoding: chunked", start=POST)],
                         ids=["not HTTP", "two hosts", "NULs", "a bad field", "length and coding"])
def test_a_bad_second_request_does_not_replace_the_firsts_answer(strict, legacy, second):
    def legacy_takes_its_time(wire, asked):
        wire.silent(0.1)
        wire.send(response(200, body=b"first"))

    legacy.does(legacy_takes_its_time)
    wire = strict.connect().send(request("GET", "/first") + second)

    assert wire.read_reply().body == b"first"
    assert wire.read_reply().status == 400
    assert wire.ends()
    assert legacy.targets() == ["/first"]


SMUGGLED = request("GET", "/smuggled")
LAST = b"0\r\n\r\n"
PAIRS = {
    "CL.TE": head(f"Content-Length: {len(SMUGGLED) + 5}", "Transfer-Encoding: chunked", start=POST) + LAST + SMUGGLED,
    "TE.CL": head("Transfer-Encoding: chunked", "Content-Length: 4", start=POST)
             + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
    "TE.TE, the last unknown": head("Transfer-Encoding: chunked", "Transfer-Encoding: x", start=POST) + LAST + SMUGGLED,
    "TE.TE, the first unknown": head(
        "Transfer-Encoding: x", "Transfer-Encoding: chunked", start=POST) + LAST + SMUGGLED,
    "CL.CL, the first zero": head("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}", start=POST) + SMUGGLED,
    "CL.CL, the last zero": head(f"Content-Length: {len(SMUGGLED)}", "Content-Length: 0", start=POST) + SMUGGLED,
    "LF hides a length": head(f"X-A: b\nContent-Length: {len(SMUGGLED)}", start=POST) + SMUGGLED,
    "CR hides a coding": head("X-A: b\rTransfer-Encoding: chunked", start=POST) + LAST + SMUGGLED,
    "a blank before the colon": head(
        "Transfer-Encoding : chunked", "Content-Length: 5", start=POST) + LAST + SMUGGLED,
    "a fold hides a coding": head("Foo: bar", " Transfer-Encoding: chunked", start=POST) + LAST + SMUGGLED,
    "Connection drops a length": head(
        "Connection: Content-Length", "Transfer-Encoding: chunked", "Content-Length: 5", start=POST) + LAST + SMUGGLED,
    "TE on HTTP/1.0": head(
        "Connection: keep-alive", "Transfer-Encoding: chunked", start="POST /refused HTTP/1.0") + LAST + SMUGGLED,
    "LF ends the last chunk": request("POST", "/refused", CHUNKED, body=b"0\n\r\n" + SMUGGLED),
    "LF after the data": request("POST", "/refused", CHUNKED, body=b"1\r\nA\nX\r\n" + LAST + SMUGGLED),
    "no CRLF after the data": request("POST", "/refused", CHUNKED, body=b"5\r\nhello" + SMUGGLED),
}


@pytest.mark.proves(1, 2, 3, 4)
@pytest.mark.parametrize("data", PAIRS.values(), ids=PAIRS.keys())
def test_nothing_is_smuggled(strict, legacy, data):
    refuse(strict, legacy, data, {400, 501})


@pytest.mark.proves(8)
def test_a_get_body_is_the_gets_and_not_the_next_request(strict, legacy):
    wire = strict.connect()
    assert wire.send(request("GET", "/carries", body=SMUGGLED)).read_reply().status == 200
    assert wire.send(request("GET", "/next")).read_reply().status == 200
    assert legacy.targets() == ["/carries", "/next"]


@pytest.mark.proves(17)
def test_a_policys_path_has_one_spelling(gateway, legacy, modern):
    """What is routed by its path is routed so however its letters are encoded, and forwarded as it came."""
    routed = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}"}}, modern: {{url: "{modern.url}"}}}}
capabilities:
  results:
    owner: results-team
    operations: {{read: {{method: GET, path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: modern
    writes: legacy
default: {{upstream: legacy}}
""")
    for path in ["/results/1", "/%72esults/1", "/result%73/1", "/results/1?x"]:
        assert routed.ask("GET", path).status == 200
    assert modern.targets() == ["/results/1", "/%72esults/1", "/result%73/1", "/results/1?x"]
    assert legacy.asked == []


@pytest.mark.proves(48)
def test_a_request_that_comes_round_again_is_refused(gateway, tmp_path_factory):
    first = gateway("""
version: 1
upstreams: {legacy: {url: "http://127.0.0.1:1"}}
default: {upstream: legacy}
""")
    first.reload(f"""
version: 1
upstreams: {{legacy: {{url: "http://127.0.0.1:{first.port}"}}}}
default: {{upstream: legacy}}
""")
    for _ in range(100):
        reply = first.ask("GET", "/")
        if reply.status != 502:
            break
    assert reply.status == 508
