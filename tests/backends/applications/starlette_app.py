"""The clinic in Starlette."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def secret(request: Request) -> PlainTextResponse:
    return PlainTextResponse("secret", headers={"X-Resource": "secret"})


async def order(request: Request) -> PlainTextResponse:
    return PlainTextResponse("written", headers={"X-Resource": "written"})


app = Starlette(routes=[
    Route("/results/{number}", secret), Route("/results", secret), Route("/admin/{rest:path}", secret),
    Route("/orders", order, methods=["POST"]),
])
