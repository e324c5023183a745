"""Reads a file that an operator has named, if it is a plain file of a sensible size."""

import os
import stat
from pathlib import Path


def read_plain(path: Path, most: int) -> bytes:
    """Return the bytes of a file. Raises OSError, whose strerror says why.

    It is raised as well for a pipe or a device, which could block for ever; for more than `most` bytes; and for a name
    that no file can have.
    """
    try:
        # O_NONBLOCK: opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise OSError(0, "no file can have this name") from None
    with open(descriptor, "rb") as file:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise OSError(0, "Is a directory")
        if not stat.S_ISREG(kind):
            raise OSError(0, "not a file")
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(0, f"larger than {most >> 20}MiB" if most >> 20 else f"larger than {most >> 10}KiB")
    return data
