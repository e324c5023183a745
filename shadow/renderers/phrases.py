"""Phrases for people that several renderings share: numbers with their units, builds, identifiers. Pure."""

from shadow.evidence.criteria import Gate, percent
from shadow.report.differences import DifferenceReport, PatternReport
from shadow.report.evidence import CoverageReport, EpochReport, EvidenceReport, IdentityReport, RestartReport
from shadow.report.report import CapabilityReport
from shadow.words import figures, moment, noun

RESTARTS = 5
"""The most restarts that are listed for people, the latest first; JSON and CSV have all."""


EARLIER = "Last seen before the evidence of the verdict began, so not counted"
"""The title of the differences that are `earlier`."""


_MOST_LIKELY = 1_000_000


def milliseconds(seconds: float | None) -> str:
    """A latency: "12.3 ms", or a dash if there is none."""
    return "–" if seconds is None else f"{figures(seconds * 1000)} ms"


def likelihood(e_value: float) -> str:
    """An e-value: "12.3", and no more digits than anybody reads."""
    return figures(e_value) if e_value < _MOST_LIKELY else f">{_MOST_LIKELY:,}"


def rate(per_hour: float | None) -> str:
    """Exchanges an hour: "12,345", "<1", or a dash if there are none."""
    if per_hour is None:
        return "–"
    return "<1" if per_hour < 1 else f"{per_hour:,.0f}"


def reasons(counts: dict[str, int]) -> str:
    """Counts by reason: "3 (2 reset, 1 tls)"."""
    if not counts:
        return "0"
    return f"{sum(counts.values())} ({', '.join(f'{count} {reason}' for reason, count in counts.items())})"


def overflowed(one: CapabilityReport) -> str:
    """How many differences the store had no room for."""
    return f"{one.overflow:,} more {noun(one.overflow, 'difference')} did not fit into the table of signatures"


def outstanding(unfinished: int | None) -> str:
    """What the numbers of a report leave out: exchanges that are still being compared, or wait to be asked again.
    `unfinished` is their number, None if only the gateway knows it. "" if nothing is left out."""
    if unfinished == 0:
        return ""
    if unfinished is None:
        return "exchanges that wait to be asked again (for 30 s by default) are not counted here yet"
    have = noun(unfinished, "exchange has", "exchanges have")
    are = noun(unfinished, "is", "are")
    return f"{unfinished:,} {have} no outcome yet and {are} not counted here"


def reproduced(one: DifferenceReport | PatternReport) -> str:
    """How often a difference came back when both arms were asked again: "2 of 3", or a dash if they never were."""
    return f"{one.reproduced:,} of {one.again:,}" if one.again else "–"


def unversioned(epoch: EpochReport) -> str:
    """A warning if an arm does not report its build, so that a new build goes unnoticed; otherwise ""."""
    arms = " and ".join(arm for arm, reported in (("legacy", epoch.legacy), ("modern", epoch.modern)) if not reported)
    warning = f"no build is reported by {arms}, so a new build does not start new evidence: see `shadow.gate.build`"
    return warning if arms else ""


def build(reported: str) -> str:
    """The build that an arm reports, or "not reported"."""
    return reported or "not reported"


def measured(gate: Gate) -> str:
    """The number behind a gate, and its limit: "0.12% (limit 1%)"."""
    if gate.name == "criticals":
        return f"{gate.value or 0:,.0f} (limit 0)"
    if gate.value is None:
        return "–"
    if gate.name == "sizes":
        return f"{gate.value:,.0f} (of {gate.limit:,.0f})"
    of = "of" if gate.name in ("coverage", "calendar") else "limit"
    return f"{percent(gate.value)} ({of} {percent(gate.limit)})"


def bounded(one: CoverageReport) -> str:
    """The rate that critical differences of an operation or stratum are shown to be below, or a dash."""
    return "–" if one.critical_below is None else percent(one.critical_below)


def standing(found: EvidenceReport) -> str:
    """When a verdict was made, and who answers for its capability."""
    return f"made {moment(found.made)}" + (f", owner {found.owner}" if found.owner else "")


def tried(found: EvidenceReport) -> str:
    """The earlier attempts at SAFE in words; "" if there are none."""
    if not found.attempts:
        return ""
    many = len(found.attempts)
    text = f"{many:,} earlier {noun(many, 'attempt')} at SAFE discarded"
    if (number := figures(found.attempt, 4)) != "1":
        text += f": by their size this one counts as number {number}, and takes more exchanges"
    return text


def identified(one: IdentityReport) -> str:
    """What is known about one class of identifiers: its pairs by origin, and its contradictions."""
    text = f"{one.name}: {one.seeded:,} {noun(one.seeded, 'pair')} seeded, {one.learnt:,} learnt"
    if one.overflow:
        text += f", {one.overflow:,} more did not fit"
    if one.split or one.merged:
        text += (f"; exchanges certainly contradict each other: one legacy identifier is two in modern {one.split:,} "
                 f"{noun(one.split, 'time')}, two are one in modern {one.merged:,} {noun(one.merged, 'time')}")
    return text


def begun_anew(one: RestartReport) -> str:
    """Who began evidence anew, when and why: "begun anew on 2026-11-30 20:00:00Z by alice: modern is mended"."""
    return f"begun anew on {moment(one.at)} by {one.who}: {one.reason}"
