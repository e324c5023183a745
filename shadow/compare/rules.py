"""What counts as no difference, and how much others matter: Rule, Known, Rules; compiled for the comparator.

Rules travel with each pair to the judge's process, so they are values: they can be pickled, and are the same where
their digest is. What is compiled of them is kept by that digest.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from adapters.document import Tree
from shadow.compare.diff import Weigh
from shadow.compare.difference import Severity
from shadow.compare.identity import REFERENCE, RESOURCE, Classes
from shadow.compare.patterns import Directive, Matcher, Order, PathPattern
from shadow.compare.severity import Row, severities
from shadow.normalisers.base import Normaliser
from shadow.normalisers.host import Host
from shadow.normalisers.volatile import Volatile


@dataclass(frozen=True, slots=True)
class Rule:
    """One behaviour at the places that the pattern `at` names; `ignore`, `severity` and `reveal` cover what is below,
    too. `id` is what it counts under. `kind` narrows `ignore` and `severity` to one kind of difference. `crosswalk` is
    the class of the identifiers there, or one of the words of `shadow.compare.identity`. `keys` says what the names
    of the members of an object are: "data" or "names". Where `defaults` is False, what is hidden without being
    written is not, there and below."""

    id: str
    at: str
    normaliser: Normaliser | None = None
    order: Order | None = None
    ignore: bool = False
    severity: Severity | None = None
    reveal: bool = False
    kind: str = ""
    reason: str = ""
    crosswalk: str = ""
    keys: str = ""
    defaults: bool = True


@dataclass(frozen=True, slots=True)
class Class:
    """Identifiers of one kind of record. `learn` tells whether pairs of them may be learnt; `seed` is the file of those
    that are known beforehand ("" for none), `digest` what is in it, `pairs` how many of this class."""

    name: str
    learn: bool = True
    seed: str = field(default="", repr=False)
    digest: str = ""
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that was declared beforehand: at a place and below, of one kind or of any, until `expires` (seconds
    since the epoch). `max_rate` is the share of an operation's compared exchanges up to which it was declared."""

    id: str
    at: str
    reason: str
    owner: str
    expires: float
    kind: str = ""
    ticket: str = ""
    max_rate: float = 1.0


class Compiled(NamedTuple):
    """Rules as the comparator asks them. `known` are the ids of the known differences; `classes` are there where any
    rule says `crosswalk`."""

    directives: Matcher[Directive]
    weigh: Weigh
    reveals: Callable[[Sequence[str]], bool]
    known: frozenset[str]
    classes: Classes | None

    def hides(self, kind: str, names: Sequence[str]) -> str | None:
        """The id of the first rule that hides a difference of a kind at a place outside of documents."""
        place = self.directives
        for name in names:
            place = place.step(name)
        return next((one.id for one in place.found if one.ignore and one.kind in ("", kind)), None)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """All rules for one operation, those that come first deciding first, and what is said of classes of identifiers.
    Equal where `digest` is: of what they say, and so the same on every machine. `identifies` tells whether any rule
    says `crosswalk`."""

    rules: tuple[Rule, ...] = ()
    known: tuple[Known, ...] = ()
    classes: tuple[Class, ...] = ()
    digest: str = field(init=False)
    identifies: bool = field(init=False)

    def __post_init__(self) -> None:
        # All parts are dataclasses of plain values, whose repr holds everything.
        text = repr((self.rules, self.known, self.classes)).encode()
        object.__setattr__(self, "digest", hashlib.sha256(text).hexdigest()[:16])
        object.__setattr__(self, "identifies", any(one.crosswalk for one in self.rules))

    def __eq__(self, other: object) -> bool:
        # Where a seed lies is no part of what it says, but whoever reads it must look there.
        return isinstance(other, Rules) and self.digest == other.digest and self.classes == other.classes

    def __hash__(self) -> int:
        return hash(self.digest)

    def compiled(
        self, at: float, over: frozenset[str] = frozenset(), defaults: tuple[Rule, ...] = ()
    ) -> Compiled:
        """For an exchange at a time (seconds since the epoch): known differences that have expired, or whose ids are
        in `over`, hide nothing. `defaults` are asked last; see `defaults`."""
        return _compiled(self, tuple(one for one in self.known if at < one.expires and one.id not in over), defaults)


NONE = Rules()


def together(shared: Rules, own: Mapping[str, Rules]) -> str:
    """The digest of the rules of all operations: of those that are `shared`, and of each operation that has its `own`.
    It changes too where a rule goes from one of them to another."""
    if not own:
        return shared.digest
    text = repr((shared.digest, sorted((name, one.digest) for name, one in own.items()))).encode()
    return hashlib.sha256(text).hexdigest()[:16]

# FHIR R4: servers set these themselves (Resource.meta), and links are theirs.
_FHIR: tuple[Rule, ...] = (
    *(Rule(f"default {at}", at, Volatile(Volatile.Options("instant"))) for at in (
        "/meta/lastUpdated", "/entry/*/resource/meta/lastUpdated", "/entry/*/response/lastModified")),
    Rule("default /link/*/url", "/link/*/url", Host(Host.Options())),
)
# A Bundle made for one answer has an id and a timestamp of its own, which name that answer and nothing else.
_BUNDLE: tuple[Rule, ...] = (
    Rule("default /id", "/id", Volatile(Volatile.Options("uuid"))),
    Rule("default /timestamp", "/timestamp", Volatile(Volatile.Options("instant"))),
)


# A message tells when it was sent (MSH-7) and has an id of its own (MSH-10): HL7 v2.9, section 2.14.9.
_HL7 = tuple(Rule(f"default {at}", at, Volatile(Volatile.Options("opaque")))
             for at in ("/MSH/*/f7/*/c1", "/MSH/*/f10/*/c1"))
_LINES = (Rule("default lines", "", order=Order("ordered")),)
_BY_FORM: dict[str, tuple[Rule, ...]] = {"hl7v2": _HL7, "html": _LINES, "text": _LINES}

_MADE_ANEW = ("searchset", "history", "batch-response", "transaction-response")


def defaults(form: str, legacy: Tree, modern: Tree) -> tuple[Rule, ...]:
    """The rules that are there without being written: for what is read by lines or as HL7 v2, and for documents that
    both say that they are FHIR's."""
    if form in _BY_FORM:
        return _BY_FORM[form]
    typed = (isinstance(one, dict) and isinstance(one.get("resourceType"), str) for one in (legacy, modern))
    if form != "json" or not all(typed):
        return ()
    bundles = all(one["resourceType"] == "Bundle" and one.get("type") in _MADE_ANEW for one in (legacy, modern))
    return (*_FHIR, *_BUNDLE) if bundles else _FHIR


@lru_cache(maxsize=256)
def _compiled(rules: Rules, known: tuple[Known, ...], more: tuple[Rule, ...]) -> Compiled:
    off: Matcher[bool] = Matcher.start((below(one.at), True) for one in rules.rules if not one.defaults)
    every = [*rules.rules, *(one for one in more if one.normaliser is None or not _is_within(one.at, off))]
    hiding = [(below(one.at) if one.ignore else PathPattern.parse(one.at),
               Directive(one.id, one.normaliser, one.order, one.ignore, one.kind))
              for one in every if one.normaliser is not None or one.order is not None or one.ignore]
    hiding += [(below(one.at), Directive(one.id, ignore=True, kind=one.kind)) for one in known]
    hiding += [(PathPattern.parse(one.at), Directive(one.id, crosswalk=one.crosswalk))
               for one in every if one.crosswalk]
    hiding += [(PathPattern.parse(one.at), Directive(one.id, keys=one.keys)) for one in every if one.keys]
    rows = [Row(one.at, one.severity, frozenset({one.kind} if one.kind else ()))
            for one in every if one.severity is not None]
    shown = Matcher.start((below(one.at), True) for one in every if one.reveal)
    return Compiled(Matcher.start(hiding), severities(rows), _reveals(shown), frozenset(one.id for one in known),
                    _classes(rules))


def _is_within(at: str, places: Matcher[bool]) -> bool:
    for name in PathPattern.parse(at):
        places = places.step(None if name == "*" else name)
    return bool(places.found)


def _classes(rules: Rules) -> Classes | None:
    said = [one for one in rules.rules if one.crosswalk]
    if not said:
        return None
    learnt = {one.crosswalk: True for one in said if one.crosswalk not in (REFERENCE, RESOURCE)}
    learnt |= {one.name: one.learn for one in rules.classes}
    last = [PathPattern.parse(one.at)[-1:] for one in said]
    members = frozenset(token for tokens in last for token in tokens)
    return Classes(learnt, None if () in last or members & {"*", "**"} else members)


def below(at: str) -> PathPattern:
    """The places that a pattern names, and all that is in them. Raises ValueError where it is none."""
    return PathPattern((*PathPattern.parse(at), "**"))


def _reveals(shown: Matcher[bool]) -> Callable[[Sequence[str]], bool]:
    def reveals(names: Sequence[str]) -> bool:
        place = shown
        for name in names:
            place = place.step(None if name == "*" else name)
        return bool(place.found)

    return reveals
