"""Lines: of text, and of JSON documents."""

from adapters.document import Tree, parse


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
