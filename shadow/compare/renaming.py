"""Recognises records that both arms have under other identifiers, where no rule says `crosswalk`: then nothing is
missing. Pure.

Two lists whose records have no identifier in common are compared once more, as if rules said `crosswalk` for them. If
every renaming is one-to-one, and at least FEWEST records are found again, that comparison counts. Each place of an
identifier is then one difference of the kind `renamed`, whose shape says what a rule has to name: so renamed records
never match.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from adapters.crosswalk import Crosswalk
from adapters.document import Tree
from shadow.compare.difference import Difference, Severity, Shape
from shadow.compare.identifiers import REFERENCE, RESOURCE, Classes, Identities
from shadow.compare.names import MASKED
from shadow.compare.resources import TYPES
from shadow.compare.rules import Rule

RENAMED = "renamed"
"""The kind of a difference: a record has another identifier in each answer, consistently."""

FEWEST = 2
"""Records of a list that have other identifiers: fewer show nothing consistent."""

PLACES = 8
"""Lists that are looked at, at most."""

_ALONE = "missing", "extra"


def candidates(found: Iterable[Difference], legacy: Tree, modern: Tree) -> tuple[Rule, ...]:
    """The rules by which two documents may be compared once more; none if no list has records alone on both sides."""
    alone: dict[str, Counter[str]] = defaultdict(Counter)
    within: set[str] = set()
    for one in found:
        place, slash, index = one.path.rpartition("/")
        steps = one.path.split("/")
        within.update("/".join(steps[:at]) for at, step in enumerate(steps[:-1]) if step.isdecimal())
        if MASKED in place or "~" in place:
            continue
        if one.kind in _ALONE and slash and index.isdecimal() and "object" in (one.legacy.type, one.modern.type):
            alone[place][one.kind] += 1
    made: dict[str, Rule] = {}
    # Where only one record is alone on each side, others have to differ too, as if all were renamed by one.
    likely = [place for place, kinds in alone.items() if min(kinds["missing"], kinds["extra"]) > (
        0 if place in within else FEWEST - 1)]
    for place in likely[:PLACES]:
        for path, said in _named(place, _at(legacy, place) or _at(modern, place)):
            made[path] = Rule(path, path, crosswalk=said)
    if any(one.crosswalk in (RESOURCE, REFERENCE) for one in made.values()):
        made["/**/reference"] = Rule("/**/reference", "/**/reference", crosswalk=REFERENCE)
    return tuple(made.values())


def identities(rules: Iterable[Rule]) -> Identities:
    """The identifiers of an exchange by these rules, of which nothing is known before."""
    own = {one.crosswalk: True for one in rules if one.crosswalk not in (RESOURCE, REFERENCE)}
    return Identities(Crosswalk(), Classes({**dict.fromkeys(TYPES, True), **own}, None))


def renamed(rules: Sequence[Rule], hidden: Iterable[tuple[str, int]]) -> list[Difference]:
    """The differences that stand for the identifiers that these rules have hidden; none if they are of one record
    alone: it may as well be another one, which is for its own severity to say."""
    counts = dict(hidden)
    if max((counts.get(one.id, 0) for one in rules if one.at.endswith("/id")), default=0) < FEWEST:
        return []
    shapes = ((one, Shape("identifier", form=one.crosswalk)) for one in rules if counts.get(one.id))
    return [Difference(RENAMED, one.at, named, named, Severity.MAJOR) for one, named in shapes]


def _named(place: str, items: Tree) -> Iterable[tuple[str, str]]:
    """Where the records of a list have identifiers, and the classes of these."""
    at = "/".join("*" if step.isdecimal() else step for step in place.split("/")) + "/*"
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    inner = first.get("resource")
    if isinstance(inner, dict) and isinstance(inner.get("resourceType"), str):
        yield f"{at}/resource/id", RESOURCE
        yield f"{at}/fullUrl", REFERENCE
    elif isinstance(first.get("resourceType"), str):
        yield f"{at}/id", RESOURCE
    elif isinstance(first.get("id"), str):
        last = next((step for step in reversed(at.split("/")) if step not in ("", "*")), "")
        yield f"{at}/id", last if last.isidentifier() else "record"


def _at(tree: Tree, place: str) -> Tree:
    for step in place.split("/")[1:]:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree
