"""figway demo: runs two sample services and the gateway, sends traffic, and shows what the shadow found."""

import importlib.util
import sys
from pathlib import Path

import click


@click.command()
@click.option("--requests", type=click.IntRange(1), default=1000, show_default=True,
              help="How many requests the clients send.")
@click.option("--seed", type=int, default=1, show_default=True, help="Determines what they request, in which order.")
@click.option("--keep", is_flag=True, help="Keep everything running afterwards, until Ctrl-C.")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), default="routes.yaml", show_default=True,
              help="The demo's routes.yaml.")
def demo(requests: int, seed: int, keep: bool, config: Path) -> None:
    """Run a small clinic's migration: two services, the gateway, traffic, what the shadow found, and the verdicts.

    Everything runs on free loopback ports, and ends by itself: with status 0 if the shadow found every seeded defect
    and nothing else, and what modern then mends is SAFE; with 1 if not.
    """
    if importlib.util.find_spec("gateway.demo") is None:
        # Its services have defects on purpose, so an installed Figway does not have them.
        click.echo("figway: the demo is not in the package: clone Figway's repository and run `make demo`", err=True)
        sys.exit(2)
    from gateway.demo.processes import DemoError
    from gateway.demo.run import run
    from shadow.renderers.table import Terminal

    if not config.is_file():
        raise click.UsageError(f"there is no {config} here: run this in a clone of Figway, or name it with --config")
    console = Terminal(highlight=False)
    try:
        sys.exit(0 if run(console, config, requests, seed, keep=keep) else 1)
    except DemoError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        # Its folder cannot be written, say.
        raise click.ClickException(f"{error.filename or 'the demo'}: {error.strerror}") from None
    except KeyboardInterrupt:
        console.print("\nEnded.")
        sys.exit(0 if keep else 130)
