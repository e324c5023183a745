"""figway status: shows all capabilities on one screen, from the store or from a running gateway."""

import sys
import time
from pathlib import Path

import click

from gateway.cli.control import stages
from gateway.cli.opened import plain
from gateway.cli.sources import Refused, asked, configured
from gateway.flips import shown
from shadow.renderers.status import show_status, to_json
from shadow.renderers.table import terminal
from shadow.report.status import status as status_of

EVERY = 2.0
"""Seconds between two looks with --watch."""


def run(output: str, config: Path, admin: str | None, *, watch: bool = False) -> None:
    """Do what `figway status` is for; exits with its status."""
    while True:
        if watch:
            click.clear()
        _show(output, config, admin)
        if not watch:
            return
        time.sleep(EVERY)


def _show(output: str, config: Path, admin: str | None) -> None:
    try:
        report = asked(admin, None) if admin else configured(config, None)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    lines, found = status_of(report), stages(config, admin)
    if output == "json":
        click.echo(to_json(lines, report.unfinished, found), nl=False)
    else:
        show_status(lines, report.unfinished, terminal())
        for line in shown.lines(found) if found is not None else ():
            click.echo(plain(line))
