"""Pseudonyms for a pair: every value is replaced by a stand-in, and the comparison still finds the same.

What stays: member names that a report may also show, true, false and null, what rules reveal, and common words in
header fields. If a finding depends on any other value as it is, the pair is refused.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from adapters.document import Tree, escape
from adapters.message import Headers
from shadow.cases.draft import Draft
from shadow.cases.minimise import STOCK, Minimal, Trial, Unfit, findings, uncoded
from shadow.cases.standins import Standins
from shadow.compare import dicom, fhir, fields
from shadow.compare.bodies import Unreadable
from shadow.compare.names import FORMS, MASKED, Masks, masked_names
from shadow.compare.pair import Pair
from shadow.observation import Observation

PLACES = 10
"""Places that a refusal names at most."""

_WORD = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]+")
_WORDS = frozenset({"charset", "gzip", "deflate"}.union(*(
    _WORD.findall(term) for terms in (
        fields.KNOWN_MEDIA, fields.KNOWN_CHARSETS, fields.KNOWN_SCHEMES, fields.DIRECTIVES, fields.ATTRIBUTES,
        fields.SAME_SITE) for term in terms)))

Names = tuple[str, ...]
_Replace = Callable[[Tree, Names], Tree]
"""A value and the names on the way to it ("*" for an index) → its stand-in."""


def pseudonymise(found: Minimal, original: Pair, secret: bytes) -> Minimal:
    """The shrunk pair with stand-ins for its values.

    `original` is the pair before it was shrunk. It helps to tell which member names are data: a map of many names may
    have a single one left when it is shrunk. `secret` is 8 bytes or more, used once; it decides by how much dates are
    shifted. Raises Unfit, which names the places, if no stand-in will do."""
    pair = found.pair
    draft = Draft.of(pair)
    bodies = pair.control.body, pair.candidate.body
    read = [draft is not None and not isinstance(tree, Unreadable) for tree in (draft.trees if draft else (None, None))]
    if any(not known and body not in STOCK for known, body in zip(read, bodies, strict=True)):
        raise Unfit("what differs depends on a body that cannot be read, as it is: no invented one will do")
    data = _data(pair, draft) | _data(original, Draft.of(uncoded(original)))
    values: list[tuple[Tree, Names]] = []

    def noted(value: Tree, names: Names) -> Tree:
        values.append((value, names))
        return value

    _replaced(pair, draft, data, noted)
    standins = Standins((value for value, _ in values if isinstance(value, str)), secret)
    trial = Trial(pair)
    made = _replaced(pair, draft, data, lambda value, _: standins.of(value))
    if made is None or not trial.holds(made):
        raise Unfit("no invented value will do at " + ", ".join(
            _needed(pair, draft, data, values, standins, trial)))
    return found._replace(pair=made, findings=findings(made), comparisons=found.comparisons + trial.comparisons)


def _needed(
    pair: Pair, draft: Draft | None, data: set[Names], values: list[tuple[Tree, Names]], standins: Standins,
    trial: Trial,
) -> list[str]:
    """The places of the values that cannot be replaced. Each is tried together with all earlier ones that can."""
    done: set[Tree] = set()
    for value in dict.fromkeys(value for value, _ in values):
        done.add(value)
        if not trial.holds(_replaced(pair, draft, data, lambda one, _: standins.of(one) if one in done else one)):
            done.remove(value)
    places = {"".join(_step(names[:depth], data) for depth in range(1, len(names) + 1)) or "(whole)"
              for value, names in values if value not in done}
    return sorted(places)[:PLACES]


def _step(names: Names, data: set[Names]) -> str:
    return f"/{MASKED if names in data else escape(names[-1])}"


def _data(pair: Pair, draft: Draft | None) -> set[Names]:
    """The members whose names are data, in either document."""
    if draft is None:
        return set()
    directives = pair.rules.compiled(pair.at, pair.over, form=draft.forms[0].name).directives
    trees = [tree for tree in draft.trees if not isinstance(tree, Unreadable)]
    return masked_names(Masks(directives, guess=draft.forms[0].name in FORMS), *trees)


def _replaced(pair: Pair, draft: Draft | None, data: set[Names], of: _Replace) -> Pair | None:
    """The pair with its values replaced; None if the result cannot be written."""
    pair = replace(pair, control=_with_heads(pair.control, of), candidate=_with_heads(pair.candidate, of))
    if draft is None:
        return pair
    reveals = pair.rules.compiled(pair.at, pair.over, form=draft.forms[0].name).reveals

    def unless_revealed(value: Tree, names: Names) -> Tree:
        kept = reveals(names) or fhir.is_word(names, value) or dicom.is_word(names[-1] if names else "", value)
        return value if kept else of(value, names)

    trees = [tree if isinstance(tree, Unreadable) else _mapped(tree, form.name, data, unless_revealed, of)
             for form, tree in zip(draft.forms, draft.trees, strict=True)]
    return draft._replace(pair=pair, trees=(trees[0], trees[1])).written()


def _mapped(tree: Tree, form: str, data: set[Names], of: _Replace, of_name: _Replace) -> Tree:
    """A tree with its scalars replaced, and the member names that a report may not show."""
    def name_of(name: str, names: Names) -> str:
        stays = form == "hl7v2" or (*names, name) not in data
        standin: str = name if stays else of_name(name, (*names, name))
        return standin

    whole: list[Tree] = [None]
    stack: list[tuple[Tree, Names, Tree, str | int]] = [(tree, (), whole, 0)]
    while stack:
        node, names, into, at = stack.pop()
        if isinstance(node, dict):
            standin = {name: name_of(name, names) for name in node}
            into[at] = dict.fromkeys(standin.values())
            stack += [(value, (*names, name), into[at], standin[name]) for name, value in node.items()]
        elif isinstance(node, list):
            into[at] = [None] * len(node)
            stack += [(value, (*names, "*"), into[at], index) for index, value in enumerate(node)]
        elif form == "xml" and names[-2:] == ("#order", "*"):
            # The order of an element's children, which repeats their names.
            into[at] = name_of(node, names[:-2])
        else:
            into[at] = of(node, names)
    return whole[0]


# --- heads ---

def _with_heads(one: Observation, of: _Replace) -> Observation:
    return replace(one, headers=Headers(
        (name, _field(name.decode("latin-1").lower(), value.decode("latin-1"), of).encode("latin-1"))
        for name, value in one.headers))


def _field(name: str, value: str, of: _Replace) -> str:
    """The value of a header field that is compared, with stand-ins for what may name somebody."""
    names = "@header", name

    def words(text: str, digits: bool = False) -> str:
        return _WORD.sub(lambda word: word[0] if word[0].lower() in _WORDS or (digits and word[0].isdigit())
                         else of(word[0], names), text)

    match name:
        case "content-type" | "content-encoding":
            return words(value)
        case "cache-control":
            return words(value, digits=True)
        case "www-authenticate":
            return words(value.partition(" ")[0])
        case "set-cookie":
            head, *attributes = value.split(";")
            cookie, equals, kept = head.partition("=")
            standin = cookie if cookie.strip().lower() in fields.COOKIES else of(cookie, names)
            return ";".join([f"{standin}{equals}{of(kept, names)}", *map(words, attributes)])
        case _:
            text: str = of(value, names)
            return text
