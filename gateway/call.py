"""A request as policies and forwarding see it: Arrival, Principal, Call, and Admitted, the proof of admission."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adapters.message import Headers, Request


@dataclass(slots=True)
class Head:
    """A request's header fields after they were judged, without hop-by-hop fields and those that a client may not set.
    A connection uses the same Head again when its client repeats the same fields, so a Head must never be changed.

    `headers` are the end-to-end fields; `length` is the body's Content-Length, 0, or -1 for chunked. `added` are
    field lines for the upstream (Via, forwarding); `lines` are those and the end-to-end fields, ready for the wire.
    `trace` is the client's traceparent if it was valid; `request_id` is the client's request id if it may be logged.
    `shadow` marks a request that is itself a mirror; `logs_in` marks one whose credentials authenticate its connection
    instead of the request (NTLM, Negotiate); `max_forwards` is -1 if the client set no limit; `once` is True if the
    judgement depends on the request line, so that repeated fields must be judged again; `overrides` are methods that
    some servers would use instead of the request's; `habits` says what only old clients send, as bits of
    shadow.ledger.habits.
    """

    headers: Headers
    is_11: bool = True
    length: int = 0
    keep_alive: bool = True
    host: bytes = b""
    client: str = ""
    added: bytes = b""
    lines: bytes = b""
    trace: bytes = b""
    request_id: str = ""
    has_request_id: bool = False
    upgrade: bytes = b""
    expects_continue: bool = False
    takes_trailers: bool = False
    shadow: bool = False
    logs_in: bool = False
    max_forwards: int = -1
    once: bool = False
    forwarded: Headers | None = None
    overrides: tuple[bytes, ...] = ()
    habits: int = 0


class Arrival(NamedTuple):
    """A request as the edge hands it over, and the id of the trace that it belongs to."""

    request: Request
    head: Head
    trace_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. `scheme` is the kind of policy that verified it ("jwt", "apikey"); `subject` is its name."""

    scheme: str
    subject: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One matched request while policies decide on it. They set `principal` and add `response_headers`.

    `client` is the client's address (as trusted proxies report it); `params` are the path's parameters, decoded.
    """

    request: Request
    capability: str
    operation: str
    safe: bool
    client: str
    params: Mapping[str, str] = field(default_factory=dict)
    principal: Principal | None = None
    response_headers: list[tuple[bytes, bytes]] | None = None

    def add_response_header(self, name: bytes, value: bytes) -> None:
        """Add a field to the client's response, whether an arm or the gateway answers."""
        if self.response_headers is None:
            self.response_headers = []
        self.response_headers.append((name, value))


class Admitted(NamedTuple):
    """A call that every policy admitted. Only `gateway.admit` makes one (a test makes sure)."""

    call: Call


@dataclass(frozen=True, slots=True)
class Refused:
    """A policy's refusal. `code` is a row of `gateway.errors.CODES`. `detail` may reach the client: it holds no value.

    `headers` are added to the response (WWW-Authenticate, Retry-After …).
    """

    code: str
    policy: str
    detail: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()
