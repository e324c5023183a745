"""Digests of bodies that are too large to be kept: two of them are the same if their digests are. Pure."""

import hashlib

from shadow.compare.codings import Corrupt, UnknownCoding, Unpacking, codings_of
from shadow.observation import Digest, Observation

MAX_CONTENT = 4 << 30
"""The most bytes that a body may have without its content coding, so that no body takes unbounded time."""


class Digesting:
    """Makes the digest of a body as it comes, without its content `codings`. It keeps nothing of the body."""

    def __init__(self, codings: tuple[str, ...]) -> None:
        self._hash = hashlib.sha256(usedforsecurity=False)
        self._size = 0
        self._reason = ""
        self._unpacking: Unpacking | None = None
        try:
            self._unpacking = Unpacking(codings) if codings else None
        except UnknownCoding:
            self._reason = "unknown_coding"

    def take(self, data: bytes) -> None:
        """Take the next piece of the body."""
        if self._unpacking is None:
            self._add(data)
            return
        if self._reason:
            return
        try:
            for piece in self._unpacking.pieces(data):
                self._add(piece)
                if self._size > MAX_CONTENT:
                    self._reason = "too_large"
                    return
        except Corrupt:
            self._reason = "corrupt"

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        self._hash.update(data)

    def end(self) -> Digest:
        """The digest of the whole body, which is complete."""
        if self._unpacking is not None and not self._reason:
            try:
                self._unpacking.end()
            except Corrupt:
                self._reason = "corrupt"
        return Digest(self._size, self._hash.digest(), self._reason)


def digest_of(observation: Observation) -> Digest:
    """The digest of an answer's body."""
    if observation.digest is not None:
        return observation.digest
    digesting = Digesting(codings_of(observation.headers))
    digesting.take(observation.body)
    return digesting.end()
