"""How far an exchange (gateway/pipeline.py) has come: its phases, and which may follow which."""

from enum import Enum, auto


class Phase(Enum):
    """The state of an exchange."""

    ADMITTING = auto()
    """Its request is matched, admitted and decided. A policy may have to wait."""
    HOLDING = auto()
    """Its body is collected until it is complete. Then an arm is asked."""
    ASKING = auto()
    """An arm is asked, and the client has no answer yet."""
    ANSWERING = auto()
    """An answer has begun: an arm's, or an error of the gateway itself."""
    TUNNEL = auto()
    """The answer was 101 (Switching Protocols): bytes go both ways as they come."""
    DONE = auto()
    """The client has its answer, or will never get one. All further events are ignored."""


ADMITTING, HOLDING, ASKING, ANSWERING, TUNNEL, DONE = Phase

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    ADMITTING: frozenset({HOLDING, ASKING, ANSWERING, DONE}),
    HOLDING: frozenset({ASKING, ANSWERING, DONE}),
    # ASKING again, or HOLDING for the rest of the body, when the call falls back to legacy.
    ASKING: frozenset({ASKING, HOLDING, ANSWERING, TUNNEL, DONE}),
    ANSWERING: frozenset({DONE}),
    TUNNEL: frozenset({DONE}),
    DONE: frozenset(),
}
"""Which phase may follow which. DONE may follow any other, since the client can go away at any time. The tests in
tests/playbooks/ check every exchange against this table; the hot path does not look it up."""
