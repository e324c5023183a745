"""TLS on the data port: shaken hands in time, counted, renewed while it runs, and refused at the start where its files
are not what they should be."""

import os
import socket
import ssl
import threading

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.figway import Figway
from tests.backends.pki import Authority
from tests.backends.processes import FIGWAY, ended
from tests.backends.upstream import closed_port, until
from tests.backends.wire import Wire, request

# Longer than a handshake may take, on a machine that is busy.
OVER = 60.0


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "clinic")


@pytest.fixture
def pair(authority):
    return authority.issue("figway.example")


class Secure(Figway):
    """A gateway that speaks TLS on its data port; `ca` is what its clients trust."""

    def __init__(self, folder, config, ca, *options):
        self.ca = ca
        super().__init__(folder, config, *options)

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def secure(self, context=None, name="localhost"):
        """A client's socket behind its handshake."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=OVER)
        try:
            return (context or self.context()).wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise

    def connect(self, *, receive_buffer=0):
        return Wire(self.secure())

    def serial(self, **options):
        """The serial number of the certificate that a new connection is shown."""
        with self.secure(**options) as sock:
            return sock.getpeercert()["serialNumber"]


@pytest.fixture
def secure(tmp_path, authority, pair, legacy):
    """Starts gateways with the certificate of `pair`."""
    started = []

    def start(more="", *options, name="figway"):
        folder = tmp_path / name
        folder.mkdir()
        config = f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}{more}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
"""
        started.append(Secure(folder, config, authority.ca, "--tls-cert", str(pair.cert), "--tls-key", str(pair.key),
                              *options))
        return started[-1]

    yield start
    for figway in started:
        figway.stop()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_go_through_tls_as_without_it(secure, legacy, workers):
    figway = secure("", "--workers", workers)
    assert figway.ask("POST", "/x", ("Content-Length", "3"), body=b"abc").status == 200
    assert legacy.asked[-1].get("X-Forwarded-Proto") == "https"
    assert legacy.asked[-1].body == b"abc"
    wire = figway.connect()
    for _ in range(20):
        assert wire.send(request("GET", "/again")).read_reply().status == 200
    # With the last bytes of the handshake, as clients do: nothing of them is lost.
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = figway.context()
        context.minimum_version = context.maximum_version = version
        for _ in range(20):
            assert _at_once(figway, context, request("GET", "/at-once")).startswith(b"HTTP/1.1 200")


def _at_once(figway, context, data):
    """The first bytes that are answered to what is sent in one piece with the end of the handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def until_done(step, link):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                link.sendall(outgoing.read())
                incoming.write(link.recv(1 << 16))

    with socket.create_connection(("127.0.0.1", figway.port), timeout=OVER) as link:
        until_done(client.do_handshake, link)
        client.write(data)
        return until_done(lambda: client.read(1 << 16), link)


def test_a_handshake_that_does_not_end_is_ended_and_counts_until_then(secure):
    figway = secure(", limits: {connections: 4}")
    silent = [socket.create_connection(("127.0.0.1", figway.port), timeout=OVER) for _ in range(3)]
    until(lambda: figway.metric("figway_connections") == 3, "handshakes are not counted", OVER)
    wire = figway.connect()
    assert wire.send(request("GET", "/")).read_reply().status == 200
    # Four are there: there is no room for a fifth.
    with pytest.raises(OSError):  # noqa: PT011
        figway.secure()
    wire.close()
    assert figway.metric("figway_connections_refused_total") == 1
    for one in silent:
        assert _end(one) == b""
        one.close()
    until(lambda: figway.metric("figway_connections") == 0, "they are counted for ever")
    assert figway.ask("GET", "/").status == 200


def _end(sock):
    try:
        return sock.recv(1)
    except ConnectionResetError:
        return b""


def test_what_is_no_tls_ends_quietly_and_so_does_a_stop_amid_handshakes(secure):
    figway = secure()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", figway.port), timeout=OVER) as sock:
            sock.sendall(request("GET", "/"))
            while _end(sock):
                pass
    for _ in range(20):
        socket.create_connection(("127.0.0.1", figway.port), timeout=OVER).close()
    until(lambda: figway.metric("figway_connections") == 0, "they are counted for ever")
    waiting = [socket.create_connection(("127.0.0.1", figway.port), timeout=OVER) for _ in range(5)]
    until(lambda: figway.metric("figway_connections") == 5, "handshakes are not counted")
    figway.stop()
    assert "Traceback" not in figway.stdout() + figway.stderr()
    for one in waiting:
        one.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_renewed_certificate_is_taken_up_and_a_bad_one_is_not(secure, authority, pair, workers):
    figway = secure("", "--workers", workers)
    first = figway.serial()
    kept = figway.connect()
    assert kept.send(request("GET", "/")).read_reply().status == 200

    _replace(pair, authority.issue("renewed.example"))
    until(lambda: _events(figway).count("certificate_renewed") == int(workers), "a worker keeps the old one", OVER)
    renewed = figway.serial()
    assert renewed != first
    assert kept.send(request("GET", "/")).read_reply().status == 200

    stranger = authority.issue("stranger.example")
    pair.key.write_bytes(stranger.key.read_bytes())
    told = "[-] certificate: the key file of TLS: this key does not belong to the certificate"
    until(lambda: told in figway.readiness()[1], "the fault is not told", OVER)
    assert figway.readiness()[0] == 200
    assert figway.serial() == renewed
    pair.cert.write_bytes(stranger.cert.read_bytes())
    until(lambda: "[+] certificate" in figway.readiness()[1] and figway.serial() != renewed,
          "it never recovers", OVER)
    figway.stop()
    assert "certificate_refused" in _events(figway)


def _events(figway):
    return [line.get("event") for line in figway.log()]


def test_a_client_that_names_nobody_is_shown_the_renewed_one_too(secure, authority, pair):
    figway = secure()
    unnamed = figway.context()
    unnamed.check_hostname = False
    first = figway.serial(context=unnamed, name=None)
    _replace(pair, authority.issue("renewed.example"))
    until(lambda: figway.serial(context=unnamed, name=None) != first, "it is not taken up", OVER)


def _replace(pair, fresh):
    """As tools that renew do: whole files, one after the other."""
    for old, new in ((pair.cert, fresh.cert), (pair.key, fresh.key)):
        os.replace(new, old)


def test_cbc_suites_are_there_where_they_are_asked_for(secure):
    only_cbc = ssl.create_default_context(cafile=None)
    only_cbc.check_hostname, only_cbc.verify_mode = False, ssl.CERT_NONE
    only_cbc.maximum_version = ssl.TLSVersion.TLSv1_2
    only_cbc.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM")
    with pytest.raises(ssl.SSLError):
        secure().secure(only_cbc).close()
    with secure(", tls: {cbc: true}", name="old").secure(only_cbc) as sock:
        assert "GCM" not in sock.cipher()[0]


WRONG = {
    "missing": (lambda files: files["cert"].unlink(), "there is no such file (--tls-cert) [no_file]"),
    "a key that is missing": (lambda files: files["key"].unlink(), "there is no such file (--tls-key) [no_file]"),
    "swapped": (lambda files: _swap(files), "the files are swapped"),
    "mismatched": (lambda files: files["key"].write_bytes(files["other"].read_bytes()),
                   "this key does not belong to the certificate"),
    "empty": (lambda files: files["cert"].write_bytes(b""), "it holds nothing in PEM, where a certificate is needed"),
    "damaged": (lambda files: files["cert"].write_bytes(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "OpenSSL refuses it or its key"),
    "encrypted": (lambda files: files["key"].write_bytes(files["encrypted"].read_bytes()), "this key is encrypted"),
    "a certificate twice": (lambda files: files["key"].write_bytes(files["cert"].read_bytes()),
                            "it holds a certificate, where a key is needed"),
    "a pipe": (lambda files: (files["key"].unlink(), os.mkfifo(files["key"])), "it cannot be read: not a file"),
    "a folder": (lambda files: (files["key"].unlink(), files["key"].mkdir()), "it cannot be read: Is a directory"),
}


def _swap(files):
    cert, key = files["cert"].read_bytes(), files["key"].read_bytes()
    files["cert"].write_bytes(key)
    files["key"].write_bytes(cert)


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize("command", ["serve", "validate"])
def test_files_that_cannot_be_used_are_a_problem_and_exit_2(tmp_path, authority, pair, how, command, monkeypatch):
    (tmp_path / "routes.yaml").write_text(
        "version: 1\nupstreams: {legacy: {url: 'http://127.0.0.1:9'}}\ndefault: {upstream: legacy}\n")
    files = {"cert": pair.cert, "key": pair.key, "other": authority.issue("other").key,
             "encrypted": authority.encrypted(pair)}
    change, message = WRONG[how]
    change(files)
    monkeypatch.chdir(tmp_path)
    named = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
    if command == "serve":
        ports = ["--listen", f"127.0.0.1:{closed_port()}", "--admin", f"127.0.0.1:{closed_port()}"]
        done = ended([*FIGWAY, command, *ports, *named])
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
    else:
        done = CliRunner().invoke(main, [command, *named])
        assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


def test_an_expired_certificate_is_warned_of_and_shown(tmp_path, authority, secure, pair):
    authority.issue("figway.example", days=-1)
    figway = secure()
    assert "warning" in figway.stderr()
    assert "has expired" in figway.stderr()
    assert "has expired" in figway.readiness()[1]
    assert figway.metric("figway_certificate_expires_timestamp_seconds") > 0


def test_many_clients_shake_hands_at_once(secure, legacy):
    figway = secure()
    failed = []

    def ask():
        try:
            assert figway.ask("GET", "/").status == 200
        except Exception as error:
            failed.append(error)

    asking = [threading.Thread(target=ask) for _ in range(50)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert failed == []
    until(lambda: figway.metric("figway_connections") == 0, "they are counted for ever")
