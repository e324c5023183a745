"""`python -m shadow.judge`: the process that judges pairs. `shadow.judge.child` starts and ends it.

It reads batches from standard input and answers on standard output. It ends when its standard input ends, so it never
outlives its parent, however that ends.
"""

import gc
import os
import pickle
import signal
import sys
from typing import BinaryIO

from shadow.judge.codec import decode_pairs, encode_comparisons, frame, read
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge

NICENESS = 10
"""The niceness of this process: it gives way to those that serve clients."""

COLLECT = 500_000
"""New containers between two runs of the garbage collector. A body's tree has very many of them and no cycles, so they
are freed by reference counting; scanning them again and again would cost as much as comparing them."""


def serve(down: BinaryIO, up: BinaryIO) -> None:
    """Answer batches until `down` ends or `up` has no reader any more."""
    crosswalks = Crosswalks()
    try:
        while (message := read(down)) is not None:
            up.write(frame(encode_comparisons([judge(pair, crosswalks) for pair in decode_pairs(message)])))
            up.flush()
    except (BrokenPipeError, EOFError, pickle.UnpicklingError):
        return  # The parent has gone, perhaps in the middle of a message.


if __name__ == "__main__":
    # Ctrl-C and a supervisor's SIGTERM reach the whole group; the parent drains first and then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    gc.set_threshold(COLLECT)
    serve(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)  # A normal exit would flush a pipe without a reader.
