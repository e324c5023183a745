"""The verdict in words: what it says, what is missing, and what to do next. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from shadow.compare.comparison import NO_CREDENTIALS
from shadow.evidence.criteria import Answer, Criteria, Gate, State, percent
from shadow.evidence.gate import Verdict
from shadow.evidence.gates import SETTLED
from shadow.ledger.rows import Reason
from shadow.report.evidence import CoverageReport, EvidenceReport, GapReport
from shadow.words import figures, moment, noun

_DATE = 10
"""Characters of a moment that are its date."""

_YEAR = 365 * 24
"""Hours past which a rate says no more than that waiting is no way."""

_WORST = "criticals", "mismatches", "candidate errors", "first answers", "strata"
"""Gates by how much a failure of theirs tells, the most telling first."""

_MENDED = {
    "candidate errors": "modern's failures", "slower": "modern's pace",
    "known differences": "what known differences hide beyond their `max_rate`",
    "signed": "what is beyond what was signed for",
}
"""What to mend where a gate fails, if it is not what differs."""

_MORE = {"calendar": "more days and hours", "sizes": "more of the largest bodies", "slower": "more timed requests"}
"""What is wanted where a gate lacks something else than effective exchanges."""

_WHY = {
    Reason.STORE_UNAVAILABLE: "the store could not be opened", Reason.KILLED: "a worker was killed",
    Reason.UNWRITTEN: "the store could not be written at the end", Reason.STORE_REPLACED: "the store was replaced",
    Reason.UNLINKED: "custody failed",
}


def worded(
    found: EvidenceReport, criteria: Criteria, *, signed: bool, since: str, left: Mapping[str, int],
    bare: tuple[str, int] = ("", 0),
) -> EvidenceReport:
    """A verdict with its words. `signed`: numbers that are missing are signed for. `since`: what made all the evidence
    that there is history, "" if the verdict rests on some of it. `left` counts exchanges that were left out after
    modern had answered, by reason; `bare` is the capability, and how many of its mirrors carried no credentials."""
    wanted = () if found.answer is Answer.NOT_SAFE else tuple(_wanted(found, left))
    cause = _cause(found, since)
    scope = _scope(criteria, found.answer, signed=signed)
    uncovered = _uncovered(criteria, *bare, advises=found.answer is Answer.SAFE)
    tail = tuple(one for one in (missing(found.gaps).removeprefix("; "),) if one)
    parts = (uncovered, *found.notes, cause) if found.answer is Answer.SAFE else (cause, *found.notes, uncovered)
    first, *rest = parts
    opening = f"{found.answer}{scope}. {first}" if found.answer is Answer.SAFE else f"{found.answer}{scope}: {first}"
    return replace(
        found, says=". ".join((opening, *rest, *tail)), scope=scope.strip(), cause=cause, wanted=wanted,
        uncovered=uncovered, action=_action(found, cause, wanted),
    )


def _action(found: EvidenceReport, cause: str, wanted: Sequence[str]) -> str:
    """What to do next: under NOT SAFE never to wait, since that does not help."""
    match found.answer:
        case Answer.SAFE:
            return "nothing stands in the way of this step"
        case Answer.NOT_SAFE:
            failed = min((gate for gate in found.gates if gate.state is State.FAIL), key=_rank)
            return mend(_MENDED.get(failed.name, "what differs"), found.anew, found.per_hour)
    return wanted[0] if wanted else cause


def mend(what: str, anew: int, rate: float | None) -> str:
    """The action under NOT SAFE."""
    took = f", {_at_rate(anew / rate)}" if rate else ""
    return f"mend {what}; then about {anew:,} exchanges without a bad one{took}"


def _scope(criteria: Criteria, answer: Answer, *, signed: bool) -> str:
    """Which step the answer is about, after the answer."""
    if answer is not Answer.SAFE:
        return "" if criteria.share == 1 else f" for a step to {percent(criteria.share)}"
    step = "" if criteria.share == 1 else f" up to {percent(criteria.share)}"
    sign = criteria.sign
    by = f" (signed by {sign.by}, until {_day(sign.until)})" if signed and sign is not None else ""
    return f" for reads{step}{by}"


def _uncovered(criteria: Criteria, capability: str, bare: int, *, advises: bool) -> str:
    """What the verdict does not cover, as sentences. Before SAFE, a remedy says what to do about credentials."""
    many = len(criteria.unmirrored)
    operations = f"{many:,} {noun(many, 'operation')} ({', '.join(criteria.unmirrored)})"
    says = f"Writes, trailers and {operations} are not judged" if many else "Writes and trailers are not judged"
    if not bare:
        return says
    says += f". Credentials are not judged: {bare:,} {noun(bare, 'mirror')} carried none of the client's"
    if not advises:
        return says
    return (f"{says}; to judge them, write `credentials: pass` under `capabilities.{capability}.shadow`, if modern may "
            "have them")


def notes(criteria: Criteria, assessed: Verdict, now: float, swept: int, effective: int) -> tuple[str, ...]:
    """What persons have declared, signed or `swept`, each as a sentence for the first line."""
    found = []
    if swept:
        found.append(f"{swept:,} of {effective:,} effective {noun(effective, 'exchange')} {noun(swept, 'was', 'were')} "
                     "swept, which shows nothing of clients and hours")
    for one in criteria.accepted:
        if now < one.expires:
            found.append(f"Accepted by {one.owner}: {one.reason} in up to {percent(one.max_rate)} of exchanges, until "
                         f"{_day(one.expires)} ({one.why})")
    for lag in criteria.lags:
        if now < lag.expires:
            found.append(f"Declared by {lag.owner}: `{lag.operation}` lags up to {figures(lag.within, 6)} s in up to "
                         f"{percent(lag.max_rate)} of exchanges, until {_day(lag.expires)} ({lag.why})")
    if criteria.across_builds:
        found.append("Days and hours count over modern's builds of 14 days")
    sign = criteria.sign
    if sign is not None and now < sign.until and assessed.answer is Answer.NOT_ENOUGH and criteria.share > sign.up_to:
        share = percent(sign.up_to)
        found.append(f"{sign.by} has signed for a step up to {share}, until {_day(sign.until)}: ask with "
                     f"`figway gate --for {share}`")
    return tuple(found)


def _day(end: float) -> str:
    """The last day of what ends then: "2025-03-01"."""
    return moment(end - 1)[:_DATE]


def _cause(found: EvidenceReport, since: str) -> str:
    if since:
        return f"nothing was compared since {since}"
    behind = State.FAIL if found.answer is Answer.NOT_SAFE else State.MISSING
    gates = [gate for gate in found.gates if gate.state is behind]
    if not gates:
        return told(found.gates[0])
    # What fails is told by what is worst of it, what is missing by what takes most.
    main = min(gates, key=lambda one: _rank(one) if behind is State.FAIL else -one.needs)
    others = ", ".join(gate.name for gate in gates if gate is not main)
    return f"{told(main)}; also {others}" if others else told(main)


def _rank(gate: Gate) -> int:
    return _WORST.index(gate.name) if gate.name in _WORST else len(_WORST)


def told(gate: Gate) -> str:
    """A gate in words, with what more exchanges would show."""
    return f"{gate.says}: {gate.waits}" if gate.waits else gate.says


def _wanted(found: EvidenceReport, left: Mapping[str, int]) -> Iterator[str]:
    """The lines of `wanted`: what a person must do, then the exchanges that the rates need, what else is too little,
    and the exchanges that coverage needs. The numbers assume that all further exchanges agree."""
    lacking, left = [gate for gate in found.gates if gate.state is State.MISSING], dict(left)
    if left.pop(NO_CREDENTIALS, 0):
        yield "let mirrors carry the credentials that the other arm wants, as the note says"
    for gate in lacking:
        if gate.name == "criticals" and gate.value and SETTLED in gate.says:
            yield "mend what is critical on first answer, or declare the lag of its operation as `expect_lag`"
        elif gate.name == "criticals" and gate.value:
            differences = "difference" if gate.value == 1 else "differences"
            yield f"{gate.value:,.0f} critical {differences} must be reproduced, or explained by a rule or a new build"
        elif gate.name == "first answers" and not gate.waits:
            yield f"explain what clients met: {gate.says}"
    if left and any(gate.name in ("mismatches", "first answers", "excluded") for gate in lacking):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left.items())
        yield (f"{sum(left.values()):,} {noun(sum(left.values()), 'exchange')} left out after modern had answered "
               f"({reasons}) must be explained: by a rule, or by a reason that is signed under `gate.accept`")
    most = max((gate.needs for gate in lacking if gate.name != "coverage"), default=0)
    rate = found.per_hour
    if most:
        seen = any(one.seen for one in found.coverage)
        yield f"≈ {most:,} more effective {noun(most, 'exchange')}, {_in(most / rate if rate else None, seen)}"
    for gate in lacking:
        if gate.name in _MORE and not gate.waits:
            yield f"{_MORE[gate.name]}: {gate.says}"
    for one in found.coverage:
        if one.needs:
            stratum = f" ({kind(one)})" if one.status else ""
            yield f"≈ {one.needs:,} more of `{one.operation}`{stratum}, {_in(one.hours, one.seen > 0)}"


def of_writes(found: EvidenceReport) -> EvidenceReport:
    """The verdict on the capability's writes, which nothing compares."""
    cause = "no mode compares writes yet"
    gate = Gate("writes", State.MISSING, None, 1.0, 0, cause)
    names = f" ({', '.join(found.unmirrored)})" if found.unmirrored else ""
    return replace(
        found, answer=Answer.NOT_ENOUGH, says=f"{Answer.NOT_ENOUGH} for writes{names}: {cause}", scope="for writes",
        cause=cause, action="flip writes by other evidence than the shadow's", uncovered="", notes=(), wanted=(),
        gates=(gate,), coverage=(), unseen=(), effective=0, per_hour=None,
    )


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
    return ("" if hours > _YEAR else "≈ ") + _at_rate(hours)


def _at_rate(hours: float) -> str:
    return f"{'more than a year' if hours > _YEAR else span(hours)} at today's rate"


def span(hours: float) -> str:
    """A length of time: "20 min", "3 h", "12 days"."""
    if hours < 1:
        return f"{max(1, round(hours * 60))} min"
    return f"{round(hours)} h" if hours < 48 else f"{round(hours / 24):,} days"


def kind(one: CoverageReport) -> str:
    """A stratum in words, without its operation: "2xx Bundle ?date,patient"."""
    return " ".join(part for part in (one.status, one.resource, one.shape and f"?{one.shape}",
                                      one.asked and f"({one.asked})") if part)
