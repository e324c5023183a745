"""What an exchange counts as in the verdict (Counts), by its outcome and its reason. Pure.

The verdict has one denominator: the effective exchanges. What modern had a hand in counts in it, even if nothing could
be compared: otherwise modern could make itself safe by answers that cannot be read. Only what was left out for a cause
that was settled before modern answered is excluded, and that share is bounded.
"""

from enum import StrEnum
from functools import lru_cache

from shadow.compare.comparison import AGREED, NO_CREDENTIALS, Outcome


class Counts(StrEnum):
    """What one exchange counts as."""

    RIGHT = "right"
    """Modern's answer was right. A race is right too: legacy itself had moved on to what modern said."""
    FIRST = "first"
    """Wrong on first answer, and right when asked again. A client would have had the wrong answer."""
    WRONG = "wrong"
    """Wrong, and either seen again or not asked again."""
    FAILED = "failed"
    """Modern gave no whole answer, and legacy did."""
    AFTER = "after"
    """Left out after modern had answered, as when neither body can be read. It counts as wrong unless a person has
    signed the reason."""
    BEFORE = "before"
    """Left out for a cause that was settled before modern answered, as when the lane was full."""
    UNSAMPLED = "unsampled"
    """Left out by the sample, so by chance alone: it says nothing."""


EFFECTIVE = frozenset({Counts.RIGHT, Counts.FIRST, Counts.WRONG, Counts.FAILED, Counts.AFTER})
"""What the denominator of every gate consists of."""

BAD = frozenset({Counts.FIRST, Counts.WRONG, Counts.FAILED, Counts.AFTER})

SHOWS_NOTHING = frozenset({"", "noise", NO_CREDENTIALS})
"""The reasons of unstable exchanges, and of those that were refused for want of credentials. They stand in the way of
SAFE, like everything that was left out after modern had answered. But legacy disagreed with itself there, or modern was
not told who asks: they never show that modern is wrong, so they add nothing to FAIL."""

RACE = "race"
"""The reason of a transient exchange in which legacy's second answer was modern's."""

NOT_SAMPLED = "not_sampled"
"""The reason of a skipped exchange that the sample left out."""

_SETTLED = {
    Outcome.SHED: frozenset({"queue_full", "memory_full", "switched_off", "stopped", "store_unavailable", "drained",
                             "asker_failed"}),
    Outcome.SKIPPED: frozenset({"client_gone", "connection_auth", "body_too_large", "request_unfinished", "conditional",
                                "overloaded", "fallback", "refused", "loop", "upgraded"}),
    Outcome.NOT_COMPARABLE: frozenset({"cancelled"}),
}
"""The reasons that are settled before modern answers. One that is not among them, as a later version may have, counts
as AFTER."""


_TELLING = frozenset({Outcome.TRANSIENT, Outcome.UNSTABLE, Outcome.NOT_COMPARABLE, Outcome.SHED, Outcome.SKIPPED})


def reason_kept(outcome: Outcome, reason: str) -> str:
    """The reason as evidence keeps it: "" for outcomes that count the same whatever their reason is."""
    return reason if outcome in _TELLING else ""


def shows_nothing(outcome: Outcome, reason: str) -> bool:
    """Whether an exchange that does not count as right still shows nothing against modern: see SHOWS_NOTHING."""
    return outcome is Outcome.UNSTABLE or (outcome is Outcome.NOT_COMPARABLE and reason == NO_CREDENTIALS)


@lru_cache(maxsize=256)
def counts_as(outcome: Outcome, reason: str) -> Counts:
    """What an exchange with this outcome and reason counts as."""
    if outcome in AGREED:
        return Counts.RIGHT
    match outcome:
        case Outcome.MISMATCH:
            return Counts.WRONG
        case Outcome.CANDIDATE_ERROR:
            return Counts.FAILED
        case Outcome.TRANSIENT:
            return Counts.RIGHT if reason == RACE else Counts.FIRST
        case Outcome.SKIPPED if reason == NOT_SAMPLED:
            return Counts.UNSAMPLED
    settled = reason in _SETTLED.get(outcome, ()) or (
        outcome is Outcome.NOT_COMPARABLE and reason.startswith("legacy_"))
    return Counts.BEFORE if settled else Counts.AFTER
