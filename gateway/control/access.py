"""Says who asks the control side, before anything is answered: the peer of a Unix socket, or the holder of a token."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from starlette.responses import Response

from gateway.config.controlling import Controls
from gateway.control.who import SEE, Who, of_peer, of_token
from gateway.own_thread import in_own_thread

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PEER = "figway.peer"
"""Where the scope of a request over the Unix socket has the peer's user and group."""
WHO = "figway.who"
"""Where the scope of a request has who asks."""

OPEN = frozenset({"/livez", "/readyz", "/metrics"})
"""The paths of the admin port that want no token."""

_ANYBODY = Who("somebody without a token", "tcp", frozenset({"viewer"}), is_known=False)


class PeerAccess:
    """ASGI middleware for the Unix socket."""

    def __init__(self, app: App, controls: Callable[[], Controls]) -> None:
        self._app = app
        self._controls = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            user, group = scope[PEER]
            scope[WHO] = await in_own_thread(of_peer, user, group, self._controls())
        await self._app(scope, receive, send)


class TokenAccess:
    """ASGI middleware for the admin port. Where `control:` is set, all but health and metrics wants a token."""

    def __init__(self, app: App, controls: Callable[[], Controls]) -> None:
        self._app = app
        self._controls = controls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        answer: App = self._app
        if scope["type"] == "http" and scope["path"] not in OPEN:
            controls = self._controls()
            who = _ANYBODY
            if controls.is_set:
                said = [value for name, value in scope["headers"] if name == b"authorization"]
                found = of_token(said[0].decode("latin-1"), controls) if len(said) == 1 else None
                if found is None:
                    answer = _refusal(401, "The admin port wants a bearer token, since routes.yaml has `control`")
                elif not found.may(SEE):
                    answer = _refusal(403, "This token has no role")
                else:
                    who = found
            scope[WHO] = who
        await answer(scope, receive, send)


def _refusal(status: int, title: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(orjson.dumps({"title": title, "status": status, "code": "refused", "exit": 1}), status, headers,
                    "application/problem+json")
