"""`figway compare`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("legacy", type=click.Path(path_type=Path))
@click.argument("modern", type=click.Path(path_type=Path))
@click.option("--rules", "file", type=click.Path(path_type=Path),
              help="A YAML file with rules, known_differences and crosswalk.")
@click.option("--media", metavar="TYPE", help="The media type of both; default: by LEGACY's name, else JSON.")
@click.option("--values", "show", is_flag=True, help="Show the values that differ too: for files of your own.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def compare(legacy: Path, modern: Path, file: Path | None, media: str | None, show: bool, output: str) -> None:
    """Compare the bodies in the files LEGACY and MODERN, and show what each rule hides. No value is shown without
    --values.

    Exits with 0 if they are the same by the rules, with 1 if they are not, and with 2 if a file cannot be read or the
    bodies cannot be compared.
    """
    from gateway.cli.verbs.compare import run

    run(legacy, modern, file, media, show, output)
