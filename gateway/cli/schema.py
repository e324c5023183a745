"""figway schema: prints a JSON Schema, with which editors complete and check routes.yaml."""

import click
import orjson

from gateway.config.spec import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of routes.yaml."""
    click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
