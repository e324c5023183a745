"""figway validate --connect: what it sees of real upstreams, on real sockets."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.packages import needs
from tests.backends.pki import Authority
from tests.backends.upstream import closed_port, until
from tests.backends.wire import connect

pytestmark = pytest.mark.slow

ROUTES = "version: 1\nupstreams: {{up: {{{upstream}}}}}\nserver: {{via: '{via}'}}\ndefault: {{upstream: up}}\n"


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Runs `figway validate --connect`: (exit status, its lines about upstreams, the facts of the first)."""
    monkeypatch.chdir(tmp_path)

    def tried(upstream, *more, via="figway"):
        Path("routes.yaml").write_text(ROUTES.format(upstream=upstream, via=via))
        text = CliRunner().invoke(main, ["validate", "--connect", *more], catch_exceptions=False)
        facts = CliRunner().invoke(main, ["validate", "--connect", "-o", "json", *more], catch_exceptions=False)
        assert facts.exit_code == text.exit_code
        assert all(len(line) <= 80 for line in text.stdout.splitlines()[1:])
        return text.exit_code, text.stdout.splitlines()[2:], json.loads(facts.stdout)["connections"][0]

    return tried


@contextlib.contextmanager
def nginx(folder: Path, more: str) -> Iterator[int]:
    """nginx with a page of 8 KB, as Debian configures it but for `more`."""
    port = closed_port()
    (folder / "index.html").write_text("<p>results</p>\n" * 600)
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  gzip on; {more}
  types {{ text/html html; }}
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
""")
    command = [needs("nginx"), "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    process = subprocess.Popen(command)

    def answers():
        with contextlib.suppress(OSError):
            connect(port).close()
            return True
        return process.poll() is not None

    try:
        until(answers, "nginx does not start")
        yield port
    finally:
        process.terminate()
        process.wait()


def test_gzip_that_nginx_switches_off_for_via_is_seen(tried, tmp_path):
    with nginx(tmp_path, "") as port:
        status, lines, facts = tried(f'url: "http://127.0.0.1:{port}"')
        assert (status, lines[0]) == (0, "  answers 200 to GET /")
        assert 0 < facts["plain"] < 500
        assert facts["via"] == 9000
        assert lines[1:] == [
            f"  compresses its answer ({facts['plain']:,} bytes), but not for a request with Via",
            "  (9,000 bytes): in nginx, say `gzip_proxied any`; or here,", '  `server: {via: ""}`']
        assert tried(f'url: "http://127.0.0.1:{port}"', via="")[1] == ["  answers 200 to GET /"]
        assert tried(f'url: "http://127.0.0.1:{port}"', "--ask", "/none")[1][0] == "  answers 404 to GET /none"


def test_nothing_is_said_of_gzip_that_via_leaves_on(tried, tmp_path):
    with nginx(tmp_path, "gzip_proxied any;") as port:
        assert tried(f'url: "http://127.0.0.1:{port}"')[:2] == (0, ["  answers 200 to GET /"])


@contextlib.contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port where each connection gets these bytes for whatever it sends first."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), plain:
                    secured = context.wrap_socket(plain, server_side=True) if context else plain
                    with secured:
                        while secured.recv(65536):
                            secured.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def test_tls_is_seen_and_a_certificate_that_is_not_trusted_is_told(tried, tmp_path):
    authority = Authority(tmp_path, "root")
    with answering(OK, authority.server()) as port:
        url, name = f'url: "https://127.0.0.1:{port}"', "server_name: server.clinic.example"
        status, lines, facts = tried(f"{url}, tls: {{ca: {authority.ca}, {name}}}")
        assert (status, lines[1:]) == (0, ["  answers 200 to GET /"])
        assert lines[0].startswith("  TLSv1.3, with a certificate until 20")
        assert facts["expires"] > 0
        status, lines, facts = tried(f"{url}, tls: {{{name}}}")
        unknown = "its authority is not known: set `tls: {ca: …}` to a file with its root"
        assert (status, facts["fault"], facts["detail"]) == (1, "tls", unknown)
        assert lines[1:] == ["  FAILED: TLS fails [tls]", f"  {unknown}"]


@pytest.mark.parametrize(("answer", "scheme", "says"), [
    (None, "http", "  FAILED: nothing takes connections there [connect_refused]"),
    (b"SSH-2.0-x\r\n", "http", "  FAILED: what answers there does not speak HTTP as it should [malformed]"),
    (OK, "https", "  it does not speak TLS: is the URL http?"),
])
def test_an_upstream_that_fails_is_told_with_what_to_look_at(tried, answer, scheme, says):
    with contextlib.nullcontext(closed_port()) if answer is None else answering(answer) as port:
        status, lines, facts = tried(f'url: "{scheme}://127.0.0.1:{port}"')
        assert (status, bool(facts["fault"])) == (1, True)
        assert lines[-1].startswith(says)
