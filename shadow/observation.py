"""What one arm did: an Observation, with a Failure if it gave no complete response.

A failure is a value, not an exception: an arm that refuses the connection was observed to do so.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.message import Headers
from shadow.faults import says_no
from shadow.moved import forwarded

__getattr__ = forwarded(__name__, "Pair")

_DOES_NOT = 501, 505

NO_FIELDS = Headers()
"""No fields, shared by all answers without trailers. It must not be changed."""


def _no_fields() -> Headers:
    return NO_FIELDS


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an arm gave no whole response.

    `kind` is one of: connect_refused, connect_timeout, dns, tls, pool_full, no_endpoint, first_byte_timeout,
    between_bytes_timeout, total_timeout, reset (closed before a response head), truncated (closed inside the
    body), malformed (not HTTP), oversize, adapter, no_room (too much was held for others), raw_target (the
    upstream is configured to take none with bytes beyond ASCII), cancelled (the downstream went away).
    `source` is "downstream", "gateway" or "upstream". `detail` never holds a value from a message.
    `sent` says whether any byte of the request may have reached the upstream.
    """

    kind: str
    source: str = "upstream"
    detail: str = ""
    sent: bool = False


class Digest(NamedTuple):
    """What is known of a body that was too large to be kept: its `size` in bytes and its SHA-256, both without its
    content coding. `reason` is "", or why there is no content: "corrupt", "unknown_coding" (both figures are of the
    body as it came then, or as far as it could be read) or "too_large"."""

    size: int
    sha256: bytes
    reason: str = ""


@dataclass(slots=True)  # not frozen, since that would triple its cost; still, an Observation must not be changed
class Observation:
    """What one arm answered, translated to the capability's contract, and how long it took.

    `seconds` runs from the call's start to its end; `status` is 0 if `failure` is set and no head came.
    `complete` is False if only the beginning of the body was kept. If the whole body came and none of it was kept,
    `body` is empty and `digest` stands for it. `trailers` are the fields that came after the body.

    `first` and `last` are the arm's own times, which may be held against the other arm's: the seconds from when the
    whole request was handed to the connection until the answer's head, and its last byte, were read. Waiting for a
    connection is in neither. Each is None if it was not measured, or if the pace was the client's and not the arm's.
    """

    arm: str
    seconds: float
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    failure: Failure | None = None
    complete: bool = True
    first: float | None = None
    last: float | None = None

    @property
    def broke(self) -> bool:
        """Whether the arm answered that it failed (5xx). 501 and 505 are no failures: they say what it does not do, and
        it says so each time (RFC 9110, sections 15.6.2 and 15.6.6). Neither is a fault of SOAP by which it says no."""
        return (self.status >= 500 and self.status not in _DOES_NOT
                and not (self.status == 500 and says_no(self.headers, self.body)))

    digest: Digest | None = None
    trailers: Headers = field(default_factory=_no_fields)
