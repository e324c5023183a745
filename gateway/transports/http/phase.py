"""The phases of a connection to an upstream, and which may follow which."""

from enum import Enum


class Phase(Enum):
    """What a connection is doing. TRANSITIONS says which phase may follow which."""

    IDLE = "it serves no request"
    HEAD = "the head of the answer is to come"
    BODY = "the body of the answer is to come"
    EARLY = "the answer is complete, and its request is not"
    TUNNEL = "it was upgraded: bytes go both ways until one side closes"
    CLOSED = "it is closed, or about to be"


IDLE, HEAD, BODY, EARLY, TUNNEL, CLOSED = Phase
TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    IDLE: frozenset({HEAD, CLOSED}),
    HEAD: frozenset({BODY, TUNNEL, CLOSED}),
    BODY: frozenset({IDLE, EARLY, CLOSED}),
    EARLY: frozenset({IDLE, CLOSED}),
    TUNNEL: frozenset({CLOSED}),
    CLOSED: frozenset(),
}
"""The phases that may follow each phase (tests/playbooks/test_connection.py holds connections to it)."""
