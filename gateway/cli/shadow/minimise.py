"""`figway shadow minimise`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("id", required=False)
@click.option("--legacy", type=click.Path(path_type=Path), help="The file with legacy's body.")
@click.option("--modern", type=click.Path(path_type=Path), help="The file with modern's body.")
@click.option("--rules", "file", type=click.Path(path_type=Path), help="A YAML file with rules and known_differences.")
@click.option("--media", metavar="TYPE", help="The media type of both files; default: by --legacy's name, else JSON.")
@click.option("--at", metavar="PATH", help="Keep only the differences at this path, as the report shows it.")
@click.option("-o", "output", type=click.Path(path_type=Path), help="Write the test to this file.")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that holds the rules and says where exchanges are sealed.")
def minimise(id: str | None, legacy: Path | None, modern: Path | None, file: Path | None, media: str | None,
             at: str | None, output: Path | None, reason: str | None, config: Path) -> None:
    """Shrink two answers that differ to the smallest pair that differs in the same way, and write it as a pytest test
    with invented values.

    The answers are those of the sealed exchange ID (a record's id or a trace id), or two files. The test is run before
    it is written. Exits with 2 if the answers do not differ, if a difference depends on an actual value, or if the
    answers cannot be read.
    """
    from gateway.cli.verbs.shadow_minimise import run

    run(id, legacy, modern, file, media, at, output, reason, config)
