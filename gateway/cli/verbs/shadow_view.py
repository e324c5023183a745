"""figway shadow view: shows one sealed exchange to a permitted user."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from adapters.message import Headers
from gateway.cli.opened import Opened, is_in, opened, plain, when
from gateway.cli.sources import Refused
from shadow.compare.bodies import Unreadable, decoded
from shadow.observation import Observation
from shadow.sealed.base import Captured

_ID = re.compile(r"[0-9a-f]{16}")


def run(id: str, role: str, reason: str, config: Path) -> None:
    """Do what `figway shadow view` is for; exits with its status."""
    if not _ID.fullmatch(id):
        raise click.UsageError("an ID is 16 hexadecimal digits: see `figway shadow list`")
    with opened(config) as stored:
        records = stored.records
        if refusal := _refusal(stored, role, reason):
            stored.deed("view_refused", id, reason, role)
            raise Refused(refusal, 1)
        stored.deed("view", id, reason, role)
        for line in _lines(records.open(id)):
            click.echo(plain(line))


def _refusal(stored: Opened, role: str, reason: str) -> str:
    if not reason.strip():
        return "a view needs a reason"
    users = stored.built.sealed.views.get(role) if stored.built.sealed is not None else None
    if users is None:
        return f'there is no role "{plain(role)}" that may view what is sealed'
    return "" if is_in(users) else f'you are not in the role "{plain(role)}"'


def _lines(found: Captured) -> Iterator[str]:
    yield f"{found.capability}.{found.operation} at {when(found.at)}, trace {found.trace_id}, pattern {found.pattern}"
    yield ""
    yield f"{found.request.method} {found.request.target.decode('latin-1')}"
    yield from _message(found.request.headers, found.request.body)
    for one in (found.control, found.candidate):
        failed = f", failed: {one.failure.kind}" if one.failure is not None else ""
        cut = "" if one.complete else ", cut off"
        yield f"--- {one.arm}: {one.status or 'no status'} after {one.seconds:.3f} s{failed}{cut}"
        yield from _message(one.headers, _body(one))


def _message(headers: Headers, body: bytes) -> Iterator[str]:
    for name, value in headers:
        yield f"{name.decode('latin-1')}: {value.decode('latin-1')}"
    yield ""
    if body:
        yield body.decode(errors="backslashreplace")
        yield ""


def _body(one: Observation) -> bytes:
    """The body without its content coding, if that can be decoded."""
    body = decoded(one)
    return one.body if isinstance(body, Unreadable) else body
