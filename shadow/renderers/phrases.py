"""Phrases for people that several renderings share: numbers with their units, builds, identifiers. Pure."""

from shadow.evidence.gate import Gate, percent
from shadow.report.report import CapabilityReport, DifferenceReport, PatternReport
from shadow.report.verdict import EpochReport, IdentityReport
from shadow.words import noun


def milliseconds(seconds: float | None) -> str:
    """A latency: "12.3 ms", or a dash where there is none."""
    return "–" if seconds is None else f"{seconds * 1000:.3g} ms"


def reasons(counts: dict[str, int]) -> str:
    """Counts by reason: "3 (2 reset, 1 tls)"."""
    if not counts:
        return "0"
    return f"{sum(counts.values())} ({', '.join(f'{count} {reason}' for reason, count in counts.items())})"


def overflowed(one: CapabilityReport) -> str:
    """How many differences the store had no room for."""
    return f"{one.overflow:,} more {noun(one.overflow, 'difference')} found the table of signatures full"


def outstanding(unfinished: int | None) -> str:
    """What the numbers of a report leave out: exchanges that are still being compared, or wait to be asked again.
    `unfinished` is their number, None where only the gateway knows it."""
    if unfinished is None:
        return "exchanges that are still to be asked again, for 30 s by default, are in no number here yet"
    return f"{unfinished:,} {noun(unfinished, 'exchange has', 'exchanges have')} no outcome yet, and no number here"


def reproduced(one: DifferenceReport | PatternReport) -> str:
    """How often it was there again when both arms were asked again: "2 of 3", or a dash where they never were."""
    return f"{one.reproduced:,} of {one.again:,}" if one.again else "–"


def unversioned(epoch: EpochReport) -> str:
    """A warning where an arm does not report its build, so that a new build goes unnoticed; else ""."""
    arms = " and ".join(arm for arm, reported in (("legacy", epoch.legacy), ("modern", epoch.modern)) if not reported)
    warning = f"the build of {arms} is not told, so a new one does not begin evidence anew: see `shadow.gate.build`"
    return warning if arms else ""


def build(reported: str) -> str:
    """A build as the arm reports it, or that it reports none."""
    return reported or "not told"


def measured(gate: Gate) -> str:
    """The number behind a gate, and the limit that it is held to: "0.12% (limit 1%)"."""
    if gate.name == "criticals":
        return f"{gate.value or 0:,.0f} (limit 0)"
    if gate.value is None:
        return "–"
    return f"{percent(gate.value)} ({'of' if gate.name == 'coverage' else 'limit'} {percent(gate.limit)})"


def identified(one: IdentityReport) -> str:
    """What is known of one class of identifiers: pairs by origin, and contradictions."""
    text = f"{one.name}: {one.seeded:,} {noun(one.seeded, 'pair')} seeded, {one.learnt:,} learnt"
    if one.overflow:
        text += f", {one.overflow:,} more found no room"
    if one.split or one.merged:
        text += (f"; contradicted for certain between exchanges: one old is two new {one.split:,} "
                 f"{noun(one.split, 'time')}, two old are one new {one.merged:,} {noun(one.merged, 'time')}")
    return text
