"""Reads the header fields of `figway sweep`. Secret ones come from a file or the environment, since any user of a
machine sees its command lines. No message quotes a value."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from adapters.message import Headers
from gateway.cli.sources import Refused
from gateway.wire.heads import FIELD
from shadow.credentials import is_credential


def plain_fields(written: Iterable[str]) -> Headers:
    """The fields of the command line. Raises Refused for one that holds a credential."""
    found = Headers(_field(text, "--header") for text in written)
    for name, _ in found:
        if is_credential(name):
            raise Refused(f"--header: {name.decode()} is a credential, and other users see a command line: put it into "
                          "a file for --header-file, or a variable for --header-env")
    return found


def secret_fields(file: Path | None, variables: Iterable[str]) -> Headers:
    """The fields of a file, one a line, and those of environment variables. Raises Refused."""
    return Headers([*(_of_file(file) if file is not None else ()), *map(_of_variable, variables)])


def _of_file(file: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Refused(f"{file} cannot be read: {why}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _field(line, f"{file}:{number}")


def _of_variable(name: str) -> tuple[bytes, bytes]:
    if name not in os.environ:
        raise Refused(f"--header-env: there is no environment variable {name}")
    return _field(os.environ[name], f"--header-env {name}")


def _field(text: str, place: str) -> tuple[bytes, bytes]:
    found = FIELD.fullmatch(text.strip().encode("utf-8", "surrogateescape") + b"\r\n")
    if found is None:
        raise Refused(f'{place}: not a header field, such as "Accept: application/json"')
    return found[1], found[2]
