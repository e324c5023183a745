"""Renewing the data port's certificate while it is in use: another is taken when its files change, or on SIGHUP."""

import time

from gateway.edges.http1.tls import Certificate
from gateway.own_thread import OwnThread
from gateway.telemetry.facts import CertificateFacts
from gateway.telemetry.record import Recorder

_SECONDS = 10.0
"""For reading the files, which may be on a mount that hangs."""


class Renewal:
    """Keeps one certificate as its files are."""

    def __init__(self, certificate: Certificate, recorder: Recorder) -> None:
        self.certificate = certificate
        self._recorder = recorder

    async def renew(self) -> None:
        """Read the files again. A certificate that cannot be used changes nothing, and is reported once."""
        certificate = self.certificate
        known = certificate.problem
        renewing = OwnThread(certificate.renew)
        if not await renewing.soon(_SECONDS):
            certificate.problem = "the files of TLS cannot be read: they hang"
        elif renewing.result():
            self._recorder.event("certificate_renewed")
        if certificate.problem and certificate.problem != known:
            self._recorder.event("certificate_refused", level="error", problem=certificate.problem)

    def facts(self) -> CertificateFacts:
        """For the admin port."""
        certificate = self.certificate
        return {"problem": certificate.problem or certificate.validity.warning(time.time()),
                "ends": certificate.validity.ends}
