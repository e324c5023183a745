"""The verdict on a capability as values: EvidenceReport and its parts."""

from dataclasses import dataclass

from shadow.evidence.criteria import Answer, Gate
from shadow.evidence.epoch import Epoch


@dataclass(frozen=True, slots=True)
class EpochReport:
    """An epoch and its size. `legacy` and `modern` are builds, "" if an arm does not report its own. `arms` and
    `rules` are digests. `first` and `last` are in seconds since 1970. Of the `exchanges`, `effective` ones count.
    `restarts` is the number of the restart that it came after, 0 for none."""

    legacy: str
    modern: str
    arms: str
    rules: str
    comparator: str
    first: float
    last: float
    exchanges: int
    effective: int
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class RestartReport:
    """A person has begun evidence anew: the `number`th time, at a time in seconds since 1970."""

    number: int
    at: float
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """How often an operation, or one stratum of it, was `seen`, in effective exchanges. `status`, `resource`, `shape`
    and `asked` are empty for the operation as a whole; the status "(rare)" stands for all strata that clients hardly
    ask for. `wanted` is its minimum, `needs` what is missing of that, and `hours` how long that takes at today's rate:
    None if it was not seen today, 0 if nothing is missing. `critical_below` is the rate of critical differences that it
    is shown to be below, None if one was seen or nothing is shown."""

    operation: str
    status: str
    resource: str
    shape: str
    seen: int
    wanted: int
    needs: int
    hours: float | None
    critical_below: float | None
    asked: str = ""


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
class AttemptReport:
    """An earlier attempt at SAFE: an epoch of these builds, with its number and its size. `spent` is the part of it (0
    to 1) that counts, by which later attempts take more: all of it if it had enough effective exchanges."""

    number: int
    legacy: str
    modern: str
    first: float
    last: float
    effective: int
    spent: float


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The verdict on one capability, with every number behind it.

    `says` is the answer as a few sentences, with what it does not cover and what persons have signed. `cause` is its
    main cause, and `action` what to do next. `scope` says which step it is about. `uncovered` is what it does not
    cover, `notes` are what persons have declared or signed. `owner` answers for the capability, "" if not known. `made`
    is when the verdict was made, in seconds since 1970. `wanted` has a line for each thing that is still missing, and
    is empty under NOT SAFE.

    `gates` come in a fixed order: mismatches, first answers, candidate errors, criticals, strata; slower, if it is
    asked for; coverage; calendar, sizes and groups as far as they are asked for and known; excluded; and known
    differences and signed, if there are any. `coverage` has a row for each mirrored operation and each stratum.
    `unseen` are operations without an exchange; `unmirrored` are never mirrored, because asking them changes something.
    `effective` exchanges count, and `swept` ones of them were asked by `figway sweep`. `per_hour` is how many that were
    not swept came an hour in the 24 hours before the latest exchange, None if none did. `epoch` is None if nothing was
    compared with the present arms, rules and comparator; `history` are the epochs before it, the latest first.
    `attempt` is the number of this attempt at SAFE: 1 and what is spent of the `attempts` before it. `anew` is how many
    effective exchanges without a bad one SAFE takes if evidence begins anew. `identities` are by class. `gaps` are
    missing exchanges by reason; they count as excluded. `restarts` are the times that a person began evidence anew, the
    latest first.
    """

    answer: Answer
    says: str
    scope: str
    cause: str
    action: str
    owner: str
    made: float
    uncovered: str
    notes: tuple[str, ...]
    wanted: tuple[str, ...]
    gates: tuple[Gate, ...]
    coverage: tuple[CoverageReport, ...]
    unseen: tuple[str, ...]
    unmirrored: tuple[str, ...]
    effective: int
    swept: int
    per_hour: float | None
    epoch: EpochReport | None
    history: tuple[EpochReport, ...]
    attempt: float
    anew: int
    attempts: tuple[AttemptReport, ...]
    identities: tuple[IdentityReport, ...]
    gaps: tuple[GapReport, ...]
    restarts: tuple[RestartReport, ...] = ()

    def was_before(self, at: float) -> bool:
        """Whether a time (seconds since 1970) is before the evidence that the verdict rests on."""
        return self.epoch is not None and at < self.epoch.first

    def is_on(self, epoch: Epoch) -> bool:
        """Whether the verdict rests on this epoch."""
        known = self.epoch
        return known is not None and (
            known.legacy, known.modern, known.arms, known.rules, known.comparator, known.restarts) == (
            epoch.legacy, epoch.modern, epoch.arms, epoch.rules, epoch.comparator, epoch.restarts)
