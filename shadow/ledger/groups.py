"""Groups of mismatching exchanges: each exchange belongs to one Pattern, the set of its differences' signatures.

Comparisons are added to a pattern one at a time, and the result does not depend on their order. A pattern is bounded
and keeps no value.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from shadow.compare.comparison import Comparison, Outcome
from shadow.compare.difference import Difference, Severity, Shape, Signature, worst_of
from shadow.compare.findings import MAX_DIFFERENCES
from shadow.compare.names import MASKED
from shadow.evidence.stratum import HOUR

HOURS = 24
"""Hours, back from its latest exchange, that a pattern's trend covers."""

EXEMPLARS = 3
"""Exchanges kept of a pattern as a sample, in addition to the smallest."""

SIGNATURES = 32
"""Signatures kept of a pattern. Its key covers all of them."""

DIFFERENCES = 12
"""Differences kept of an exemplar."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One exchange of a pattern: shapes, places and tokens only. `total` differences were found; the first of them are
    kept. `at` is in seconds since 1970, `size` is the bytes of both bodies."""

    trace_id: str
    at: float
    total: int
    differences: tuple[Difference, ...]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """Exchanges of one operation that differ in the same way.

    In `again` of them both arms were asked again, and in `reproduced` of these the whole pattern was there each time.
    `key` is 24 hexadecimal digits over all signatures. `whole` is True if all of them are in `signatures`; the
    severity of each is at the same index of `severities`. `hours` are (hours since 1970, exchanges), the oldest
    first, without hours that had none. `exemplars` are a uniform sample of the exchanges; `smallest` is the exchange
    with the smallest bodies.
    """

    capability: str
    operation: str
    key: str
    whole: bool
    signatures: tuple[Signature, ...]
    severities: tuple[Severity, ...]
    count: int
    first_seen: float
    last_seen: float
    hours: tuple[tuple[int, int], ...]
    exemplars: tuple[Exemplar, ...]
    smallest: Exemplar
    again: int = 0
    reproduced: int = 0


def patterns(comparisons: Iterable[Comparison]) -> dict[tuple[str, str, str], Pattern]:
    """The patterns of a batch's mismatches by (capability, operation, key)."""
    found: dict[tuple[str, str, str], Pattern] = {}
    for comparison in comparisons:
        if comparison.tally.outcome is Outcome.MISMATCH and comparison.differences:
            new = _pattern(comparison)
            place = new.capability, new.operation, new.key
            found[place] = merged(found[place], new) if place in found else new
    return found


def worst(differences: Iterable[Difference]) -> dict[Signature, Difference]:
    """One difference for each signature: if there are several, as under masked names, the last of the worst ones."""
    found: dict[Signature, Difference] = {}
    for one in differences:
        known = found.get(one.signature)
        if known is None or one.severity.rank <= known.severity.rank:
            found[one.signature] = one
    return found


def severity_now(signature: Signature, before: Severity, now: Severity) -> Severity:
    """The severity of a signature that is seen again: the new one, since rules may have changed. Under a masked name it
    is the worse of both, since the two may be different fields."""
    return worst_of((before, now)) if MASKED in signature.path else now


def key(differences: Iterable[Difference]) -> str:
    """The key of the pattern that these differences make."""
    return _key(sorted({found.signature for found in differences}))


def _key(signatures: Iterable[Signature]) -> str:
    return hashlib.sha256(orjson.dumps([tuple(one) for one in signatures])).hexdigest()[:24]


def _pattern(comparison: Comparison) -> Pattern:
    """The pattern of one exchange alone."""
    severities = {signature: found.severity for signature, found in worst(comparison.differences).items()}
    signatures = sorted(severities)
    kept = tuple(signatures[:SIGNATURES])
    only = Exemplar(comparison.trace_id, comparison.at, len(comparison.differences),
                    comparison.differences[:DIFFERENCES], comparison.size)
    return Pattern(
        comparison.tally.capability, comparison.tally.operation,
        _key(signatures),
        len(kept) == len(signatures) and len(comparison.differences) < MAX_DIFFERENCES,
        kept, tuple(severities[one] for one in kept),
        1, comparison.at, comparison.at, ((int(comparison.at // HOUR), 1),), (only,), only,
        int(comparison.asked_again), int(comparison.asked_again and severities.keys() <= set(comparison.reproduced)),
    )


def merged(one: Pattern, other: Pattern) -> Pattern:
    """Two patterns of one capability, operation and key, added up. `severity_now` gives the severities."""
    before, now = sorted((one, other), key=lambda found: (found.last_seen, found.severities))
    hours = dict(one.hours)
    for hour, count in other.hours:
        hours[hour] = hours.get(hour, 0) + count
    newest = max(hours)
    return Pattern(
        one.capability, one.operation, one.key, one.whole and other.whole, one.signatures,
        tuple(map(severity_now, one.signatures, before.severities, now.severities)), one.count + other.count,
        min(one.first_seen, other.first_seen), max(one.last_seen, other.last_seen),
        tuple(sorted((hour, count) for hour, count in hours.items() if hour > newest - HOURS)),
        _sample((*one.exemplars, *other.exemplars)),
        min(one.smallest, other.smallest, key=lambda found: (found.size, found.total, found.at, found.trace_id)),
        one.again + other.again, one.reproduced + other.reproduced,
    )


def _sample(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    """A sample: the exchanges with the lowest hashes. It is uniform without chance, and may be merged in any order."""
    def rank(found: Exemplar) -> bytes:
        return hashlib.sha256(f"{found.trace_id} {found.at}".encode()).digest()

    return tuple(sorted(exemplars, key=rank)[:EXEMPLARS])


def encode(found: Pattern) -> bytes:
    """A pattern as JSON, for a store's column."""
    return orjson.dumps(found, default=tuple)


def decode(text: bytes | str) -> Pattern:
    """The pattern that `encode` wrote."""
    read: dict[str, Any] = orjson.loads(text)
    return Pattern(**{
        **read, "signatures": tuple(Signature(*one) for one in read["signatures"]),
        "severities": tuple(map(Severity, read["severities"])),
        "hours": tuple((hour, count) for hour, count in read["hours"]),
        "exemplars": tuple(map(_exemplar, read["exemplars"])), "smallest": _exemplar(read["smallest"]),
    })


def _exemplar(read: dict[str, Any]) -> Exemplar:
    return Exemplar(**{**read, "differences": tuple(
        Difference(**{**one, "legacy": Shape(*one["legacy"]), "modern": Shape(*one["modern"]),
                      "severity": Severity(one["severity"])})
        for one in read["differences"]
    )})
