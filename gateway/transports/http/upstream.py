"""One upstream over HTTP/1.1: its endpoints, and which of them gets the next request. See base.Transport."""

import asyncio
import time
from dataclasses import replace

from adapters.message import Request
from gateway.call import Arrival
from gateway.transports.base import Receiver, Transport
from gateway.transports.http.affinity import Affinity
from gateway.transports.http.checks import check
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.request import SHADOW_FIELD, ascii_target, request_head
from gateway.transports.http.sending import HttpSending
from gateway.transports.settings import Ejection, UpstreamSettings
from gateway.transports.tally import Tally
from gateway.wire.bodies import CHUNKED, NO_TRAILERS, chunk, last_chunk
from shadow.observation import Failure

_MIRROR_CONNECTIONS = 32


class Upstream:
    """Several endpoints that give the same answers. Nothing is opened or started before the first call.

    `mirrors` says that all calls are the shadow's: they are marked, and count for no client's share of a pool. `tally`
    counts the answers that break a rule of HTTP/1.1, those to mirrors and health checks included.
    """

    def __init__(self, settings: UpstreamSettings, *, mirrors: bool = False, tally: Tally | None = None) -> None:
        self.settings = settings
        self.name = settings.name
        self.tally = Tally() if tally is None else tally
        self.endpoints = tuple(Endpoint(settings, url, self.tally) for url in settings.endpoints)
        self._marks = SHADOW_FIELD if mirrors else b""
        self._shares = not mirrors
        # What becomes of a request target with bytes beyond ASCII: "encode", "refuse", or "" if it passes as it is.
        self._raw_targets = settings.raw_targets if settings.raw_targets != "pass" else ""
        self._only = self.endpoints[0] if len(self.endpoints) == 1 else None
        self._turn = 0
        self._mirrors: Upstream | None = None
        self._checks: list[asyncio.Task[None]] = []

    def send(
        self, request: Request, arrival: Arrival, body: bytes, receiver: Receiver, affinity: Affinity | None, *,
        whole: bool, streams: bool, total: float, safe: bool = False,
    ) -> HttpSending | None:
        """See Transport."""
        endpoint = affinity.endpoint(self.name) if affinity is not None else None
        if endpoint is None:
            endpoint = self.choose()
            if endpoint is None:
                receiver.on_failure(Failure("no_endpoint"))
                return None
        if self._raw_targets and not request.target.isascii():
            if self._raw_targets == "refuse":
                receiver.on_failure(Failure("raw_target", source="gateway"))
                return None
            request = Request(request.method, ascii_target(request.target), request.headers)
        head = arrival.head
        chunked = streams and head.length == CHUNKED
        upgrade = streams and bool(head.upgrade)
        client = head.client if self._shares else ""
        if upgrade and not endpoint.takes_stream(client):
            receiver.on_failure(Failure("pool_full", source="gateway"))
            return None
        before, after = request_head(
            self.settings.host, request, arrival, self._marks, chunked=chunked, upgrade=upgrade)
        if chunked:
            if body:
                body = chunk(body)
            if whole:
                body += last_chunk(NO_TRAILERS)
        sending = HttpSending(
            endpoint, receiver, request.method, before, after, body, whole, chunked, upgrade, total, client, safe)
        if affinity is None:
            endpoint.send(sending)
        else:
            affinity.send(sending, endpoint, logs_in=head.logs_in)
        return sending

    def choose(self) -> Endpoint | None:
        """Return the available endpoint with the fewest pending requests, in turn if several have as few.

        If all healthy endpoints are ejected, one of them is returned all the same. None: no endpoint is healthy.
        """
        if self._only is not None:
            return self._only if self._only.health.healthy else None
        now = time.monotonic()
        healthy = [endpoint for endpoint in self.endpoints if endpoint.health.healthy]
        candidates = [endpoint for endpoint in healthy if now >= endpoint.health.ejected_until] or healthy
        if not candidates:
            return None
        self._turn += 1
        start = self._turn % len(candidates)
        chosen = min(candidates[start:] + candidates[:start], key=lambda endpoint: endpoint.pending)
        chosen.health.try_again(now)
        return chosen

    def available(self, now: float) -> bool:
        """See Transport."""
        return any(endpoint.available(now) for endpoint in self.endpoints)

    def may_be_asked(self, now: float) -> bool:
        """See Transport."""
        if self._only is None:
            return self.available(now)
        if not self._only.available(now):
            return False
        self._only.health.try_again(now)
        return True

    def is_busy(self) -> bool:
        """See Transport."""
        return any(endpoint.is_busy for endpoint in self.endpoints)

    def for_mirrors(self) -> "Upstream":
        """See Transport. Its failures are evidence, and eject no endpoint."""
        if self._mirrors is None:
            pool = replace(self.settings.pool, connections=min(_MIRROR_CONNECTIONS, self.settings.pool.connections))
            settings = replace(self.settings, pool=pool, health=None, ejection=Ejection(failures=0))
            self._mirrors = Upstream(settings, mirrors=True, tally=self.tally)
        return self._mirrors

    def hand_over(self, successor: Transport | None) -> None:
        """See Transport. A login stays if the successor has its endpoint, and ends with the next answer if not."""
        if successor is not None:
            successor.tally.go_on_from(self.tally)
        stay = {endpoint.url for endpoint in successor.endpoints} if successor is not None else set()
        for endpoint in self.endpoints:
            if endpoint.url not in stay:
                endpoint.logins.retire()

    def watch(self) -> None:
        """See Transport."""
        health = self.settings.health
        if health is not None and not self._checks:
            loop = asyncio.get_running_loop()
            self._checks = [loop.create_task(check(endpoint, health)) for endpoint in self.endpoints]

    async def close(self) -> None:
        """See Transport."""
        for task in self._checks:
            task.cancel()
        await asyncio.gather(*self._checks, return_exceptions=True)
        self._checks = []
        for endpoint in self.endpoints:
            endpoint.close()
        if self._mirrors is not None:
            await self._mirrors.close()
