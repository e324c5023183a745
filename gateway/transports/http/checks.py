"""Active health checks: a GET at intervals, whose answers take an endpoint out or bring it back."""

import asyncio
from dataclasses import replace

from gateway.transports.collect import Collected
from gateway.transports.http.endpoint import Endpoint
from gateway.transports.http.sending import HttpSending
from gateway.transports.settings import Ejection, HealthCheck, Pool


async def check(endpoint: Endpoint, settings: HealthCheck) -> None:
    """GET the health path for ever. Enough failures or successes in a row change whether the endpoint is healthy."""
    health = endpoint.health
    streak = 0
    head = b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: figway-health\r\nConnection: close\r\n\r\n" % (
        settings.path.encode(), endpoint.addresses.authority)
    # Checks have connections of their own: a pool that is full of clients' streams does not make an endpoint unhealthy.
    timeouts = replace(endpoint.settings.timeouts, total=settings.timeout)
    probe = Endpoint(replace(endpoint.settings, timeouts=timeouts, pool=Pool(connections=1),
                             ejection=Ejection(failures=0)), endpoint.url, endpoint.tally)
    while True:
        answer = await fetch(probe, "GET", head, b"", b"", total=settings.timeout, limit=1 << 16)
        if _is_success(answer, settings) == health.healthy:
            streak = 0
        else:
            streak += 1
            if streak >= (settings.unhealthy if health.healthy else settings.healthy):
                health.healthy = not health.healthy
                streak = 0
        await asyncio.sleep(settings.every)


def _is_success(answer: Collected, settings: HealthCheck) -> bool:
    if answer.failure is not None:
        return False
    return answer.status == settings.status if settings.status else answer.status < 500


async def fetch(
    endpoint: Endpoint, method: str, before: bytes, after: bytes, body: bytes, *, total: float, limit: int
) -> Collected:
    """Send one request, and wait for its whole answer: up to `limit` bytes of body, `total` seconds (0: no bound).

    If the call fails, the answer's `failure` says how. Cancelling this cancels the call.
    """
    done: asyncio.Future[Collected] = asyncio.get_running_loop().create_future()

    def settled(answer: Collected) -> None:
        if not done.done():
            done.set_result(answer)

    collected = Collected(limit, settled)
    sending = HttpSending(endpoint, collected, method, before, after, body, True, False, False, total,
                          safe=method == "GET")
    collected.sending = sending
    endpoint.send(sending)
    try:
        return await done
    except asyncio.CancelledError:
        sending.cancel()
        raise
