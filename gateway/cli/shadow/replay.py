"""`figway shadow replay`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("id")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that holds the upstreams and says where exchanges are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def replay(id: str, reason: str | None, config: Path, output: str) -> None:
    """Send the request of the sealed exchange ID to both arms again, and compare. ID is a record's id or a trace id.

    The request is sent as a mirror is: marked, without credentials, under the capability's deadline. No value is shown.
    Exits with 0 if both agree now, with 1 if they do not or an arm failed, with 2 if the request may not be sent again
    or the exchange does not exist.
    """
    from gateway.cli.verbs.shadow_replay import run

    run(id, reason, config, output)
