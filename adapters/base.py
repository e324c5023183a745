"""The contract of an adapter: pure translation between our message and one wire format.

An adapter is built from its `Options` (a frozen dataclass, decoded strictly by the configuration) and
registered under the entry-point group `figway.adapters`. It does no I/O and knows no clock.
`adapters.testing.check_adapter` is what every adapter must satisfy.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from adapters.message import Request, Response


class AdapterError(Exception):
    """A message could not be translated.

    `side` is "request" (the client's message does not fit: 400) or "response" (the upstream's does not: 502).
    `detail` names places and rules, never a value: it reaches logs and clients.
    """

    def __init__(self, side: str, detail: str) -> None:
        super().__init__(detail)
        self.side = side
        self.detail = detail


class Adapter(Protocol):
    """Translates the capability's contract (what clients speak) to one upstream's wire format, and back."""

    Options: ClassVar[type[Any]]

    def __init__(self, options: Any) -> None:
        """Raises ValueError, with the option's name in the message, where the options contradict each other."""
        ...

    def operations(self) -> frozenset[str] | None:
        """The operations that this adapter can translate, or None where it takes any."""
        ...

    def request(self, operation: str, params: Mapping[str, str], request: Request) -> Request:
        """The upstream's request for `operation`; `params` are the path template's parameters, decoded.
        Raises AdapterError("request", …)."""
        ...

    def response(self, operation: str, response: Response) -> Response:
        """The contract's response for the upstream's. Raises AdapterError("response", …)."""
        ...
