"""The contract of a vault (Vault): whole exchanges that mismatched, sealed one by one, for as long as they are needed.

Each record is encrypted under a key of its own, which is in custody (shadow.custody.base) and not in the vault.
Destroying the key destroys the record, wherever copies of the vault are. A vault is synchronous and may block: it is
called in threads. `shadow.testing.check_vault` holds one to this contract.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from adapters.message import Request
from shadow.observation import Observation

PURPOSE = "record"
"""The purpose of records' keys in custody; their scope is the record's id."""


class VaultError(Exception):
    """The vault cannot be opened, read or written now, or it has no such record. The message names no value."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: `retention` seconds, `records`, and `size` bytes. The oldest goes first."""

    retention: float = 72 * 3600.0
    records: int = 1000
    size: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Captured:
    """One exchange as it was. `id` is 16 hexadecimal digits, `at` in seconds since 1970, `pattern` the key of its
    differences (shadow.ledger.groups), `safe` whether it may be asked again."""

    id: str
    at: float
    capability: str
    operation: str
    trace_id: str
    pattern: str
    safe: bool
    request: Request
    control: Observation
    candidate: Observation


class Summary(NamedTuple):
    """What is known of a record without unsealing it. It takes this many `bytes`. It is gone after `expires` (seconds
    since 1970) unless it is `held`."""

    id: str
    at: float
    capability: str
    operation: str
    trace_id: str
    pattern: str
    safe: bool
    bytes: int
    held: bool
    expires: float


class Purged(NamedTuple):
    """Which records are gone, and which stay since they are held."""

    gone: tuple[str, ...]
    held: tuple[str, ...]


class Vault(Protocol):
    """Sealed records. Every method but `close` raises VaultError if the vault fails, and CustodyError if custody
    does."""

    def seal(self, captured: Captured) -> None:
        """Keep an exchange. The oldest records that are not held make room for it. Raises VaultError if no room can be
        made; then nothing has changed."""
        ...

    def open(self, id: str) -> Captured:
        """A record, unsealed. Raises VaultError if there is none, it has expired, its key is destroyed, or it was
        altered since it was sealed."""
        ...

    def entries(self, capability: str | None = None) -> list[Summary]:
        """The records that can be opened, of a capability or of all, the oldest first."""
        ...

    def discard(self, id: str) -> bool:
        """Destroy one record. False if it is held."""
        ...

    def purge(self, ids: Iterable[str]) -> Purged:
        """Destroy these records, except those that are held. An id without a record counts as gone."""
        ...

    def expire(self) -> int:
        """Destroy records that are past their retention and not held, and those that cannot be read any more. Returns
        how many were destroyed."""
        ...

    def close(self) -> None:
        """Release all resources except custody, which the caller closes. Nothing may be called afterwards."""
        ...
