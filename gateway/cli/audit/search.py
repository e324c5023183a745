"""`figway audit search`: its options and its help."""

from typing import Any

import click

from gateway.cli.audit.filters import filters


@click.command()
@filters
@click.option("-n", "most", default=100, show_default=True, type=click.IntRange(min=1), help="The most records.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def search(most: int, output: str, **chosen: Any) -> None:
    """Show the newest records of the journal by actor, capability, action and time.

    Exits with 1 if there is none, with 2 for a time that is none, with 5 if there is no control file.
    """
    from gateway.cli.verbs.audit_search import run

    run(chosen, most, output)
