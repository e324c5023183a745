"""Holds SIGHUP back until there is a handler for it, since without one it ends the process.

A process that is started meanwhile holds it back from its first instruction on, since signal masks are inherited.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> None:
    """Hold SIGHUP back from now on. One that is sent meanwhile stays pending."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def release() -> None:
    """Accept SIGHUP from now on, and the one that is pending, if there is one."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@contextmanager
def held() -> Iterator[None]:
    """Hold SIGHUP back while the block runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
