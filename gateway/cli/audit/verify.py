"""`figway audit verify`: its options and its help."""

from pathlib import Path

import click


@click.command()
@click.option("--head", "heads", multiple=True, metavar="HASH",
              help="A head that was kept elsewhere: the digest of a record, or NUMBER:DIGEST. Give any number of them.")
@click.option("--segment", "segments", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A file of JSON lines with heads: an audit segment, a log, an export. Give any number of them.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Find the control file by this file.")
@click.option("--file", "control", type=click.Path(path_type=Path), help="Verify this control file, or copy of one.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(heads: tuple[str, ...], segments: tuple[Path, ...], config: Path, control: Path | None, output: str) -> None:
    """Verify the journal: name each record that was changed, dropped, swapped, inserted or cut off.

    Exits with 0 if the journal is whole, with 1 if not, with 5 if there is no control file, or it cannot be read.
    """
    from gateway.cli.verbs.audit_verify import run

    run(heads, segments, config, control, output)
