"""Pair: two observations of one request, to be compared."""

from dataclasses import dataclass, field

from adapters.message import Request
from shadow.compare.rules import NONE, Rules
from shadow.observation import Observation


@dataclass(slots=True)  # Not frozen: see shadow.observation.Observation.
class Pair:
    """Two observations of one request, and the rules to compare them by.

    `control` is always the legacy arm, whichever served the client. `over` are the ids of known differences that occur
    more often than declared, and so hide nothing. `key` makes the tokens; without it there are none. `at` is in seconds
    since 1970. `condition` is 304 or 412 if one arm answered so to a condition of the client, and the other was asked
    without it, else 0: then only their statuses can be compared."""

    capability: str
    operation: str
    request: Request
    control: Observation
    candidate: Observation
    trace_id: str
    at: float
    rules: Rules = NONE
    over: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)
    condition: int = 0
