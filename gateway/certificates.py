"""Checks certificates and keys in PEM files before they are used, so that each fault has a message that helps.

OpenSSL decides whether they are valid. But its messages do not say that files are swapped, encrypted or expired.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import NamedTuple, NoReturn

from cryptography import x509

from gateway.files import read_plain

_MAX_BYTES = 1 << 20
_DAY = "%Y-%m-%d %H:%M UTC"
_KEYS = b"PRIVATE KEY-----"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


class Unusable(Exception):
    """A file that cannot be used; `which` is "cert", "key" or "ca". The message is for people, and names no path."""

    def __init__(self, which: str, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.which = which
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Files:
    """The bytes of PEM files; empty for a file that is not configured."""

    ca: bytes = b""
    cert: bytes = b""
    key: bytes = b""

    @property
    def digest(self) -> str:
        """A hash that changes with any of the files; "" if there are none."""
        parts = (self.ca, self.cert, self.key)
        return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest() if any(parts) else ""


class Validity(NamedTuple):
    """When a certificate is valid, in seconds since 1970."""

    begins: float = -inf
    ends: float = inf

    def warning(self, now: float) -> str:
        """A warning for the operator if the certificate is not valid at `now`, else ""."""
        if self.ends < now:
            return f"this certificate has expired: it was valid until {datetime.fromtimestamp(self.ends, UTC):{_DAY}}"
        if self.begins > now:
            return f"this certificate is not valid before {datetime.fromtimestamp(self.begins, UTC):{_DAY}}"
        return ""


def checked(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> Files:
    """Read the files and check that `ca` holds certificates, and `cert` and `key` a certificate and its key.

    Raises Unusable if they do not.
    """
    return Files(
        b"" if ca is None else _authorities(ca),
        *((b"", b"") if cert is None or key is None else _pair(cert, key)),
    )


def validity(pem: bytes) -> Validity:
    """Return when the first certificate of a PEM file is valid; without bounds if that cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificates(pem)[0]
        return Validity(certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp())
    except ValueError:
        return Validity()  # OpenSSL accepts it, so it can be used, though this library cannot read it


def _read(which: str, path: Path) -> bytes:
    try:
        return read_plain(path, _MAX_BYTES)
    except FileNotFoundError:
        raise Unusable(which, "there is no such file", missing=True) from None
    except OSError as error:
        raise Unusable(which, f"it cannot be read: {error.strerror}") from None


def _authorities(path: Path) -> bytes:
    data = _read("ca", path)
    if _CERTIFICATE not in data:
        _refuse_kind("ca", data)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise Unusable("ca", "a certificate in it is damaged") from None
    return data


def _pair(cert: Path, key: Path) -> tuple[bytes, bytes]:
    found, secret = _read("cert", cert), _read("key", key)
    if _CERTIFICATE not in found:
        if _KEYS in found and _CERTIFICATE in secret:
            raise Unusable(
                "cert", "the files are swapped: this one holds the key, and the key's file holds the certificate")
        _refuse_kind("cert", found)
    if _KEYS not in secret:
        _refuse_kind("key", secret)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, _no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise Unusable("key", "this key does not belong to the certificate") from None
        raise Unusable("cert", f"OpenSSL refuses it or its key: {error.reason or 'damaged'}") from None
    except OSError as error:
        raise Unusable("cert", f"it cannot be read: {error.strerror}") from None
    return found, secret


def _refuse_kind(which: str, data: bytes) -> NoReturn:
    holds = "a key" if _KEYS in data else "a certificate" if _CERTIFICATE in data else "nothing in PEM"
    wants = "key" if which == "key" else "certificate"
    raise Unusable(which, f"it holds {holds}, where a {wants} is needed")


def _no_passphrase() -> NoReturn:
    raise Unusable("key", "this key is encrypted, and a gateway cannot ask for its passphrase: decrypt it, and protect "
                          "the file")
