"""figway validate: runs the code of a start and a reload, and reports the problems that it finds."""

import sys
import time
from pathlib import Path

import click
import orjson

from gateway.cli.connecting import Seen, tried
from gateway.config.attempts import build_in_time
from gateway.config.compile import Configuration
from gateway.config.problem import Findings, Invalid
from gateway.config.tls import check_port
from gateway.reading import folded_template
from shadow.words import noun


def run(
    config: Path, output: str, folded: bool, tls_cert: Path | None, tls_key: Path | None, connects: bool,
    ask: str | None,
) -> None:
    """Do what `figway validate` is for; exits with its status."""
    findings = Findings()
    check_port(tls_cert, tls_key, findings)
    try:
        built = build_in_time(config)
        if findings.problems:
            raise Invalid([])
    except Invalid as refused:
        invalid = Invalid([*refused.problems, *findings.problems])
        if output == "json":
            _print({"valid": False, "problems": [one.as_dict() for one in invalid.problems]})
        else:
            for problem in invalid.problems:
                click.echo(problem, err=True)
            count = len(invalid.problems)
            click.echo(f"{config}: {count} {noun(count, 'problem')}", err=True)
        sys.exit(2)
    seen = _tried(built, ask) if connects else []
    failed = any(one.fault for one in seen)
    warnings = [*findings.warnings, *built.warnings]
    capabilities = built.table.capabilities.values()
    operations = sum(len(one.operations) for one in capabilities)
    if output == "json":
        _print({
            "valid": True, "revision": built.revision, "capabilities": len(capabilities), "operations": operations,
            "upstreams": len(built.upstreams), "warnings": [one.as_dict() for one in warnings],
            "paths": {name: one.settings.paths._asdict() for name, one in built.upstreams.items()},
            "folded": _folded(built), **({"connections": [one.facts() for one in seen]} if connects else {}),
        })
        sys.exit(1 if failed else 0)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{config}: valid, revision {built.revision}: {len(capabilities)} "
               f"{noun(len(capabilities), 'capability', 'capabilities')}, {operations} "
               f"{noun(operations, 'operation')}, {len(built.upstreams)} {noun(len(built.upstreams), 'upstream')}")
    if folded:
        for name, upstream in built.upstreams.items():
            said = ", ".join(f"{key} {value}" for key, value in upstream.settings.paths._asdict().items() if value)
            click.echo(f"upstream {name} reads paths: {said or 'not configured'}")
        for name, path in _folded(built).items():
            click.echo(f"{name} folds to {path}")
    for line in (line for one in seen for line in one.lines(time.time())):
        click.echo(line)
    sys.exit(1 if failed else 0)


def _tried(built: Configuration, ask: str | None) -> list[Seen]:
    if ask is not None and not ask.startswith("/"):
        raise click.UsageError("--ask must begin with /")
    return tried(built, ask or "")


def _folded(built: Configuration) -> dict[str, str]:
    """Each operation with a path → what that path folds to, as its upstream may read it."""
    return {
        f"{capability.name}.{operation.name}": folded_template(operation.path, capability.lenience)
        for capability in built.table.capabilities.values() for operation in capability.operations
        if operation.path is not None
    }


def _print(document: object) -> None:
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
