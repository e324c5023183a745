"""`python -m shadow.judge`: the process that compares, started and ended by `shadow.judge.child`."""

import gc
import os
import signal
import sys

from shadow.judge.judgement import COLLECT, NICENESS, serve

if __name__ == "__main__":
    # Ctrl-C and a supervisor's SIGTERM reach the whole group; the parent drains first and then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    gc.set_threshold(COLLECT)
    serve(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)  # the interpreter's own end would flush a pipe that nobody reads any more
