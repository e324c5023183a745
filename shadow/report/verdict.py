"""The verdict on a capability: rows of the ledger and its criteria, folded into an EvidenceReport. Pure.

The verdict rests on one epoch alone, the one that was seen last. If another epoch goes on beside it, as when two builds
are in use, the verdict rests on the worse of the two. Earlier epochs are history. If the last epoch had other arms,
rules or comparator than the present ones, it is history too, and the verdict has nothing to rest on yet.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shadow.compare.comparison import COMPARED, VERSION, Outcome
from shadow.evidence.epoch import Epoch, digest
from shadow.evidence.gate import Answer, Coverage, Criteria, Gate, Hid, Numbers, State, assess
from shadow.evidence.stratum import HOUR, Stratum
from shadow.ledger.rows import DAY, JUDGED, Crossed, Crossing, Declared, Evidence, Gap, Reason
from shadow.words import moment, noun

_BESIDE = 600.0
"""An epoch that was seen within this many seconds before the latest exchange goes on beside the latest epoch."""

_OVERLAP = 60.0
"""Seconds after the start of a new epoch in which late exchanges of the epoch before it are expected."""

_WORST = Answer.NOT_SAFE, Answer.NOT_ENOUGH, Answer.SAFE


@dataclass(frozen=True, slots=True)
class EpochReport:
    """An epoch and its size. `legacy` and `modern` are builds, "" if an arm does not report its own. `arms` and
    `rules` are digests. `first` and `last` are in seconds since 1970. Of the `exchanges`, `effective` ones count."""

    legacy: str
    modern: str
    arms: str
    rules: str
    comparator: str
    first: float
    last: float
    exchanges: int
    effective: int


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """How often an operation, or one stratum of it, was `seen`, in effective exchanges. `status`, `resource` and
    `shape` are empty for the operation as a whole. `wanted` is its minimum, `needs` what is missing of that, and
    `hours` how long that takes at today's rate: None if it was not seen today, 0 if nothing is missing."""

    operation: str
    status: str
    resource: str
    shape: str
    seen: int
    wanted: int
    needs: int
    hours: float | None


@dataclass(frozen=True, slots=True)
class IdentityReport:
    """What is known of one class of identifiers in the epoch. Pairs were `seeded`, `learnt`, or not kept for lack of
    room (`overflow`). Exchanges contradicted each other: `split` times one legacy record would be two modern ones,
    and `merged` times two would be one. `first_seen`, `last_seen` (seconds since 1970) and `trace_id` are of these
    contradictions, None and "" if there are none."""

    name: str
    seeded: int
    learnt: int
    overflow: int
    split: int
    merged: int
    first_seen: float | None
    last_seen: float | None
    trace_id: str


@dataclass(frozen=True, slots=True)
class GapReport:
    """Exchanges that are missing from the verdict: they were lost, or left out while the store could not be opened.
    `reason` is a shadow.ledger.rows.Reason. `first` and `last` are in seconds since 1970."""

    reason: str
    exchanges: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The verdict on one capability, with every number behind it.

    `says` is the answer as a sentence, `wanted` a line for each thing that is still missing. `gates` come in a fixed
    order: mismatches, candidate errors, criticals, strata, coverage, excluded, and, if any are declared, known
    differences. `coverage` has a row for each mirrored operation and each stratum. `unseen` are operations without an
    exchange; `unmirrored` are never mirrored, because asking them changes something. `effective` exchanges count.
    `per_hour` is how many of them came an hour in the 24 hours before the latest exchange, None if none did. `epoch` is
    None if nothing was compared with the present arms, rules and comparator; `history` are the epochs before it, the
    latest first. `identities` are by class. `gaps` are missing exchanges by reason; they count as excluded.
    """

    answer: Answer
    says: str
    wanted: tuple[str, ...]
    gates: tuple[Gate, ...]
    coverage: tuple[CoverageReport, ...]
    unseen: tuple[str, ...]
    unmirrored: tuple[str, ...]
    effective: int
    per_hour: float | None
    epoch: EpochReport | None
    history: tuple[EpochReport, ...]
    identities: tuple[IdentityReport, ...]
    gaps: tuple[GapReport, ...]

    def is_on(self, epoch: Epoch) -> bool:
        """Whether the verdict rests on this epoch."""
        known = self.epoch
        return known is not None and (known.legacy, known.modern, known.arms, known.rules, known.comparator) == (
            epoch.legacy, epoch.modern, epoch.arms, epoch.rules, epoch.comparator)


class _Seen(NamedTuple):
    """An epoch, its rows, and its report."""

    epoch: Epoch
    rows: Sequence[Evidence]
    report: EpochReport


def verdict(
    evidence: Iterable[Evidence], criteria: Criteria, crossings: Iterable[Crossing] = (),
    declared: Iterable[Declared] = (), gaps: Iterable[Gap] = (),
) -> EvidenceReport:
    """The verdict on a capability, from all of its rows."""
    epochs: dict[Epoch, list[Evidence]] = defaultdict(list)
    for row in evidence:
        epochs[row.epoch].append(row)
    seen = sorted((_Seen(epoch, rows, _report(epoch, rows)) for epoch, rows in epochs.items()),
                  key=lambda one: -one.report.last)
    beside = _Beside(list(crossings), list(declared), list(gaps))
    reports = [one.report for one in seen]
    found = [_on(one, reports, criteria, beside) for one in _going_on(seen, criteria)]
    if not found:
        return _on(None, reports, criteria, beside)
    # The latest of the worst: `min` takes the first of equals.
    return min(found, key=lambda one: _WORST.index(one.answer))


def _going_on(seen: Sequence[_Seen], criteria: Criteria) -> list[_Seen]:
    """The epochs that the verdict may rest on, the latest first: the latest one, and those that go on beside it. There
    are none if the setup or the comparator has changed since: what was hidden then need not be hidden now."""
    if not seen or not _holds(seen[0].epoch, criteria):
        return []
    latest = seen[0].report
    since = max(latest.first + _OVERLAP, latest.last - _BESIDE)
    return [seen[0], *(one for one in seen[1:] if one.report.last > since and _holds(one.epoch, criteria))]


def _holds(epoch: Epoch, criteria: Criteria) -> bool:
    """Whether an epoch rests on the present setup and comparator."""
    return criteria.setup is None or (
        criteria.setup in (epoch.setup, epoch.setup.anywhere()) and epoch.comparator == VERSION)


class _Beside(NamedTuple):
    """The other rows of a capability, of all epochs."""

    crossings: Sequence[Crossing]
    declared: Sequence[Declared]
    gaps: Sequence[Gap]


def _on(
    seen: _Seen | None, reports: Sequence[EpochReport], criteria: Criteria, beside: _Beside,
) -> EvidenceReport:
    """The verdict on one of the epochs, or on none."""
    epoch, current, report = seen or (None, (), None)
    strata = _strata(current)
    identities = _identities(epoch, beside.crossings, dict(criteria.seeded))
    gaps = _gaps(report, beside.gaps)
    lost = sum(one.exchanges for one in gaps)
    assessed = assess(
        criteria, {stratum: _numbers(rows) for stratum, rows in strata.items()},
        eligible=sum(row.count for row in current) + lost,
        excluded=sum(row.count for row in current if row.outcome not in JUDGED) + lost,
        conflicts=sum(one.split + one.merged for one in identities),
        hid=_hid([row for row in beside.declared if row.epoch == epoch], current),
    )
    now = max((row.last for row in current), default=0.0)
    rate = _per_hour(current, now)
    coverage = tuple(_coverage(one, _per_hour([
        row for row in current if one.stratum in (None, row.stratum) and one.operation == row.stratum.operation
    ], now)) for one in assessed.coverage)
    return EvidenceReport(
        answer=assessed.answer,
        says=_says(assessed.answer, assessed.gates, outdated=bool(reports) and epoch is None) + missing(gaps),
        wanted=tuple(_wanted(assessed.gates, coverage, rate, sum(
            row.count for row in current if row.outcome is Outcome.UNSTABLE))),
        gates=assessed.gates,
        coverage=coverage,
        unseen=tuple(one.operation for one in coverage if not one.status and not one.seen),
        unmirrored=criteria.unmirrored,
        effective=sum(row.effective for row in current),
        per_hour=rate,
        epoch=report,
        history=tuple(one for one in reports if one is not report),
        identities=identities,
        gaps=gaps,
    )


def _gaps(epoch: EpochReport | None, gaps: Iterable[Gap]) -> tuple[GapReport, ...]:
    """The gaps of an epoch: exchanges that were lost since it began. A deleted store leaves no gap in any epoch, since
    new evidence began after it."""
    found: dict[str, GapReport] = {}
    for gap in gaps:
        if epoch is None or gap.last < epoch.first or gap.reason is Reason.STORE_DELETED:
            continue
        known = found.get(gap.reason, GapReport(str(gap.reason), 0, gap.first, gap.last))
        found[gap.reason] = GapReport(str(gap.reason), known.exchanges + gap.exchanges, min(known.first, gap.first),
                                      max(known.last, gap.last))
    return tuple(found[reason] for reason in sorted(found))


def _identities(
    epoch: Epoch | None, crossings: Iterable[Crossing], seeded: Mapping[str, int]
) -> tuple[IdentityReport, ...]:
    current = digest(epoch) if epoch is not None else ""
    rows = [row for row in crossings if row.epoch == current]
    return tuple(_identity(name, [row for row in rows if row.name == name], seeded.get(name, 0))
                 for name in sorted({*seeded, *(row.name for row in rows)}))


def _identity(name: str, rows: Sequence[Crossing], seeded: int) -> IdentityReport:
    counts = {row.kind: row.count for row in rows}
    against = [row for row in rows if row.kind in (Crossed.SPLIT, Crossed.MERGED)]
    return IdentityReport(
        name=name,
        seeded=seeded,
        learnt=counts.get(Crossed.PAIR, 0),
        overflow=counts.get(Crossed.OVERFLOW, 0),
        split=counts.get(Crossed.SPLIT, 0),
        merged=counts.get(Crossed.MERGED, 0),
        first_seen=min((row.first_seen for row in against), default=None),
        last_seen=max((row.last_seen for row in against), default=None),
        trace_id=max(against, key=lambda row: row.last_seen).trace_id if against else "",
    )


def _report(epoch: Epoch, rows: Sequence[Evidence]) -> EpochReport:
    return EpochReport(
        epoch.legacy, epoch.modern, epoch.arms, epoch.rules, epoch.comparator, min(row.first for row in rows),
        max(row.last for row in rows), sum(row.count for row in rows), sum(row.effective for row in rows),
    )


def _strata(rows: Iterable[Evidence]) -> dict[Stratum, list[Evidence]]:
    """The rows of each stratum. Exchanges that were never asked of both arms are in none."""
    found: dict[Stratum, list[Evidence]] = defaultdict(list)
    for row in rows:
        if row.stratum.status:
            found[row.stratum].append(row)
    return found


def _numbers(rows: Sequence[Evidence]) -> Numbers:
    def effective(*outcomes: Outcome) -> int:
        return sum(row.effective for row in rows if row.outcome in outcomes)

    return Numbers(effective(*JUDGED), effective(Outcome.MISMATCH), effective(Outcome.CANDIDATE_ERROR),
                   sum(row.count for row in rows if row.outcome not in JUDGED), sum(row.count for row in rows),
                   sum(row.critical for row in rows if row.outcome is Outcome.MISMATCH),
                   sum(row.reproduced for row in rows))


def _hid(declared: Iterable[Declared], rows: Iterable[Evidence]) -> list[Hid]:
    compared: Counter[str] = Counter()
    for row in rows:
        if row.outcome in COMPARED:
            compared[row.stratum.operation] += row.count
    return [Hid(one.known, one.operation, one.exchanges, compared[one.operation]) for one in declared]


def _per_hour(rows: Sequence[Evidence], now: float) -> float | None:
    """Effective exchanges an hour, today. The first hour counts as a whole one even if it is not over: each subject
    counts once in an hour, so the rate of the first minutes does not last."""
    began = int(now // HOUR) - DAY + 1
    seen = sum(count for row in rows for hour, count in row.hours if hour >= began)
    if not seen:
        return None
    since = max(began * HOUR, min(row.first for row in rows if row.effective))
    return seen / max((now - since) / HOUR, 1.0)


def _coverage(one: Coverage, rate: float | None) -> CoverageReport:
    stratum = one.stratum or Stratum(one.operation, "", "", "")
    hours = 0.0 if not one.needs else one.needs / rate if rate else None
    return CoverageReport(*stratum[:4], one.seen, one.wanted, one.needs, hours)


# --- in words ---

def _says(answer: Answer, gates: Sequence[Gate], *, outdated: bool) -> str:
    if outdated:
        return f"{answer}: nothing was compared since the arms, the rules or the comparator changed"
    behind = State.FAIL if answer is Answer.NOT_SAFE else State.MISSING
    reasons = "; ".join(gate.says for gate in gates if gate.state is behind)
    return f"{answer}: {reasons or gates[0].says}"


def _wanted(
    gates: Sequence[Gate], coverage: Sequence[CoverageReport], rate: float | None, unstable: int
) -> Iterable[str]:
    """The lines of `wanted`: what a person must do, then the exchanges that the rates need, then those that coverage
    needs. The numbers assume that all further exchanges agree."""
    missing = [gate for gate in gates if gate.state is State.MISSING]
    for gate in missing:
        if gate.name == "criticals" and gate.value:
            differences = "difference" if gate.value == 1 else "differences"
            yield f"{gate.value:,.0f} critical {differences} must be reproduced, or explained by a rule or a new build"
        if gate.name == "excluded" and unstable:
            yield (f"{unstable:,} unstable {noun(unstable, 'exchange')} must be "
                   "explained: by a rule for the values that drift, or by accepting a proposed rule")
    most = max((gate.needs for gate in missing if gate.name != "coverage"), default=0)
    if most:
        seen = any(one.seen for one in coverage)
        yield f"≈ {most:,} more effective {noun(most, 'exchange')}, {_in(most / rate if rate else None, seen)}"
    for one in coverage:
        if one.needs:
            stratum = f" ({kind(one)})" if one.status else ""
            yield f"≈ {one.needs:,} more of `{one.operation}`{stratum}, {_in(one.hours, one.seen > 0)}"


_WHY = {
    Reason.STORE_UNAVAILABLE: "the store could not be opened", Reason.KILLED: "a worker was killed",
    Reason.UNWRITTEN: "the store could not be written at the end", Reason.STORE_REPLACED: "the store was replaced",
}


def missing(gaps: Sequence[GapReport]) -> str:
    """The end of `says` that reports missing exchanges; "" if none are missing."""
    if not gaps:
        return ""
    count = sum(one.exchanges for one in gaps)
    first, last = moment(min(one.first for one in gaps)), moment(max(one.last for one in gaps))
    why = ", ".join(f"{one.exchanges:,} since {_WHY[Reason(one.reason)]}" for one in gaps)
    return f"; {count:,} {noun(count, 'exchange is', 'exchanges are')} missing between {first} and {last}: {why}"


def _in(hours: float | None, seen: bool) -> str:
    if hours is None:
        return "not seen today" if seen else "not seen yet"
    return f"≈ {span(hours)} at today's rate"


def span(hours: float) -> str:
    """A length of time: "20 min", "3 h", "12 days"."""
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    return f"{round(hours)} h" if hours < 48 else f"{round(hours / 24):,} days"


def kind(one: CoverageReport) -> str:
    """A stratum in words, without its operation: "2xx Bundle ?date,patient"."""
    return " ".join(part for part in (one.status, one.resource, one.shape and f"?{one.shape}") if part)
