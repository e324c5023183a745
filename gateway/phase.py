"""How far an exchange (gateway/pipeline.py) has come: its phases, and which may follow which."""

from enum import Enum, auto


class Phase(Enum):
    """The state of an exchange."""

    ADMITTING = auto()
    """Its request is matched, admitted and decided. A policy may have to wait."""
    HOLDING = auto()
    """Its body is held until it is whole. Then an arm is asked."""
    ASKING = auto()
    """An arm is asked, and the client has no answer yet."""
    ANSWERING = auto()
    """An answer has begun: an arm's, or a problem of our own."""
    TUNNEL = auto()
    """The answer was 101 (Switching Protocols): bytes go both ways as they come."""
    DONE = auto()
    """The client has its answer, or never will. Whatever is still said is not heard."""


ADMITTING, HOLDING, ASKING, ANSWERING, TUNNEL, DONE = Phase

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    ADMITTING: frozenset({HOLDING, ASKING, ANSWERING, DONE}),
    HOLDING: frozenset({ASKING, ANSWERING, DONE}),
    # Once more ASKING, or HOLDING for the rest of the body: legacy answers in modern's place.
    ASKING: frozenset({ASKING, HOLDING, ANSWERING, TUNNEL, DONE}),
    ANSWERING: frozenset({DONE}),
    TUNNEL: frozenset({DONE}),
    DONE: frozenset(),
}
"""Which phase may follow which. To DONE it goes from any: the client can go away at any time. tests/playbooks/ hold
every exchange to this table; the hot path does not look it up."""
