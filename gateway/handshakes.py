"""What TLS permits on a connection, and what to set where a handshake fails.

By default that is TLS 1.2 and later at OpenSSL's security level 2. Old devices need less: TLS 1.0 and 1.1 work at level
0 only, Diffie-Hellman groups and RSA keys of 1024 bits at level 1 and 0.
"""

import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3}
OLD = frozenset({"1.0", "1.1"})
# The suites that are offered to an upstream: OpenSSL's choice. A context's own would not do: some builds of Python
# leave out all suites without forward secrecy, so that a device would be reached from one machine and not another.
SUITES = "DEFAULT"
# Suites without a certificate or without encryption: whoever is in between could read and change everything.
_NEVER = ":!aNULL:!eNULL"
# Servers of before RFC 5746 do not say that they renegotiate securely (SSL_OP_LEGACY_SERVER_CONNECT).
_LEGACY_SERVERS = 0x4
_WARNINGS = threading.Lock()


@dataclass(frozen=True, slots=True)
class Strength:
    """The least that TLS must be on a connection: the oldest version ("" for 1.2), the suites of TLS 1.2 and before in
    OpenSSL's notation ("" for the default ones), and OpenSSL's security level (None for its default, 2)."""

    min_version: str = ""
    ciphers: str = ""
    security_level: int | None = None

    def faults(self, default: str = SUITES) -> Iterator[tuple[str, str]]:
        """What cannot work: the option, and what is wrong with it. `default` are the suites if there are no
        `ciphers`."""
        if "@" in self.ciphers:
            yield "ciphers", "says a security level: write it as `security_level`"
        else:
            try:
                permit(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self, default)
            except ssl.SSLError:
                yield "ciphers", "OpenSSL knows no such suite, or permits none of them at this security level"
        if self.min_version in OLD and self.security_level != 0:
            yield "min_version", f"OpenSSL speaks TLS {self.min_version} at level 0 only: add `security_level: 0`"

    def weaknesses(self) -> Iterator[tuple[str, str]]:
        """What is weaker than it need be: the option, and why that matters."""
        if self.min_version in OLD:
            yield "min_version", f"TLS {self.min_version} has known attacks: permit it only while the other side " \
                                 "speaks nothing newer, on a network that you trust"
        if self.security_level is not None and self.security_level < 2:
            yield "security_level", f"level {self.security_level} takes keys and signatures that can be broken: keep " \
                                    "it only while the other side has no stronger ones, on a network that you trust"
        if self.ciphers and (weak := self._weak_suites()):
            yield "ciphers", f"{weak}: permit them only while the other side knows no others"

    def _weak_suites(self) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            permit(context, self)
        except ssl.SSLError:
            return ""
        suites = [one for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
        cbc = any(not one["aead"] for one in suites)
        rsa = any(one["kea"] == "kx-rsa" for one in suites)
        return "suites with CBC and without forward secrecy are among these" if cbc and rsa else \
            "suites with CBC are among these, which have known attacks" if cbc else \
            "suites without forward secrecy are among these" if rsa else ""


def permit(context: ssl.SSLContext, strength: Strength, default: str = SUITES) -> None:
    """Let a context permit this strength. `default` are the suites if the strength names none. Raises ssl.SSLError if
    no suite is left."""
    ciphers = strength.ciphers or default
    level = strength.security_level
    if level is not None:
        ciphers = f"{ciphers}:@SECLEVEL={level}"
    context.set_ciphers(ciphers + _NEVER)
    if level == 0:
        context.options |= _LEGACY_SERVERS
    version = VERSIONS[strength.min_version or "1.2"]
    if strength.min_version in OLD:
        # Python warns of each use of these versions. `figway validate` has warned already.
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = version
    else:
        context.minimum_version = version


# --- what to set where a handshake fails ------------------------------------------------------------------------------

_OLD_VERSION = 'it speaks only older versions of TLS: set `tls: {min_version: "1.0", security_level: 0}`'
_WEAK_KEY = "its keys are too small for today's settings: set `tls: {security_level: 1}`, or 0 if that does not do"
_SUITES = ("it has no suite, group or signature in common with what is permitted: set `tls: {ciphers: …}`, for a "
           'device of before 2010 `tls: {min_version: "1.0", security_level: 0}`')
_SIGNATURE = "it signs in a way that is not permitted: set `tls: {security_level: 0}`"
_CLIENT = "it wants a client certificate, or another one: set `tls: {cert: …, key: …}`"
_ADVICE = {
    "UNSUPPORTED_PROTOCOL": _OLD_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_VERSION,
    "WRONG_SSL_VERSION": _OLD_VERSION,
    "DH_KEY_TOO_SMALL": _WEAK_KEY,
    "EE_KEY_TOO_SMALL": _WEAK_KEY,
    "CA_KEY_TOO_SMALL": _WEAK_KEY,
    "CA_MD_TOO_WEAK": _WEAK_KEY,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _SUITES,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _SUITES,
    "NO_CIPHERS_AVAILABLE": _SUITES,
    "WRONG_CIPHER_RETURNED": _SUITES,
    "WRONG_SIGNATURE_TYPE": _SIGNATURE,
    "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": _SIGNATURE,
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED": "it is of before RFC 5746: set `tls: {security_level: 0}`",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: is the URL http?",
    "HTTP_REQUEST": "it does not speak TLS: is the URL http?",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT,
    "SSLV3_ALERT_BAD_CERTIFICATE": _CLIENT,
    "TLSV1_ALERT_UNKNOWN_CA": _CLIENT,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _CLIENT,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that the client certificate has expired: renew `tls.cert`",
    "TLSV1_UNRECOGNIZED_NAME": "it knows no such name: set `tls: {server_name: …}`",
}
_MISMATCH = "its certificate is for another name: set `tls: {server_name: …}` to one that it has"
# The codes of OpenSSL (X509_V_ERR_…) for a certificate that is not accepted.
_CERTIFICATE = {
    9: "its certificate is not valid yet: look at the clocks", 10: "its certificate has expired: it must be renewed",
    18: "its certificate is signed by itself: set `tls: {ca: …}` to a file that holds it",
    19: "its authority is not known: set `tls: {ca: …}` to a file with its root",
    20: "its authority is not known: set `tls: {ca: …}` to a file with its root",
    21: "it sends no whole chain: set `tls: {ca: …}` to a file with what is missing",
    62: _MISMATCH, 64: _MISMATCH, 66: _WEAK_KEY, 67: _WEAK_KEY, 68: _WEAK_KEY,
}


def advice(error: ssl.SSLError) -> str:
    """Why a handshake with a server failed, and what to set, in plain words; OpenSSL's reason if none are known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CERTIFICATE.get(error.verify_code)
        return known or f"its certificate is not accepted: {error.verify_message}"
    return _ADVICE.get(error.reason or "", error.reason or "")
