"""Remedies: what to change in routes.yaml so that the shadow can tell more, and what that costs. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from shadow.compare.comparison import NO_CREDENTIALS, Outcome
from shadow.ledger.rows import SPARED, Traffic
from shadow.words import moment, noun

_WHY = {
    "another_kind": "legacy, asked again, gave another kind of answer (an error, or nothing)",
    "client_errors": "its clients met more errors than usual",
}


def remedies(
    capability: str, counts: Counter[tuple[Outcome, str]], traffic: Iterable[Traffic], extra: int,
) -> Iterator[str]:
    """Sentences about one capability, the most urgent first: about the exchanges that the verdict rests on, by outcome
    and reason, its traffic, and how often legacy was asked beyond what its clients asked."""
    shadow = f"`capabilities.{capability}.shadow`"
    if refused := counts[Outcome.NOT_COMPARABLE, NO_CREDENTIALS]:
        yield (f"{refused:,} {noun(refused, 'mirror')} {noun(refused, 'was', 'were')} refused, because "
               f"{noun(refused, 'it carries', 'they carry')} none of the client's credentials: if the other arm may "
               f"have them, write `credentials: pass` under {shadow}")
    failed = sum(count for (outcome, reason), count in counts.items()
                 if outcome is Outcome.NOT_COMPARABLE and reason.startswith("legacy_"))
    if failed:
        yield (f"legacy failed in {failed:,} {noun(failed, 'exchange')} (" + ", ".join(
            f"{counts[one]:,} {one[1]}" for one in sorted(counts) if one[0] is Outcome.NOT_COMPARABLE
            and one[1].startswith("legacy_")) + "): whatever modern said to them, they show nothing")
    for reason, arm in SPARED.items():
        for row in traffic:
            if row.arm == arm:
                where = f"in `{row.operation}`" if row.operation else "everywhere"
                yield (f"asking legacy again was stopped {where}, because {_WHY[reason]} (last at {moment(row.at)}): "
                       "if asking takes something away, write `noise: 0%` and `recheck: {legacy: false}` there")
    differ = sum(count for (outcome, _), count in counts.items() if outcome in (Outcome.MISMATCH, Outcome.UNSTABLE))
    if differ and not extra:
        yield (f"legacy was asked by its clients alone, so {differ:,} {noun(differ, 'exchange')} that "
               f"{noun(differ, 'differs', 'differ')} may show its own drift, or a race: to tell, write `noise: 2%` and "
               f"`recheck: {{legacy: true}}` under {shadow}; legacy then gets 2 more requests for each 100 that are "
               "mirrored, and up to 4 for each mismatch that is rechecked")
    elif extra:
        yield f"legacy got {extra:,} {noun(extra, 'request')} beyond what its clients asked"
