"""What becomes of the requests of a log by two route tables: which arm serves them, capability by capability.

A log has a request's method and target, and mostly the client's address. Where a split deals by what the log has, the
count is exact: the code of a real request decides. Where it deals by something else (a claim, a header field, a
cookie), or by chance, a request counts with the split's share.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from adapters.message import Headers, Request
from gateway.call import Call
from gateway.capability import DEFAULT, Capability, Match
from gateway.cli.proposing.logs import Line
from gateway.decide import bucket, sticky_key
from gateway.edges.forwarded import node_address
from gateway.members import members
from gateway.routing import Ambiguous, RouteTable
from shadow.plan import CLIENTS

REFUSED = "(refused)"
"""In place of an operation: the gateway refuses the request, as some servers may read its path as another one."""

MOST = 100_000
"""Tenants of one dimension that are told apart."""

_SAID = {"client": "clients", "parameter": "path", "header": "header", "claim": "claim"}
_WHOLE, _NONE = 1.0, 0.0


class Way(NamedTuple):
    """Where a request goes: to an operation of a capability (None if it is refused), to modern with a probability, and
    whether that is `known` from the log. `mirrored` is the share of such requests that is mirrored."""

    name: str
    match: Match | None
    modern: float
    known: bool
    mirrored: float


@dataclass(slots=True)
class Moves:
    """Requests, and how many of them move from one arm to the other; fractions where only the share is known."""

    requests: int = 0
    to_modern: float = 0.0
    to_legacy: float = 0.0

    def add(self, to_modern: float, to_legacy: float) -> None:
        """Count one request."""
        self.requests += 1
        self.to_modern += to_modern
        self.to_legacy += to_legacy

    @property
    def moved(self) -> float:
        """All that move."""
        return self.to_modern + self.to_legacy


@dataclass(slots=True)
class Moving:
    """What moves of one capability: in all, by operation, and by tenant. Tenants are told apart by dimension, each with
    the kind of its source; those that no log has are `unsaid`. `unknown` counts the requests that count with a share.
    """

    all: Moves = field(default_factory=Moves)
    operations: dict[str, Moves] = field(default_factory=dict)
    tenants: dict[tuple[str, str], dict[str, Moves]] = field(default_factory=dict)
    unsaid: tuple[tuple[str, str], ...] = ()
    unknown: int = 0
    more: bool = False

    def facts(self, capability: str, *, names: bool) -> dict[str, Any]:
        """As JSON-ready values; with the `names` of tenants only where somebody asked for them."""
        return {
            "capability": capability, **_facts(self.all), "unknown": self.unknown,
            "operations": [{"operation": name, **_facts(one)} for name, one in self.operations.items()],
            "tenants": [{
                "dimension": dimension, "by": _SAID[kind], "tenants": len(found), "more": self.more,
                "whole": sum(one.requests == one.moved for one in found.values()),
                "part": sum(0 < one.moved < one.requests for one in found.values()),
                **({"names": [{"name": name, **_facts(one)} for name, one in _by_most(found)]} if names else {}),
            } for (dimension, kind), found in self.tenants.items()],
            "unsaid": [{"dimension": dimension, "by": _SAID[kind]} for dimension, kind in self.unsaid],
        }


def _by_most(found: dict[str, Moves]) -> list[tuple[str, Moves]]:
    return sorted(found.items(), key=lambda one: (-one[1].moved, -one[1].requests, one[0]))


def _facts(moves: Moves) -> dict[str, Any]:
    return {"requests": moves.requests, "to_modern": _number(moves.to_modern), "to_legacy": _number(moves.to_legacy)}


def _number(value: float) -> float:
    """A sum of shares, as a whole number where it is one."""
    rounded = round(value, 6)
    return int(rounded) if rounded.is_integer() else rounded


@dataclass(slots=True)
class Traffic:
    """What becomes of requests by two tables. Shares are sums over requests: of what modern serves, and of what is
    mirrored. `moved` counts requests by (operation before, operation after), where these differ. A request counts for
    the capability that it belongs to afterwards. `pathless` counts those without a path, which Figway answers itself or
    refuses."""

    requests: int = 0
    pathless: int = 0
    modern: list[float] = field(default_factory=lambda: [0.0, 0.0])
    mirrored: list[float] = field(default_factory=lambda: [0.0, 0.0])
    elsewhere: float = 0.0
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    capabilities: dict[str, Moving] = field(default_factory=dict)

    def add(self, line: Line, was: RouteTable, now: RouteTable) -> None:
        """Count one request of a log."""
        if not line.target.startswith("/"):
            self.pathless += 1
            return
        request = Request(line.method, line.target.encode("latin-1", "replace"), Headers([(b"Host", b"localhost")]))
        client = node_address(line.client.encode("latin-1", "replace"))
        before, after = _way(was, request, client), _way(now, request, client)
        self.requests += 1
        for side, way in enumerate((before, after)):
            self.modern[side] += way.modern
            self.mirrored[side] += way.mirrored
        if before.name != after.name:
            self.moved[before.name, after.name] += 1
        if before.match is None or after.match is None:
            self.elsewhere += before.match is not after.match
            return
        to_modern, to_legacy = _step(before, after)
        self.elsewhere += to_modern + to_legacy
        self._count(after.match, request, client, to_modern, to_legacy, known=before.known and after.known)

    def _count(
        self, match: Match, request: Request, client: str, to_modern: float, to_legacy: float, *, known: bool,
    ) -> None:
        capability = match.target.capability
        moving = self.capabilities.get(capability.name)
        groups = capability.shadow.groups if capability.shadow is not None else CLIENTS
        if moving is None:
            moving = self.capabilities[capability.name] = Moving(unsaid=tuple(
                (dimension, kind) for dimension, kind, _ in groups if kind not in ("client", "parameter")))
        moving.unknown += not known
        moving.all.add(to_modern, to_legacy)
        moving.operations.setdefault(match.target.operation.name, Moves()).add(to_modern, to_legacy)
        call = _call(match, request, client)
        kinds = {dimension: kind for dimension, kind, _ in groups}
        for dimension, name in members(groups, call):
            found = moving.tenants.setdefault((dimension, kinds[dimension]), {})
            if name in found or len(found) < MOST:
                found.setdefault(name, Moves()).add(to_modern, to_legacy)
            else:
                moving.more = True

    def facts(self, *, names: bool = False) -> dict[str, Any]:
        """As JSON-ready values: shares of all requests, before and after, and what moves of each capability."""
        total = self.requests or 1
        return {
            "requests": self.requests, "pathless": self.pathless, "served_elsewhere": _number(self.elsewhere),
            "modern": [one / total for one in self.modern], "mirrored": [one / total for one in self.mirrored],
            "moved": [{"from": old, "to": new, "requests": count} for (old, new), count in self.moved.most_common()],
            "capabilities": [one.facts(name, names=names) for name, one in self._moving()],
        }

    def _moving(self) -> Iterator[tuple[str, Moving]]:
        """The capabilities of which something moves, those with the most first."""
        for name, one in sorted(self.capabilities.items(), key=lambda one: (-one[1].all.moved, one[0])):
            if one.all.moved:
                yield name, one


def _call(match: Match, request: Request, client: str) -> Call:
    capability, operation = match.target.capability, match.target.operation
    return Call(request, capability.name, operation.name, operation.is_safe(request.method), client, match.params())


def _way(table: RouteTable, request: Request, client: str) -> Way:
    try:
        match = table.match(request)
    except Ambiguous:
        return Way(REFUSED, None, _NONE, True, _NONE)
    capability, operation = match.target.capability, match.target.operation
    name = capability.name if capability.name == DEFAULT else f"{capability.name}.{operation.name}"
    roles = capability.roles(safe=operation.is_safe(request.method))
    modern, known = (_dealt(capability, match, request, client) if roles.serve == "split"
                     else (float(roles.serve == "modern"), True))
    mirrored = capability.shadow.sample if roles.mirror and capability.shadow is not None else _NONE
    return Way(name, match, modern, known, mirrored)


def _dealt(capability: Capability, match: Match, request: Request, client: str) -> tuple[float, bool]:
    """With which probability a split gives a request to modern, and whether the log says what it goes by."""
    split = capability.split
    if split is None or not split.share:
        return _NONE, True
    share = split.share / 10_000
    if split.share == 10_000 and split.on_missing != "legacy":
        return _WHOLE, True
    call = _call(match, request, client)
    for source in split.sticky:
        kind = source.partition(":")[0]
        if kind in ("header", "cookie") or (kind == "claim" and capability.policies) or (
                kind == "client_ip" and not client):
            return share, False  # a real request may have a key here, which the log does not show
        key = sticky_key(replace(split, sticky=(source,)), call)
        if key is not None:
            return float(bucket(split.salt, key) < split.share), True
    return {"legacy": (_NONE, True), "modern": (_WHOLE, True)}.get(split.on_missing, (share, False))


def _step(before: Way, after: Way) -> tuple[float, float]:
    """How much of a request moves to modern, and how much to legacy."""
    was, now = before.modern, after.modern
    if not before.known and not after.known and _deals_alike(before, after):
        # The same key has the same bucket: a raised share moves some to modern, and none back.
        return max(_NONE, now - was), max(_NONE, was - now)
    return (_WHOLE - was) * now, was * (_WHOLE - now)


def _deals_alike(before: Way, after: Way) -> bool:
    one, other = (way.match.target.capability.split if way.match is not None else None for way in (before, after))
    return one is not None and other is not None and (one.salt, one.sticky, one.on_missing) == (
        other.salt, other.sticky, other.on_missing)
