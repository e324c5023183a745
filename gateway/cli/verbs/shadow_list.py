"""figway shadow list: lists the sealed exchanges. It decrypts none of them."""

from pathlib import Path

import click

from gateway.cli.opened import as_json, opened, rows, when

_COLUMNS = ("ID", "EXCHANGE", "AT", "PATTERN", "TRACE", "BYTES", "EXPIRES")


def run(capability: str | None, config: Path, output: str) -> None:
    """Do what `figway shadow list` is for; exits with its status."""
    with opened(config) as stored:
        records = stored.records
        if capability is not None:
            stored.capability(capability)
        entries = records.entries(capability)
        if output == "json":
            as_json({"exchanges": [
                {"id": entry.id, "capability": entry.capability, "operation": entry.operation, "at": entry.at,
                 "pattern": entry.pattern, "trace_id": entry.trace_id, "bytes": entry.bytes, "held": entry.held,
                 "expires": entry.expires}
                for entry in entries
            ]})
            return
        for line in rows(_COLUMNS, [
            (entry.id, f"{entry.capability}.{entry.operation}", when(entry.at), entry.pattern, entry.trace_id,
             str(entry.bytes), "held" if entry.held else when(entry.expires))
            for entry in entries
        ]):
            click.echo(line)
