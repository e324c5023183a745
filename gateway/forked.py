"""Starts copies of this process by fork: they share its memory for as long as neither writes to it.

Fork copies only the thread that calls it, so a lock that another thread holds would stay locked in the copy. Therefore
a process that makes copies has a single thread, and runs no plugins of others. Handlers of signals are the parent's
and do not apply in a copy. A copy has all descriptors of its parent: the work must close those that it does not need.
"""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

# Milliseconds between two looks whether a copy has ended.
_MOMENT = 100


class Forked:
    """A copy of this process that does some work and then ends. It has what uvicorn uses of multiprocessing.Process."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid: int | None = None
        self._work = work
        self._exitcode: int | None = None

    def start(self) -> None:
        """Start the copy. It has this process's signal mask, and default handlers. Raises OSError if the system has no
        process or memory left."""
        # A signal that came between the fork and the change of its handlers would be handled as the parent does it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if not self.pid:
                _live(self._work, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def exitcode(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs. As long as this is None, the system
        gives `pid` to no other process."""
        self._wait(os.WNOHANG)
        return self._exitcode

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.pid is not None and self.exitcode is None

    def kill(self) -> None:
        """End it at once."""
        if self.pid is not None and self.is_alive():
            os.kill(self.pid, signal.SIGKILL)

    def join(self) -> None:
        """Wait until it has ended."""
        self._wait(0)

    def _wait(self, options: int) -> None:
        if self.pid is None or self._exitcode is not None:
            return
        ended, status = os.waitpid(self.pid, options)
        if ended:
            self._exitcode = os.waitstatus_to_exitcode(status)


def answer_of_copy(work: Callable[[], bytes]) -> bytes:
    """Return what `work` returns, which is done in a copy of this process. What it loads, and its threads, end with the
    copy; processes that it starts do not. If the copy exits with a status other than 0, so does this process."""
    read, write = os.pipe()

    def answer() -> None:
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(work())

    copy = Forked(answer)
    copy.start()
    os.close(write)
    answered = bytearray()
    waiting = select.poll()
    waiting.register(read, select.POLLIN)
    # A process that the copy has started may hold the pipe open, so its end may never come. Whether the copy lives is
    # asked before the pipe: what it wrote before it ended is in there by then.
    while (alive := copy.is_alive()) or waiting.poll(0):
        if waiting.poll(_MOMENT if alive else 0):
            piece = os.read(read, 1 << 16)
            if not piece:
                break
            answered += piece
    os.close(read)
    copy.join()
    if copy.exitcode:
        sys.exit(max(copy.exitcode, 1))
    return bytes(answered)


def _live(work: Callable[[], object], mask: Iterable[int]) -> NoReturn:
    """The life of a copy. It never returns into the code of its parent."""
    status = 1
    try:
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)) and number != signal.SIGINT:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
