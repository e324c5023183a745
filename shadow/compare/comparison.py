"""Compares a pair: Pair → Comparison, with exactly one Outcome. Pure and total: any bytes on both arms give an outcome.

The steps: failures → status → header fields and trailers → content coding taken off → equal bytes → equal trees. If the
statuses are of two classes, bodies are not compared, since they are bound to differ. What cannot be read is compared
byte by byte: two different bodies are never a match.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from adapters.crosswalk import Crosswalk, IdPair
from adapters.document import Tree, escape
from adapters.trees import xml
from shadow.compare import renaming
from shadow.compare.bodies import (
    DUPLICATE,
    HARMLESS,
    Form,
    Reading,
    Unreadable,
    decoded,
    drop_alike,
    form_of,
    read,
    reading,
    reads_alike,
    shape_of,
)
from shadow.compare.codings import codings_of
from shadow.compare.diff import Diff, DiffError, diff
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, Signature, worst_of
from shadow.compare.digests import digest_of
from shadow.compare.findings import IDENTITY
from shadow.compare.identifiers import Identities
from shadow.compare.names import FORMS, MASKED
from shadow.compare.outside import Outside
from shadow.compare.pair import Pair
from shadow.compare.rules import Rule, defaults
from shadow.observation import Observation

VERSION = "7"
"""The comparator's version. It is raised whenever a pair may get another outcome. Then new evidence is collected."""


NO_CREDENTIALS = "credentials"
"""The reason of an exchange whose mirror was refused, because it carried none of the client's credentials."""

LEGACY_BROKE = "legacy_5xx"
"""The reason of an exchange in which legacy answered that it failed: what modern said to it is neither right nor wrong.
"""

NO_BODY = "status_only"
"""The reason of a match in which no bodies were compared: the client's copy was still good, so it got none."""

MARKUP = "default html markup"
"""The rule that hides the differences in markup of two HTML pages that read the same."""

SYNTAX = "default syntax"
"""The rule that hides how a body is written where no parser minds: a byte order mark, a label that the bytes disprove,
a DOCTYPE without entities."""

QUALIFIED = "default qualified names"
"""The rule that hides another prefix of one namespace in a value, as in `faultcode` and `xsi:type`."""

LOOKS, LOOKS_A_BYTE = 4_000_000, 2
"""The work that a comparison may take, so that none takes unbounded time: so much, and more for each byte."""

RETRIED = 16 << 20
"""The most bytes of two documents that are compared once more, to see whether their records were renamed."""


class Incomparable(Exception):
    """Two answers cannot be compared. The text is the reason, one of a few fixed words."""


class Outcome(StrEnum):
    """The one class of an eligible exchange. A reason beside it says more."""

    __hash__ = str.__hash__  # an Enum's own is written in Python, and all counting is by outcome

    MATCH = "match"
    MATCH_NORMALISED = "match_normalised"
    """The same, once rules have removed what varies."""
    KNOWN_DIFFERENCE = "known_difference"
    """Everything that differs was declared beforehand. The reason is the declaration's id."""
    MISMATCH = "mismatch"
    UNSTABLE = "unstable"
    """Legacy was asked twice, and disagrees with itself at the places where modern differs from it."""
    TRANSIENT = "transient"
    """The arms differed, and agreed when both were asked again."""
    CANDIDATE_ERROR = "candidate_error"
    """Modern failed, and legacy answered. The reason is the Failure's kind."""
    NOT_COMPARABLE = "not_comparable"
    """Both were asked, and cannot be compared: legacy failed, a body is too large, or neither body can be read."""
    SHED = "shed"
    """The exchange should have been compared, but was dropped: no room, no time, or the judge was lost."""
    SKIPPED = "skipped"
    """Left out on purpose, before it came to the lane: not sampled, too large, or the client went away."""


COMPARED = frozenset({Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE, Outcome.MISMATCH})
"""Outcomes of an exchange whose two answers were compared in full."""

AGREED = COMPARED - {Outcome.MISMATCH}
"""Outcomes of an exchange whose two answers agree, once rules and declared differences are taken off."""


class Tally(NamedTuple):
    """What exchanges are counted by. `reason` is "", one of a few fixed words, or the id of a known difference."""

    capability: str
    operation: str
    outcome: Outcome
    reason: str = ""


class Drift(NamedTuple):
    """One kind of difference at one index-free path, in an exchange for which legacy was asked twice. `modern` and
    `legacy` say whether modern's answer, and legacy's second one, differ there from legacy's first. `plain` says that
    only a value drifted, at a place that is in no list. `repeat` says that a client had asked twice, and
    nobody else: then modern was not asked in between, and `modern` is False."""

    kind: str
    path: str
    modern: bool
    legacy: bool
    plain: bool
    repeat: bool = False


class Bond(NamedTuple):
    """Two identifiers of one class, as tokens, that an exchange proves to name one record. Or, without tokens, a
    contradiction: legacy's is bound to another of modern's (`split`), or modern's to another of legacy's (`merged`)."""

    name: str
    legacy: str = ""
    modern: str = ""
    split: bool = False
    merged: bool = False


@dataclass(slots=True)  # Not frozen, since that would triple its cost; still, a Comparison must not be changed.
class Comparison:
    """The result for one pair: shapes, never values.

    `at` is in seconds since 1970. `hidden` counts, by the rule's id, the differences that each rule removed.
    `reproduced` are the signatures that were there again each time both arms were asked again. `drifts` are filled
    if legacy was asked twice. `size` is the bytes of both bodies as they came. `bonds` are pairs of
    identifiers that the judge had not met before, and contradictions. `was_critical`: it had a critical difference,
    which was dropped since it settled, or since it was noise."""

    tally: Tally
    trace_id: str
    at: float
    differences: tuple[Difference, ...] = ()
    hidden: tuple[tuple[str, int], ...] = ()
    reproduced: tuple[Signature, ...] = ()
    drifts: tuple[Drift, ...] = ()
    size: int = 0
    bonds: tuple[Bond, ...] = ()
    was_critical: bool = False

    @property
    def asked_again(self) -> bool:
        """Whether both arms were asked again, and differed each time."""
        return self.tally.outcome is Outcome.MISMATCH and self.tally.reason.startswith("reproduced_")

    @property
    def severity(self) -> Severity | None:
        """The worst severity of its differences; None if it has none."""
        return worst_of(found.severity for found in self.differences) if self.differences else None


def compare(pair: Pair, crosswalk: Crosswalk | None = None, learnt: list[IdPair] | None = None) -> Comparison:
    """The comparison of a pair. Raises nothing. `crosswalk` has the pairs of identifiers that are known; those that
    the pair proves beyond them are added to `learnt`."""
    identities = _identities(pair, crosswalk)
    outcome, reason = _failed(pair)
    found: list[Difference] = []
    hidden: Counter[str] = Counter()
    if outcome is None:
        try:
            for difference in _differences(pair, hidden, identities):
                found.append(difference)
        except Incomparable as error:
            if not found:  # Differences that were found before still count.
                outcome, reason = Outcome.NOT_COMPARABLE, str(error)
    if outcome is None:
        known = hidden.keys() & pair.rules.compiled(pair.at, pair.over).known
        outcome = (Outcome.MISMATCH if found else Outcome.KNOWN_DIFFERENCE if known
                   else Outcome.MATCH_NORMALISED if hidden else Outcome.MATCH)
        reason = min(known) if outcome is Outcome.KNOWN_DIFFERENCE else ""
    if identities is not None and learnt is not None:
        learnt += identities.learnt
    crossed = () if identities is None else tuple(
        Bond(name, split=found.legacy, merged=found.modern) for name, found in identities.conflicts)
    tally = Tally(pair.capability, pair.operation, outcome, reason)
    return Comparison(tally, pair.trace_id, pair.at, tuple(found), tuple(sorted(hidden.items())),
                      size=len(pair.control.body) + len(pair.candidate.body), bonds=crossed)


def compare_condition(pair: Pair, unconditional: Observation) -> Comparison:
    """The comparison of a pair with a `condition`. `unconditional` is that arm's answer which was asked without it.

    They agree if the one arm could have given the other's status: 304 means that there is something to be had, 412 that
    there is, or that there is nothing. What is in it stays unknown, and the reason NO_BODY says so. Where legacy said
    304, modern was asked by a tag that nobody has given: if it says 304, it would say so of a copy that is out of date.
    """
    outcome, reason = _failed(pair)
    found: list[Difference] = []
    hidden: Counter[str] = Counter()
    if outcome is None:
        status, agreeing = unconditional.status, (304,) if pair.condition == 304 else (304, 412, 404, 410)
        is_deaf = pair.condition == status == 304 and unconditional.arm == "modern"
        if is_deaf or (status // 100 != 2 and status not in agreeing):
            # To the question that modern was asked, legacy would have answered 200.
            legacy = Shape("200" if is_deaf else str(pair.control.status))
            found += Outside(pair, pair.rules.compiled(pair.at, pair.over), hidden, None).ruled(
                Difference("status", "", legacy, Shape(str(pair.candidate.status))))
        outcome = Outcome.MISMATCH if found else Outcome.MATCH_NORMALISED if hidden else Outcome.MATCH
        reason = "" if found else NO_BODY
    return Comparison(Tally(pair.capability, pair.operation, outcome, reason), pair.trace_id, pair.at, tuple(found),
                      tuple(sorted(hidden.items())))


def _identities(pair: Pair, crosswalk: Crosswalk | None) -> Identities | None:
    """The identifiers of the pair; None if no rule says `crosswalk`, or if legacy is compared with itself."""
    classes = pair.rules.compiled(pair.at, pair.over).classes if pair.rules.identifies else None
    if classes is None or pair.control.arm == pair.candidate.arm:
        return None
    return Identities(Crosswalk() if crosswalk is None else crosswalk, classes)


def _failed(pair: Pair) -> tuple[Outcome | None, str]:
    """The outcome and its reason if an arm gave no whole answer, else None and ""."""
    if kind := _unusable(pair.control):
        return Outcome.NOT_COMPARABLE, f"legacy_{kind}"
    if pair.control.broke:
        return Outcome.NOT_COMPARABLE, LEGACY_BROKE
    if kind := _unusable(pair.candidate):
        # A call that ended because the client went away says nothing about the candidate.
        return Outcome.NOT_COMPARABLE if kind == "cancelled" else Outcome.CANDIDATE_ERROR, kind
    return None, ""


def _unusable(observation: Observation) -> str:
    if observation.failure is not None:
        return observation.failure.kind
    return "" if observation.complete else "oversize"


def _differences(pair: Pair, hidden: Counter[str], identities: Identities | None) -> Iterator[Difference]:
    """Everything that differs. What rules hide is counted in `hidden`."""
    outside = Outside(pair, pair.rules.compiled(pair.at, pair.over), hidden, identities)
    yield from outside.status()
    if pair.control.status // 100 == pair.candidate.status // 100:
        yield from outside.heads()
        yield from _of_bodies(outside)


def _of_bodies(outside: Outside) -> Iterator[Difference]:
    old, new = outside.pair.control, outside.pair.candidate
    if old.digest is not None or new.digest is not None:
        yield from _of_large(outside)
        return
    forms = form_of(old.headers), form_of(new.headers)
    if old.body == new.body and codings_of(old.headers) == codings_of(new.headers) and (
            old.headers == new.headers or reads_alike(*forms, old.body)):
        yield from _of_equal(outside)
        return
    before, after = decoded(old), decoded(new)
    if before == Unreadable("unknown_coding") and not isinstance(after, Unreadable):
        # No mirror asks for such a coding, so this holds nothing against modern.
        raise Incomparable("legacy_unknown_coding")
    if isinstance(before, Unreadable) or isinstance(after, Unreadable):
        if Unreadable("too_large") in (before, after):
            yield from _of_large(outside)
        else:
            yield from _of_coding(outside, before, after)
    elif before == after and reads_alike(*forms, before):
        yield from _of_equal(outside)
    elif not before or not after:
        legacy, modern = (Shape("bytes", len(body)) if body else ABSENT for body in (before, after))
        yield from outside.ruled(Difference("body", "", legacy, modern))
    else:
        if forms[0] is not None and forms[1] is not None and forms[0].name == forms[1].name:
            yield from _of_read(outside, (forms[0], forms[1]), (before, after))
        else:
            yield from _of_bytes(outside, len(before), len(after))


def _of_large(outside: Outside) -> Iterator[Difference]:
    """The difference of two bodies of which one, at least, is too large to be held: without places."""
    old, new = outside.pair.control, outside.pair.candidate
    one, other = digest_of(old), digest_of(new)
    alike = one == other and (not one.reason or codings_of(old.headers) == codings_of(new.headers))
    if "too_large" in (one.reason, other.reason) or (alike and outside.identities is not None):
        # Too much even to be read through; or they are equal, and the identifiers in them cannot be checked.
        raise Incomparable("too_large")
    if alike and one.reason != "corrupt":
        if not reads_alike(form_of(old.headers), form_of(new.headers), b"\xff"):
            raise Incomparable("too_large")  # what the same bytes say twice would have to be read
        return
    if one.reason or other.reason:
        yield from _of_coding(outside, *(Unreadable(found.reason) if found.reason else b"" for found in (one, other)))
    else:
        yield from _of_bytes(outside, one.size, other.size)


def _of_coding(outside: Outside, before: bytes | Unreadable, after: bytes | Unreadable) -> Iterator[Difference]:
    """The difference of two bodies of which one has a content coding that cannot be taken off. They were compared as
    they came."""
    legacy, modern = (Shape(body.reason.replace("_", " ") if isinstance(body, Unreadable) else "decoded")
                      for body in (before, after))
    found = list(outside.ruled(Difference("coding", "", legacy, modern)))
    # Where a rule hides the coding, the body still differs.
    yield from found or _of_bytes(outside, len(outside.pair.control.body), len(outside.pair.candidate.body))


def _of_equal(outside: Outside) -> Iterator[Difference]:
    """The differences of equal bodies: an identifier that is in both may name two different records."""
    form = form_of(outside.pair.control.headers)
    body = decoded(outside.pair.control) if outside.identities is not None and form is not None else b""
    if form is None or not body or isinstance(body, Unreadable):
        return
    legacy, modern = read(form, body), read(form, body)
    if not isinstance(legacy, Unreadable) and not isinstance(modern, Unreadable):
        found = _of_documents(outside, form.name, legacy, modern, 2 * len(body), outside.identities)
        outside.hidden.update(dict(found.hidden))
        yield from found.differences


def _of_bytes(outside: Outside, before: int, after: int) -> Iterator[Difference]:
    """The difference of two bodies of so many bytes."""
    yield from outside.ruled(Difference("body", "", Shape("bytes", before), Shape("bytes", after)))


def _of_read(outside: Outside, forms: tuple[Form, Form], bodies: tuple[bytes, bytes]) -> Iterator[Difference]:
    # Identifiers are marked in the trees, which changes them: then the two share nothing.
    seen: dict[str, Tree] | None = {} if outside.identities is None else None
    legacy, modern = (reading(*one, seen) for one in zip(forms, bodies, strict=True))
    old, new = legacy.tree, modern.tree
    if isinstance(old, Unreadable) or isinstance(new, Unreadable):
        if old == new and bodies[0] == bodies[1]:
            return
        syntax = list(outside.ruled(Difference("syntax", "", shape_of(old), shape_of(new))))
        # Where a rule hides the syntax, the body still differs.
        yield from syntax or _of_bytes(outside, *map(len, bodies))
        return
    names = seen.get(xml.QUALIFIED, {}) if seen is not None else {}
    seen = None  # What was only needed to read is freed.
    yield from _of_odd(outside, legacy, modern)
    compared = _of_documents(outside, forms[0].name, old, new, sum(map(len, bodies)), outside.identities)
    more = renaming.candidates(compared.differences, old, new) if outside.identities is None else ()
    if more and forms[0].name in FORMS and sum(map(len, bodies)) <= RETRIED:
        compared = _if_renamed(outside, forms, bodies, compared, more)
    found = compared.differences
    outside.hidden.update(dict(compared.hidden))
    if forms[0].name == "html" and not found:
        # The pages read the same, but their markup differs. That is counted.
        outside.hidden[MARKUP] += 1
    if not found and len(set(names.values())) < len(names):
        outside.hidden[QUALIFIED] += 1
    # No schema names a member twice: such a name is data.
    twice = {escape(name) for name, _ in (*legacy.dropped, *modern.dropped)}
    yield from (_masked(one, twice) for one in found) if twice else found


def _masked(found: Difference, names: set[str]) -> Difference:
    """The difference with these member names masked in its paths."""
    path, modern = ("/".join(MASKED if step in names else step for step in one.split("/"))
                    for one in (found.path, found.modern_path))
    return replace(found, path=path, modern_path=modern)


def _of_odd(outside: Outside, legacy: Reading, modern: Reading) -> Iterator[Difference]:
    """The difference between how two bodies are written that can both be read. One that no parser minds is hidden."""
    odd = legacy.odd ^ modern.odd
    if not odd and not drop_alike(legacy, modern):
        odd = frozenset({DUPLICATE})
    if not odd:
        return
    if odd <= HARMLESS and outside.rules.defaults(("@syntax",)):
        outside.hidden[SYNTAX] += 1
        return
    before, after = (shape_of(one.tree)._replace(form=" ".join(sorted(one.odd))) for one in (legacy, modern))
    yield from outside.ruled(Difference("syntax", "", before, after))


def _of_documents(
    outside: Outside, form: str, legacy: Tree, modern: Tree, size: int, identities: Identities | None,
    more: tuple[Rule, ...] = (),
) -> Diff:
    """The differences of two documents of `size` bytes together. `more` are rules beside those of the pair."""
    pair = outside.pair
    rules = pair.rules.compiled(pair.at, pair.over, (*defaults(form, legacy, modern), *more), form)
    try:
        return diff(legacy, modern, rules.directives, rules.weigh, rules.reveals, LOOKS + LOOKS_A_BYTE * size,
                    pair.key, identities, form, rules.excuse)
    except DiffError as error:
        raise Incomparable(error.reason) from None


def _if_renamed(
    outside: Outside, forms: tuple[Form, Form], bodies: tuple[bytes, bytes], found: Diff, more: tuple[Rule, ...],
) -> Diff:
    """The differences of two documents if records have other identifiers in each, by these rules; else those that were
    found."""
    known = renaming.identities(more)
    legacy, modern = (read(*one) for one in zip(forms, bodies, strict=True))  # the trees of before may not be changed
    try:
        again = _of_documents(outside, forms[0].name, legacy, modern, sum(map(len, bodies)), known, more)
    except Incomparable:
        return found
    lone, still = (sum(one.kind in ("missing", "extra") for one in some.differences) for some in (found, again))
    renamed = renaming.renamed(more, again.hidden)
    if not renamed or still >= lone or any(one.kind == IDENTITY for one in again.differences):
        return found
    ours = {one.id for one in more}
    return Diff((*again.differences, *renamed), tuple(one for one in again.hidden if one[0] not in ours))
