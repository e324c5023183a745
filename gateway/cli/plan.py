"""`figway plan`: its options and its help."""

from pathlib import Path

import click

from gateway.cli.completing import CAPABILITY

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("file", type=_FILE, required=False)
@click.option("--config", default="routes.yaml", show_default=True, type=_FILE, help="The configuration in force.")
@click.option("--capability", type=CAPABILITY, help="Plan a step of this capability.")
@click.option("--to", metavar="STAGE", help="The stage of that step.")
@click.option("--writes", is_flag=True, help="The step is one of writes instead of reads.")
@click.option("--percent", metavar="N", help="The share of keys that canary gives to modern after the step: 5.")
@click.option("--against", "logs", type=_FILE, multiple=True, metavar="ACCESS_LOG",
              help="Legacy's access log, as for `figway init`; repeatable.")
@click.option("--names", is_flag=True, help="Name the tenants that move: clients, and groups by a part of the path.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def plan(
    file: Path | None, config: Path, capability: str | None, to: str | None, writes: bool, percent: str | None,
    logs: tuple[Path, ...], names: bool, output: str,
) -> None:
    """Say what would change if FILE were in force instead of --config, or if a capability took a step.

    Says it in capabilities and operations, and with --against in the requests, operations, tenants and shares of a log
    that would move, and which cookies move with them. Nothing is sent and nothing is changed.

    A log has no header fields: operations that want some are taken for others. Exits with 2 if a file has problems, or
    the capability cannot take the step.
    """
    from gateway.cli.verbs.plan import Step, run

    run(file, config, Step(capability, to, writes, percent), logs, names, output)
