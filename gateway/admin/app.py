"""The admin port: health, readiness, metrics and the report, for operators; never on the data port.

    /livez           200 while the process answers
    /readyz          200 while requests should be sent here, else 503; ?verbose lists every check
    /metrics         Prometheus text, of all workers
    /report          what the shadow has learnt, as JSON; ?capability=NAME, and &for=5% for a step to few clients
    /report.html     the same as a page; without a capability, the list of all
    /clients         what clients still speak and reach, as JSON; they are tokens
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway import units
from gateway.admin.access import AdminAccess, problem_answer
from gateway.admin.base import Reports, Workers
from gateway.admin.checks import readiness
from gateway.admin.scrape import scrape
from shadow.ledger.habits import Clients
from shadow.renderers import html
from shadow.renderers.json import to_json
from shadow.report.report import Report
from shadow.stores.base import StoreError

# A page shows internals of a system under migration, so it may not be framed, cached or passed to another site.
_PAGE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
_FRAMES = "frame-ancestors 'none'; "


def admin_app(
    workers: Workers, reports: Reports, version: str, names: Iterable[str] = (),
    refused: Callable[[int, str], None] = lambda status, reason: None,
    clients: Callable[[], Clients] = lambda: Clients(0.0, 0.0, [], []),
    more: Sequence[Route] = (), within: Sequence[Middleware] = (),
) -> Starlette:
    """The admin port's application. `names` are the host names that requests may use; addresses are always allowed.
    `refused` is called with status and reason when a request is refused, once for each status. `clients` may block, and
    raises StoreError if the store cannot be read. `more` are routes of others, and `within` is what requests pass after
    that, before any route."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        ready, checks = readiness(await asyncio.to_thread(workers.all))
        text = "ok\n" if ready else "not ready\n"
        if "verbose" in request.query_params:
            text = "".join(f"[{'+' if passed else '-'}] {name}{': ' + why if why else ''}\n"
                           for name, passed, why in checks) + text
        return PlainTextResponse(text, 200 if ready else 503)

    async def metrics(request: Request) -> Response:
        text = scrape(await asyncio.to_thread(workers.all), version)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def found(name: str | None, share: float = 1.0) -> Report:
        unfinished = sum(facts["lane"]["unfinished"] for runs, facts in workers.all() if runs)
        return replace(reports(name, share), unfinished=unfinished)

    async def rendered(request: Request, render: Callable[[str | None], Response]) -> Response:
        try:
            return await asyncio.to_thread(render, request.query_params.get("capability"))
        except LookupError:
            return problem_answer(404, "No such capability")
        except StoreError as error:
            return problem_answer(503, str(error))

    async def show_report(request: Request) -> Response:
        step = request.query_params.get("for", "100%")
        if not (share := units.share(step)):
            return problem_answer(400, "for: wants a share of clients, as 5%")
        return await rendered(
            request, lambda name: Response(to_json(found(name, share / 10_000)), media_type="application/json"))

    async def show_page(request: Request) -> Response:
        def page(name: str | None) -> Response:
            report = found(name)
            text = (html.index(report, "?capability=") if name is None else
                    html.page(report.capabilities[0], report.unfinished))
            return HTMLResponse(text, headers=_PAGE | {"Content-Security-Policy": _FRAMES + html.policy()})

        return await rendered(request, page)

    return Starlette(routes=[
        Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics), Route("/report", show_report),
        Route("/report.html", show_page), Route("/clients", _shown(clients)), *more,
    ], middleware=[Middleware(AdminAccess, names, refused), *within])


def _shown(clients: Callable[[], Clients]) -> Callable[[Request], Awaitable[Response]]:
    async def show_clients(request: Request) -> Response:
        try:
            found = await asyncio.to_thread(clients)
        except StoreError as error:
            return problem_answer(503, str(error))
        return Response(orjson.dumps(found), media_type="application/json")

    return show_clients
