"""The comparer's own process: `python -m shadow.judge` reads batches of pairs and writes comparisons.

A message is a length (four bytes, big-endian) and a pickle. The process ends when its standard input does, so it
outlives no parent, however that one ends.
"""

import gc
import os
import pickle
import signal
import sys
from dataclasses import replace
from typing import BinaryIO

from adapters.crosswalk import Bound, Entry
from shadow.compare import Bond, Comparison, Outcome, Tally, compare
from shadow.crosswalks import Crosswalks, SeedError
from shadow.observation import Pair
from shadow.tokens import token

NICENESS = 10
"""How far this process steps back behind those that serve clients."""


COLLECT = 500_000
"""Containers between two rounds of the garbage collector. A body's tree has very many, and no circles: they go as soon
as they are let go, and looking through them again and again would cost as much as comparing them."""


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
    new = [entry for entry in learnt if crosswalk.bind(*entry) is Bound.ANEW]
    return replace(comparison, bonds=tuple(_bond(pair.key, *entry) for entry in new) if pair.key else ())


def _bond(key: bytes, name: str, legacy: str, modern: str) -> Bond:
    return Bond(name, token(key, f"crosswalk/{name}/legacy", legacy), token(key, f"crosswalk/{name}/modern", modern))


def serve(down: BinaryIO, up: BinaryIO) -> None:
    """Answer batches until `down` ends or nobody reads `up`."""
    crosswalks = Crosswalks()
    try:
        while len(head := down.read(4)) == 4:
            pairs: list[Pair] = pickle.loads(down.read(int.from_bytes(head)))  # noqa: S301 (our own parent wrote it)
            answer = pickle.dumps([judged(pair, crosswalks) for pair in pairs], pickle.HIGHEST_PROTOCOL)
            up.write(len(answer).to_bytes(4) + answer)
            up.flush()
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return  # the parent has gone, perhaps in the middle of a message


if __name__ == "__main__":
    # Ctrl-C and a supervisor's SIGTERM reach the whole group; the parent drains first and then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    gc.set_threshold(COLLECT)
    serve(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)  # the interpreter's own end would flush a pipe that nobody reads any more
