"""Pair: the two observations of one request that are compared."""

from dataclasses import dataclass, field

from adapters.message import Request
from shadow.compare.rules import NONE, Rules
from shadow.observation import Observation


@dataclass(slots=True)  # see shadow.observation.Observation
class Pair:
    """Two observations of one request, and the rules by which to compare them; `over` are the ids of known differences
    that occur more often than was declared, `key` is what tokens are made by (none where it is empty). Control is
    always the legacy arm, whichever of them served."""

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
