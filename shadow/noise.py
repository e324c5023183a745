"""Which mismatches are noise: what asking both arms again, a little later, says of one. Pure.

Two services that answer alike still differ now and then: one of them lags, or an answer changes between two askings.
That settles, and a defect does not.
"""

from dataclasses import replace

from shadow.compare import Comparison, Outcome

AGREED = frozenset({Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.KNOWN_DIFFERENCE})
"""Outcomes that leave nothing to be explained."""


def settled(found: Comparison, reason: str) -> Comparison:
    """The mismatch as one that went away: `reason` says when. What differed then is let go."""
    return Comparison(found.tally._replace(outcome=Outcome.TRANSIENT, reason=reason), found.trace_id, found.at)


def seen_again(found: Comparison, again: Comparison, times: int) -> Comparison:
    """The mismatch, once both arms, asked again, differed again; for the `times`th time.

    Its reason counts that; a difference is reproduced only where each asking showed its signature.
    """
    before = found.reproduced if times > 1 else dict.fromkeys(one.signature for one in found.differences)
    there = {one.signature for one in again.differences}
    return replace(found, tally=found.tally._replace(reason=f"reproduced_{times}"),
                   reproduced=tuple(one for one in before if one in there))
