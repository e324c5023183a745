"""Lines: of text, and of JSON documents; read, and written again."""

from adapters.document import DocumentError, Tree, dump, parse


def lines(body: bytes, charset: str | None = None) -> Tree:
    """The lines of a text, each with its end. What is not in its charset, or in none that is known, is kept byte by
    byte, so that no two bodies become one text by mistake."""
    try:
        return body.decode(charset or "utf-8").splitlines(keepends=True)
    except (LookupError, ValueError):
        return body.decode("utf-8", "surrogateescape").splitlines(keepends=True)


def ndjson(body: bytes) -> Tree:
    """The documents of newline-delimited JSON; blank lines are none. Raises DocumentError."""
    return [parse(line) for line in body.split(b"\n") if line.strip(b" \t\r")]


def write_lines(tree: Tree, charset: str | None = None) -> bytes:
    """The text of lines. Raises DocumentError("encoding") where its charset cannot hold it."""
    text = "".join(tree)
    try:
        return text.encode(charset or "utf-8")
    except (LookupError, ValueError):
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except ValueError:
        raise DocumentError("encoding") from None


def write_ndjson(tree: Tree) -> bytes:
    """The lines of a list of documents, a blank one where there are none. Raises DocumentError("encoding")."""
    return b"\n".join(map(dump, tree)) or b"\n"
