"""figway audit verify: verifies the journal, and compares it with heads that were kept elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from gateway.cli.chosen import folded, width
from gateway.cli.control import control_file, end
from gateway.cli.opened import as_json
from gateway.cli.sources import Refused
from gateway.flips.base import OutOfReach
from gateway.flips.chain import Fault, Head
from gateway.flips.examined import Examined, examine
from gateway.flips.heads import given, heads_in
from shadow.words import noun

_MOST = 100
"""The most faults that are printed for people."""


def run(heads: Sequence[str], segments: Sequence[Path], config: Path, control: Path | None, output: str) -> None:
    """Do what `figway audit verify` is for; exits with its status."""
    known = [*_given(heads), *_found(segments)]
    try:
        found = examine(control or control_file(config), known)
    except OutOfReach as error:
        end(Refused(str(error), 5))
    except Refused as refused:
        end(refused)
    if output == "json":
        as_json(_facts(found))
    else:
        for line in _lines(found):
            for part in folded(line, width()):
                click.echo(part)
    sys.exit(1 if found.checked.faults else 0)


def _given(heads: Sequence[str]) -> Iterator[Head]:
    for text in heads:
        head = given(text)
        if head is None:
            raise click.UsageError("--head is the SHA-256 of a record in hexadecimal, or NUMBER:SHA-256")
        yield head


def _found(segments: Sequence[Path]) -> Iterator[Head]:
    for segment in segments:
        try:
            with segment.open(encoding="utf-8", errors="replace") as lines:
                heads = [*heads_in(lines, segment.name)]
        except OSError as error:
            raise click.UsageError(f"{segment}: {error.strerror}") from None
        if not heads:
            raise click.UsageError(f"{segment} has no head of a journal: see the reference")
        yield from heads


def _lines(found: Examined) -> Iterator[str]:
    checked = found.checked
    for fault in checked.faults[:_MOST]:
        yield _named(fault)
    if len(checked.faults) > _MOST:
        yield f"and {len(checked.faults) - _MOST} more: see -o json"
    for lost in found.lost:
        yield (f"record {lost.number} says that an earlier control file, {lost.control}, was lost with "
               f"{lost.length} records; its head was {lost.head}")
    if found.broken:
        yield ("these records are of lines of custody's trail that did not fit their chain when the journal took them "
               f"over: {', '.join(map(str, found.broken))}")
    yield (f"the journal is whole: {checked.length} {noun(checked.length, 'record')}" if not checked.faults else
           f"the journal is not whole: it has {checked.length} {noun(checked.length, 'record')}")
    yield f"head {checked.length}:{checked.head}"
    if not found.heads and not checked.faults:
        yield ("no head was given, and none was found: that the end was cut off cannot be seen. Keep the head above "
               "where nobody who can write the control file can write, and give it with --head")


def _named(fault: Fault) -> str:
    return f"record {fault.number} {fault.what}: {fault.says}" if fault.number > 0 else f"{fault.what}: {fault.says}"


def _facts(found: Examined) -> dict[str, object]:
    return {
        "whole": not found.checked.faults, "control": found.control, "records": found.checked.length,
        "head": found.checked.head, "heads_compared": found.heads,
        "faults": [fault._asdict() for fault in found.checked.faults],
        "lost": [{"record": lost.number, "control": lost.control, "records": lost.length, "head": lost.head}
                 for lost in found.lost],
        "broken_lines": list(found.broken),
    }
