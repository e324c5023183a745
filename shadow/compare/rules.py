"""Rules: what counts as no difference, how much other differences matter, and the compiled form that answers both.

Rules travel with each pair to the judge's process, so they are values: they can be pickled, and are equal if their
digests and classes are. Their compiled form is cached.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from adapters.document import Tree
from shadow.compare import benign
from shadow.compare.difference import Severity
from shadow.compare.findings import Excuse, Weigh, nothing
from shadow.compare.identifiers import REFERENCE, RESOURCE, Classes
from shadow.compare.meaning import Meaning
from shadow.compare.patterns import Condition, Directive, Matcher, Order, PathPattern
from shadow.compare.places import BELOW, ELEMENT, LIST, VALUE, keys, patterns
from shadow.compare.severity import Row, severities
from shadow.normalisers.base import Normaliser
from shadow.normalisers.host import Host
from shadow.normalisers.volatile import Volatile


@dataclass(frozen=True, slots=True)
class Rule:
    """One behaviour at the places that the pattern `at` names. `ignore`, `severity` and `reveal` hold below them too.

    What the rule hides is counted under `id`. `kind` narrows `ignore` and `severity` to one kind of difference.
    `crosswalk` is the class of the identifiers there, or a constant of `shadow.compare.identifiers`. `keys` says what
    the names of an object's members are: "data" or "names". With `defaults` False, default rules hide nothing there and
    below."""

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
    """The identifiers of one kind of record. `learn` says whether pairs may be learnt. `seed` is the path of a file of
    the pairs that are known beforehand ("" for none), `digest` is that of its content, `pairs` how many of this class
    it has."""

    name: str
    learn: bool = True
    seed: str = field(default="", repr=False)
    digest: str = ""
    pairs: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that was declared beforehand: at a place and below, of one kind or any, and if a `shape` is given
    ("string instant") only of two values that both have it; until `expires` (seconds since 1970). It may be in a share
    of `max_rate` of an operation's compared exchanges; past that it hides nothing."""

    id: str
    at: str
    reason: str
    owner: str
    expires: float
    kind: str = ""
    ticket: str = ""
    max_rate: float = 1.0
    shape: str = ""


class Compiled(NamedTuple):
    """Rules in the form that the comparator uses. `known` are the ids of the known differences that hold. `classes` is
    None if no rule says `crosswalk`. `defaults` says whether default rules hold at a place. `excuse` tells two ways to
    write one value (see `shadow.compare.benign`)."""

    directives: Matcher[Directive]
    weigh: Weigh
    reveals: Callable[[Sequence[str]], bool]
    known: frozenset[str]
    classes: Classes | None
    defaults: Callable[[Sequence[str]], bool]
    excuse: Excuse

    def hides(self, kind: str, names: Sequence[str]) -> str | None:
        """The id of the first rule that hides a difference of a kind at a place outside of documents; None if none
        does."""
        place = self.directives
        for name in names:
            place = place.step(name)
        return next((one.id for one in place.found if one.ignore and not one.shape and one.kind in ("", kind)), None)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """All rules for one operation, in the order in which they decide, and the classes of identifiers.

    `digest` is of how they judge, so it is the same on every machine, whoever owns them. `identifies`: whether a
    rule says `crosswalk`."""

    rules: tuple[Rule, ...] = ()
    known: tuple[Known, ...] = ()
    classes: tuple[Class, ...] = ()
    digest: str = field(init=False)
    identifies: bool = field(init=False)

    def __post_init__(self) -> None:
        # All parts are dataclasses of plain values, so their repr holds everything. Renaming one of these classes, or a
        # field, changes every digest, and with it every epoch. What only people read is left out: who edits a reason
        # changes no judgement.
        rules = tuple(replace(one, reason="") if one.reason else one for one in self.rules)
        known = tuple(replace(one, reason="", owner="", ticket="") for one in self.known)
        text = repr((rules, known, self.classes)).encode()
        object.__setattr__(self, "digest", hashlib.sha256(text).hexdigest()[:16])
        object.__setattr__(self, "identifies", any(one.crosswalk for one in self.rules))

    def __eq__(self, other: object) -> bool:
        # The digest leaves out the paths of seeds. Classes are compared too, since the judge reads seeds by path.
        return isinstance(other, Rules) and self.digest == other.digest and self.classes == other.classes

    def __hash__(self) -> int:
        return hash(self.digest)

    def compiled(
        self, at: float, over: frozenset[str] = frozenset(), defaults: tuple[Rule, ...] = (), form: str = "",
    ) -> Compiled:
        """The rules for an exchange at a time (seconds since 1970), and for bodies that are read as a `form` ("xml",
        "hl7v2" …; "" for what is in no document). Known differences that have expired, or whose ids are in `over`, hide
        nothing. `defaults` decide last."""
        known = tuple(one for one in self.known if at < one.expires and one.id not in over)
        return _compiled(self, known, defaults, form)


NONE = Rules()


def together(shared: Rules, own: Mapping[str, Rules]) -> str:
    """The digest of a capability's rules: those that are `shared`, and those of each operation that has its `own`. It
    also changes if a rule moves from one operation to another."""
    if not own:
        return shared.digest
    text = repr((shared.digest, sorted((name, one.digest) for name, one in own.items()))).encode()
    return hashlib.sha256(text).hexdigest()[:16]

# FHIR R4: servers set Resource.meta themselves. `shadow.compare.benign` sees to it where no pattern can name the place.
_FHIR: tuple[Rule, ...] = (
    *(Rule(f"default {at}", at, Volatile(Volatile.Options("instant"))) for at in (
        "/meta/lastUpdated", "/entry/*/resource/meta/lastUpdated", "/entry/*/response/lastModified")),
)
# A Bundle that is made for one answer has an id and a timestamp of its own, which identify nothing but that answer.
_BUNDLE: tuple[Rule, ...] = (
    Rule("default /id", "/id", Volatile(Volatile.Options("uuid"))),
    Rule("default /timestamp", "/timestamp", Volatile(Volatile.Options("instant"))),
)


# Each message, file and batch has a time of sending and an id of its own: HL7 v2.9, sections 2.14.9, 2.14.2 and 2.14.7.
_HL7 = tuple(Rule(f"default {segment}-{field}", f"/**/{segment}/*/f{field}/*/c1", Volatile(Volatile.Options("opaque")))
             for segment, field in (("MSH", 7), ("MSH", 10), ("FHS", 7), ("FHS", 11), ("BHS", 7), ("BHS", 11)))
_LINES = (Rule("default lines", "", order=Order("ordered")),)
# Which program wrote a file of DICOM, and who sent it to whom: PS3.10 section 7.1.
_DICOM = tuple(Rule(f"default {tag}", f"/**/{tag}", ignore=True)
               for tag in ("00020012", "00020013", "00020016", "00020017", "00020018"))
_FORMS = ("json", "xml", "hl7v2", "html")
_BY_FORM: dict[str, tuple[Rule, ...]] = {
    "hl7v2": _HL7, "text": _LINES, "dicom": _DICOM, "multipart": _DICOM}

# Links in the head point to the server itself, as those of a Bundle do.
_HEADS: tuple[Rule, ...] = (Rule("default /@header/link", "/@header/link", Host(Host.Options())),)


def defaults(form: str, legacy: Tree, modern: Tree) -> tuple[Rule, ...]:
    """The default rules: for text, HL7 v2 and files of DICOM by form; for JSON if both have a `resourceType`."""
    if form in _BY_FORM:
        return _BY_FORM[form]
    typed = (isinstance(one, dict) and isinstance(one.get("resourceType"), str) for one in (legacy, modern))
    if form != "json" or not all(typed):
        return ()
    bundles = all(one["resourceType"] == "Bundle" and benign.is_made_anew(one) for one in (legacy, modern))
    return (*_FHIR, *_BUNDLE) if bundles else _FHIR


@lru_cache(maxsize=256)
def _compiled(rules: Rules, known: tuple[Known, ...], more: tuple[Rule, ...], form: str) -> Compiled:
    off: Matcher[bool] = Matcher.start((pattern, True) for one in rules.rules if not one.defaults
                                       for pattern in patterns(one.at, form, BELOW))
    more = (*_HEADS, *more)
    every = [*rules.rules, *(one for one in more if (one.normaliser is None and not one.ignore)
                             or not _is_within(one.at, off))]
    hiding = [(pattern, directive) for one in every if (directive := _directive(one, form)) is not None
              for pattern in patterns(one.at, form, _about(one))]
    hiding += [(pattern, Directive(one.id, ignore=True, kind=one.kind, shape=one.shape)) for one in known
               for pattern in patterns(one.at, form, BELOW)]
    rows: list[Row] = []
    shown: list[tuple[PathPattern, bool]] = []
    for one in every:
        for pattern in patterns(one.at, form, BELOW) if one.severity is not None or one.reveal else ():
            if any(isinstance(token, Condition) for token in pattern):
                # How much a place matters, and whether its values are shown, goes by names. A condition needs the node.
                hiding.append((pattern, Directive(one.id, kind=one.kind, severity=one.severity, reveal=one.reveal)))
            elif one.severity is not None:
                rows.append(Row(str(pattern).removesuffix("/**"), one.severity, frozenset({one.kind} - {""})))
            else:
                shown.append((pattern, True))
    within, without = _is_true(Matcher.start(shown)), _is_true(off)
    return Compiled(Matcher.start(hiding), severities(rows), within, frozenset(one.id for one in known),
                    _classes(rules), lambda names: not without(names), _excuse(without))


def _excuse(without: Callable[[Sequence[str]], bool]) -> Excuse:
    def excuse(names: Sequence[str], meant: Meaning) -> str:
        found = benign.of(names, meant)
        return found if found and not without(names) else ""

    return excuse


def _directive(one: Rule, form: str) -> Directive | None:
    """What a rule says that hides something, pairs items, or names identifiers and keys."""
    order = one.order
    if order is not None and order.kind == "keyed":
        order = order._replace(fields=keys(order.fields, form))
    if one.normaliser is None and order is None and not (one.ignore or one.crosswalk or one.keys):
        return None
    return Directive(one.id, one.normaliser, order, one.ignore, one.kind, one.crosswalk, one.keys)


def _about(one: Rule) -> str:
    """What a rule is about at its place (`shadow.compare.places`)."""
    if one.ignore:
        return BELOW
    if one.order is not None:
        return ELEMENT if one.order.kind == "all" else LIST
    return VALUE if one.normaliser is not None or one.crosswalk else ELEMENT


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
    last = [pattern[-1:] for one in said for form in _FORMS for pattern in patterns(one.at, form, VALUE)]
    members = frozenset(token for tokens in last for token in tokens)
    return Classes(learnt, None if () in last or members & {"*", "**"} else members)


def _is_true(places: Matcher[bool]) -> Callable[[Sequence[str]], bool]:
    """Whether any pattern matches the place to which these names lead ("*" for an index)."""
    if places.is_silent:
        return nothing

    def is_true(names: Sequence[str]) -> bool:
        place = places
        for name in names:
            place = place.step(None if name == "*" else name)
        return bool(place.found)

    return is_true
