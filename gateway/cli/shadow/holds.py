"""figway shadow holds: lists what is held, since when, by whom and why."""

from pathlib import Path

import click

from gateway.cli.opened import as_json, opened, rows, when


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def holds(config: Path, output: str) -> None:
    """List what is held, since when, by whom and why."""
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
