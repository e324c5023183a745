"""`figway shadow view`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("id")
@click.option("--role", required=True, help="The role, one of `shadow.capture.views`.")
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed, and who may view them.")
def view(id: str, role: str, reason: str, config: Path) -> None:
    """Show the sealed exchange ID: the request and both answers, as they were.

    The view, or its refusal, is written to the audit trail before anything is shown. Exits with 1 if it is refused,
    with 2 if there is no such record or it cannot be read.
    """
    from gateway.cli.verbs.shadow_view import run

    run(id, role, reason, config)
