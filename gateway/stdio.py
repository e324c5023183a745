"""Standard input, output and error, which may be closed, or have no reader, when a gateway starts."""

import contextlib
import os


def open_missing() -> None:
    """Open the null device in place of each standard descriptor that is closed, for this process and its children.

    Otherwise the next socket or file would get its number, and text for standard output or error would go
    there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The system opens it under the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def to_stderr(line: str) -> None:
    """Write a line to standard error. Errors are ignored: a full disk, or a pipe without a reader."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode("utf-8", "backslashreplace"))
