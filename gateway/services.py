"""The services that a policy may use: clocks, state that outlives a call, and upstreams to ask.

A policy gets them if its constructor has a parameter `services`. Metrics are not among the services: the gateway's
metrics are a closed list, which its reference promises, and the gateway counts a policy's verdicts itself.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.message import Headers, Request, Response
from gateway.call import Arrival, Head
from gateway.transports.base import Transport
from gateway.transports.collect import Collected
from shadow.observation import Failure


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks. A test passes its own.

    `now` is the time of day, in seconds since 1970, which may be set back. `monotonic` (seconds) and `monotonic_ns`
    (nanoseconds) only go forward, from an unknown beginning.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    monotonic_ns: Callable[[], int] = time.monotonic_ns


class Upstream(Protocol):
    """An upstream, as a policy sees it."""

    async def ask(self, request: Request, *, seconds: float, limit: int = 1 << 20) -> Response | Failure:
        """Send a request and return the whole answer, or why there is none.

        The call may take at most `seconds`, and the answer's body may have at most `limit` bytes. The request is sent
        as it is, except for Host, which the upstream's settings supply, and Content-Length. A failure of the upstream
        is returned and never raised. If the caller is cancelled, so is the call.
        """
        ...


def no_upstream(name: str) -> Upstream:
    """Raise ValueError: there are no upstreams."""
    raise ValueError(f'no upstream "{name}"')


@dataclass(frozen=True, slots=True)
class Services:
    """What one policy may use.

    `state` is empty when the policy is made, and no other policy uses it. It is in this worker's memory: other workers
    do not see it, and it ends with the policy. `upstream` returns the upstream that has this name in routes.yaml, or
    raises ValueError. Call it in the policy's constructor, so that `figway validate` reports an unknown name.
    """

    clock: Clock = Clock()
    state: MutableMapping[Any, Any] = field(default_factory=dict)
    upstream: Callable[[str], Upstream] = no_upstream


class AskedUpstream:
    """An upstream that a policy asks, over the same transport and pool as arms do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def ask(self, request: Request, *, seconds: float, limit: int = 1 << 20) -> Response | Failure:
        """See Upstream."""
        headers = request.headers.without((b"content-length", b"transfer-encoding", b"connection"))
        headers.append((b"Content-Length", b"%d" % len(request.body)))
        asked = Request(request.method, request.target, headers, request.body)
        done: asyncio.Future[Collected] = asyncio.get_running_loop().create_future()

        def settled(answer: Collected) -> None:
            if not done.done():
                done.set_result(answer)

        collected = Collected(limit, settled)
        # The request is the policy's own, so it counts towards no client's share of a pool.
        arrival = Arrival(asked, Head(Headers(headers), length=len(request.body)), secrets.token_hex(16))
        sending = self._transport.send(
            asked, arrival, request.body, collected, None, whole=True, streams=False, total=seconds,
            safe=request.method in ("GET", "HEAD", "OPTIONS"))
        if not done.done():
            collected.sending = sending
        try:
            answer = await done
        except asyncio.CancelledError:
            if sending is not None:
                sending.cancel()
            raise
        if answer.failure is not None:
            return answer.failure
        return Response(answer.status, answer.headers, answer.body, answer.reason)
