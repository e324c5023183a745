"""The REST answers of the clinic's services, as values, and the plain Starlette app that sends them.

`OPERATIONS` is the contract of both services. Each function computes the right answer from the request's path and query
parameters, in one mapping. An app may get a `spoil` function: the modern service's answers are wrong only through it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.capability import DEFAULT
from gateway.demo.clinic import Clinic, Record, content, of_patient

Asked: TypeAlias = Mapping[str, str]


class Answer(NamedTuple):
    """One answer. A record becomes JSON, bytes are a PDF, a str is plain text, None is an empty body. If `torn`, the
    connection is closed in the middle of the body."""

    status: int
    document: Record | bytes | str | None
    torn: bool = False


class Operation(NamedTuple):
    """One operation: its capability and name in routes.yaml, its method and path, and the function for its right
    answer. `fresh` names members (keys of FRESH) that are added to each JSON answer, with a new value each time."""

    capability: str
    name: str
    method: str
    path: str
    answer: Callable[[Clinic, Asked], Answer]
    fresh: tuple[str, ...] = ()


BUILD = "X-Clinic-Build"
"""The response header in which both services say which build they are."""

FRESH: Mapping[str, Callable[[], str]] = {
    "servedAt": lambda: datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
    "requestId": lambda: str(uuid4()),
}
"""Values that differ in every answer, as in real services. They are not data of the clinic."""

Spoil: TypeAlias = Callable[[Operation, Asked, Answer], Answer]


def missing(what: str) -> Answer:
    """404, with the text that both services use."""
    return Answer(404, {"error": "not-found", "message": f"There is no such {what}."})


def read_patient(clinic: Clinic, asked: Asked) -> Answer:
    found = clinic.patients.get(asked["id"])
    return Answer(200, found) if found else missing("patient")


def search_patients(clinic: Clinic, asked: Asked) -> Answer:
    name = asked.get("name", "")
    return Answer(200, {"items": clinic.named(name) if name else []})


def read_appointment(clinic: Clinic, asked: Asked) -> Answer:
    found = clinic.appointments.get(asked["id"])
    return Answer(200, found) if found else missing("appointment")


def list_appointments(clinic: Clinic, asked: Asked) -> Answer:
    return Answer(200, {"items": of_patient(clinic.appointments, asked.get("patient", ""))})


def book_appointment(clinic: Clinic, asked: Asked) -> Answer:
    """A request for an appointment. The front desk confirms it by telephone, so nothing is stored here, and the same
    request always gets the same answer."""
    return Answer(202, {"status": "requested", "message": "The front desk will call you."})


def read_result(clinic: Clinic, asked: Asked) -> Answer:
    found = clinic.results.get(asked["id"])
    return Answer(200, found) if found else missing("result")


def list_results(clinic: Clinic, asked: Asked) -> Answer:
    return Answer(200, {"items": of_patient(clinic.results, asked.get("patient", ""))})


def list_documents(clinic: Clinic, asked: Asked) -> Answer:
    return Answer(200, {"items": of_patient(clinic.documents, asked.get("patient", ""))})


def read_content(clinic: Clinic, asked: Asked) -> Answer:
    found = clinic.documents.get(asked["id"])
    return Answer(200, content(found)) if found else missing("document")


def list_departments(clinic: Clinic, asked: Asked) -> Answer:
    return Answer(200, {"items": list(clinic.departments)})


def read_front(clinic: Clinic, asked: Asked) -> Answer:
    return Answer(200, "St. Synthetic's Clinic Information System, release 4.11\n")


OPERATIONS = (
    Operation("patients", "read", "GET", "/patients/{id}", read_patient),
    Operation("patient-search", "search", "GET", "/patients", search_patients),
    Operation("results", "read", "GET", "/results/{id}", read_result),
    Operation("results", "list", "GET", "/results", list_results),
    Operation("appointments", "read", "GET", "/appointments/{id}", read_appointment,
              ("servedAt", "requestId")),
    Operation("appointments", "list", "GET", "/appointments", list_appointments, ("servedAt",)),
    Operation("appointments", "book", "POST", "/appointments", book_appointment),
    Operation("documents", "list", "GET", "/documents", list_documents, ("servedAt",)),
    Operation("downloads", "content", "GET", "/documents/{id}/content", read_content),
    Operation("departments", "list", "GET", "/departments", list_departments),
)

FRONT = Operation(DEFAULT, "front", "GET", "/", read_front)
"""The page that the clinic's intranet always showed at /. Legacy has it, and it is in no capability."""

BY_NAME = {(one.capability, one.name): one for one in OPERATIONS}


def payload(answer: Answer) -> bytes:
    """The answer's body: JSON that keeps every digit of a decimal (72.50 stays 72.50), bytes, or nothing."""
    if isinstance(answer.document, dict):
        return orjson.dumps(answer.document, default=_decimal)
    return answer.document.encode() if isinstance(answer.document, str) else answer.document or b""


def stamped(operation: Operation, answer: Answer) -> Answer:
    """The answer with its fresh members."""
    if not isinstance(answer.document, dict):
        return answer
    return answer._replace(document=answer.document | {name: FRESH[name]() for name in operation.fresh})


def _decimal(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


class Torn(Response):
    """Promises a body, sends half of it and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})


def respond(answer: Answer, wanted_range: str | None = None) -> Response:
    """The HTTP response for an answer. `wanted_range` is the request's Range field: a single range of bytes is served,
    any other value gets the whole body (RFC 9110 section 14.2)."""
    body = payload(answer)
    if answer.document is None:
        return Response(status_code=answer.status)
    if isinstance(answer.document, str):
        return Response(body, answer.status, media_type="text/plain")
    if isinstance(answer.document, bytes):
        whole = {"accept-ranges": "bytes"}
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted_range or "")
        first, last = (int(found[1]), min(int(found[2] or len(body)), len(body) - 1)) if found else (0, -1)
        if first > last:
            return Response(body, answer.status, whole, "application/pdf")
        piece = whole | {"content-range": f"bytes {first}-{last}/{len(body)}"}
        return Response(body[first : last + 1], 206, piece, "application/pdf")
    kind = Torn if answer.torn else Response
    return kind(body, answer.status, media_type="application/json")


def app(
    clinic: Clinic, operations: Iterable[Operation], *more: BaseRoute, build: str, spoil: Spoil | None = None,
) -> Starlette:
    """A Starlette app that answers `operations` from `clinic` and says its `build`, with `more` routes added."""
    return Starlette(routes=[*(_route(clinic, one, build, spoil) for one in operations), *more])


def describing(operations: Iterable[Operation]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers with the OpenAPI document of some operations."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        names = re.findall(r"\{(\w+)\}", one.path)
        paths.setdefault(one.path, {})[one.method.lower()] = {
            "operationId": one.name, "tags": [one.capability],
            "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                           for name in names],
            "responses": {"default": {"description": "as the clinic's manual says"}}}
    document = orjson.dumps({"openapi": "3.0.3", "info": {"title": "Clinic", "version": "4.11"}, "paths": paths})

    async def endpoint(_: Request) -> Response:
        return Response(document, media_type="application/json")

    return endpoint


def _route(clinic: Clinic, operation: Operation, build: str, spoil: Spoil | None) -> Route:
    async def endpoint(request: Request) -> Response:
        # Read the whole body before answering, as any service does: an unread body would close the client's connection.
        await request.body()
        asked = {**request.query_params, **request.path_params}
        answer = operation.answer(clinic, asked)
        if spoil is not None:
            answer = spoil(operation, asked, answer)
        response = respond(stamped(operation, answer), request.headers.get("range"))
        response.headers[BUILD] = build
        return response

    handler: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(operation.path, handler, methods=[operation.method])
