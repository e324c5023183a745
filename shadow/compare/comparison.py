"""Compares a pair: Pair → Comparison, with exactly one Outcome. Pure and total: any bytes on both arms give an outcome.

The steps: failures → status → compared header fields → content coding taken off → equal bytes → equal trees. If the
statuses are of two classes, bodies are not compared, since they are bound to differ. If one arm's body cannot be read,
that is a difference; if neither can, nothing can be compared. Neither is ever a match.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from adapters.crosswalk import Crosswalk, IdPair
from adapters.document import Tree
from shadow.compare import heads
from shadow.compare.bodies import Incomparable, Unreadable, decoded, form_of, read, shape_of
from shadow.compare.diff import DiffError, diff
from shadow.compare.difference import ABSENT, Difference, Severity, Shape, Signature, worst_of
from shadow.compare.identifiers import Identities
from shadow.compare.names import FORMS
from shadow.compare.pair import Pair
from shadow.compare.rules import defaults
from shadow.observation import Observation

VERSION = "5"
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


def identical(pair: Pair) -> bool:
    """Whether both answers are the same, byte for byte, in everything that is compared. Cheap enough for the event
    loop. Never true if legacy failed, nor of two arms if a crosswalk is in use: one identifier may then name two
    different records."""
    old, new = pair.control, pair.candidate
    return (
        (not pair.rules.identifies or old.arm == new.arm)
        and old.failure is None and new.failure is None and old.complete and new.complete and not old.broke
        and old.status == new.status and old.body == new.body and heads.same(old.headers, new.headers)
    )


def answers_hash(pair: Pair) -> int | None:
    """A hash of both answers. Within this process it is equal for pairs whose answers are equal byte for byte in
    everything that is compared: such a pair need not be compared again. None if a crosswalk is in use, since a
    crosswalk changes."""
    if pair.rules.identifies:
        return None
    return hash(tuple(
        (one.failure, one.complete, one.status, tuple(heads.compared(one.headers)), one.body)
        for one in (pair.control, pair.candidate)))


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
            found += _ruled(Difference("status", "", legacy, Shape(str(pair.candidate.status))), pair, hidden)
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
    old, new = pair.control, pair.candidate
    if old.status != new.status:
        yield from _ruled(Difference("status", "", Shape(str(old.status)), Shape(str(new.status))), pair, hidden)
        if old.status // 100 != new.status // 100:
            return
    if not heads.same(old.headers, new.headers):
        for found in heads.differences(old.headers, new.headers):
            yield from _ruled(found, pair, hidden)
    yield from _of_bodies(pair, hidden, identities)


def _ruled(found: Difference, pair: Pair, hidden: Counter[str]) -> Iterator[Difference]:
    """A difference outside of documents, if no rule for its place hides it: /@status/200-204, /@header/etag, /@body."""
    rules = pair.rules.compiled(pair.at, pair.over)
    names: tuple[str, ...] = (f"@{found.kind}",)
    if found.kind == "header":
        names += (found.path,)
    elif found.kind == "status":
        names += (f"{found.legacy.type}-{found.modern.type}",)
    if (by := rules.hides(found.kind, names)) is not None:
        hidden[by] += 1
    else:
        yield replace(found, severity=rules.weigh(found.kind, names, found.legacy, found.modern))


def _of_bodies(pair: Pair, hidden: Counter[str], identities: Identities | None) -> Iterator[Difference]:
    old, new = pair.control, pair.candidate
    if old.body == new.body and old.headers.get_all(b"content-encoding") == new.headers.get_all(b"content-encoding"):
        yield from _of_equal(pair, hidden, identities)
        return
    try:
        before = decoded(old)
    except Incomparable as error:
        raise Incomparable(f"legacy_{error}") from None  # whatever modern says
    after = decoded(new)
    if before is None and after is None:
        raise Incomparable("coding")
    if before is None or after is None:
        legacy, modern = (Shape("corrupt" if body is None else "decoded") for body in (before, after))
        yield from _ruled(Difference("coding", "", legacy, modern), pair, hidden)
    elif before == after:
        yield from _of_equal(pair, hidden, identities)
    elif not before or not after:
        legacy, modern = (Shape("bytes", len(body)) if body else ABSENT for body in (before, after))
        yield from _ruled(Difference("body", "", legacy, modern), pair, hidden)
    else:
        forms = form_of(old.headers), form_of(new.headers)
        if forms[0] is not None and forms[1] is not None and forms[0].name == forms[1].name:
            yield from _of_read(forms[0].name, read(forms[0], before), read(forms[1], after), pair, hidden, identities)
        else:
            yield from _of_bytes(before, after, pair, hidden)


def _of_equal(pair: Pair, hidden: Counter[str], identities: Identities | None) -> Iterator[Difference]:
    """The differences of equal bodies: an identifier that is in both may name two different records."""
    form = form_of(pair.control.headers)
    if identities is None or form is None:
        return
    try:
        body = decoded(pair.control) or b""
    except Incomparable:
        return
    legacy, modern = read(form, body), read(form, body)
    if not isinstance(legacy, Unreadable) and not isinstance(modern, Unreadable):
        yield from _of_documents(form.name, legacy, modern, pair, hidden, identities)


def _of_bytes(before: bytes, after: bytes, pair: Pair, hidden: Counter[str]) -> Iterator[Difference]:
    yield from _ruled(Difference("body", "", Shape("bytes", len(before)), Shape("bytes", len(after))), pair, hidden)


def _of_read(
    form: str, legacy: Tree | Unreadable, modern: Tree | Unreadable, pair: Pair, hidden: Counter[str],
    identities: Identities | None,
) -> Iterator[Difference]:
    if isinstance(legacy, Unreadable) and isinstance(modern, Unreadable):
        raise Incomparable("syntax")
    if isinstance(legacy, Unreadable) or isinstance(modern, Unreadable):
        yield from _ruled(Difference("syntax", "", shape_of(legacy), shape_of(modern)), pair, hidden)
        return
    found = _of_documents(form, legacy, modern, pair, hidden, identities)
    if form == "html" and not found:
        # The pages read the same, but their markup differs. That is counted.
        hidden[MARKUP] += 1
    yield from found


def _of_documents(
    form: str, legacy: Tree, modern: Tree, pair: Pair, hidden: Counter[str], identities: Identities | None
) -> tuple[Difference, ...]:
    directives, weigh, reveals, *_ = pair.rules.compiled(pair.at, pair.over, defaults(form, legacy, modern))
    try:
        found, counts = diff(legacy, modern, directives, weigh, reveals, key=pair.key, identities=identities,
                             maps=form in FORMS)
    except DiffError as error:
        raise Incomparable(error.reason) from None
    hidden.update(dict(counts))
    return found
