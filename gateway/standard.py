"""The three standard descriptors. Whoever starts a gateway may have closed them, or let nobody read what it says."""

import contextlib
import os


def take_places() -> None:
    """Open the null device where a standard descriptor is closed, in this process and those that it starts. Else the
    next socket or file would get its number, and what is written to standard output or error with it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def tell(line: str) -> None:
    """Write a line to standard error. That nobody can read it (a full disk, a pipe without a reader) stops nothing."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode("utf-8", "backslashreplace"))
