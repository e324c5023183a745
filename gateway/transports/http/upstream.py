"""One upstream: its endpoints, which of them is asked next, and what active checks say of them."""

import asyncio
import time
from dataclasses import replace

from gateway.transports.http.collect import Collected, fetch
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.settings import Ejection, Health, Pool, UpstreamSettings

_MIRROR_CONNECTIONS = 32


class Upstream:
    """Several endpoints that answer alike. Nothing is opened or started before the first call."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self.settings = settings
        self.name = settings.name
        self.endpoints = tuple(Endpoint(settings, url) for url in settings.endpoints)
        self._only = self.endpoints[0] if len(self.endpoints) == 1 else None
        self._turn = 0
        self._mirrors: Upstream | None = None
        self._checks: list[asyncio.Task[None]] = []

    def choose(self) -> Endpoint | None:
        """The endpoint with the fewest pending requests among those that are well, in turn where they tie.
        An ejected one is asked all the same where every healthy one is ejected; None where none is healthy."""
        if self._only is not None:
            return self._only if self._only.healthy else None
        now = time.monotonic()
        healthy = [endpoint for endpoint in self.endpoints if endpoint.healthy]
        candidates = [endpoint for endpoint in healthy if now >= endpoint.ejected_until] or healthy
        if not candidates:
            return None
        self._turn += 1
        start = self._turn % len(candidates)
        chosen = min(candidates[start:] + candidates[:start], key=lambda endpoint: endpoint.pending)
        chosen.try_again(now)
        return chosen

    def available(self, now: float) -> bool:
        """Whether some endpoint is well and not ejected."""
        return any(endpoint.available(now) for endpoint in self.endpoints)

    def may_be_asked(self, now: float) -> bool:
        """The same, for somebody who has others to ask, and asks if told so: after an ejection as the one who tries."""
        if self._only is None:
            return self.available(now)
        if not self._only.available(now):
            return False
        self._only.try_again(now)
        return True

    def is_busy(self) -> bool:
        """Whether some endpoint has given away as much of its pool as one client may have."""
        return any(endpoint.is_busy for endpoint in self.endpoints)

    def for_mirrors(self) -> "Upstream":
        """The same upstream for the shadow's calls: connections, queues and ejections of its own, so that nothing
        done for a mirror can delay or fail a client. Its failures are evidence, and take no endpoint out."""
        if self._mirrors is None:
            pool = replace(self.settings.pool, connections=min(_MIRROR_CONNECTIONS, self.settings.pool.connections))
            self._mirrors = Upstream(replace(self.settings, pool=pool, health=None, ejection=Ejection(failures=0)))
        return self._mirrors

    def hand_over(self, successor: "Upstream | None") -> None:
        """This is replaced. Logins stay where they are while their endpoint is part of the successor; at any other
        they end with the next answer."""
        stay = {endpoint.url for endpoint in successor.endpoints} if successor is not None else set()
        for endpoint in self.endpoints:
            if endpoint.url not in stay:
                endpoint.logins.retire()

    def watch(self) -> None:
        """Start the active health checks, where there are any. Needs the running event loop; may be called again."""
        health = self.settings.health
        if health is not None and not self._checks:
            loop = asyncio.get_running_loop()
            self._checks = [loop.create_task(_check(endpoint, health)) for endpoint in self.endpoints]

    async def close(self) -> None:
        """End health checks and idle connections; calls in flight finish."""
        for task in self._checks:
            task.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        self._checks = []
        for endpoint in self.endpoints:
            endpoint.close()
        if self._mirrors is not None:
            await self._mirrors.close()


async def _check(endpoint: Endpoint, health: Health) -> None:
    """GET the health path for ever; so many answers of one kind in a row change the endpoint's state."""
    streak = 0
    head = b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: figway-health\r\nConnection: close\r\n\r\n" % (
        health.path.encode(), endpoint.addresses.authority)
    # On connections of its own: a pool full of clients' streams is no sickness.
    timeouts = replace(endpoint.settings.timeouts, total=health.timeout)
    probe = Endpoint(replace(endpoint.settings, timeouts=timeouts, pool=Pool(connections=1),
                             ejection=Ejection(failures=0)), endpoint.url)
    while True:
        answer = await fetch(probe, "GET", head, b"", b"", total=health.timeout, limit=1 << 16)
        if _is_well(answer, health) == endpoint.healthy:
            streak = 0
        else:
            streak += 1
            if streak >= (health.unhealthy if endpoint.healthy else health.healthy):
                endpoint.healthy = not endpoint.healthy
                streak = 0
        await asyncio.sleep(health.every)


def _is_well(answer: Collected, health: Health) -> bool:
    if answer.failure is not None:
        return False
    return answer.status == health.status if health.status else answer.status < 500
