"""Renews the data port's certificate while it is in use: reads it again when its files change, or on SIGHUP."""

import time

from gateway.edges.http1.tls import Certificate
from gateway.own_thread import OwnThread
from gateway.telemetry.facts import CertificateFacts
from gateway.telemetry.record import Recorder

_SECONDS = 10.0
"""How long reading the files may take: they may be on a mount that hangs."""


class Renewal:
    """Keeps one certificate up to date with its files."""

    def __init__(self, certificate: Certificate, recorder: Recorder) -> None:
        self.certificate = certificate
        self._recorder = recorder

    async def renew(self) -> None:
        """Read the files again. A certificate that cannot be used changes nothing, and is reported once."""
        certificate = self.certificate
        known = certificate.problem
        renewing = OwnThread(certificate.renew)
        if not await renewing.soon(_SECONDS):
            certificate.problem = "the TLS files cannot be read: reading them hangs"
        elif renewing.result():
            self._recorder.event("certificate_renewed")
        if certificate.problem and certificate.problem != known:
            self._recorder.event("certificate_refused", level="error", problem=certificate.problem)

    def facts(self) -> CertificateFacts:
        """The certificate's problem or warning, and when it ends, for the admin port."""
        certificate = self.certificate
        return {"problem": certificate.problem or certificate.validity.warning(time.time()),
                "ends": certificate.validity.ends}
