"""The contract of custody (Custody): the keys that stored data is read or linked by, holds, and the audit trail.

Custody is apart from the data, so that nobody can read a copy of the data alone, and destroying a key is final. It is
synchronous and may block: the lane calls it in threads. `shadow.testing.check_custody` holds one to this contract.
"""

from dataclasses import dataclass
from typing import Protocol

KEY = 32
"""Bytes of a key."""

LONGEST = 500
"""Characters of a reason, or of any other text, that the trail keeps."""


class CustodyError(Exception):
    """Custody cannot be opened, read or written now. The message names the fault and no value."""


class CustodyRenewed(CustodyError):
    """Custody was deleted or replaced, and another is in its place: its keys, holds and trail are gone. Raised once,
    by the first call that would have written."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: data of `scope` (a capability, or one record's id) is kept past its retention and is not purged."""

    scope: str
    at: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the trail: who (`actor`, in which `role`) did what (`action`: view, purge, hold …) to what
    (`subject`: an id or a capability, never a patient's) and why. `at` is in seconds since 1970."""

    at: float
    actor: str
    role: str
    action: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A deed as the trail has it: its number, and its link (a digest of the deed and of the link before). `fits` says
    that what is stored has this link."""

    number: int
    deed: Deed
    link: str
    fits: bool


class Custody(Protocol):
    """Keys by purpose and scope, holds by scope, and the trail. Every method but `close` may raise CustodyError."""

    @property
    def name(self) -> str:
        """A random name that no other custody has. The keys of two custodies link different data. Empty if the custody
        ends with the process."""
        ...

    @property
    def generation(self) -> tuple[int, int]:
        """A number that changes when another process writes, or when the file is replaced."""
        ...

    def key(self, purpose: str, scope: str, at: float) -> bytes:
        """The key of a scope: KEY random bytes, made now (`at`, in seconds since 1970) if there is none."""
        ...

    def find(self, purpose: str, scope: str) -> bytes | None:
        """The key of a scope; None if there is none, or it was destroyed."""
        ...

    def scopes(self, purpose: str) -> dict[str, float]:
        """The scopes that have a key, and when it was made."""
        ...

    def destroy(self, purpose: str, *scopes: str) -> bool:
        """Destroy these keys for ever: data that they sealed cannot be read any more, and data that they linked is not
        linked any more. True if there was any."""
        ...

    def hold(self, hold: Hold) -> None:
        """Begin a hold: keep all data of its scope. It replaces an earlier hold of the same scope."""
        ...

    def release(self, scope: str) -> bool:
        """End a hold. True if there was one."""
        ...

    def holds(self) -> dict[str, Hold]:
        """All holds by scope, the oldest first."""
        ...

    def record(self, deed: Deed) -> None:
        """Add a line to the trail, before the deed is done. Texts are cut to LONGEST characters."""
        ...

    def trail(self) -> tuple[tuple[Deed, ...], bool]:
        """Every line, the oldest first; and whether the trail is whole: no line was changed, or removed from within."""
        ...

    def lines(self) -> tuple[Line, ...]:
        """The trail with its chain, the oldest line first. No two lines have the same link."""
        ...

    def close(self) -> None:
        """Release all resources. Nothing may be called afterwards."""
        ...
