"""The policy `ratelimit`: limits rates by the generic cell rate algorithm (GCRA).

It keeps one number for each client, has no window edges, and computes with exact integers. Each admitted call moves its
client's theoretical arrival time (TAT) on by one interval. A call is refused if that would be more than `burst`
intervals ahead of now. Each worker counts for itself, so N workers together admit N times the rate. The fields of
responses are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address
from typing import Any, ClassVar

from gateway.call import Call, Refused
from gateway.policies.base import Verdict
from gateway.services import Services
from gateway.units import seconds

SECOND = 1_000_000_000
_RATE = re.compile(r"([1-9][0-9]{0,8})/(?:([smh])|([0-9.]+(?:ms|s|m|h)))", re.ASCII)
_DIGEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitOptions:
    """`rate` is "CALLS/WINDOW", such as "10/s" or "100/5m"; the window is in whole seconds. `burst` calls may come at
    once; by default, CALLS.

    `key` says which calls are counted together: those with the same "client_ip" (for IPv6 the same /64), "principal"
    or "header:NAME". A call without a principal, or without the header, is counted by its address. At most
    `max_clients` are remembered; beyond that, those unseen for longest are forgotten.
    """

    rate: str
    burst: int | None = None
    key: str = "client_ip"
    max_clients: int = 100_000


class RateLimit:
    """Admits each client's calls at a rate. Every response says how many calls are left."""

    Options: ClassVar[type[Any]] = RateLimitOptions
    credentials: tuple[bytes, ...] = ()

    def __init__(self, name: str, options: RateLimitOptions, services: Services) -> None:
        found = _RATE.fullmatch(options.rate)
        window = seconds("rate", found[3] or f"1{found[2]}") if found is not None else 0.0
        if found is None or window < 1 or not window.is_integer():
            raise ValueError('rate: not calls and a window of whole seconds, such as "10/s" or "100/5m"')
        limit = int(found[1])
        burst = limit if options.burst is None else options.burst
        if burst < 1:
            raise ValueError("burst: must be at least 1")
        if options.max_clients < 1:
            raise ValueError("max_clients: must be at least 1")
        if not name.isascii() or not name.isprintable():
            raise ValueError("the name of a ratelimit policy must be printable ASCII, since clients see it")
        self._client = _client_key(options.key)
        kind, _, field = options.key.partition(":")
        self.reads: tuple[bytes, ...] = (field.lower().encode(),) if kind == "header" else ()
        self._max_clients = options.max_clients
        self._name = name
        self._clock = services.clock.monotonic_ns
        # Time is counted in 1/limit nanoseconds. So an interval is a whole number, and nothing is rounded.
        self._scale = limit
        self._interval = int(window) * SECOND
        self._tolerance = self._interval * burst
        self._second = limit * SECOND
        # Arrival times by client, those unseen for longest first: a dict keeps the order of insertion.
        self._arrivals: MutableMapping[str | bytes, int] = services.state
        quoted = b'"' + name.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        self._policy_field = (b"RateLimit-Policy", b"%b;q=%d;w=%d" % (quoted, limit, int(window)))
        self._quoted = quoted

    def admit(self, call: Call) -> Verdict:
        """See Policy. Never waits.

        In the response, `r` is the number of calls left now. `t` is the seconds until all of them are left again, or
        for a refused call, until the next call is admitted.
        """
        now = self._clock() * self._scale
        client = self._client(call)
        arrivals = self._arrivals
        before = arrivals.pop(client, None)
        if before is None:
            self._make_room(now)
        after = (now if before is None or before < now else before) + self._interval
        left = self._tolerance - (after - now)
        if left < 0:
            arrivals[client] = after - self._interval
            return self._refuse(-left)
        arrivals[client] = after
        call.add_response_header(*self._policy_field)
        call.add_response_header(b"RateLimit", b"%b;r=%d;t=%d" % (
            self._quoted, left // self._interval, -((now - after) // self._second)))
        return None

    def _refuse(self, wait: int) -> Refused:
        after = b"%d" % -(-wait // self._second)
        return Refused("rate_limited", self._name, headers=(
            self._policy_field, (b"RateLimit", b"%b;r=0;t=%b" % (self._quoted, after)), (b"Retry-After", after)))

    def _make_room(self, now: int) -> None:
        """Make room for a new client: forget up to two clients that have all their calls left.

        That changes no verdict. At the bound, forget one client in any case.
        """
        arrivals = self._arrivals
        for _ in range(2):
            oldest = next(iter(arrivals), None)
            if oldest is None or (arrivals[oldest] > now and len(arrivals) < self._max_clients):
                return
            del arrivals[oldest]

    async def close(self) -> None:
        """See Policy."""


def _client_key(key: str) -> Callable[[Call], str | bytes]:
    """Return the function that says which client a call counts for.

    An address is text and anything else bytes, so that the two can never be equal.
    """
    if key == "client_ip":
        return _address
    if key == "principal":
        return _principal
    kind, _, name = key.partition(":")
    if kind != "header" or not name or not name.isascii():
        raise ValueError('key: not "client_ip", "principal" or "header:NAME"')
    wanted = name.lower().encode()

    def header(call: Call) -> str | bytes:
        value = call.request.headers.get(wanted)
        return _address(call) if value is None else _short(value)

    return header


def _address(call: Call) -> str:
    client = call.client
    if ":" not in client:
        return client
    # One host has a whole /64 to itself (RFC 6177), so a /64 counts as one client.
    try:
        address = IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    return str(address.ipv4_mapped or int(address) >> 64)


def _principal(call: Call) -> str | bytes:
    who = call.principal
    return _address(call) if who is None else _short(f"{who.scheme} {who.subject}".encode())


def _short(value: bytes) -> bytes:
    """Return the value if it is shorter than a digest, else its digest, so that memory for a client is bounded."""
    return value if len(value) < _DIGEST else sha256(value).digest()
