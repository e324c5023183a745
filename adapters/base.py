"""The contract of an adapter: pure translation between our message model and one wire format.

An adapter is built from its `Options` (a frozen dataclass, which the configuration decodes strictly) and registered
under the entry-point group `figway.adapters`. It does no I/O and uses no clock. Every adapter must pass
`adapters.testing.check_adapter`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from adapters.message import Request, Response


class AdapterError(Exception):
    """A message could not be translated.

    `side` is "request" (the client's message cannot be translated: 400) or "response" (the upstream's cannot: 502).
    `detail` reaches logs and clients, so it names places and rules, never a value.
    """

    def __init__(self, side: str, detail: str) -> None:
        super().__init__(detail)
        self.side = side
        self.detail = detail


class Adapter(Protocol):
    """Translates the capability's contract (what clients speak) to one upstream's wire format, and back."""

    Options: ClassVar[type[Any]]

    def __init__(self, options: Any) -> None:
        """Raises ValueError, with the option's name in the message, if the options contradict each other."""
        ...

    def operations(self) -> frozenset[str] | None:
        """The operations that this adapter can translate, or None if it can translate any."""
        ...

    def request(self, operation: str, params: Mapping[str, str], request: Request) -> Request:
        """The request to send to the upstream for `operation`. `params` are the path template's decoded parameters.
        Raises AdapterError("request", …)."""
        ...

    def response(self, operation: str, response: Response) -> Response:
        """The upstream's response, translated to the contract. Raises AdapterError("response", …)."""
        ...
