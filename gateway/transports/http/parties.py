"""What a connection to an upstream needs of the two parties that it works for: its owner, and the request it serves."""

from typing import Protocol, TypeVar

from gateway.transports.base import Receiver
from gateway.transports.tally import Tally
from shadow.observation import Failure

Link = TypeVar("Link", contravariant=True)
"""The type of the connection: Connection. It imports this file, so it cannot be named here."""


class Owner(Protocol[Link]):
    """What a connection needs of its owner: the endpoint that opened it, or a client's login."""

    first_byte: float
    between_bytes: float
    strict: bool
    """Whether an answer that breaks a rule of HTTP/1.1 is refused, even if it has one meaning."""
    tally: Tally

    def released(self, connection: Link) -> None:
        """The answer is complete, and the connection may serve another request."""
        ...

    def closing(self, connection: Link) -> None:
        """The connection closes after the answer under way."""
        ...

    def sends_rest(self) -> bool:
        """Whether the rest of a request is still sent after its answer is complete, to keep the connection."""
        ...

    def lost(self, connection: Link) -> None:
        """The connection is gone, or must not be used again."""
        ...

    def stalled(self, connection: Link) -> None:
        """The client takes no more of its answer for now."""
        ...

    def leaves_pool(self, connection: Link) -> bool:
        """A tunnel or an event stream begins, which must not hold a place in a pool. Return whether it may begin."""
        ...


class Served(Protocol):
    """What a connection needs of the request that it serves."""

    method: str
    receiver: Receiver
    sent_all: bool
    sent_at: float
    upgrade: bool

    def offered(self, schemes: tuple[bytes, ...]) -> bool:
        """Whether the request carries credentials of one of these authentication schemes (lower case)."""
        ...

    def ended(self) -> None:
        """The answer is complete."""
        ...

    def failed(self, failure: Failure, *, answered: bool) -> None:
        """The call failed; `answered` says whether bytes of an answer had come."""
        ...
