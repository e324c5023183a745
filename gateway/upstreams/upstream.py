"""One upstream: its endpoints, which of them is asked next, and what is known of their health."""

from gateway.upstreams.settings import UpstreamSettings


class Upstream:
    """Several endpoints that answer alike, reached through one pool each."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self.settings = settings
        self.name = settings.name

    async def close(self) -> None:
        """End idle connections and health checks; calls in flight finish."""
