"""The phases of a client connection, and which may follow which."""

from enum import Enum, auto


class Phase(Enum):
    """Where a client connection is in its requests and answers."""

    IDLE = auto()       # between requests: a head may begin
    HEAD = auto()       # part of a head has come
    BODY = auto()       # an exchange runs, and more of its request's body is to come
    ANSWER = auto()     # an exchange runs, and its request is complete
    TUNNEL = auto()     # after a 101 answer: bytes pass both ways as they come
    REST = auto()       # answered early: the rest of the request's body is read and thrown away
    LINGER = auto()     # answered and closing: what still comes is thrown away


MOVES = {
    Phase.IDLE: {Phase.HEAD, Phase.BODY, Phase.ANSWER, Phase.LINGER},
    Phase.HEAD: {Phase.BODY, Phase.ANSWER, Phase.LINGER},
    Phase.BODY: {Phase.ANSWER, Phase.REST, Phase.LINGER},
    Phase.ANSWER: {Phase.IDLE, Phase.TUNNEL, Phase.LINGER},
    Phase.TUNNEL: {Phase.LINGER},
    Phase.REST: {Phase.IDLE, Phase.LINGER},
    Phase.LINGER: set(),
}
"""The phases that may follow each phase. A connection may be lost in any of them. The listener's playbooks
(tests/playbooks) check every move against this table; nothing checks it while requests are served."""
