"""The options by which records of the journal are chosen, for the commands that have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.completing import CAPABILITY

_OPTIONS = (
    click.option("--actor", metavar="NAME", help="Only what this user, guard or token did."),
    click.option("--capability", type=CAPABILITY, help="Only records of this capability."),
    click.option("--action", metavar="NAME", help="Only this action: flip, rollback, reload, refusal, view …"),
    click.option("--since", metavar="TIME", help="Only from this time on: 2026-01-31, 2026-01-31T08:00Z, or 24h ago."),
    click.option("--until", metavar="TIME", help="Only before this time, written like --since."),
    click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
                 help="Find the control file by this file."),
    click.option("--file", "control", type=click.Path(path_type=Path), help="Read this control file, or copy of one."),
)


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
