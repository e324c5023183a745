"""figway validate: the very code of a start and a reload, run for its problems."""

import sys
from pathlib import Path

import click
import orjson

from gateway.config.attempts import build_in_time
from gateway.config.problem import Invalid
from shadow.words import noun


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(config: Path, output: str) -> None:
    """Check routes.yaml, and what it includes, and tell every problem at once.

    Problems and warnings go to standard error as file:line:col: message [code]. With -o json all goes to standard
    output as one document. Exits with 2 where there are problems.
    """
    try:
        built = build_in_time(config)
    except Invalid as invalid:
        if output == "json":
            _print({"valid": False, "problems": [one.as_dict() for one in invalid.problems]})
        else:
            for problem in invalid.problems:
                click.echo(problem, err=True)
            count = len(invalid.problems)
            click.echo(f"{config}: {count} {noun(count, 'problem')}", err=True)
        sys.exit(2)
    capabilities = built.table.capabilities.values()
    operations = sum(len(one.operations) for one in capabilities)
    if output == "json":
        _print({
            "valid": True, "revision": built.revision, "capabilities": len(capabilities), "operations": operations,
            "upstreams": len(built.upstreams), "warnings": [one.as_dict() for one in built.warnings],
        })
        return
    for warning in built.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{config}: valid, revision {built.revision}: {len(capabilities)} "
               f"{noun(len(capabilities), 'capability', 'capabilities')}, {operations} "
               f"{noun(operations, 'operation')}, {len(built.upstreams)} {noun(len(built.upstreams), 'upstream')}")


def _print(document: object) -> None:
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
