"""Reads and writes text as a list of lines, and newline-delimited JSON as a list of documents."""

from adapters.charsets import text_encoding
from adapters.document import DocumentError, Tree, dump, parse


def lines(body: bytes, charset: str | None = None) -> Tree:
    """The lines of a text, each with its line end. A body that its charset cannot decode, or whose charset is unknown,
    is kept byte by byte, so that two different bodies never become the same text."""
    try:
        return body.decode(text_encoding(charset or "utf-8")).splitlines(keepends=True)
    except (LookupError, ValueError):
        return body.decode("utf-8", "surrogateescape").splitlines(keepends=True)


def ndjson(body: bytes) -> Tree:
    """The documents of newline-delimited JSON; blank lines are skipped. Raises DocumentError."""
    return [parse(line) for line in body.split(b"\n") if line.strip(b" \t\r")]


def write_lines(tree: Tree, charset: str | None = None) -> bytes:
    """The text of these lines. Raises DocumentError("encoding") if the charset cannot encode it."""
    text = "".join(tree)
    try:
        return text.encode(text_encoding(charset or "utf-8"))
    except (LookupError, ValueError):
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except ValueError:
        raise DocumentError("encoding") from None


def write_ndjson(tree: Tree) -> bytes:
    """The documents of a list, one a line; an empty list becomes a blank line. Raises DocumentError("encoding")."""
    return b"\n".join(map(dump, tree)) or b"\n"
