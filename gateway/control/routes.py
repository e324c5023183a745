"""The routes of the control side, as a Starlette application serves them: on the Unix socket, and on the admin port.

    GET  /stages     where every capability is, and what says so
    GET  /journal    the newest records; ?capability=NAME, ?most=N
    POST /flips      make a flip
"""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control.access import WHO, PeerAccess
from gateway.control.desk import Desk
from gateway.flips.base import BadFlip, Conflict, FlipError

_MOST = 10_000
_STATUS = {1: 403, 2: 400, 3: 409, 4: 409, 5: 503}
_TYPE = "application/problem+json"


def control_routes(desk: Desk) -> list[Route]:
    """The routes. The middleware around them says who asks (gateway.control.access)."""

    async def answered(work: Callable[[], Awaitable[Any]]) -> Response:
        try:
            return Response(orjson.dumps(await work()), headers={"Cache-Control": "no-store"},
                            media_type="application/json")
        except FlipError as error:
            other = error.record.facts() if isinstance(error, Conflict) and error.record is not None else None
            status = _STATUS[error.status]
            return Response(orjson.dumps({"title": str(error), "status": status, "code": error.code,
                                          "exit": error.status, "other": other}), status, media_type=_TYPE)

    async def stages(request: Request) -> Response:
        async def work() -> Any:
            return desk.stages(request.scope[WHO])

        return await answered(work)

    async def journal(request: Request) -> Response:
        async def work() -> Any:
            most = request.query_params.get("most", "100")
            if not most.isascii() or not most.isdigit() or not 0 < int(most) <= _MOST:
                raise BadFlip(f"most: wants a number from 1 to {_MOST:,}")
            capability = request.query_params.get("capability")
            return {"records": await desk.journal(request.scope[WHO], capability, int(most))}

        return await answered(work)

    async def flips(request: Request) -> Response:
        async def work() -> Any:
            try:
                data = orjson.loads(await request.body())
            except orjson.JSONDecodeError:
                raise BadFlip("the request is not JSON") from None
            return await desk.flip(request.scope[WHO], data)

        return await answered(work)

    return [Route("/stages", stages), Route("/journal", journal), Route("/flips", flips, methods=["POST"])]


def control_app(desk: Desk) -> Starlette:
    """The application of the Unix socket."""
    return Starlette(routes=control_routes(desk), middleware=[Middleware(PeerAccess, desk.controls)])
