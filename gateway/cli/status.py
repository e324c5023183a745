"""`figway status`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the stages and criteria of this file, and the store that it names.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
def status(output: str, config: Path, admin: str | None, watch: bool) -> None:
    """Show all capabilities on one screen, the worst first: stage, verdict, worst difference, how many effective
    exchanges come in an hour, and owner. Below: what overrides and latches move, and by whom.

    Exits with 2 if there is no store to read, with 3 if the gateway cannot be reached.
    """
    from gateway.cli.verbs.status import run

    run(output, config, admin, watch=watch)
