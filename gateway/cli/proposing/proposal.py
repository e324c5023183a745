"""Makes a routes.yaml from the sources that a person has named."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.cli.proposing import descriptions, logs
from gateway.cli.proposing.outline import outline, written
from gateway.cli.proposing.paths import Paths
from gateway.cli.proposing.watching import watched
from gateway.cli.sources import Refused
from gateway.config.attempts import build_in_time
from gateway.config.problem import Invalid
from shadow.words import noun


class Sources(NamedTuple):
    """What a proposal is made from: legacy's URL, and the files that are named. `watch` is how long to watch traffic,
    "" for not at all, on the address `listen`."""

    legacy: str
    logs: tuple[Path, ...]
    openapi: Path | None
    wsdl: Path | None
    statement: Path | None
    watch: str
    listen: str


def propose(sources: Sources) -> tuple[str, list[str]]:
    """The text of a valid routes.yaml, and lines to tell. Raises Refused."""
    legacy = _bare(sources.legacy)
    _checked("--legacy", f"version: 1\nupstreams: {{legacy: {{url: {legacy!r}}}}}\ndefault: {{upstream: legacy}}\n")
    said: list[str] = []
    described = list(_described(sources, said))
    iis = any(logs.is_iis(one) for one in sources.logs)
    paths = Paths(any_case=iis)
    for one in described:
        if not one.action:
            paths.describe(one.method, one.path, one.name, one.group)
    names = []
    for file in sources.logs:
        log = logs.read(file, lambda line: paths.ask(*line[:4]))
        names.append(f"{log.requests:,} {noun(log.requests, 'request')} of an access log")
        if log.unread:
            lines = f"{log.unread:,} {noun(log.unread, 'line')}"
            said.append(f"{file}:{log.first_unread}: the first of {lines} that could not be read")
    if sources.watch:
        names.append(watched(legacy, sources.watch, sources.listen, paths))
    names += [what for what, file in (("an OpenAPI document", sources.openapi), ("a WSDL", sources.wsdl),
                                      ("a CapabilityStatement", sources.statement)) if file is not None]
    found = outline(paths, described)
    text = written(found, legacy, names, iis=iis)
    _checked("the proposal is not valid", text)
    groups = len({one.capability for one in found.operations})
    said.append(f"proposed: {groups} {noun(groups, 'capability', 'capabilities')}, {len(found.operations)} "
                f"{noun(len(found.operations), 'operation')}")
    return text, said


def _described(sources: Sources, said: list[str]) -> Iterator[descriptions.Described]:
    for read, file in ((descriptions.openapi, sources.openapi), (descriptions.wsdl, sources.wsdl),
                       (descriptions.capability_statement, sources.statement)):
        if file is not None:
            found = read(file)
            usable = [one for one in found if descriptions.can_be_asked(one)]
            if lost := len(found) - len(usable):
                said.append(f"{file}: left out {lost:,} {noun(lost, 'operation')}: no request has such a path, as with "
                            "`#`, `?` or `..`")
            yield from usable


def _bare(url: str) -> str:
    """The URL without its path: requests bring their own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused("--legacy: not a URL with a valid host and port") from None
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.path else url


def _checked(what: str, text: str) -> None:
    """Raises Refused if the text is no valid routes.yaml."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "routes.yaml")
        path.write_text(text)
        try:
            build_in_time(path)
        except Invalid as invalid:
            why = invalid.problems[0].message
            raise Refused(f"{what}: {why}") from None
