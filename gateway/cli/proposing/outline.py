"""Groups operations into the capabilities of a routes.yaml, and writes that file, with comments."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.capability import Operation
from gateway.cli.proposing.descriptions import Described
from gateway.cli.proposing.naming import free, group, is_generic, operation
from gateway.cli.proposing.paths import FEW, Paths
from gateway.config.overlaps import Met, Ties
from gateway.config.problem import Place
from gateway.reading import segments
from shadow.words import noun

_MOST_HOSTS = 5
_READS = re.compile(r"(?:get|list|find|search|query|read|retrieve|lookup|fetch|count|check)(?:-|\Z)")
_BARE = re.compile(r"/[A-Za-z0-9._/-]*", re.ASCII)
_LEFT_OUT = {
    "rare": f"of paths that were asked fewer than {FEW} times: a rare word could be a name",
    "unknown": "that legacy itself answers with 400, 404, 405, 410 or 501",
    "static": "for pictures, scripts and styles",
    "preflight": "of the method OPTIONS",
    "odd": "with a path that servers read in different ways, or with none",
    "tie": "of paths that fit two operations alike",
}


class Proposed(NamedTuple):
    """An operation that is proposed. `requests` are those of the log that it would take."""

    capability: str
    name: str
    method: str
    path: str
    action: str
    safe: bool
    requests: int

    def line(self) -> str:
        """The operation as routes.yaml has it."""
        parts = [f"method: {self.method}", f"path: {_text(self.path)}"]
        if self.action:
            parts.append(f"header: {{SOAPAction: {json.dumps(self.action)}}}")
        if self.safe:
            parts.append("safe: true")
        return f"{self.name}: {{{', '.join(parts)}}}"


class Outline(NamedTuple):
    """What is proposed, and what is left to the default route, in requests by why. `hosts` are those that clients ask
    for, the most frequent first."""

    operations: list[Proposed]
    requests: int
    left_out: Counter[str]
    hosts: list[str]


def outline(paths: Paths, described: Sequence[Described]) -> Outline:
    """All that is to be proposed: what `paths` has collected, and those of `described` that have a SOAPAction."""
    plain = [(method, path, end) for method, path, end in paths.operations()]
    left = paths.left_out
    everything = [path for _, path, _ in plain] + [one.path for one in described if one.action]
    common = _common(everything)
    safe = {(one.method, one.path) for one in described if one.safe}
    ties, found = Ties(), list[Proposed]()
    names: dict[str, set[str]] = {}

    def add(method: str, path: str, capability: str, name: str, action: str, requests: int) -> None:
        headers = (("SOAPAction", action),) if action else ()
        capability = capability or group(path, common)
        taken = names.setdefault(capability, set())
        name = free(name or operation(method, path, capability), taken)
        one = Operation(name, path, frozenset({method}), headers)
        if ties.add(Met(capability, one, Place(Path()))) is not None:
            left["tie"] += requests
            return
        taken.add(name)
        found.append(Proposed(capability, name, method, path, action, (method, path) in safe, requests))

    # What is described comes first, and then what is asked most, so that a tie leaves out the other.
    for method, path, end in sorted(plain, key=lambda one: (-one[2].described, -one[2].count, one[:2])):
        add(method, path, end.group, end.name, "", end.count)
    for one in described:
        if one.action:
            add(one.method, one.path, one.group, one.name, one.action, 0)
    hosts = [host for host, count in paths.hosts.most_common(_MOST_HOSTS) if count >= FEW]
    return Outline(found, paths.requests, left, hosts)


def _common(paths: Iterable[str]) -> set[str]:
    """First segments under which nearly everything lies, as under the name of an application: they say nothing."""
    firsts = Counter(parts[0] for path in paths if len(parts := segments(path)) > 1 and not parts[0].startswith("{"))
    if not firsts or (most := firsts.most_common(1)[0])[1] < 0.9 * firsts.total():
        return set()
    below = {parts[1] for path in paths if len(parts := segments(path)) > 1 and parts[0] == most[0]
             and not parts[1].startswith("{")}
    return {most[0]} if len(below) > 1 or is_generic(most[0]) else set()


def written(found: Outline, legacy: str, sources: Sequence[str], *, iis: bool) -> str:
    """The text of routes.yaml."""
    return "\n".join([*_head(found, legacy, sources, iis=iis), *_capabilities(found), *_foot()]) + "\n"


def _head(found: Outline, legacy: str, sources: Sequence[str], *, iis: bool) -> Iterator[str]:
    yield f"# Proposed by `figway init` from {' and '.join(sources) or 'nothing but the address of legacy'}."
    yield "# Read it, and change what is named badly: a capability is what moves as one. Then:"
    yield "#"
    yield "#   figway validate --connect                 check this file, and whether legacy can be reached"
    yield "#   figway serve                              carry traffic: legacy answers everything, as before"
    yield "#"
    if found.requests:
        proposed = sum(one.requests for one in found.operations)
        yield f"# Of {found.requests:,} {noun(found.requests, 'request')} these capabilities take {proposed:,}."
        if found.left_out.total():
            yield "# To the default route, and so to legacy unchanged, go:"
        for why, count in found.left_out.most_common():
            if count:
                yield f"#   {count:,} {_LEFT_OUT[why]}"
        yield "#"
    if found.hosts:
        yield f"# Clients ask for {', '.join(found.hosts)}, and legacy gets the Host that they send. Where hosts mean"
        yield "# different things, an operation says `header: {Host: …}`."
        yield "#"
    yield "# To let a capability be compared, add the modern service under `upstreams`, and to the capability"
    yield "# `modern: modern`, `stage: shadow` and `shadow: {sample: 10%}`."
    yield "version: 1"
    yield ""
    yield "store:                              # where the results of comparisons are kept"
    yield "  sqlite: {path: figway.db}"
    yield ""
    yield "upstreams:"
    paths = ", paths: iis" if iis else ""
    yield f"  legacy: {{url: {json.dumps(legacy)}{paths}}}"
    yield ""


def _capabilities(found: Outline) -> Iterator[str]:
    groups: dict[str, list[Proposed]] = {}
    for one in found.operations:
        groups.setdefault(one.capability, []).append(one)
    if not groups:
        yield "capabilities: {}"
    else:
        yield "capabilities:"
    for name, operations in sorted(groups.items(), key=lambda one: (-sum(each.requests for each in one[1]), one[0])):
        if requests := sum(one.requests for one in operations):
            yield f"  # {requests:,} of {found.requests:,} {noun(found.requests, 'request')}"
        yield f"  {name}:"
        yield "    owner: OWNER                    # the team that answers for it"
        yield "    operations:"
        for one in sorted(operations, key=lambda one: (-one.requests, one.path, one.name)):
            counted = f"  # {one.requests:,} {noun(one.requests, 'request')}" if one.requests else ""
            yield f"      {one.line()}{counted}"
            if one.method == "POST" and not one.safe and _READS.match(one.name):
                yield f"      # Does {one.name} change nothing? Then add `safe: true`, so that it can be compared."
        yield "    legacy: legacy"
        yield "    stage: legacy"
        yield ""


def _foot() -> Iterator[str]:
    yield "default: {upstream: legacy}          # where all other requests go"


def _text(path: str) -> str:
    return path if _BARE.fullmatch(path) else json.dumps(path)
