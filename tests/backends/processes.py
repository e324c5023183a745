"""Starts processes for tests. Each leads a process group of its own, which is always ended at the end of its block.

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
"""Seconds in which any command must end, even on the slowest machine: more than that is a hang."""

FIGWAY = [sys.executable, "-m", "gateway.cli.main"]


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """`subprocess.Popen` for a block. Processes of its group that still run at the end of the block are killed."""
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            yield process
        finally:
            end_group(process)


def ended(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a group of its own. Its output is text."""
    says = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with started(command, text=True, **says) as process:
        out, err = process.communicate(timeout=LONG)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end_group(process: subprocess.Popen[Any]) -> None:
    """Send SIGKILL to a process that leads a group, and to all processes of the group. Waits for the process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
