"""Servers whose reads take something away: what one request got, no other gets.

`Queue` gives each item once. `Polls` is a server of long polls as socket.io's: an event goes to the poll that waits for
it, and two polls of one session at the same time end that session (engine.io's "overlapped polling requests").
"""

import threading

import orjson

from tests.backends.wire import Asked, Wire, response

WAIT = 0.05
"""Seconds that a poll waits for an event, at most."""


class Queue:
    """A handler for tests.backends.upstream.Upstream: each GET takes the next of `items` numbers; then there is 204."""

    def __init__(self, items: int) -> None:
        self._lock = threading.Lock()
        self._items = iter(range(items))

    def __call__(self, wire: Wire, asked: Asked) -> None:
        wire.read_body(asked)
        with self._lock:
            item = next(self._items, None)
        wire.send(response(204) if item is None else response(
            200, ("Content-Type", "application/json"), body=orjson.dumps({"item": item})))


class Session:
    """What one client of `Polls` is still to get."""

    def __init__(self, events: int) -> None:
        self.lock = threading.Lock()
        self.polling = False
        self.left = list(range(events))


class Polls:
    """A handler: GET /polls opens a session with so many `events`; GET /polls/SID waits, and takes its next event."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def __call__(self, wire: Wire, asked: Asked) -> None:
        wire.read_body(asked)
        sid = asked.target.decode().partition("/polls")[2].strip("/")
        with self._lock:
            if not sid:
                sid = str(len(self._sessions))
                self._sessions[sid] = Session(self._events)
                return wire.send(_json(200, {"sid": sid}))
            session = self._sessions.get(sid)
        if session is None:
            return wire.send(_json(400, {"code": 1, "message": "Session ID unknown"}))
        with session.lock:
            if session.polling:
                with self._lock:
                    self._sessions.pop(sid, None)
                return wire.send(_json(400, {"code": 3, "message": "Bad request: overlapped polls"}))
            session.polling = True
        threading.Event().wait(WAIT)
        with session.lock:
            session.polling = False
            event = session.left.pop(0) if session.left else None
        return wire.send(_json(200, {"event": event}))


def _json(status: int, body: object) -> bytes:
    return response(status, ("Content-Type", "application/json"), body=orjson.dumps(body))
