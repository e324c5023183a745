"""Courtesy: what the gateway says of a capability in its answers. To everybody, that it is deprecated and when it ends
(RFC 9745, RFC 8594). To permitted callers, which arm answered, and how long that took. Pure.

The fields are written when the configuration is loaded, and a capability without any has no Courtesy. What an upstream
says of itself stays: it knows better. Fields that an answer may have once are then left out, and so is a link whose
relation is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from adapters.message import Headers
from gateway.call import Call
from gateway.telemetry.record import Account
from shadow.compare.fields import said

ARM = b"X-Figway-Arm"
_ARM = ARM.lower()
_LINK = b"link"
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class Insight:
    """Who may see which arm answered: clients with an address in `networks`, and verified callers with one of the
    `principals` (scheme, subject) or one of the `claims` (name, value)."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    principals: frozenset[tuple[str, str]] = frozenset()
    claims: tuple[tuple[str, str], ...] = ()

    def permits(self, call: Call) -> bool:
        """Whether the caller may see it. The address is the one that rate limits go by."""
        principal = call.principal
        if principal is not None and ((principal.scheme, principal.subject) in self.principals or any(
                value in _texts(principal.claims.get(name)) for name, value in self.claims)):
            return True
        if not self.networks:
            return False
        try:
            address = ip_address(call.client)
        except ValueError:  # the client of a Unix socket has none
            return False
        return any(address in network for network in self.networks)


def _texts(claim: object) -> Iterable[str]:
    """A claim's value as text; each item of a list."""
    items = claim if isinstance(claim, list | tuple) else (claim,)
    return [str(one) for one in items if isinstance(one, str | int) and not isinstance(one, bool)]


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What is said of one capability. `once` are fields that an answer has once at most; `links` are relations with
    their Link fields; `insight` is who may see the arm, None if nobody may."""

    once: tuple[tuple[bytes, bytes], ...] = ()
    links: tuple[tuple[str, tuple[bytes, bytes]], ...] = ()
    insight: Insight | None = None

    def added(self, status: int, headers: Headers) -> Headers:
        """The answer's fields with those of the deprecation."""
        names = {name.lower() for name, _ in headers}
        more = [field for field in self.once if field[0].lower() not in names]
        # A cache that gets a 304 replaces the links of the answer that it keeps by those of the 304 (RFC 9111 section
        # 3.2): the service's own would be gone.
        if self.links and status != _NOT_MODIFIED:
            there = _relations(headers) if _LINK in names else ()
            more += [field for relation, field in self.links if relation not in there]
        return Headers([*headers, *more]) if more else headers


def _relations(headers: Headers) -> frozenset[str]:
    """The relations of an answer's links."""
    parts = said("link", [value.decode("latin-1") for value in headers.get_all(_LINK)]).parts
    return frozenset(word for part in parts for word in part.rstrip(";").split())


def shown(headers: Headers, account: Account, now: float) -> Headers:
    """An answer's fields with the arm and the times in milliseconds until now, a moment of the monotonic clock: in all,
    and since the arm was asked. If no arm was asked, there is only the first time."""
    timing = b"figway;dur=%.3f" % ((now - account.started) * 1e3)
    kept = [field for field in headers if field[0].lower() != _ARM]
    if account.arm:
        arm = account.arm.encode()
        timing += b', arm;dur=%.3f;desc="%b"' % ((now - account.arm_started) * 1e3, arm)
        kept.append((ARM, arm))
    return Headers([*kept, (b"Server-Timing", timing)])
