"""`figway sweep`: its options and its help."""

import re
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.completing import CAPABILITY

_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/(s|m|h)", re.ASCII)
_WINDOW = {"s": 1, "m": 60, "h": 3600}


def _rate(context: click.Context, option: click.Parameter, value: str) -> float:
    found = _RATE.fullmatch(value)
    rate = float(found[1]) / _WINDOW[found[2]] if found is not None else 0.0
    if not rate:
        raise click.BadParameter('wants keys in a time, such as "5/s" or "30/m"')
    return rate


@click.command()
@click.argument("capability", type=CAPABILITY)
@click.option("--keys", "file", type=click.File("rb"), required=True,
              help="The file of keys, one a line; - for standard input.")
@click.option("--operation", help="The operation whose path the keys fill in, if there are several.")
@click.option("--rate", default="5/s", show_default=True, callback=_rate,
              help="Ask about at most so many keys in a time.")
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64),
              help="Ask legacy about at most so many keys at once.")
@click.option("--limit", type=click.IntRange(1), help="Ask about the first so many keys only.")
@click.option("--header", "plain", multiple=True, metavar="FIELD",
              help='A header field for both arms, such as "Accept: application/json".')
@click.option("--header-file", "file_of_fields", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="A file of secret header fields, one a line.")
@click.option("--header-env", "variables", multiple=True, metavar="NAME",
              help="An environment variable with a secret header field.")
@click.option("--reason", help="Why, for the audit trail.")
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="The file that holds the capability, its arms and the store.")
@click.option("-o", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def sweep(
    capability: str, file: BinaryIO, operation: str | None, rate: float, concurrency: int, limit: int | None,
    plain: tuple[str, ...], file_of_fields: Path | None, variables: tuple[str, ...], reason: str | None, config: Path,
    output: str,
) -> None:
    """Ask both arms of CAPABILITY about each key, and add what they say to its evidence.

    A key is the value of the parameter of an operation's path (or its values, separated by tabs), or a whole request
    target that begins with "/". Only reads are asked. What was swept counts for rates and coverage, but says nothing
    about the calendar or the mix of clients. No key is shown or stored.

    Secret header fields are sent to legacy, and to modern only if the capability's shadow passes credentials.

    Exits with 0 if every key was asked about and every outcome is written, whatever it was: `figway gate` judges that.
    Exits with 3 if not, as when legacy fails; and with 2 if a key or an option is wrong: then nothing was asked.
    """
    from gateway.cli.verbs.sweep import run

    run(capability, file, operation, rate, concurrency, limit,
        plain, file_of_fields, variables, reason, config, output)
