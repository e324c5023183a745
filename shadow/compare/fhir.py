"""How much a difference in a FHIR resource matters, by R4's own definitions: see `shadow.compare.fhir_r4`. Pure.

Resources of other releases are judged by the same table, as far as their elements have the same names.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from adapters.document import Tree
from shadow.compare import fhir_r4
from shadow.compare.benign import MADE_ANEW, pages_alike
from shadow.compare.difference import Severity
from shadow.compare.meaning import SPACE, Meaning, text
from shadow.compare.patterns import Matcher
from shadow.compare.resources import TYPES

CRITICAL, MAJOR, MINOR = Severity

PAGING = frozenset({"next", "previous", "prev", "first", "last"})
"""Relations of a Bundle's links that lead to its other pages (RFC 8288 section 4.2, the IANA registry)."""

# What the definitions do not say: whose record it is, what was found, and who may see it.
_ALSO = {
    "Patient": "name", "Person": "name", "RelatedPerson": "name", "Consent": "provision",
    "Observation": "value[x] component.value[x]",
}
_ALONE = frozenset({"missing", "extra"})
_WORDS = frozenset({"value", "precision"})
_STAMPS = frozenset({("meta", "lastUpdated"), ("meta", "versionId")})
# Lists whose order R4 gives a meaning (ElementDefinition.orderMeaning), and those that say what to take in which order.
# Of all others the definition of orderMeaning says that their order means nothing.
_IN_ORDER = frozenset({
    "given", "prefix", "suffix", "line", "dosageInstruction", "dosage", "doseAndRate", "additionalInstruction",
})
# Bundles whose entries are in an order that means something: the first is the document's or message's head, the
# answers are in the order of what was asked, and a history goes backwards (R4 sections 3.3.1, 3.1.0.11 and 3.1.0.13).
_ORDERED = frozenset({"document", "message", "batch", "batch-response", "transaction", "transaction-response",
                      "history"})
_OWN_WORDS: dict[str, Collection[str]] = {
    "resourceType": TYPES, "type": (*MADE_ANEW, *_ORDERED, "collection"), "relation": (*PAGING, "self"),
    "@xmlns": (SPACE,),
}


def severity(kind: str, meant: Meaning) -> Severity | None:
    """How much a difference of a kind matters at a place of a resource; None if FHIR says nothing of it."""
    element = meant.element
    if not meant.type or not element:
        return None
    if element[-2:] in _STAMPS or (kind in _WORDS and _is_words(element)):
        return MINOR
    if meant.type == "Bundle" and element[0] == "link":
        return _of_link(kind, meant)
    if kind == "moved":
        return MAJOR if element[-1] in _IN_ORDER or (
            meant.type == "Bundle" and element == ("entry",) and text(meant.holder, "type") in _ORDERED) else None
    if kind in _ALONE and (element == ("entry",) or element[-1] in ("contained", "resource")
                           or any(isinstance(one, dict) and "resource" in one for one in (meant.old, meant.new))):
        return CRITICAL  # a whole record
    return CRITICAL if is_critical(meant.type, element) else None


@lru_cache(maxsize=4096)
def _is_words(element: Sequence[str]) -> bool:
    """Whether an element is words for people, beside what is meant."""
    return element[-1] == "display" or ("text", "div") in pairwise(element)


def is_word(names: Sequence[str], value: Tree) -> bool:
    """Whether a value at a place ("*" for an index) is a word of FHIR's own, by which it is told what others mean. It
    names nobody."""
    named = [one for one in names if one not in ("*", "@value")]
    return bool(named) and isinstance(value, str) and value in _OWN_WORDS.get(named[-1], ())


def _of_link(kind: str, meant: Meaning) -> Severity:
    if meant.element == ("link",):
        # One link, or all of them.
        links = [link for one in (meant.old, meant.new) for link in (one if isinstance(one, list) else [one])]
        pages = any(text(link, "relation") in PAGING for link in links)
        return MAJOR if pages and kind in _ALONE else MINOR
    if meant.element[1:] == ("relation",):
        return MAJOR
    lost = kind in _ALONE or (meant.element[1:] == ("url",) and pages_alike(meant.old, meant.new))
    return MAJOR if lost and text(meant.holder, "relation") in PAGING else MINOR


@lru_cache(maxsize=4096)
def is_critical(type_: str, element: Sequence[str]) -> bool:
    """Whether an element of a resource, or what it is a part of, is critical."""
    if element == ("id",):
        return True
    element = _same(type_, element)
    known = _ELEMENTS.get(type_, frozenset())
    parts = any(tuple(element[at:at + length]) in _PARTS for at in range(len(element)) for length in (1, 2))
    return parts or any(_spelt(element[:depth]) & known for depth in range(1, len(element) + 1))


def within(places: Matcher[bool]) -> list[str]:
    """The critical elements, by their names in the definitions, that a pattern covers in a resource or in the entries
    of a Bundle. `places` is where the pattern's matcher starts."""
    bundled = places.step("entry").step(None).step("resource")
    known = [(f"{type_}.{path}", tuple(path.split(".")))
             for type_, paths in _ELEMENTS.items() for path in sorted(paths)]
    known += [(".".join(("Resource", *part)), part) for part in sorted(_PARTS)]
    # Outside of a Bundle, a name of one word ("name", "code") may be anything's.
    return [name for name, path in known
            if _covers(bundled, path) or (not path[-1].removesuffix("[x]").islower() and _covers(places, path))]


def _covers(start: Matcher[bool], names: Sequence[str]) -> bool:
    at = [start]
    for name in names:
        # The element may be a list, whose items are what the next name is a member of.
        steps = [one.step(name.removesuffix("[x]")) for one in at]
        at = [*steps, *(one.step(None) for one in steps)]
    return any(one.found for one in at)


def _same(type_: str, element: Sequence[str]) -> Sequence[str]:
    """The element without repetitions: an item of a Questionnaire's item is an item."""
    changed = True
    while changed:
        changed = False
        for path, target in _AGAIN.get(type_, ()):
            if tuple(element[:len(path)]) == path:
                element = (*target, *element[len(path):])
                changed = True
    return element


def _spelt(element: Sequence[str]) -> set[str]:
    """The paths by which the definitions may know an element: "deceasedBoolean" is "deceased[x]"."""
    above, name = ".".join((*element[:-1], "")), element[-1]
    return {above + name, *(f"{above}{name[:at]}[x]" for at, letter in enumerate(name) if letter.isupper())}


def _read() -> Iterator[tuple[str, frozenset[str]]]:
    for line in fhir_r4.ELEMENTS:
        type_, *paths = line.split()
        yield type_, frozenset((*paths, *_ALSO.get(type_, "").split()))


_ELEMENTS = dict(_read())
_ELEMENTS |= {type_: frozenset(paths.split()) for type_, paths in _ALSO.items() if type_ not in _ELEMENTS}
_PARTS = frozenset(tuple(path.split(".")) for path in fhir_r4.PARTS)
_AGAIN: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
for _type, _path, _target in (line.split() for line in fhir_r4.AGAIN):
    _AGAIN.setdefault(_type, []).append((tuple(_path.split(".")), tuple(_target.split("."))))
