"""A capability's evidence, folded: rows of the ledger and its criteria → the verdict, as it is reported and gated on.

The current epoch is the one that was seen last; the verdict is on it alone. Where another goes on beside it, as while
two builds are at work, it is on the one of them that is worse. What came before is history. Where the last one rests on
other arms, other rules or another comparator than those of now, it is history too, and there is none.
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
"""Seconds before the latest exchange in which an epoch was seen that goes on beside its own."""

_OVERLAP = 60.0
"""Seconds into a new epoch for which exchanges of the one before it may still come in."""

_WORST = Answer.NOT_SAFE, Answer.NOT_ENOUGH, Answer.SAFE


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What evidence was gathered on (builds are "" where they are not told; `arms` and `rules` are digests), when
    (seconds since the epoch), and how much: `exchanges` of both arms, of which `effective` count."""

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
    """How often an operation (`status`, `resource` and `shape` empty: all of it) or one stratum of it was seen, in
    effective exchanges; `wanted` is its minimum, `needs` what is missing of that, and `hours` how long that takes at
    today's rate (None where it was not seen today, 0 where nothing is missing)."""

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
    """What is known of one class of identifiers in the epoch: pairs `seeded`, `learnt`, and not kept for want of room
    (`overflow`). Exchanges contradicted each other `split` times, where one legacy record would be two modern
    ones, and `merged` times, where two would be one; `first_seen`, `last_seen` and `trace_id` are of that (None and
    empty where they never did). Times are in seconds since 1970."""

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
    """So many exchanges that the verdict would rest on, and does not, since they were lost, or left out while the store
    could not be opened (`reason`, as shadow.ledger.rows.Reason). Times are in seconds since the epoch."""

    reason: str
    exchanges: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The verdict on one capability, with every number behind it.

    `says` puts the answer in words, `wanted` what is still missing, a line for each thing. `gates` come in a fixed
    order: mismatches, candidate errors, criticals, strata, coverage, excluded, and, where any are declared, known
    differences. `coverage` has a row for each mirrored operation and stratum; `unseen` are the operations that were
    never seen, `unmirrored` those that never are, because asking them changes something. `effective` exchanges came,
    `per_hour` of them today: in the 24 hours before the latest exchange (None where there were none). `epoch` is None
    where nothing was compared by the arms, rules and comparator of now; `history` are the epochs before it, the latest
    first. `identities` are by class. `gaps` are what is missing, by reason: it counts as left out.
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
    """The verdict on a capability, from all rows of its own."""
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
    """The epochs, the latest first, that the verdict may be on: the latest, and beside it such as were seen in turn
    with it. Rules may have changed since the last exchange came: what was hidden then need not be hidden now."""
    if not seen or not _holds(seen[0].epoch, criteria):
        return []
    latest = seen[0].report
    since = max(latest.first + _OVERLAP, latest.last - _BESIDE)
    return [seen[0], *(one for one in seen[1:] if one.report.last > since and _holds(one.epoch, criteria))]


def _holds(epoch: Epoch, criteria: Criteria) -> bool:
    """Whether an epoch rests on the setup and the comparator of now."""
    return criteria.setup is None or (
        criteria.setup in (epoch.setup, epoch.setup.anywhere()) and epoch.comparator == VERSION)


class _Beside(NamedTuple):
    """What else there is of a capability, of all epochs."""

    crossings: Sequence[Crossing]
    declared: Sequence[Declared]
    gaps: Sequence[Gap]


def _on(
    seen: _Seen | None, reports: Sequence[EpochReport], criteria: Criteria, beside: _Beside,
) -> EvidenceReport:
    """The verdict on one epoch of all, or on none."""
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
    """What an epoch misses: what was lost since it began. What was in a store that was deleted is missing in none:
    evidence began anew after it."""
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
    """The rows of each stratum; those of exchanges that never came to be asked of both arms have none."""
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
                   sum(row.critical for row in rows), sum(row.reproduced for row in rows))


def _hid(declared: Iterable[Declared], rows: Iterable[Evidence]) -> list[Hid]:
    compared: Counter[str] = Counter()
    for row in rows:
        if row.outcome in COMPARED:
            compared[row.stratum.operation] += row.count
    return [Hid(one.known, one.operation, one.exchanges, compared[one.operation]) for one in declared]


def _per_hour(rows: Sequence[Evidence], now: float) -> float | None:
    """Effective exchanges an hour, today. What was seen for less than an hour is taken to have come in one, since each
    subject counts once in an hour: the rate of the first minutes does not last."""
    began = int(now // HOUR) - DAY + 1
    seen = sum(count for row in rows for hour, count in row.hours if hour >= began)
    if not seen:
        return None
    since = max(began * HOUR, min(row.first for row in rows if row.effective))
    return seen / max((now - since) / HOUR, 1.0)


def _coverage(one: Coverage, rate: float | None) -> CoverageReport:
    stratum = one.stratum or Stratum(one.operation, "", "", "")
    hours = 0.0 if not one.needs else one.needs / rate if rate else None
    return CoverageReport(*stratum, one.seen, one.wanted, one.needs, hours)


# --- in words ---

def _says(answer: Answer, gates: Sequence[Gate], *, outdated: bool) -> str:
    if outdated:
        return f"{answer}: nothing was compared since the arms, the rules or the comparator changed"
    behind = State.FAIL if answer is Answer.NOT_SAFE else State.MISSING
    told = "; ".join(gate.says for gate in gates if gate.state is behind)
    return f"{answer}: {told or gates[0].says}"


def _wanted(
    gates: Sequence[Gate], coverage: Sequence[CoverageReport], rate: float | None, unstable: int
) -> Iterable[str]:
    """What is missing, if all that comes is well: what a person must see to, then by the rates, then by coverage."""
    missing = [gate for gate in gates if gate.state is State.MISSING]
    for gate in missing:
        if gate.name == "criticals" and gate.value:
            differences = "difference is" if gate.value == 1 else "differences are"
            yield f"{gate.value:,.0f} critical {differences} to be reproduced, or explained by a rule or a new build"
        if gate.name == "excluded" and unstable:
            yield (f"{unstable:,} unstable {noun(unstable, 'exchange is', 'exchanges are')} to be "
                   "explained: by a rule for what drifts, or by accepting what is proposed for it")
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
    """What a verdict does not rest on though it should, for people, to be put behind it; "" where nothing is."""
    if not gaps:
        return ""
    count = sum(one.exchanges for one in gaps)
    first, last = moment(min(one.first for one in gaps)), moment(max(one.last for one in gaps))
    why = ", ".join(f"{one.exchanges:,} since {_WHY[Reason(one.reason)]}" for one in gaps)
    return f"; {count:,} {noun(count, 'exchange is', 'exchanges are')} missing between {first} and {last}: {why}"


def _in(hours: float | None, seen: bool) -> str:
    if hours is None:
        return "not seen today" if seen else "never seen so far"
    return f"≈ {span(hours)} at today's rate"


def span(hours: float) -> str:
    """A time for people: "20 min", "3 h", "12 days"."""
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    return f"{round(hours)} h" if hours < 48 else f"{round(hours / 24):,} days"


def kind(one: CoverageReport) -> str:
    """A stratum for people, its operation left off: "2xx Bundle ?date,patient"."""
    return " ".join(part for part in (one.status, one.resource, one.shape and f"?{one.shape}") if part)
