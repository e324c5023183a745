"""figway status: shows all capabilities on one screen, from the store or from a running gateway."""

import sys
from pathlib import Path

import click

from gateway.cli.sources import Refused, asked, configured
from shadow.renderers.status import show_status, to_json
from shadow.renderers.table import terminal
from shadow.report.status import status as status_of


def run(output: str, config: Path, admin: str | None) -> None:
    """Do what `figway status` is for; exits with its status."""
    try:
        report = asked(admin, None) if admin else configured(config, None)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    lines = status_of(report)
    if output == "json":
        click.echo(to_json(lines, report.unfinished), nl=False)
    else:
        show_status(lines, report.unfinished, terminal())
