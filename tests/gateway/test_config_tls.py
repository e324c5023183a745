"""Files of TLS to upstreams are checked before they are used, each fault at the line that names the file."""

import pytest

from gateway.config.compile import build
from tests.backends.pki import Authority
from tests.gateway.test_config import SMALLEST, built, problems, write

__all__ = ["built", "problems", "write"]  # fixtures

SECURE = """\
version: 1
upstreams:
  old:
    url: "https://127.0.0.1:1"
    tls:
      ca: {ca}
      cert: {cert}
      key: {key}
default: {{upstream: old}}
"""


@pytest.fixture
def files(tmp_path):
    authority = Authority(tmp_path, "ca")
    pair, other = authority.issue("gateway"), authority.issue("other")
    return {"ca": authority.ca, "cert": pair.cert, "key": pair.key, "other": other.key,
            "encrypted": authority.encrypted(pair)}


def config(files, **names):
    return SECURE.format(**{name: names.get(name, files[name]) for name in ("ca", "cert", "key")})


def test_good_files_are_no_problem_and_are_watched(built, files):
    configuration = built(config(files))
    assert configuration.warnings == ()
    assert set(configuration.files) >= {files["ca"], files["cert"], files["key"]}


@pytest.mark.parametrize(("names", "told"), [
    ({"ca": "none.pem"}, "6:11: there is no such file (ca of tls) [no_file]"),
    ({"key": "none.pem"}, "8:12: there is no such file (key of tls) [no_file]"),
    ({"ca": "routes.yaml"},
     "6:11: it holds nothing in PEM, where a certificate is needed (ca of tls) [bad_certificate]"),
    ({"ca": "gateway.key"}, "6:11: it holds a key, where a certificate is needed (ca of tls) [bad_certificate]"),
    ({"cert": "gateway.key", "key": "gateway.crt"},
     "7:13: the files are swapped: this one holds the key, and the key's file holds the certificate (cert of tls) "
     "[bad_certificate]"),
    ({"key": "other.key"}, "8:12: this key does not belong to the certificate (key of tls) [bad_certificate]"),
    ({"key": "gateway.encrypted"},
     "8:12: this key is encrypted, and a gateway cannot ask for its passphrase: decrypt it, and protect the file "
     "(key of tls) [bad_certificate]"),
    ({"ca": "."}, "6:11: it cannot be read: Is a directory (ca of tls) [bad_certificate]"),
])
def test_what_is_wrong_with_a_file_is_told_where_it_is_named(problems, files, names, told):
    assert problems(config(files, **names)) == [f"routes.yaml:{told}"]


def test_a_certificate_out_of_its_time_is_a_warning(built, tmp_path, files):
    old = Authority(tmp_path, "old").issue("old", days=-1)
    [warning] = built(config(files, cert=old.cert, key=old.key)).warnings
    assert warning.code == "validity"
    assert "has expired" in warning.message


def test_other_bytes_in_a_file_are_another_configuration_with_a_pool_of_its_own(built, files, tmp_path):
    first = built(config(files))
    assert built(config(files), previous=first).upstreams["old"] is first.upstreams["old"]
    files["ca"].write_bytes(Authority(tmp_path / "..", "another").ca.read_bytes())
    second = built(config(files), previous=first)
    assert second.digest != first.digest
    assert second.revision == first.revision
    assert second.upstreams["old"] is not first.upstreams["old"]


def test_cbc_suites_are_a_warning(built):
    [warning] = built(SMALLEST + "server: {tls: {cbc: true}}\n").warnings
    assert (warning.place.line, warning.place.col, warning.code) == (5, 16, "weak_tls")


def test_the_files_of_a_valid_configuration_are_read_anew_by_every_build(write, files):
    path = write(config(files))
    assert build(path).upstreams["old"].settings.tls.digest


OLD_TLS = "version: 1\nupstreams:\n  old:\n    url: https://127.0.0.1:1\n    tls: {%s}\ndefault: {upstream: old}\n"


@pytest.mark.parametrize(("tls", "weak"), [
    ('min_version: "1.0", security_level: 0', ["TLS 1.0 has known attacks", "level 0 takes keys"]),
    ("min_version: 1.1, security_level: 0", ["TLS 1.1 has known attacks", "level 0 takes keys"]),
    ("security_level: 1", ["level 1 takes keys"]),
    ("ciphers: AES128-SHA", ["suites with CBC and without forward secrecy"]),
    ("ciphers: ECDHE+AES128", ["suites with CBC are among these"]),
    ("ciphers: AES128-GCM-SHA256", ["suites without forward secrecy"]),
    ("ciphers: ECDHE+AESGCM, min_version: 1.3, security_level: 3", []), ("min_version: 1.2", []),
])
def test_tls_that_is_weak_is_a_warning_at_what_makes_it_so(built, tls, weak):
    for text in (OLD_TLS % tls, SMALLEST + f"server: {{tls: {{{tls}}}}}\n"):
        warnings = built(text).warnings
        assert {one.code for one in warnings} <= {"weak_tls"}
        assert len(warnings) == len(weak)
        assert all(any(part in one.message for one in warnings) for part in weak)


@pytest.mark.parametrize(("tls", "told"), [
    ('min_version: "1.0"', "OpenSSL speaks TLS 1.0 at level 0 only: add `security_level: 0` [bad_tls]"),
    ("min_version: 1.1, security_level: 1", "OpenSSL speaks TLS 1.1 at level 0 only: add"),
    ("min_version: 1", "wants a version of TLS: 1.0, 1.1, 1.2, 1.3"),
    ("min_version: SSLv3", "wants a version of TLS: 1.0, 1.1, 1.2, 1.3"),
    ("ciphers: nonsense", "OpenSSL knows no such suite, or permits none of them at this security level [bad_tls]"),
    ("ciphers: aNULL", "OpenSSL knows no such suite, or permits none of them at this security level [bad_tls]"),
    ('ciphers: "ALL:@SECLEVEL=0"', "says a security level: write it as `security_level` [bad_tls]"),
])
def test_tls_that_cannot_work_is_a_problem(problems, tls, told):
    for text in (OLD_TLS % tls, SMALLEST + f"server: {{tls: {{{tls}}}}}\n"):
        [problem] = problems(text)
        assert told in problem


def test_all_suites_and_cbc_are_said_in_one_way(problems):
    [problem] = problems(SMALLEST + "server: {tls: {cbc: true, ciphers: ECDHE+AESGCM}}\n")
    assert problem.endswith("`ciphers` says all suites: leave `cbc` out [bad_tls]")
