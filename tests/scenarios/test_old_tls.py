"""Devices with the TLS of twenty years ago are reached where the configuration says so, and only there.

The servers are Debian's nginx and OpenSSL, with what that OpenSSL still speaks at security level 0.
"""

import socket
import ssl
import subprocess
import warnings
from base64 import b64encode
from contextlib import ExitStack, contextmanager

import orjson
import pytest
from cryptography import x509

from tests.backends.figway import running
from tests.backends.packages import needs
from tests.backends.pki import Authority
from tests.backends.upstream import closed_port, until

# RFC 2409 section 6.2: the group of 1024 bits that devices of its time have.
GROUP_1024 = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B30"
    "2B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE64928"
    "6651ECE65381FFFFFFFFFFFFFFFF")

OLD = 'min_version: "1.0", security_level: 0'
# What a device speaks: nginx' options, the options of `openssl s_server`, what reaches it (None: the defaults do), and
# a word of what is said where it is not reached.
DEVICES = {
    "tls10": ("ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;", ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
              OLD, "only older versions of TLS"),
    "tls11": ("ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
              'min_version: 1.1, security_level: 0', "only older versions of TLS"),
    "rsa-cbc-tls10": ("ssl_protocols TLSv1; ssl_ciphers AES128-SHA:@SECLEVEL=0;",
                      ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"], OLD, "only older versions of TLS"),
    "rsa-cbc": ("ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA;", ["-tls1_2", "-cipher", "AES128-SHA"], None, ""),
    "camellia": ("ssl_protocols TLSv1.2; ssl_ciphers CAMELLIA128-SHA;", ["-tls1_2", "-cipher", "CAMELLIA128-SHA"],
                 "ciphers: CAMELLIA128-SHA", "tls: {ciphers: …}"),
    "dhe-1024": ("ssl_protocols TLSv1.2; ssl_ciphers DHE-RSA-AES128-SHA:@SECLEVEL=0; ssl_dhparam {dh};", None,
                 "security_level: 1", "tls: {security_level: 1}"),
    "rsa-1024": ("ssl_protocols TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;", ["-tls1_2", "-cipher", "ALL:@SECLEVEL=0"],
                 "security_level: 1", "tls: {security_level: 1}"),
}


@contextmanager
def listening(command, ports, folder):
    """A program that listens at these ports."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def ready():
        assert process.poll() is None, (folder / "output").read_text()[-2000:]
        for port in ports:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                return False
        return True

    try:
        until(ready, f"{command[0]} does not start", 60)
        yield
    finally:
        process.terminate()
        process.wait(20)


def nginx(folder, pairs):
    ports = {name: closed_port() for name in DEVICES}
    group = folder / "dh.pem"
    # PKCS #3: a sequence of the prime and of the generator, 2.
    der = b"\x30\x81\x87\x02\x81\x81\x00" + GROUP_1024 + b"\x02\x01\x02"
    group.write_text(f"-----BEGIN DH PARAMETERS-----\n{b64encode(der).decode()}\n-----END DH PARAMETERS-----\n")
    servers = "".join(f"""
  server {{
    listen 127.0.0.1:{ports[name]} ssl; ssl_certificate {pairs[name].cert}; ssl_certificate_key {pairs[name].key};
    {options.format(dh=group)}
    location / {{ return 200 "$ssl_protocol $ssl_cipher"; }}
  }}""" for name, (options, *_) in DEVICES.items())
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;{servers}
}}
""")
    command = [needs("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    return ports, listening(command, ports.values(), folder)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "devices")


@pytest.fixture(scope="module")
def devices(authority, tmp_path_factory):
    """The ports of all devices: by "nginx" or "openssl", and by name."""
    program = needs("openssl")
    usual, small = authority.issue("usual", rsa_bits=2048), authority.issue("small", rsa_bits=1024)
    pairs = {name: small if name == "rsa-1024" else usual for name in DEVICES}
    with ExitStack() as stack:
        ports, started = nginx(tmp_path_factory.mktemp("nginx"), pairs)
        stack.enter_context(started)
        found = {("nginx", name): port for name, port in ports.items()}
        for name, (_, options, *_) in DEVICES.items():
            if options is not None:
                port = found["openssl", name] = closed_port()
                stack.enter_context(listening(
                    [program, "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-cert", str(pairs[name].cert),
                     "-key", str(pairs[name].key), *options], [port], tmp_path_factory.mktemp(name)))
        yield found, usual


@pytest.fixture(scope="module")
def figway(authority, devices, tmp_path_factory):
    """A gateway with two upstreams for each device: one with the defaults, and one with what reaches the device."""
    ports, usual = devices
    upstreams = "".join(
        f'\n  {way}-{server}-{name}: {{url: "https://localhost:{port}", tls: {{ca: {authority.ca}, cert: {usual.cert}, '
        f'key: {usual.key}{", " + more if more and way == "old" else ""}}}, timeouts: {{connect: 20s}}, '
        f'pool: {{connections: 2, bound: 1, streams: 2}}}}'
        for (server, name), port in ports.items() for way, more in (("plain", ""), ("old", DEVICES[name][2])))
    capabilities = "".join(
        f'\n  {way}-{server}-{name}: {{owner: t, operations: {{any: {{path: "/{way}/{server}/{name}"}}}}, '
        f"stage: legacy, legacy: {way}-{server}-{name}}}" for server, name in ports for way in ("plain", "old"))
    first = next(iter(ports))
    with running(tmp_path_factory.mktemp("figway"), f"""
version: 1
upstreams:{upstreams}
capabilities:{capabilities}
default: {{upstream: plain-{first[0]}-{first[1]}}}
""") as started:
        yield started, ports, usual


CASES = [(server, name) for server in ("nginx", "openssl") for name, device in DEVICES.items()
         if server == "nginx" or device[1] is not None]


@pytest.mark.parametrize(("server", "name"), CASES)
def test_a_device_is_reached_with_its_setting_and_not_without(figway, server, name):
    gateway, _, _ = figway
    _, _, needed, said = DEVICES[name]
    assert gateway.ask("GET", f"/old/{server}/{name}").status == 200
    reply = gateway.ask("GET", f"/plain/{server}/{name}")
    if needed is None:
        assert reply.status == 200
        return
    problem = orjson.loads(reply.body)
    assert (reply.status, problem["code"]) == (502, "upstream_tls")
    assert said in problem["detail"]


def test_every_certificate_of_an_upstream_has_its_end_in_a_metric(figway, authority):
    gateway, ports, usual = figway
    ends = x509.load_pem_x509_certificate(usual.cert.read_bytes()).not_valid_after_utc.timestamp()
    url = f"https://localhost:{ports['nginx', 'tls10']}"
    assert gateway.ask("GET", "/old/nginx/tls10").status == 200
    for whose in ("client", "server"):
        assert gateway.metric("figway_upstream_certificate_expires_timestamp_seconds", upstream="old-nginx-tls10",
                              endpoint=url, certificate=whose) == ends


@contextmanager
def data_port(authority, legacy, folder, tls):
    pair = authority.issue("figway.example", rsa_bits=2048)
    with running(folder, f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}, tls: {{{tls}}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""", "--tls-cert", str(pair.cert), "--tls-key", str(pair.key)) as started:
        yield started


def shaken(port, ca, version, suites):
    """The version and the suite of a handshake with a client that knows only these."""
    context = ssl.create_default_context(cafile=ca)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock, \
            context.wrap_socket(sock, server_hostname="localhost") as spoken:
        return spoken.version(), spoken.cipher()[0]


@pytest.mark.parametrize(("tls", "version", "suites", "spoken"), [
    ('min_version: "1.0", security_level: 0', ssl.TLSVersion.TLSv1, "DEFAULT", "TLSv1"),
    ("min_version: 1.1, security_level: 0", ssl.TLSVersion.TLSv1_1, "ECDHE+AES", "TLSv1.1"),
    ("min_version: 1.1, security_level: 0", ssl.TLSVersion.TLSv1, "DEFAULT", None),
    ('ciphers: "ECDHE+AESGCM:AES128-SHA"', ssl.TLSVersion.TLSv1_2, "AES128-SHA", "TLSv1.2"),
    ("min_version: 1.3", ssl.TLSVersion.TLSv1_2, "DEFAULT", None),
    ("", ssl.TLSVersion.TLSv1_1, "DEFAULT", None),
    ("", ssl.TLSVersion.TLSv1_2, "AES128-SHA", None),
    ("", ssl.TLSVersion.TLSv1_2, "DEFAULT", "TLSv1.2"),
])
def test_an_old_client_of_the_data_port_is_taken_where_that_is_configured(
    authority, legacy, tmp_path, tls, version, suites, spoken
):
    with data_port(authority, legacy, tmp_path, tls) as gateway:
        if spoken is None:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                shaken(gateway.port, authority.ca, version, suites)
        else:
            assert shaken(gateway.port, authority.ca, version, suites)[0] == spoken
        assert shaken(gateway.port, authority.ca, ssl.TLSVersion.TLSv1_3, "DEFAULT")[0] == "TLSv1.3"
