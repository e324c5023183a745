"""TLS on the data port: its certificate, which can be renewed while it is in use."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from gateway import certificates
from gateway.handshakes import OLD, Strength, permit

# Suites of TLS 1.2 with authenticated encryption and fresh keys for each connection. TLS 1.3 has no other kind. CBC
# suites are left out: their padding has been attacked again and again.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CBC = ":ECDHE+AES:!AESCCM"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The PEM files of the data port's certificate, with its chain, and of its key. `cbc` offers CBC suites too, for
    clients that know no others. `strength` is the least that TLS must be."""

    cert: Path
    key: Path
    cbc: bool = False
    strength: Strength = field(default_factory=Strength)


class Certificate:
    """The data port's certificate. Each handshake begins with `context`, which then takes the newest certificate. Open
    connections keep theirs when the certificate is renewed."""

    def __init__(self, tls: ServerTls) -> None:
        """Raises Unusable."""
        self._tls = tls
        self.problem = ""
        self._digest, self.validity, self._current = self._made()
        self.context = _context(tls)
        self.context.sni_callback = self._choose

    def _choose(self, asked: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        asked.context = self._current

    def _made(self) -> tuple[str, certificates.Validity, ssl.SSLContext]:
        """Read the files. Raises Unusable, also if they change meanwhile: OpenSSL reads them by itself, and must have
        read what the digest was made of."""
        files = certificates.checked(cert=self._tls.cert, key=self._tls.key)
        try:
            context = _context(self._tls)
        except (OSError, ssl.SSLError):
            context = None
        if context is None or certificates.checked(cert=self._tls.cert, key=self._tls.key) != files:
            raise certificates.Unusable("cert", "it changed while it was read")
        return files.digest, certificates.validity(files.cert), context

    @property
    def files(self) -> tuple[Path, Path]:
        """The files to watch for changes."""
        return self._tls.cert, self._tls.key

    def renew(self) -> bool:
        """Read the files again, and return whether there is a new certificate. If the files are unusable the old one
        stays, and `problem` says why. May block: call it in a thread."""
        try:
            digest, validity, fresh = self._made()
        except certificates.Unusable as error:
            self.problem = f"the {error.which} file of TLS: {error}"
            return False
        changed = digest != self._digest
        self._digest, self.validity, self._current, self.problem = digest, validity, fresh, ""
        return changed


def suites(strength: Strength, *, cbc: bool) -> str:
    """The suites that are offered if none are configured. TLS 1.0 and 1.1 have none but CBC suites."""
    return _SUITES + _CBC if cbc or strength.min_version in OLD else _SUITES


def _context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    permit(context, tls.strength, suites(tls.strength, cbc=tls.cbc))
    context.load_cert_chain(tls.cert, tls.key)
    return context
