"""figway shadow release: ends a hold."""

from pathlib import Path

import click

from gateway.cli.opened import opened, plain
from gateway.cli.sources import Refused


def run(target: str, reason: str, config: Path) -> None:
    """Do what `figway shadow release` is for; exits with its status."""
    with opened(config, sealed=False) as stored:
        if target not in stored.custody.holds():
            raise Refused(f'"{plain(target)}" is not held')
        stored.because(reason, "release", target)
        stored.custody.release(target)
        click.echo(f"{target} is no longer held")
