"""The few causes that explain most mismatches: a greedy set cover over patterns. Pure.

A cause is one kind of difference at one index-free path. It explains every exchange that has it, and settles those that
have nothing else. Each next cause is the one that explains most of the remaining exchanges. Together they explain at
least 1 − 1/e of what the best choice of equally many causes would (Nemhauser, Wolsey, Fisher 1978).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from shadow.compare.difference import Severity, worst_of
from shadow.compare.names import MASKED
from shadow.compare.renaming import RENAMED
from shadow.ledger.groups import HOURS, Pattern

CAUSES = 10
"""The most causes that are looked for in a capability."""

Key = tuple[str, str]
"""A cause's kind and path."""

_TRIED = {"string instant": "instants: true", "string uuid": "volatile: uuid", "string url": "host: true"}
"""The narrowest rule that may hide a difference of two values, by the shape that both have."""

_NUMBERS = frozenset({"integer", "decimal"})


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of difference at one path, in the order of the cover.

    `exchanges` have it. In `alone` of them nothing else differs. `explained` have it and no cause before it. `settled`
    have nothing left once it and all causes before it are gone. `share` (0 to 1) is the part of all mismatching
    exchanges that it and those before it explain. `shapes` are the pairs of shapes, legacy's and modern's, that it was
    seen with; `severity` is the worst it was given. `hours` are the exchanges in each of 24 hours, oldest first, up to
    that of the capability's latest mismatch. `rule` is one to try, as in routes.yaml: it hides the cause in at most
    `exchanges` exchanges, and at most `alone` of them match then. It is "" if modern must be fixed instead. `drifts`:
    legacy itself drifts there, in more than its value, and that may be the whole difference.
    """

    kind: str
    path: str
    severity: Severity
    shapes: tuple[tuple[str, str], ...]
    operations: tuple[str, ...]
    exchanges: int
    alone: int
    explained: int
    settled: int
    share: float
    first_seen: float
    last_seen: float
    hours: tuple[int, ...]
    rule: str
    drifts: bool


def causes(
    patterns: Iterable[Pattern], mismatching: int, limit: int = CAUSES, drifting: Collection[Key] = (),
) -> tuple[Cause, ...]:
    """The causes behind the patterns of one capability, at most `limit`, until nothing is left to explain.
    `mismatching` counts all mismatching exchanges, also those without a known pattern. At the `drifting` kinds and
    paths legacy itself drifts, in more than its value."""
    known = list(patterns)
    touched: dict[Key, list[int]] = defaultdict(list)
    for place, one in enumerate(known):
        for key in _keys(one):
            touched[key].append(place)
    newest = max((hour for one in known for hour, _ in one.hours), default=0)
    chosen: list[Key] = []
    found: list[Cause] = []
    left = set(range(len(known)))
    covered = 0
    while left and len(found) < limit:
        gains = {key: sum(known[place].count for place in places if place in left)
                 for key, places in touched.items() if key not in chosen}
        key, gain = min(gains.items(), key=lambda item: (-item[1], item[0]))
        chosen.append(key)
        left.difference_update(touched[key])
        covered += gain
        settled = sum(one.count for one in known if one.whole and _keys(one).issubset(chosen))
        share = covered / mismatching if mismatching else 0.0
        having = [known[place] for place in touched[key]]
        found.append(_cause(key, having, gain, settled, share, newest, key in drifting))
    return tuple(found)


def _keys(one: Pattern) -> set[Key]:
    return {(signature.kind, signature.path) for signature in one.signatures}


def _cause(
    key: Key, having: Sequence[Pattern], explained: int, settled: int, share: float, newest: int, drifts: bool,
) -> Cause:
    hours: Counter[int] = Counter()
    for one in having:
        hours.update(dict(one.hours))
    own = [(signature, severity) for one in having
           for signature, severity in zip(one.signatures, one.severities, strict=True)
           if (signature.kind, signature.path) == key]
    worst = worst_of(severity for _, severity in own)
    shapes = tuple(sorted({(signature.legacy, signature.modern) for signature, _ in own}))
    return Cause(
        *key,
        severity=worst,
        shapes=shapes,
        operations=tuple(sorted({one.operation for one in having})),
        exchanges=sum(one.count for one in having),
        alone=sum(one.count for one in having if one.whole and _keys(one) == {key}),
        explained=explained,
        settled=settled,
        share=share,
        first_seen=min(one.first_seen for one in having),
        last_seen=max(one.last_seen for one in having),
        hours=tuple(hours[hour] for hour in range(newest - HOURS + 1, newest + 1)),
        rule=tried(key, worst, shapes, drifts),
        drifts=drifts,
    )


def tried(key: Key, severity: Severity, shapes: Sequence[tuple[str, str]], drifts: bool) -> str:
    """The rule to try on such a difference, or "". There is none for a critical difference or for a value missing on
    one side, since no rule fixes those. If legacy itself `drifts`, the rule is a wider one, by the values' type."""
    kind, path = key
    at = path.replace(MASKED, "*")
    if kind == RENAMED:
        # Its shape names the class of the identifiers. The rule goes on checking them.
        return f'{{at: "{at}", crosswalk: {shapes[0][0].partition(" ")[2]}}}'
    if severity is Severity.CRITICAL:
        return ""
    if kind == "moved" and at.endswith("/*"):
        return f'{{at: "{at.removesuffix("/*")}", list: multiset}}'
    [(legacy, modern), *more] = shapes
    rule = _TRIED.get(legacy) if kind == "value" and legacy == modern and not more else None
    if rule is None and drifts and kind == "value":
        rule = _wider({shape for pair in shapes for shape in pair})
    return f'{{at: "{at}", {rule}}}' if rule else ""


def _wider(shapes: set[str]) -> str | None:
    if shapes == {"integer"}:
        return "volatile: int"
    if shapes <= _NUMBERS:
        return "tolerance: {relative: 0.000001}"
    return "volatile: opaque" if all(one.split(" ")[0] == "string" for one in shapes) else None
