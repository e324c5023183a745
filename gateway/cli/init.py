"""figway init: writes a routes.yaml for a legacy service, from what its clients ask and from what it says of itself."""

import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--legacy", required=True, metavar="URL", help="The legacy service: http://host:port.")
@click.option("--access-log", "logs", type=_FILE, multiple=True,
              help="Its access log (Common, Combined, W3C; also .gz); repeatable.")
@click.option("--openapi", type=_FILE, help="Its OpenAPI document, JSON or YAML.")
@click.option("--wsdl", type=_FILE, help="Its WSDL 1.1.")
@click.option("--capability-statement", "statement", type=_FILE, help="Its FHIR CapabilityStatement, JSON.")
@click.option("--watch", metavar="TIME", help="Pass traffic on for so long (10m), and watch what is asked.")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT",
              help="Where to take traffic while watching.")
@click.option("--config", default="routes.yaml", show_default=True, type=_FILE, help="The file to write; - for output.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def init(
    legacy: str, logs: tuple[Path, ...], openapi: Path | None, wsdl: Path | None, statement: Path | None,
    watch: str | None, listen: str, config: Path, force: bool,
) -> None:
    """Write a routes.yaml in which legacy answers everything, as before, with capabilities and operations from what
    clients really ask.

    Identifiers in paths become parameters. A path that few clients ask is left to the default route. Nothing that a
    client sent is kept but words of paths that many ask, and their numbers. Watched paths stay in memory.

    Exits with 2 if a file cannot be read, or if the file to write exists.
    """
    from gateway.cli.proposing.proposal import Sources, propose
    from gateway.cli.sources import Refused

    try:
        if str(config) != "-" and config.exists() and not force:
            raise Refused(f"{config} exists: write to another file with --config, or replace it with --force")
        text, said = propose(Sources(legacy, logs, openapi, wsdl, statement, watch or "", listen))
        if str(config) == "-":
            click.echo(text, nl=False)
        else:
            config.write_text(text)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    except OSError as error:
        click.echo(f"figway: {config} cannot be written: {error.strerror}", err=True)
        sys.exit(2)
    for line in said:
        click.echo(line, err=True)
    if str(config) != "-":
        click.echo(f"{config}: written; read it, then run `figway validate --connect`", err=True)
