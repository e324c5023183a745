"""figway tail: follows the requests in Figway's log, without values: the log has none."""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from gateway.cli.completing import CAPABILITY

_LONGEST = 64 << 10
_PAUSE = 0.2
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)")


def _status(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for one in values:
        if not _STATUS.fullmatch(one):
            raise click.BadParameter("wants a status, or a class of them: 404, 5xx")
    return values


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default="-")
@click.option("--capability", "capabilities", type=CAPABILITY, multiple=True, help="Only of this one; repeatable.")
@click.option("--status", "statuses", multiple=True, callback=_status, metavar="STATUS",
              help="Only with this status or class: 404, 5xx; repeatable.")
@click.option("--arm", type=click.Choice(["legacy", "modern", "none"]), help="Only what this arm answered.")
@click.option("--errors", is_flag=True, help="Only with an error of Figway's own.")
@click.option("--all", "whole", is_flag=True, help="From the beginning of FILE, and not only what comes.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Whether to wait for more at its end.")
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def tail(
    file: Path, capabilities: tuple[str, ...], statuses: tuple[str, ...], arm: str | None, errors: bool, whole: bool,
    follow: bool, output: str,
) -> None:
    """Follow the requests in FILE, which is what `figway serve` writes to standard output; - for standard input.

    A line for each: time, status, method, operation, arm, milliseconds. There are no values in the log, nor here. A
    file that is replaced or emptied is read anew. -o json prints the log's own lines.
    """
    if str(file) == "-":
        lines = _lines(sys.stdin.buffer)
    elif file.is_dir() or not file.exists():
        raise click.UsageError(f"{file} cannot be read")
    else:
        lines = _followed(file, whole or not follow, follow)
    for line in lines:
        found = _request(line)
        if found is None or not _wanted(found, capabilities, statuses, arm, errors):
            continue
        click.echo(json.dumps(found) if output == "json" else shown(found))
        sys.stdout.flush()


def _followed(path: Path, whole: bool, follow: bool) -> Iterator[bytes]:
    """The lines of a file and then those that are added to it, or to the one that takes its place."""
    while True:
        with path.open("rb") as file:
            known = path.stat()
            if not whole:
                file.seek(0, 2)
            rest = b""
            while True:
                for line in _lines(file):
                    if not line.endswith(b"\n") and len(rest) + len(line) < _LONGEST:
                        rest += line
                    else:
                        yield rest + line
                        rest = b""
                if not follow:
                    return
                time.sleep(_PAUSE)
                try:
                    now = path.stat()
                except FileNotFoundError:
                    continue  # a new one may come
                if now.st_ino != known.st_ino or now.st_size < file.tell():
                    whole = True
                    break


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LONGEST):
        yield line


def _request(line: bytes) -> dict[str, Any] | None:
    """The fields of a request's line; None for any other line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("event") == "request" else None


def _wanted(
    found: dict[str, Any], capabilities: tuple[str, ...], statuses: tuple[str, ...], arm: str | None, errors: bool,
) -> bool:
    status = str(found.get("status", ""))
    return (
        (not capabilities or found.get("capability") in capabilities)
        and (not statuses or any(status == one or (one[1:] == "xx" and status[:1] == one[0]) for one in statuses))
        and (arm is None or (found.get("arm") or "none") == arm)
        and (not errors or bool(found.get("error"))))


def shown(found: dict[str, Any]) -> str:
    """A request's fields as a line of at most 80 columns, without its end where names are very long."""
    def text(name: str) -> str:
        return "".join(one for one in str(found.get(name) or "") if one.isprintable())

    name = text("capability") if text("capability") == "_default" else f"{text('capability')}.{text('operation')}"
    taken = found.get("us")
    milliseconds = f"{taken / 1000:,.1f}" if isinstance(taken, int | float) else "–"
    more = f"  {text('error')}" if found.get("error") else f"  fell back: {text('fallback')}" if found.get(
        "fallback") else ""
    line = f"{text('ts')[11:19]:<8} {text('status'):>3} {text('method'):<6} {name:<22} {text('arm') or '–':<6}"
    return f"{line} {milliseconds:>8} ms{more}"[:80]
