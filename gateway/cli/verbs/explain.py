"""figway explain: shows where a request would go, and why. It runs the code of a real request, and sends nothing.

Policies are not run: some count calls, and some need real credentials. The output names those that would be asked. If a
split uses a claim of a verified token, pass it with --claim.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
import orjson

from adapters.message import Headers, Request
from gateway.admit import admit
from gateway.call import Admitted, Call, Head, Principal
from gateway.capability import DEFAULT, Arm
from gateway.cli.sources import in_force
from gateway.config.attempts import build_in_time
from gateway.config.compile import Configuration
from gateway.config.problem import Invalid
from gateway.decide import Decision, decide
from gateway.edges.forwarded import client_address
from gateway.edges.request_head import ends_here, own_answer, read
from gateway.routing import Ambiguous, Candidate, RouteTable
from gateway.wire.heads import Malformed
from gateway.wire.heads import fields as wire_fields


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a request would go. `candidates` are the operations whose path matches, the winner first; `decision` is for
    the winner; `folded` is the path as the most lenient server could read it."""

    candidates: list[Candidate]
    call: Call
    decision: Decision
    folded: str


def explanation(
    table: RouteTable, request: Request, head: Head, client: str, roll: float, claims: Mapping[str, str] | None = None,
) -> Explanation:
    """What the pipeline does with `request`, up to the decision, if every policy admits it. Raises Ambiguous."""
    found = table.match(request, head.overrides)
    capability, operation = found.target.capability, found.target.operation
    principal = Principal("explain", claims.get("sub", ""), claims) if claims else None
    call = Call(request, capability.name, operation.name, operation.is_safe(request.method), client, found.params(),
                principal)
    admitted = admit(call, ())
    assert isinstance(admitted, Admitted)  # without a policy nothing refuses, and nothing waits
    decision = decide(admitted, capability, roll, head)
    return Explanation(table.explain(request), call, decision, table.folded(request.path))


def run(
    method: str, url: str, fields: tuple[str, ...], client: str, claims: tuple[str, ...], roll: float, config: Path,
    output: str,
) -> None:
    """Do what `figway explain` is for; exits with its status."""
    host, target = _target(url)
    headers = Headers(_field(one) for one in fields)
    if headers.get(b"host") is None:
        headers.insert(0, (b"Host", host))
    try:
        built = in_force(build_in_time(config))
        data = b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode(), target, wire_fields(headers))
        method, target, head = read(data, built.edge)
        if len(data) > built.edge.head:
            raise Malformed("head_too_large")
        request = Request(method, target, head.headers)
        if ends_here(request, head):
            own_answer(request, head)
            click.echo("answered at the edge: it may go no further")
            return
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except Malformed as malformed:
        click.echo(f"refused at the edge: {malformed.code}", err=True)
        sys.exit(2)
    peer = client_address(client, head.forwarded, built.edge)
    try:
        result = explanation(built.table, request, head, peer, roll, dict(_claim(one) for one in claims))
    except Ambiguous as ambiguous:
        _refused(ambiguous, built.table.folded(request.path), output)
        sys.exit(2)
    document = facts(built, result)
    if result.folded.encode() != request.path:
        document["folded"] = result.folded
    if output == "json":
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(document, result.decision.skipped)


def _refused(ambiguous: Ambiguous, folded: str, output: str) -> None:
    """Print what is refused, and which other operation some servers would take it for."""
    by_letters, other = ambiguous.match.target, ambiguous.other
    if output == "json":
        click.echo(orjson.dumps({
            "refused": ambiguous.code, "capability": by_letters.capability.name, "folded": folded,
            "taken_for": None if other is None else {
                "capability": other.capability.name, "operation": other.operation.name, "place": other.operation.place},
        }, option=orjson.OPT_INDENT_2).decode())
        return
    name = "another" if other is None or other.capability.name == DEFAULT else (
        f"{other.capability.name}.{other.operation.name}, {other.operation.place}")
    letters = "the default" if by_letters.capability.name == DEFAULT else (
        f"{by_letters.capability.name}.{by_letters.operation.name}, {by_letters.operation.place}")
    click.echo(f"refused: {ambiguous.code}: it is {letters}, but some servers take it for {name}, with other policies "
               f"or another arm\nfolded: {folded}", err=True)


def _target(url: str) -> tuple[bytes, bytes]:
    """Host and origin-form target. Characters that a URL may not hold are percent-encoded, as clients do."""
    if not url.startswith("/"):
        parts = urlsplit(url)
        if not parts.scheme or not parts.netloc:
            raise click.UsageError("URL must begin with http://, https:// or /")
        host, rest = parts.netloc, url.partition("//")[2][len(parts.netloc):]
    else:
        host, rest = "localhost", url
    target = rest.partition("#")[0]
    target = target if target.startswith("/") else "/" + target
    return host.encode(), quote(target, safe="!#$%&'()*+,/:;=?@[]~\\^|`{}<>\"").encode()


def _field(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name or name != name.strip():
        raise click.UsageError("-H must be 'NAME: VALUE'")
    return name.encode(), value.strip().encode()


def _claim(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError("--claim must be NAME=VALUE")
    return name, value


def facts(built: Configuration, result: Explanation) -> dict[str, Any]:
    """The explanation as JSON-ready values."""
    winner, decision, call = result.candidates[0].target, result.decision, result.call
    capability = winner.capability
    asked = [name for one in capability.policies for name, policy in built.policies.items() if policy is one]
    return {
        "capability": call.capability, "owner": capability.owner, "operation": call.operation,
        "place": winner.operation.place, "safe": call.safe, "stage": str(capability.stage(safe=call.safe)),
        "policies": asked, "arm": _arm(decision.serve), "reason": decision.reason,
        "mirror": _arm(decision.mirror), "sampled": decision.sampled, "fallback": _arm(decision.fallback),
        "losers": [
            {"capability": one.target.capability.name, "operation": one.target.operation.name,
             "place": one.target.operation.place, "why": one.why}
            for one in result.candidates[1:]
        ],
    }


def _arm(arm: Arm | None) -> dict[str, str] | None:
    return None if arm is None else {"name": arm.name, "upstream": arm.upstream.name}


_UNMIRRORED = {
    "": "nobody",
    "not_sampled": "nobody: not in the sample",
    "loop": "nobody: it is a mirror itself",
    "upgraded": "nobody: an upgrade is never mirrored",
    "connection_auth": "nobody: its credentials log in the connection",
}
"""The text for a request without a mirror, by Decision.skipped."""


def _print(document: dict[str, Any], skipped: str) -> None:
    def shown(arm: dict[str, str] | None, none: str) -> str:
        return none if arm is None else f"{arm['name']} (upstream {arm['upstream']})"

    owner = f", owner {document['owner']}" if document["owner"] else ""
    safety = "a read" if document["safe"] else "a write"
    rows = [
        ("capability", "none: the default" if document["capability"] == DEFAULT else document["capability"] + owner),
        ("operation", f"{document['operation']}, {safety}, {document['place']}"),
        *((("folds to", document["folded"]),) if "folded" in document else ()),
        ("stage", document["stage"]),
        ("policies", ", ".join(document["policies"]) + " would be asked" if document["policies"] else "none"),
        ("served by", f"{shown(document['arm'], 'nobody')}, by {document['reason']}"),
        ("mirrored to", shown(document["mirror"], _UNMIRRORED[skipped])),
        ("falls back to", shown(document["fallback"], "nobody")),
    ]
    for name, value in rows:
        click.echo(f"{name:<14}{value}")
    for loser in document["losers"]:
        click.echo(f"{'not':<14}{loser['capability']}.{loser['operation']}, {loser['place']}: {loser['why']}")
