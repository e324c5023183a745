"""The report: all that the ledger holds, folded into one value by capability. Pure.

Every number that is shown anywhere is a field here, so that all renderings (`shadow.renderers`) say the same. If
nothing was compared for a capability, the report says so in words: it must never look like one whose arms agree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shadow.compare.comparison import AGREED, Outcome
from shadow.compare.difference import Severity, Signature, worst_of
from shadow.evidence.criteria import UNDECLARED, Criteria
from shadow.evidence.noise import NoiseReport, most, weighed
from shadow.latency import BOUNDS, Histogram
from shadow.ledger.groups import Pattern
from shadow.ledger.rows import BARE, EXTRA, FASTER, NOT_LOST, SLOWER, Evidence, Finding, Gap, Ledger, Traffic
from shadow.report.advice import advised
from shadow.report.causes import Cause, causes, tried
from shadow.report.differences import (
    DifferenceReport,
    PatternReport,
    RuleReport,
    reported_differences,
    reported_patterns,
    reported_rules,
)
from shadow.report.evidence import EvidenceReport
from shadow.report.remedies import remedies
from shadow.report.verdict import Rest, verdict

_DIFFERING = frozenset({Outcome.MISMATCH, Outcome.UNSTABLE, Outcome.TRANSIENT, Outcome.KNOWN_DIFFERENCE})
"""Outcomes of exchanges that differed, whatever was made of it."""

NOISE = 50
"""Noisy paths of a capability that are reported at most: regressions first, then those with a proposed rule."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is configured for a capability, in addition to its criteria: its owner, the stage of its reads, and whether
    that stage is shadowed: whether reads are mirrored and compared there."""

    owner: str
    stage: str
    shadowed: bool


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm. It answered `requests` of clients. Of all `calls` to it, those of the lane included, `errors` failed.
    `p50` and `p99` are quantiles of their seconds, None if there were no calls. `spread` is the histogram: (upper
    bound in seconds, calls) for each bucket that is not empty."""

    requests: int
    calls: int
    errors: int
    p50: float | None
    p99: float | None
    spread: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class PairedReport:
    """Modern's seconds minus legacy's for one request, over `pairs` that both answered at their own pace. They are
    negative if modern was faster, as in `faster` of the pairs. `spread` is the histogram, in order: (bound further
    from 0, in seconds; pairs)."""

    pairs: int
    faster: int
    p50: float
    p99: float
    spread: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class CapabilityReport:
    """One capability. compared = matching + normalised + known + mismatching;
    eligible = compared + unstable + transient + the sums of the four maps, which are by reason. `lost` counts, by
    reason, other eligible exchanges whose outcome is unknown. `says` is a summary in words; `evidence` is the verdict.
    `patterns` are the most important of the `known_patterns`; `patternless` mismatching exchanges did not fit into the
    table of patterns. `causes` explain the `lasting` ones of the mismatching exchanges: all but those of patterns that
    are `earlier`. Legacy was asked `extra` times beyond what its clients asked. `advice` are sentences: what to
    change in routes.yaml so that more can be told, and what it costs. `owner` is "" and `shadowed` (see Profile)
    None if the configuration is not known, or does not have the capability."""

    capability: str
    owner: str
    stage: str
    shadowed: bool | None
    says: str
    evidence: EvidenceReport
    requests: int
    eligible: int
    compared: int
    matching: int
    normalised: int
    known: int
    mismatching: int
    unstable: int
    transient: int
    candidate_errors: dict[str, int]
    not_comparable: dict[str, int]
    shed: dict[str, int]
    skipped: dict[str, int]
    lost: dict[str, int]
    legacy: ArmReport
    modern: ArmReport
    paired: PairedReport | None
    differences: tuple[DifferenceReport, ...]
    overflow: int
    causes: tuple[Cause, ...]
    lasting: int
    patterns: tuple[PatternReport, ...]
    known_patterns: int
    patternless: int
    noise: tuple[NoiseReport, ...]
    rules: tuple[RuleReport, ...]
    extra: int
    advice: tuple[str, ...]

    @property
    def judged(self) -> bool:
        """Whether the verdict has, or will have, anything to rest on. At a stage without a shadow it will not."""
        awaited = self.evidence.coverage and self.shadowed is not False
        return bool(self.eligible or awaited or self.evidence.history)


@dataclass(frozen=True, slots=True)
class Report:
    """All capabilities, sorted by name. `unfinished` exchanges have no outcome yet, such as those that wait to be asked
    again, and are in no other number. None means that their number is not known: a store does not hold it."""

    capabilities: tuple[CapabilityReport, ...]
    unfinished: int | None = None


def fold(
    ledger: Ledger, criteria: Mapping[str, Criteria] = MappingProxyType({}),
    profiles: Mapping[str, Profile] = MappingProxyType({}), *, now: float | None = None,
) -> Report:
    """The report of a ledger, made at `now` (seconds since 1970; None: at the time of the latest exchange).
    Capabilities with `criteria` are listed even if nothing is known of them. Without criteria it is not known which
    operations a capability has, so it is never safe. Without a profile its stage is the latest one with traffic."""
    names = {
        *criteria, *(tally.capability for tally in ledger.tallies), *(row.capability for row in ledger.traffic),
        *(finding.capability for finding in ledger.findings), *(row.capability for row in ledger.evidence),
        *(gap.capability for gap in ledger.gaps),
    }
    return Report(tuple(_capability(name, ledger, criteria.get(name, UNDECLARED), profiles.get(name), now)
                        for name in sorted(names)))


def _capability(
    name: str, ledger: Ledger, criteria: Criteria, profile: Profile | None, now: float | None,
) -> CapabilityReport:
    outcomes = _outcomes(name, ledger)
    traffic = [row for row in ledger.traffic if row.capability == name]
    staged = [row for row in traffic if row.stage]
    matching, normalised, known, mismatching, unstable, transient = (outcomes[one].total() for one in (
        Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE, Outcome.MISMATCH, Outcome.UNSTABLE,
        Outcome.TRANSIENT))
    compared = matching + normalised + known + mismatching
    eligible = sum(counts.total() for counts in outcomes.values())
    patterns = [found for found in ledger.patterns if found.capability == name]
    gaps = [gap for gap in ledger.gaps if gap.capability == name]
    rows = [row for row in ledger.evidence if row.capability == name]
    evidence = verdict(rows, criteria, [row for row in ledger.crossings if row.capability == name],
                      [row for row in ledger.declared if row.capability == name], gaps, _rest(name, ledger), now)
    # Only noise of the epoch that the verdict rests on counts, so a new build starts without any.
    noise = [row for row in ledger.noise if row.capability == name and evidence.is_on(row.epoch)]
    findings = [found for found in ledger.findings if found.capability == name]
    noisy = weighed(noise, max((row.at for row in traffic), default=0.0), _tried(findings), _rates(name, ledger),
                    _shapes(findings))
    lasting, found_causes = _caused(patterns, mismatching, noisy, evidence)
    return CapabilityReport(
        capability=name,
        owner=profile.owner if profile is not None else "",
        stage=profile.stage if profile is not None else max(staged, key=lambda row: row.at).stage if staged else "",
        shadowed=profile.shadowed if profile is not None else None,
        says=_says(compared, mismatching, outcomes[Outcome.CANDIDATE_ERROR].total(), eligible,
                   earlier=any(one.exchanges for one in evidence.history)),
        evidence=advised(evidence, found_causes, _failures(rows, evidence) or outcomes[Outcome.CANDIDATE_ERROR]),
        requests=sum(row.requests for row in traffic),
        eligible=eligible,
        compared=compared,
        matching=matching,
        normalised=normalised,
        known=known,
        mismatching=mismatching,
        unstable=unstable,
        transient=transient,
        candidate_errors=_sorted(outcomes[Outcome.CANDIDATE_ERROR]),
        not_comparable=_sorted(outcomes[Outcome.NOT_COMPARABLE]),
        shed=_sorted(outcomes[Outcome.SHED]),
        skipped=_sorted(outcomes[Outcome.SKIPPED]),
        lost=_sorted(_lost(gaps)),
        legacy=_arm(row for row in traffic if row.arm == "legacy"),
        modern=_arm(row for row in traffic if row.arm == "modern"),
        paired=_paired(traffic),
        differences=reported_differences(findings, compared, evidence),
        overflow=ledger.overflow.get(name, 0),
        causes=found_causes,
        lasting=lasting,
        patterns=reported_patterns(patterns, mismatching, evidence),
        known_patterns=len(patterns),
        patternless=ledger.patternless.get(name, 0),
        rules=reported_rules([row for row in ledger.hidden if row.capability == name]),
        noise=noisy[:NOISE],
        extra=(extra := sum(row.seconds.total for row in traffic if row.arm == EXTRA)),
        advice=tuple(remedies(name, _weighed(rows, evidence, outcomes), traffic, extra)),
    )


def _outcomes(name: str, ledger: Ledger) -> dict[Outcome, Counter[str]]:
    """How many exchanges of one capability ended in which outcome, by reason."""
    outcomes: dict[Outcome, Counter[str]] = defaultdict(Counter)
    for tally, count in ledger.tallies.items():
        if tally.capability == name:
            outcomes[tally.outcome][tally.reason] += count
    return outcomes


def _weighed(
    rows: Sequence[Evidence], evidence: EvidenceReport, outcomes: Mapping[Outcome, Counter[str]],
) -> Counter[tuple[Outcome, str]]:
    """How many of the exchanges that the verdict rests on ended in which outcome and reason. Where a ledger has no
    evidence, these are all that are known, by `outcomes`."""
    found: Counter[tuple[Outcome, str]] = Counter()
    for row in rows:
        found[row.outcome, row.reason] += row.count if evidence.is_on(row.epoch) else 0
    if not rows:
        for outcome, by_reason in outcomes.items():
            found.update({(outcome, reason): count for reason, count in by_reason.items()})
    return found


def _rest(name: str, ledger: Ledger) -> Rest:
    """The rows that tell how evidence grew, of one capability."""
    return Rest(
        [row for row in ledger.courses if row.capability == name],
        [row for row in ledger.attempts if row.capability == name],
        [row for row in ledger.calendars if row.capability == name],
        [row for row in ledger.sizes if row.capability == name],
        [row for row in ledger.members if row.capability == name],
        [row for row in ledger.restarts if row.capability == name],
        [row for row in ledger.paces if row.capability == name],
        [row for row in ledger.waiting if row.capability == name],
        [row for row in ledger.traffic if row.capability == name and row.arm == BARE],
    )


def _says(compared: int, mismatching: int, errors: int, eligible: int, *, earlier: bool) -> str:
    """What the store holds, in words. `earlier`: not all of it is evidence of the verdict."""
    failed = f"; modern failed on {errors} more" if errors else ""
    failed += ". That is everything stored, evidence included that no longer counts" if earlier else ""
    if compared:
        return f"{mismatching} of {compared} compared exchanges differ, out of {eligible} eligible{failed}"
    if eligible:
        return f"nothing compared, out of {eligible} eligible{failed.replace(' more', '')}"
    return "nothing compared: no exchange was eligible"


def _caused(
    patterns: Sequence[Pattern], mismatching: int, noisy: Iterable[NoiseReport], evidence: EvidenceReport,
) -> tuple[int, tuple[Cause, ...]]:
    """How many mismatching exchanges last, and their causes: what an earlier build got wrong is not to be mended."""
    now = [one for one in patterns if not evidence.was_before(one.last_seen)]
    lasting = mismatching - sum(one.count for one in patterns) + sum(one.count for one in now)
    return lasting, causes(now, lasting,
                           drifting={(row.kind, row.path) for row in noisy if row.says == "drift"})


def _failures(rows: Iterable[Evidence], found: EvidenceReport) -> Counter[str]:
    """Modern's failures in the evidence of the verdict, by reason, as far as the store knows it."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row.outcome is Outcome.CANDIDATE_ERROR and row.reason and found.is_on(row.epoch):
            counts[row.reason] += row.count
    return counts


def _lost(gaps: Iterable[Gap]) -> Counter[str]:
    """Lost exchanges, by reason."""
    counts: Counter[str] = Counter()
    for gap in gaps:
        counts[str(gap.reason)] += gap.exchanges if gap.reason not in NOT_LOST else 0
    return +counts


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return {reason: counts[reason] for reason in sorted(counts)}


def _arm(rows: Iterable[Traffic]) -> ArmReport:
    requests = errors = 0
    seconds = Histogram()
    for row in rows:
        requests += row.requests
        errors += row.errors
        seconds.merge(row.seconds)
    quantiles = seconds.quantile(0.5), seconds.quantile(0.99)
    return ArmReport(requests, seconds.total, errors, *quantiles, tuple(_spread(seconds)))


def _spread(seconds: Histogram) -> Iterator[tuple[float, int]]:
    """The buckets that are not empty, by their upper bounds. Calls past the last bound are shown at it."""
    return ((BOUNDS[min(bucket, len(BOUNDS) - 1)], count) for bucket, count in enumerate(seconds.counts) if count)


def _paired(rows: Iterable[Traffic]) -> PairedReport | None:
    sides = {FASTER: Histogram(), SLOWER: Histogram()}
    for row in rows:
        if row.arm in sides:
            sides[row.arm].merge(row.seconds)
    less, more = sides.values()
    pairs = less.total + more.total
    if not pairs:
        return None

    def quantile(q: float) -> float:
        rank = q * pairs
        if rank <= less.total:
            return -(less.quantile(1 - rank / less.total) or 0.0)
        return more.quantile((rank - less.total) / more.total) or 0.0

    spread = (*reversed([(-bound, count) for bound, count in _spread(less)]), *_spread(more))
    return PairedReport(pairs, less.total, quantile(0.5), quantile(0.99), spread)


def _tried(findings: Iterable[Finding]) -> dict[tuple[str, str], str]:
    """The rules to try where legacy itself drifts, by kind and path."""
    there: dict[tuple[str, str], dict[Signature, Severity]] = defaultdict(dict)
    for found in findings:
        one, severity = found.exemplar.signature, found.exemplar.severity
        known = there[one.kind, one.path]
        known[one] = worst_of((severity, known.get(one, severity)))
    return {key: tried(key, worst_of(known.values()), [(one.legacy, one.modern) for one in known],
                       drifts=True) for key, known in there.items()}


def _rates(name: str, ledger: Ledger) -> dict[str, float]:
    """How often exchanges of each operation differed at most, whether that was noise or not."""
    differing: Counter[str] = Counter()
    exchanges: Counter[str] = Counter()
    for tally, count in ledger.tallies.items():
        if tally.capability == name and tally.outcome in _DIFFERING | AGREED:
            exchanges[tally.operation] += count
            differing[tally.operation] += count if tally.outcome in _DIFFERING else 0
    return {operation: most(differing[operation], count) for operation, count in exchanges.items()}


def _shapes(findings: Iterable[Finding]) -> dict[tuple[str, str], str]:
    """The one shape of all values that differed, by kind and path, where there is but one."""
    there: dict[tuple[str, str], set[str]] = defaultdict(set)
    for found in findings:
        one = found.exemplar.signature
        there[one.kind, one.path] |= {one.legacy, one.modern}
    return {key: next(iter(shapes)) for key, shapes in there.items() if len(shapes) == 1}
