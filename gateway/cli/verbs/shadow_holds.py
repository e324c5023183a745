"""figway shadow holds: lists what is held, since when, by whom and why."""

from pathlib import Path

import click

from gateway.cli.opened import as_json, opened, rows, when


def run(config: Path, output: str) -> None:
    """Do what `figway shadow holds` is for; exits with its status."""
    with opened(config, sealed=False) as stored:
        found = stored.custody.holds().values()
        if output == "json":
            as_json({"holds": [{"held": hold.scope, "since": hold.at, "by": hold.actor, "reason": hold.reason}
                               for hold in found]})
            return
        for line in rows(("HELD", "SINCE", "BY", "REASON"), [
            (hold.scope, when(hold.at), hold.actor, hold.reason) for hold in found
        ]):
            click.echo(line)
