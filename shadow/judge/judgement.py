"""Judges a pair: compares it, checks its identifiers against the crosswalk, and adds new pairs of them to it."""

from dataclasses import replace

from adapters.crosswalk import Bound, IdPair
from shadow.compare.comparison import AGREED, Bond, Comparison, Outcome, Tally, compare
from shadow.compare.pair import Pair
from shadow.compare.tokens import crosswalk_place, token
from shadow.judge.crosswalks import Crosswalks, SeedError


def judge(pair: Pair, crosswalks: Crosswalks) -> Comparison:
    """The judgement on a pair. It adds the identifiers that the pair proves to be the same to `crosswalks`. Raises
    nothing."""
    if not pair.rules.identifies:
        return compare(pair)
    try:
        crosswalk = crosswalks.of(pair)
    except SeedError:
        # The seed file changed after the rules were read. Identifiers cannot be compared until both agree again.
        tally = Tally(pair.capability, pair.operation, Outcome.NOT_COMPARABLE, "crosswalk")
        return Comparison(tally, pair.trace_id, pair.at)
    learnt: list[IdPair] = []
    comparison = compare(pair, crosswalk, learnt)
    bounds = [crosswalk.bind(*entry) for entry in learnt]
    if Bound.FULL in bounds and comparison.tally.outcome in AGREED:
        # The crosswalk has no room: a later exchange could contradict these pairs unnoticed, so this one is no match.
        comparison = replace(comparison, tally=comparison.tally._replace(
            outcome=Outcome.NOT_COMPARABLE, reason="crosswalk_full"))
    new = [entry for entry, one in zip(learnt, bounds, strict=True) if one is Bound.NEW]
    if not pair.key:
        return comparison
    return replace(comparison, bonds=(*comparison.bonds, *(_bond(pair.key, *entry) for entry in new)))


def _bond(key: bytes, name: str, legacy: str, modern: str) -> Bond:
    return Bond(name, token(key, crosswalk_place(name, "legacy"), legacy),
                token(key, crosswalk_place(name, "modern"), modern))
