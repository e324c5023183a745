"""`python -m tests.evidence [SEEDS]`: defects at 1 % of a noisy service, and what the gate makes of them."""

import sys
from collections.abc import Iterator, Sequence

from tests.evidence.trial import CRITERIA, ENOUGH, RATE, Line, lines


def text(table: Sequence[Line], seeds: int) -> Iterator[str]:
    """The table as Markdown, with what it comes to."""
    yield f"Defects at {RATE:.0%} of the exchanges, over a noisy service, {seeds} seeds each."
    yield (f"Found: NOT SAFE before {ENOUGH:,} exchanges, where a service without a mismatch is SAFE "
           f"(limit {CRITERIA.limit:.1%}, confidence {CRITERIA.confidence:.0%}).")
    yield ""
    yield "| Defect | Seen by the comparator | Found | Told SAFE | Found after (median) | (nine of ten) |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in table:
        after = (f"{one.median:,.0f}", f"{one.ninth:,}") if one.found else ("–", "–")
        yield f"| {one.name} | {one.seen:.0%} | {one.found:.1%} | {one.safe:.1%} | {' | '.join(after)} |"
    defects = [one for one in table if one.rate == RATE]
    missed = [one.name for one in defects if not one.seen]
    seen = [one for one in defects if one.seen]
    yield ""
    yield (f"{len(defects)} defects: {len(seen)} seen, of which the one that is found least often is found in "
           f"{min(one.found for one in seen):.1%} of the seeds, and told SAFE in at most "
           f"{max(one.safe for one in seen):.1%}.")
    if missed:
        yield f"Missed, since the service's own rules hide them: {', '.join(missed)}."


def main() -> int:
    """0 where every defect that the comparator sees is found, and none told safe too often."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    table = lines(seeds)
    print("\n".join(text(table, seeds)))
    allowed = 1 - CRITERIA.confidence
    return int(any(one.safe > allowed or (one.rate == RATE and one.found < 1 - allowed)
                   for one in table if one.seen and one.rate))


if __name__ == "__main__":
    sys.exit(main())
