"""`figway validate`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path))
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--folded", is_flag=True, help="Show how upstreams read paths, and what each operation's path folds to.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="As for `figway serve`; the file is checked too.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="As for `figway serve`; the file is checked too.")
@click.option("--connect", "connects", is_flag=True, help="Try each upstream: its name, TLS, and an answer.")
@click.option("--ask", metavar="PATH", help="What --connect asks for with GET: the health check's path, or /.")
def validate(
    config: Path, output: str, folded: bool, tls_cert: Path | None, tls_key: Path | None, connects: bool,
    ask: str | None,
) -> None:
    """Check routes.yaml and everything that it includes, and report all problems at once.

    Problems and warnings go to standard error as file:line:col: message [code]. With -o json everything goes to
    standard output as one document. Exits with 2 if there are problems, and with 1 if an upstream fails.
    """
    from gateway.cli.verbs.validate import run

    run(config, output, folded, tls_cert, tls_key, connects, ask)
