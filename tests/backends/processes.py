"""Processes that tests start: each leads a group of its own, which ends with its block, whatever happens in there.

    with started([sys.executable, "-m", "gateway.demo.legacy"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        process.terminate()
        process.communicate(timeout=LONG)
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONG = 240.0
"""Seconds in which any command must have ended on the slowest machine: more than that is a hang."""

FIGWAY = [sys.executable, "-m", "gateway.cli.main"]


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """`subprocess.Popen` for a block. What is left of its group when the block is left is killed."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            end_group(process)


def ended(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a group of its own; what it says is text."""
    says = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with started(command, text=True, **says) as process:
        out, err = process.communicate(timeout=LONG)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end_group(process: subprocess.Popen[Any]) -> None:
    """SIGKILL to a process that leads a group, and to all that it has started; waits for the process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
