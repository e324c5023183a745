"""The clinic's legacy service: REST for most of it, results only in SOAP, departments taken out of service.

    python -m gateway.demo.legacy --port 9101
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.demo import legacy_soap
from gateway.demo.clinic import build
from gateway.demo.rest import FRONT, OPERATIONS, app, describing
from gateway.demo.serving import listening, parser, serve


async def gone(_: Request) -> Response:
    """The directory of departments was switched off when its capability was retired."""
    return PlainTextResponse("410 Gone: this part of the system has been retired\n", 410)


def build_app() -> Starlette:
    """The legacy service over a clinic of its own."""
    clinic = build()
    kept = [one for one in OPERATIONS if one.capability not in ("results", "departments")]
    routes = Route("/departments", gone), Route("/openapi.json", describing(kept)), *legacy_soap.routes(clinic)
    return app(clinic, [*kept, FRONT], *routes, build="4.11")


if __name__ == "__main__":
    options = parser("legacy")
    asked = options.parse_args()
    serve(build_app(), "legacy", listening(options, asked), asked.access_log)
