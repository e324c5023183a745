"""figway shadow case: asks a URL and shows whether the differences of a case file are gone."""

import asyncio
import runpy
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx2
import orjson

from adapters.message import Headers
from gateway.cli.opened import plain
from gateway.cli.sources import Refused
from shadow.cases.against import Case, Now, State, against
from shadow.compare.bodies import MAX_DECODED
from shadow.compare.comparison import Comparison
from shadow.compare.difference import Severity, Signature
from shadow.compare.rules import Rules
from shadow.observation import Observation


def run(file: Path, url: str, legacy_url: str | None, fields: tuple[str, ...], timeout: float, output: str) -> None:
    """Do what `figway shadow case` is for; exits with its status."""
    headers = [_field(one) for one in fields]
    for one in (url, legacy_url):
        if one is not None and (urlsplit(one).scheme not in ("http", "https") or not urlsplit(one).hostname):
            raise click.UsageError("a URL must begin with http:// or https:// and name a host")
    try:
        held = _case(file)
        answer = asyncio.run(_asked("modern", url, headers, timeout))
        legacy = asyncio.run(_asked("legacy", legacy_url, headers, timeout)) if legacy_url is not None else None
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    comparison, found = against(held, answer, legacy)
    mended = all(one.state is State.GONE for one in found)
    if output == "json":
        click.echo(orjson.dumps(_facts(answer, comparison, found), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(answer, found):
            click.echo(line)
    sys.exit(0 if mended else 1)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name or name != name.strip():
        raise click.UsageError("-H must be 'NAME: VALUE'")
    return name, value.strip()


def _case(file: Path) -> Case:
    """What a case file holds. Raises Refused."""
    if not file.is_file():
        raise Refused(f"there is no file {file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # cases of earlier versions import from earlier places
            names = runpy.run_path(str(file))
    except Exception as error:
        # Whatever a file does: its text may hold values, so only the kind of its failure is shown.
        raise Refused(f"{file} cannot be run: {type(error).__name__}") from None
    legacy, rules, found = (names.get(name) for name in ("LEGACY", "RULES", "FOUND"))
    if not (isinstance(legacy, Observation) and isinstance(rules, Rules) and isinstance(found, set) and found):
        raise Refused(f"{file} is no case that `figway shadow minimise` wrote")
    try:
        return Case(legacy, rules, frozenset((Signature(*one[:4]), Severity(one[4])) for one in found))
    except (TypeError, ValueError, IndexError):
        raise Refused(f"{file} is no case that `figway shadow minimise` wrote") from None


async def _asked(arm: str, url: str, fields: Sequence[tuple[str, str]], seconds: float) -> Observation:
    """The answer of a URL. No redirect is followed. Raises Refused."""
    began = time.monotonic()
    body = bytearray()
    try:
        async with (asyncio.timeout(seconds), httpx2.AsyncClient(trust_env=False, timeout=None) as client,
                    client.stream("GET", url, headers=list(fields)) as answer):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > MAX_DECODED:
                    raise Refused(f"the answer of {arm} is larger than {MAX_DECODED >> 20} MiB")
            return Observation(arm, time.monotonic() - began, answer.status_code, Headers(answer.headers.raw),
                               bytes(body))
    except TimeoutError:
        raise Refused(f"{arm} does not answer within {seconds:g} s", 2) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise Refused(f"{arm} cannot be asked ({type(error).__name__})", 2) from None


def _facts(answer: Observation, comparison: Comparison, found: Sequence[Now]) -> dict[str, Any]:
    return {
        "status": answer.status, "seconds": answer.seconds, "outcome": comparison.tally.outcome,
        "reason": comparison.tally.reason, "mended": all(one.state is State.GONE for one in found),
        "differences": [
            {"kind": one.signature.kind, "path": one.signature.path, "legacy": one.signature.legacy,
             "modern": one.signature.modern, "severity": one.severity, "state": one.state, "why": one.why}
            for one in found
        ],
    }


def _lines(answer: Observation, found: Sequence[Now]) -> Iterator[str]:
    gone = sum(one.state is State.GONE for one in found)
    yield f"modern {answer.status} in {answer.seconds * 1000:.0f} ms: {gone} of {len(found)} differences gone"
    for one in found:
        kind, path, legacy, modern = one.signature
        why = f" ({one.why})" if one.why else ""
        yield plain(f"  {one.state:<9} {one.severity:<9} {kind:<9} {path or '(whole)'}: {legacy} → {modern}{why}")
