"""`figway shadow recompare`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY


@click.command()
@click.argument("capability", type=CAPABILITY, required=False)
@click.option("--rules", "file", type=click.Path(path_type=Path),
              help="A YAML file with rules and known_differences, which apply before the configured ones.")
@click.option("--alone", is_flag=True, help="Ignore the configured rules.")
@click.option("--pairs", "folder", type=click.Path(path_type=Path),
              help="Compare NAME.legacy.json and NAME.modern.json in this folder instead; the suffix gives the type.")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that holds the rules and says where exchanges are sealed.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def recompare(capability: str | None, file: Path | None, alone: bool, folder: Path | None, reason: str | None,
              config: Path, output: str) -> None:
    """Compare the sealed exchanges of CAPABILITY, or all, again: by the current rules, and by rules to try out.

    No value is shown. Exits with 0 if nothing differs any more, with 1 if something does or could not be read, with 2
    if there is nothing to compare.
    """
    from gateway.cli.verbs.shadow_recompare import run

    run(capability, file, alone, folder, reason, config, output)
