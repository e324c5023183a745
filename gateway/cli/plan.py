"""figway plan: says what an edit of routes.yaml would change, before it is in force."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path)
_MOST = 20


@click.command()
@click.argument("file", type=_FILE)
@click.option("--config", default="routes.yaml", show_default=True, type=_FILE, help="The configuration in force.")
@click.option("--against", "logs", type=_FILE, multiple=True, metavar="ACCESS_LOG",
              help="Legacy's access log, as for `figway init`; repeatable.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def plan(file: Path, config: Path, logs: tuple[Path, ...], output: str) -> None:
    """Say what would change if FILE were in force instead of --config: in capabilities and operations, and with
    --against in the requests of a log and in shares. Nothing is sent and nothing is changed.

    A log has no header fields: operations that want some are taken for others. Exits with 2 if a file has problems.
    """
    from gateway.cli.opened import as_json
    from gateway.cli.planning import Traffic, changes
    from gateway.cli.proposing import logs as access_logs
    from gateway.cli.sources import Refused
    from gateway.config.attempts import build_in_time
    from gateway.config.problem import Invalid

    traffic = Traffic()
    try:
        was, now = build_in_time(config), build_in_time(file)
        for log in logs:
            access_logs.read(log, lambda line: traffic.add(line, was.table, now.table))
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    found = changes(was, now)
    if output == "json":
        as_json({"was": was.revision, "now": now.revision,
                 "changes": [{"kind": one.kind, "name": one.name, "says": list(one.says)} for one in found],
                 **({"traffic": traffic.facts()} if logs else {})})
        return
    for one in found:
        click.echo("\n    ".join([f"{one.kind} {one.name}", *one.says]))
    if not found:
        click.echo("nothing changes")
    if logs:
        for line in _traffic(traffic.facts()):
            click.echo(line)


def _traffic(facts: dict[str, Any]) -> Iterator[str]:
    yield f"\nOf {facts['requests']:,} requests:"
    yield f"  {facts['served_elsewhere']:,} are served otherwise: by another arm, or by an arm for more or fewer"
    for name, what in (("modern", "served by modern"), ("mirrored", "mirrored")):
        before, after = facts[name]
        yield f"  {what:<17}{before:8.2%} → {after:.2%}"
    for one in facts["moved"][:_MOST]:
        yield f"  {one['requests']:>8,} move from {one['from']} to {one['to']}"
    if (more := len(facts["moved"]) - _MOST) > 0:
        yield f"  and {more:,} more ways; -o json has all"
