"""`figway shadow audit`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that says where records are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def audit(config: Path, output: str) -> None:
    """Print the audit trail, oldest line first: who did what, in which role, to what, and why.

    Exits with 1 if a line was changed, or removed from between others.
    """
    from gateway.cli.verbs.shadow_audit import run

    run(config, output)
