"""figway shadow hold: keeps stored data past its retention, and protects it from purges."""

import time
from pathlib import Path

import click

from gateway.cli.opened import opened
from gateway.cli.sources import actor
from shadow.custody.base import Hold


def run(target: str, reason: str, config: Path) -> None:
    """Do what `figway shadow hold` is for; exits with its status."""
    with opened(config) as stored:
        scope = stored.capability(target, ids=True)
        stored.because(reason, "hold", scope)
        stored.custody.hold(Hold(scope, time.time(), actor(), reason))
        click.echo(f"{scope} is held")
