"""figway schema: prints a JSON Schema, with which editors complete and check routes.yaml."""

import click
import orjson

from gateway.config.spec import json_schema


def run() -> None:
    """Do what `figway schema` is for; exits with its status."""
    click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
