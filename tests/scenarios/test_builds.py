"""The build that is tested answers, asks its upstream and judges as the pure one does, byte for byte."""

import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateway
from gateway.build import build
from shadow.judge.codec import decode_comparisons, encode_pairs, frame, read
from tests.backends.figway import Figway
from tests.backends.processes import started
from tests.backends.upstream import Upstream
from tests.backends.wire import PATIENCE, Cut
from tests.shadow.compare.test_diff import VALUES as TREES
from tests.shadow.exchanges import pair

ROUTES = """
version: 1
server: {{timeouts: {{head: 2s, idle: 2s, body_grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}"}}
capabilities:
  results:
    owner: lab
    legacy: legacy
    modern: modern
    stage: canary
    split: {{percent: 50%, sticky: ["query:patient"], salt: "s"}}
    operations:
      list: {{path: /results, method: [GET, POST], safe: true}}
      one: {{path: "/results/{{id}}", method: [GET]}}
      rest: {{path: "/files/{{rest*}}", header: {{X-Kind: lab}}}}
default: {{upstream: legacy, policies: []}}
"""

METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PROPFIND", b"get", b"G ET"])
TARGETS = st.sampled_from([
    b"/", b"/results", b"/results?patient=1", b"/results?patient=2", b"/results/7", b"/results/%37", b"/Results/7",
    b"/results/7/", b"/results//7", b"/results/../x", b"/results%2f7", b"/files/a/b", b"*", b"http://h/results/1",
    b"/\xe9", b"/a b", b"/%zz", b"/" + b"a" * 300]) | st.binary(max_size=12).map(b"/".__add__)
NAMES = st.sampled_from([
    b"Host", b"X-Kind", b"Accept", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"TE", b"Upgrade",
    b"X-Forwarded-For", b"X-Forwarded-Proto", b"Forwarded", b"Via", b"X-Request-Id", b"traceparent", b"Max-Forwards",
    b"X_Kind", b"X-HTTP-Method-Override", b"Cookie", b"If-Range"])
VALUES = st.sampled_from([
    b"h", b"lab", b"0", b"5", b"5, 5", b"chunked", b"gzip, chunked", b"close", b"keep-alive", b"upgrade", b"websocket",
    b"100-continue", b"trailers", b"10.0.0.1", b"for=10.0.0.1;proto=https", b"1.1 figway", b" x ", b"", b"caf\xe9",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"DELETE"]) | st.binary(max_size=6)
BODIES = st.sampled_from([
    b"", b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n", b"5\r\nhel", b"z\r\n",
    b"x" * 5000])


@st.composite
def requests(draw):
    """One request: often a sound one, at times with a byte of it changed."""
    fields = [(b"Host", b"h"), *draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))]
    body = draw(BODIES)
    if draw(st.booleans()) and body:
        fields.append((b"Transfer-Encoding", b"chunked") if b"\r\n" in body else (b"Content-Length", b"%d" % len(body)))
    head = b"%b %b HTTP/1.%d\r\n" % (draw(METHODS), draw(TARGETS), draw(st.sampled_from([1, 1, 1, 0])))
    whole = head + b"".join(b"%b: %b\r\n" % one for one in draw(st.permutations(fields))) + b"\r\n" + body
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(whole) - 1))
        whole = whole[:at] + draw(st.sampled_from([b"", b"\0", b"\r", b"\n", b" ", b":", b"\xff"])) + whole[at + 1:]
    return whole


ANSWERS = [
    b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A: 1\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 204 None\r\n\r\n", b"HTTP/1.1 304 Same\r\nETag: x\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx",
    b"HTTP/1.1 abc\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n",
]


class Side:
    """One build, with upstreams of its own."""

    def __init__(self, folder, files):
        folder.mkdir()
        self.legacy, self.modern = Upstream(), Upstream()
        self.figway = Figway(folder, ROUTES.format(legacy=self.legacy.url, modern=self.modern.url), files=files)

    def hears(self, sent, answer):
        """All that a client gets that sends these bytes and one request more, and the heads that each upstream got.
        Ids that are made anew for each request are left out."""
        def handler(wire, asked):
            try:
                wire.read_body(asked)
            except Cut:
                return
            wire.send(answer)
            wire.close()

        for upstream in (self.legacy, self.modern):
            upstream.forget()
            upstream.does(handler)
        with socket.create_connection(("127.0.0.1", self.figway.port), PATIENCE) as link:
            # The last request ends the connection. Where `sent` is not whole it becomes a part of it, and time does.
            link.sendall(sent + b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            got = b""
            try:
                while piece := link.recv(1 << 16):
                    got += piece
            except ConnectionResetError:
                got += b"<reset>"
        asked = [b"".join(one.head for one in upstream.asked) for upstream in (self.legacy, self.modern)]
        return [re.sub(rb"[0-9a-f]{32}(-[0-9a-f]{16})?", b"ID", one) for one in (got, *asked)]

    def stop(self):
        self.figway.stop()
        self.legacy.close()
        self.modern.close()


@pytest.fixture(scope="module")
def pure(tmp_path_factory):
    """A folder with the files of the packages, and nothing compiled."""
    folder = tmp_path_factory.mktemp("pure")
    root = Path(gateway.__file__).parents[1]
    for package in ("adapters", "gateway", "shadow"):
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def sides(tmp_path_factory, pure):
    folder = tmp_path_factory.mktemp("builds")
    made = []
    try:
        for name, files in (("this", None), ("pure", pure)):
            made.append(Side(folder / name, files))
        yield made
    finally:
        for side in made:
            side.stop()


def test_each_says_which_it_is(sides):
    this, pure = (side.figway.readiness()[1] for side in sides)
    assert f"[+] build: {build()}\n" in this
    assert "[+] build: pure Python\n" in pure


@settings(max_examples=300, deadline=None)
@given(requests(), st.sampled_from(ANSWERS))
def test_both_give_the_same_bytes(sides, sent, answer):
    with ThreadPoolExecutor() as both:
        this, pure = both.map(lambda side: side.hears(sent, answer), sides)
    assert this == pure


@pytest.fixture(scope="module")
def judges(pure):
    """The process that judges pairs, of either build."""
    command = [sys.executable, "-P", "-m", "shadow.judge"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    beside = os.environ | {"PYTHONPATH": str(pure)}
    with started(command, **pipes) as this, started(command, env=beside, **pipes) as other:
        yield this, other


@settings(max_examples=500, deadline=None)
@given(TREES, TREES, st.booleans(), st.sampled_from([b"", b"k" * 32]))
def test_both_judge_alike(judges, legacy, modern, alike, key):
    asked = pair({"entry": [legacy, modern]}, {"entry": [modern, legacy] if alike else modern})
    asked.key = key
    said = []
    for judge in judges:
        judge.stdin.write(frame(encode_pairs([asked])))
        judge.stdin.flush()
        said.append(decode_comparisons(read(judge.stdout)))
    assert said[0] == said[1]
