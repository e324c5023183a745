"""`figway schema`: its options and its help."""


import click


@click.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of routes.yaml."""
    from gateway.cli.verbs.schema import run

    run()
