"""Preconditions of a request (RFC 9110 section 13.1): the fields by which its answer may be 304 or 412. Pure."""

from dataclasses import replace

from adapters.message import Request

PRECONDITIONS = frozenset({b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"})
"""Lower-case names of the fields."""

FAILED = 412
"""The status of an answer whose precondition did not hold."""


def is_conditional(request: Request) -> bool:
    """Whether a request has a precondition."""
    return any(name.lower() in PRECONDITIONS for name, _ in request.headers)


def without_preconditions(request: Request) -> Request:
    """The request without its preconditions."""
    return replace(request, headers=request.headers.without(PRECONDITIONS))
