"""`figway drift`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file to compare with the stages in force.")
@click.option("--patch", is_flag=True, help="Print a patch that makes the files say what is in force.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def drift(config: Path, patch: bool, output: str) -> None:
    """Say which capabilities are at another stage than the file says: flipped, rolled back or held by a guard.

    Apply the patch where you are, with `patch -p1` or `git apply`. It changes stages and shares, and no other byte.
    Nothing is changed by this command, and no gateway is asked. Exits with 1 if anything drifts, with 2 if the file has
    problems, with 5 if the control file cannot be read.
    """
    from gateway.cli.verbs.drift import run

    run(config, patch, output)
