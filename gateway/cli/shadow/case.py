"""`figway shadow case`: its options and its help."""

from pathlib import Path

import click

SECONDS = 30.0
"""The most seconds that an answer may take if --timeout does not say."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--against", "url", metavar="URL", required=True, help="Ask modern by this complete URL.")
@click.option("--legacy", "legacy_url", metavar="URL", help="Ask legacy by this URL, instead of the case's answer.")
@click.option("-H", "--header", "fields", multiple=True, metavar="'NAME: VALUE'",
              help="A header field of the requests; repeatable.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=SECONDS, show_default=True,
              help="The most seconds that an answer may take.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def case(file: Path, url: str, legacy_url: str | None, fields: tuple[str, ...], timeout: float, output: str) -> None:
    """Ask a URL by GET, and show whether the differences of the case FILE are gone there.

    FILE is a test that `figway shadow minimise` wrote; it is run, as pytest would. The values in it are invented, so
    only what is there, its type and its format can be compared; with --legacy both services are asked for the same
    thing, and values are compared too. No value is shown.

    Exits with 0 if all differences are gone, with 1 if one is there again or not known, with 2 if the file cannot be
    used or a URL does not answer.
    """
    from gateway.cli.verbs.shadow_case import run

    run(file, url, legacy_url, fields, timeout, output)
