"""`figway audit export`: its options and its help."""

from typing import Any

import click

from gateway.cli.audit.filters import filters


@click.command()
@filters
@click.option("--as", "form", type=click.Choice(["jsonl", "fhir"]), default="jsonl", show_default=True,
              help="Records as they are, or as AuditEvent resources of FHIR R4.")
def export(form: str, **chosen: Any) -> None:
    """Write records of the journal to standard output, oldest first: a JSON object a line.

    Exits with 1 if the journal is not whole, with 2 for a time that is none, with 5 if there is no control file.
    """
    from gateway.cli.verbs.audit_export import run

    run(chosen, form)
