"""Finds the values behind differences, for a user who asked to see those of files of their own.

A difference holds places, shapes and tokens, and no value. Both bodies are read once more, and what stands at the place
is taken if it has the token (of a scalar) or the shape (of a container) that the difference has.
"""

from adapters.document import DocumentError, Tree, dump
from shadow.compare.bodies import Unreadable, decoded, form_of, read
from shadow.compare.difference import Difference, Shape, placed, shape
from shadow.compare.pair import Pair
from shadow.compare.places import values_at
from shadow.compare.tokens import token
from shadow.observation import Observation

LONGEST = 200
"""The most characters of a value in a line for people."""


class Values:
    """The values of one pair of bodies, by the differences between them."""

    def __init__(self, pair: Pair) -> None:
        self._key = pair.key
        form = form_of(pair.control.headers)
        self._form = form.name if form is not None else ""
        self._trees = _tree(pair.control), _tree(pair.candidate)

    def of(self, one: Difference) -> tuple[bytes | None, bytes | None]:
        """Legacy's value and modern's as JSON. None for a side that has none, or whose value is not in a document."""
        legacy, modern = self._trees
        where = placed(one.path)
        return (self._found(legacy, one.path, one.legacy, one.legacy_token, where),
                self._found(modern, one.modern_path or one.path, one.modern, one.modern_token, where))

    def _found(self, tree: Tree | Unreadable, path: str, form: Shape, known: str, where: str) -> bytes | None:
        if isinstance(tree, Unreadable):
            return None
        for value in values_at(self._form, tree, path):
            if isinstance(value, bytes):  # a part of a multipart body that is no text
                continue
            if token(self._key, where, value) == known and (known or shape(value) == form):
                try:
                    return dump(value)
                except DocumentError:  # text that UTF-8 cannot hold
                    return None
        return None


def shown(value: bytes | None) -> str:
    """A value for people: JSON of at most LONGEST characters, without control characters; "–" if there is none."""
    if value is None:
        return "–"
    text = value.decode()
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _tree(observation: Observation) -> Tree | Unreadable:
    form = form_of(observation.headers)
    body = decoded(observation)
    return Unreadable("bytes") if form is None or isinstance(body, Unreadable) else read(form, body)
