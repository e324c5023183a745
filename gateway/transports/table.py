"""Which transport serves which URL schemes. To add a transport, add its schemes here."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from gateway.transports.base import Transport
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings

TRANSPORTS: Mapping[str, Callable[[UpstreamSettings], Transport]] = {
    "http": Upstream, "https": Upstream, "unix": Upstream,
}
"""Scheme of the URLs of an upstream's endpoints → what makes the transport to the upstream."""


def connect(settings: UpstreamSettings) -> Transport:
    """Make the transport to an upstream. The configuration has checked that its scheme is in TRANSPORTS.

    An upstream without endpoints answers nothing, and gets the HTTP transport.
    """
    return TRANSPORTS[urlsplit(settings.endpoints[0]).scheme if settings.endpoints else "http"](settings)
