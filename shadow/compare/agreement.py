"""Pairs that need no comparer: their answers agree at first sight. Cheap enough for the event loop."""

from shadow.compare import heads
from shadow.compare.comparison import Comparison, Outcome, Tally
from shadow.compare.outside import ADDED
from shadow.compare.pair import Pair
from shadow.observation import Observation


def agreement(pair: Pair) -> Comparison | None:
    """What `compare` gives for two answers with one body, whose heads differ at most in fields that modern alone sends,
    and that change nothing for clients. None for other answers, which may agree too."""
    old, new = pair.control, pair.candidate
    if not _same_but_for_heads(pair, old, new):
        return None
    if heads.same(old.headers, new.headers):
        return Comparison(Tally(pair.capability, pair.operation, Outcome.MATCH), pair.trace_id, pair.at)
    added = heads.added(old.headers, new.headers)
    rules = pair.rules.compiled(pair.at, pair.over) if added else None
    if rules is None or not all(rules.defaults(("@header", name)) for name in added):
        return None
    tally = Tally(pair.capability, pair.operation, Outcome.MATCH_NORMALISED)
    return Comparison(tally, pair.trace_id, pair.at, hidden=((ADDED, len(added)),))


def identical(pair: Pair) -> bool:
    """Whether both answers are the same, byte for byte, in everything that is compared. Never true if legacy failed,
    nor of two arms if a crosswalk is in use: one identifier may then name two different records."""
    old, new = pair.control, pair.candidate
    return _same_but_for_heads(pair, old, new) and heads.same(old.headers, new.headers)


def _same_but_for_heads(pair: Pair, old: Observation, new: Observation) -> bool:
    return (
        (not pair.rules.identifies or old.arm == new.arm)
        and old.failure is None and new.failure is None and old.complete and new.complete and not old.broke
        and old.status == new.status and old.body == new.body
        and old.digest == new.digest and (old.trailers is new.trailers or heads.same(old.trailers, new.trailers))
        and (old.digest is None or not old.digest.reason)
    )


def answers_hash(pair: Pair) -> int | None:
    """A hash of both answers. Within this process it is equal for pairs whose answers are equal byte for byte in
    everything that is compared: such a pair need not be compared again. None if a crosswalk is in use, since a
    crosswalk changes."""
    if pair.rules.identifies:
        return None
    return hash(tuple(
        (one.failure, one.complete, one.status, tuple(heads.compared(one.headers)), one.body, one.digest,
         tuple(heads.compared(one.trailers)))
        for one in (pair.control, pair.candidate)))
