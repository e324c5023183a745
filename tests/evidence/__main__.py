"""`python -m tests.evidence [SEEDS]`: defects at 1 % of a noisy service, then all situations of the verdict, and what
the gates make of them."""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence

from tests.evidence.situations.all import CASES
from tests.evidence.table import Row, markdown, rows
from tests.evidence.trial import CRITERIA, ENOUGH, RATE, Line, lines

SEEDS = 200
LANE = 5
"""Seeds of a trial through the lane, of 200 in all."""


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


def summary(table: Sequence[Row]) -> Iterator[str]:
    """How to read the table of situations, and what it comes to."""
    yield "Situations of the verdict. SAFE, NOT SAFE: the share of seeds that were told so at any time of looking."
    yield "After how many effective exchanges, as medians; `before`: when the release before would have said SAFE."
    yield ""
    yield from markdown(table)
    missed = [one.case.name for one in table if not one.holds]
    unworded = sum(one.unworded for one in table)
    told = sum(round(one.safe * one.seeds) for one in table)
    yield ""
    yield (f"{len(table)} rows, {len(missed)} of which miss their bound. Of {told:,} trials that were told SAFE, "
           f"{unworded} did not say in the first line what it does not cover.")
    yield from (f"Missed: {name}." for name in missed)


def main() -> int:
    """0 where every defect that the comparator sees is found, none is told safe too often, and each situation keeps its
    bound."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    processes = os.cpu_count() or 1
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        table = lines(seeds, each=pool.map)
    print("\n".join(text(table, seeds)), flush=True)
    found = list(rows(CASES, seeds, max(1, seeds * LANE // SEEDS), processes))
    print("\n" + "\n".join(summary(found)))
    allowed = 1 - CRITERIA.confidence
    wrong = any(one.safe > allowed or (one.rate == RATE and one.found < 1 - allowed)
                for one in table if one.seen and one.rate)
    return int(wrong or any(not one.holds or one.unworded for one in found))


if __name__ == "__main__":
    sys.exit(main())
