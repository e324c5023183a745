"""The comparer's own process: `python -m shadow.judge` reads batches of pairs and writes comparisons.

A message is a length (four bytes, big-endian) and a pickle: of plain tuples, since objects would take more time than
comparing them, and of what is compared alone. The process ends when its standard input does, so it outlives no parent,
however that one ends.
"""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import BinaryIO

from adapters.crosswalk import Bound, Entry
from adapters.message import Headers, Request
from shadow.compare.comparison import COMPARED, Bond, Comparison, Outcome, Tally, compare
from shadow.compare.heads import compared
from shadow.compare.pair import Pair
from shadow.compare.rules import Rules
from shadow.compare.tokens import bound, token
from shadow.judge.crosswalks import Crosswalks, SeedError
from shadow.observation import Observation

NICENESS = 10
"""How far this process steps back behind those that serve clients."""


COLLECT = 500_000
"""Containers between two rounds of the garbage collector. A body's tree has very many, and no circles: they go as soon
as they are let go, and looking through them again and again would cost as much as comparing them."""


_AGREED = COMPARED - {Outcome.MISMATCH}

_NOTHING = Request("", b"", Headers())


def packed(pairs: Sequence[Pair]) -> bytes:
    """The message that holds these pairs."""
    return pickle.dumps([
        (one.capability, one.operation, _said(one.control), _said(one.candidate), one.trace_id, one.at,
         _packed_rules(one.rules), one.over, one.key) for one in pairs], pickle.HIGHEST_PROTOCOL)


def unpacked(message: bytes) -> list[Pair]:
    """The pairs, but for what was asked and how long it took."""
    pairs = pickle.loads(message)  # noqa: S301 (our own parent wrote it)
    return [Pair(capability, operation, _NOTHING, Observation(control[0], 0.0, *control[1:]),
                 Observation(candidate[0], 0.0, *candidate[1:]), trace_id, at, _rules(rules), over, key)
            for capability, operation, control, candidate, trace_id, at, rules, over, key in pairs]


def _said(one: Observation) -> tuple[object, ...]:
    return one.arm, one.status, compared(one.headers), one.body, one.failure, one.complete


@lru_cache(maxsize=256)
def _packed_rules(rules: Rules) -> bytes:
    return pickle.dumps(rules, pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=256)
def _rules(packed: bytes) -> Rules:
    rules: Rules = pickle.loads(packed)  # noqa: S301 (a part of what our own parent wrote)
    return rules


def judged(pair: Pair, crosswalks: Crosswalks) -> Comparison:
    """The judgement on a pair, by all that is known of identifiers, which learns from it. Raises nothing."""
    if not pair.rules.identifies:
        return compare(pair)
    try:
        crosswalk = crosswalks.of(pair)
    except SeedError:
        # The rules speak of a file that is another one by now: nobody knows who is who until they are read again.
        tally = Tally(pair.capability, pair.operation, Outcome.NOT_COMPARABLE, "crosswalk")
        return Comparison(tally, pair.trace_id, pair.at)
    learnt: list[Entry] = []
    comparison = compare(pair, crosswalk, learnt)
    bounds = [crosswalk.bind(*entry) for entry in learnt]
    if Bound.FULL in bounds and comparison.tally.outcome in _AGREED:
        # Whatever its identifiers are bound to now, nobody will know when they are met again.
        comparison = replace(comparison, tally=comparison.tally._replace(
            outcome=Outcome.NOT_COMPARABLE, reason="crosswalk_full"))
    new = [entry for entry, one in zip(learnt, bounds, strict=True) if one is Bound.ANEW]
    if not pair.key:
        return comparison
    return replace(comparison, bonds=(*comparison.bonds, *(_bond(pair.key, *entry) for entry in new)))


def _bond(key: bytes, name: str, legacy: str, modern: str) -> Bond:
    return Bond(name, token(key, bound(name, "legacy"), legacy), token(key, bound(name, "modern"), modern))


def serve(down: BinaryIO, up: BinaryIO) -> None:
    """Answer batches until `down` ends or nobody reads `up`."""
    crosswalks = Crosswalks()
    try:
        while len(head := down.read(4)) == 4:
            pairs = unpacked(down.read(int.from_bytes(head)))
            answer = pickle.dumps([judged(pair, crosswalks) for pair in pairs], pickle.HIGHEST_PROTOCOL)
            up.write(len(answer).to_bytes(4) + answer)
            up.flush()
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return  # the parent has gone, perhaps in the middle of a message
