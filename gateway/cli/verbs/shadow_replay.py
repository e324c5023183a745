"""figway shadow replay: sends a sealed exchange's request to both arms again, and shows whether they still differ."""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from adapters.message import Headers
from gateway.call import Arrival
from gateway.capability import Arm, Match
from gateway.cli.opened import opened
from gateway.cli.sealed import pair_of, rules_now, unseal
from gateway.cli.shapes import fact, line
from gateway.cli.sources import Refused
from gateway.config.compile import Configuration
from gateway.edges.arrival import Arrivals
from gateway.forward import ask
from gateway.question import question
from gateway.telemetry.trace import new_trace_id
from gateway.wire.heads import Malformed, fields
from shadow.compare.comparison import AGREED, Comparison
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge
from shadow.observation import Observation
from shadow.sealed.base import Captured

DEADLINE = 30.0
"""How long an arm may take, in seconds, if the capability has no `shadow`."""


def run(id: str, reason: str | None, config: Path, output: str) -> None:
    """Do what `figway shadow replay` is for; exits with its status."""
    with opened(config) as stored:
        found = unseal(stored, id, "replay", reason)
        match, arrival, arms = _way(stored.built, found)
        answers = asyncio.run(_asked(stored.built, match, arrival, arms, found.control.status))
        rules = rules_now(stored.built, found.capability, found.operation)
    stored_pair = pair_of(found, rules)
    before = judge(stored_pair, Crosswalks())
    now = judge(replace(stored_pair, control=answers[0], candidate=answers[1], at=time.time()), Crosswalks())
    if output == "json":
        click.echo(orjson.dumps(_facts(found, answers, before, now), option=orjson.OPT_INDENT_2).decode())
    else:
        for text in _lines(found, answers, before, now):
            click.echo(text)
    sys.exit(0 if now.tally.outcome in AGREED else 1)


def _way(built: Configuration, found: Captured) -> tuple[Match, Arrival, tuple[Arm, Arm]]:
    """Where the request goes by the current configuration. Raises Refused if it may not be sent again."""
    # Fields whose values were removed before sealing are left with an empty value.
    headers = Headers(pair for pair in found.request.headers if pair[1])
    if headers.get(b"host") is None:
        headers.insert(0, (b"Host", b"localhost"))
    try:
        arrival = Arrivals("", "http").judged(b"%b %b HTTP/1.1\r\n%b\r\n" % (
            found.request.method.encode("ascii"), found.request.target, fields(headers)), built.edge)
    except Malformed as malformed:
        raise Refused(f"the edge refuses the request now: {malformed.code}") from None
    request = replace(arrival.request, body=found.request.body)
    match = built.table.match(request)
    capability, operation = match.target.capability, match.target.operation
    if (capability.name, operation.name) != (found.capability, found.operation):
        raise Refused(f"the request is {capability.name}.{operation.name}'s now, not "
                      f"{found.capability}.{found.operation}'s")
    if not (found.safe and operation.is_safe(request.method)):
        raise Refused(f"{found.capability}.{found.operation} changes something: it is not sent again")
    if capability.legacy is None or capability.modern is None:
        raise Refused(f"{found.capability} has only one arm")
    return match, arrival._replace(request=request, trace_id=new_trace_id()), (capability.legacy, capability.modern)


async def _asked(
    built: Configuration, match: Match, arrival: Arrival, arms: tuple[Arm, Arm], served: int
) -> tuple[Observation, Observation]:
    """Both arms' answers to the request, sent as a mirror is. It was answered with the status `served`."""
    capability = match.target.capability
    plan = capability.shadow
    deadline, limit = (plan.deadline, plan.max_body) if plan is not None else (DEADLINE, capability.buffer_limit)
    try:
        said = [asyncio.get_running_loop().create_future() for _ in arms]
        for arm, one in zip(arms, said, strict=True):
            asked = question(match, arrival.request, served, own=False, plain=arm.adapter is None)
            ask(arm, asked, arrival, limit, deadline, one.set_result)
        control, candidate = await asyncio.gather(*said)
        return control, candidate
    finally:
        for upstream in built.upstreams.values():
            await upstream.close()


def _facts(
    found: Captured, answers: tuple[Observation, Observation], before: Comparison, now: Comparison
) -> dict[str, Any]:
    stored, again = _signatures(before), _signatures(now)
    return {
        "id": found.id, "capability": found.capability, "operation": found.operation, "outcome": now.tally.outcome,
        "reason": now.tally.reason, "agrees": now.tally.outcome in AGREED,
        **{one.arm: {"status": one.status, "seconds": one.seconds, "failure": one.failure and one.failure.kind}
           for one in answers},
        "differences": [{**fact(one), "reproduced": one.signature in stored} for one in now.differences],
        "gone": [fact(one) for one in before.differences if one.signature not in again],
        "hidden": dict(now.hidden),
    }


def _lines(
    found: Captured, answers: tuple[Observation, Observation], before: Comparison, now: Comparison
) -> Iterator[str]:
    yield f"{found.id} {found.capability}.{found.operation}: " + ", ".join(map(_arm_line, answers))
    reason = f" ({now.tally.reason})" if now.tally.reason else ""
    yield f"agrees now: {now.tally.outcome}{reason}" if now.tally.outcome in AGREED else f"{now.tally.outcome}{reason}"
    stored, again = _signatures(before), _signatures(now)
    for one in now.differences:
        yield f"  {'again' if one.signature in stored else 'new':<6}{line(one)}"
    for one in before.differences:
        if one.signature not in again:
            yield f"  {'gone':<6}{line(one)}"


def _arm_line(one: Observation) -> str:
    said = one.failure.kind if one.failure is not None else str(one.status)
    return f"{one.arm} {said} in {one.seconds * 1000:.0f} ms"


def _signatures(comparison: Comparison) -> set[tuple[str, ...]]:
    return {one.signature for one in comparison.differences}
