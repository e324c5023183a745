"""The adapter that changes nothing: the smallest example of an adapter, and a check of the code around adapters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.message import Request, Response


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """No options."""


class Identity:
    """Takes any operation and passes each message on as it is."""

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
