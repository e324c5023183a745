"""`figway explain`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.argument("method")
@click.argument("url")
@click.option("-H", "--header", "fields", multiple=True, metavar="'NAME: VALUE'", help="A header field; repeatable.")
@click.option("--client", default="127.0.0.1", show_default=True, help="The address that the request comes from.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A verified claim; repeatable.")
@click.option("--roll", type=click.FloatRange(0, 1, max_open=True), default=0.5, show_default=True,
              help="The random number for sampling and for splits without a key.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(
    method: str, url: str, fields: tuple[str, ...], client: str, claims: tuple[str, ...], roll: float, config: Path,
    output: str,
) -> None:
    """Show where METHOD URL would go, and why. URL is complete, or a path with its query. Nothing is sent."""
    from gateway.cli.verbs.explain import run

    run(method, url, fields, client, claims, roll, config, output)
