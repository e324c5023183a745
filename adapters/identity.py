"""The adapter that changes nothing: the smallest example of one, and the oracle for what surrounds adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.message import Request, Response


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """There is nothing to choose."""


class Identity:
    """Takes any operation and hands over each message as it is."""

    Options: ClassVar[type[Any]] = IdentityOptions

    def __init__(self, options: IdentityOptions) -> None:
        pass

    def operations(self) -> frozenset[str] | None:
        """See Adapter."""
        return None

    def request(self, operation: str, params: Mapping[str, str], request: Request) -> Request:
        """See Adapter."""
        return request

    def response(self, operation: str, response: Response) -> Response:
        """See Adapter."""
        return response
