"""SIGHUP before anybody can act on it. By itself it ends a process; held, it waits until there is a handler.

A process that is started meanwhile holds it from its first instruction on, since a signal mask is inherited.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> None:
    """Let SIGHUP wait from now on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def release() -> None:
    """Take SIGHUP from now on, and the one that waits, if one does."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextmanager
def held() -> Iterator[None]:
    """Hold SIGHUP while the block runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
