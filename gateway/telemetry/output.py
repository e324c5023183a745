"""Writes lines to standard output in a thread, so that a reader that stalls does not stall the gateway.

Lines are collected and passed to the thread in batches. If too many wait, further lines are dropped and counted.
"""

import asyncio
import os
import threading
from queue import SimpleQueue

_BATCH = 256
# Seconds that a line may wait for others. If requests are rare, a wake-up for each line would cost a good part of what
# a request does.
_DELAY = 0.25
_MAX_PENDING = 8 << 20


class Output:
    """Writes lines to a file descriptor. A process has one; only the event loop may call `write`."""

    def __init__(self, fd: int = 1) -> None:
        self.dropped = 0
        self._fd = fd
        self._lines: list[str] = []
        self._timer = False
        # None is the end. A SimpleQueue wakes its reader in one step; threading.Semaphore takes several.
        self._batches: SimpleQueue[bytes | None] = SimpleQueue()
        self._pending = 0
        self._thread = threading.Thread(target=self._run, name="figway-output", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue one line, which ends with a newline."""
        lines = self._lines
        lines.append(line)
        if len(lines) >= _BATCH:
            self.flush()
        elif not self._timer:
            self._timer = True
            asyncio.get_running_loop().call_later(_DELAY, self._due)

    def _due(self) -> None:
        self._timer = False
        self.flush()

    def flush(self) -> None:
        """Pass the queued lines to the thread."""
        if not self._lines:
            return
        count = len(self._lines)
        batch = "".join(self._lines).encode("utf-8", "backslashreplace")
        self._lines.clear()
        if self._pending + len(batch) > _MAX_PENDING:
            self.dropped += count
            return
        self._pending += len(batch)
        self._batches.put(batch)

    def _run(self) -> None:
        torn = False
        while (batch := self._batches.get()) is not None:
            view = memoryview(batch)
            try:
                if torn:
                    os.write(self._fd, b"\n")
                    torn = False
                while view:
                    view = view[os.write(self._fd, view):]
            except OSError:
                # The reader is gone (EPIPE) or the disk is full: drop the lines and go on serving. Half a line may have
                # been written: once there is room again, the next begins on a line of its own.
                self.dropped += bytes(view).count(b"\n")
                written = len(batch) - len(view)
                torn = torn or batch[max(0, written - 1):written] not in (b"", b"\n")
            self._pending -= len(batch)

    def close(self, timeout: float = 2.0) -> None:
        """Write the remaining lines, for at most `timeout` seconds."""
        self.flush()
        self._batches.put(None)
        self._thread.join(timeout)
