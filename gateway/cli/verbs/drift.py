"""figway drift: compares the stages in force with routes.yaml, and writes the difference as a patch."""

import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gateway.cli.opened import as_json
from gateway.cli.standing import state
from gateway.config.attempts import build_in_time
from gateway.config.drifting import Drift, Patch, drifts, patches
from gateway.config.problem import Invalid
from gateway.flips.base import OutOfReach, Stand
from gateway.flips.fitting import written
from gateway.flips.steps import stamp, words

_OUT_OF_REACH = 5


def run(config: Path, patch: bool, output: str) -> None:
    """Do what `figway drift` is for; exits with its status."""
    try:
        built = build_in_time(config)
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    try:
        stands = state(built).stands
    except OutOfReach as error:
        click.echo(f"figway: {error}", err=True)
        sys.exit(_OUT_OF_REACH)
    found = drifts(config, written(built.table.capabilities), stands)
    if patch:
        files, unwritten = patches(config, found)
        for drift, why in unwritten:
            click.echo(f"figway: {drift.capability} is not in the patch: {why}", err=True)
        for drift in found:
            if drift.stand.override is None and drift.stand.latch is None:
                click.echo(f"figway: {drift.capability} was edited, and is not in force yet: the patch takes that back",
                           err=True)
        sys.stdout.buffer.write(b"".join(_diff(files)))
        sys.stdout.buffer.flush()
    elif output == "json":
        as_json([_facts(one) for one in found])
    else:
        for one in found:
            click.echo(_line(one))
        if not found:
            click.echo("nothing drifts")
    sys.exit(1 if found else 0)


def _line(drift: Drift) -> str:
    said = words(drift.file) if drift.file is not None else "nothing"
    return f"{drift.capability}: {words(drift.now)}, and {drift.place} says {said}{_why(drift.stand)}"


def _why(stand: Stand) -> str:
    """Who has moved a capability away from the file."""
    if stand.latch is not None:
        return f" (held by {stand.latch.guard} since {stamp(stand.latch.at)}: {stand.latch.reason})"
    if stand.override is not None:
        return f" (by {stand.override.author} at {stamp(stand.override.at)}: {stand.override.reason})"
    return " (the file was edited, and is not in force yet)"


def _facts(drift: Drift) -> dict[str, Any]:
    by = drift.stand.latch or drift.stand.override
    return {
        "capability": drift.capability, "place": str(drift.place),
        "file": _position(drift.file) if drift.file is not None else None, "in_force": _position(drift.now),
        "by": None if by is None else "latch" if drift.stand.latch is not None else "override",
        "reason": by.reason if by is not None else "",
    }


def _position(at: Any) -> dict[str, Any]:
    return {"reads": str(at.reads), "writes": str(at.writes), "share": at.share}


def _diff(files: list[Patch]) -> Iterator[bytes]:
    """A unified patch. The names in it begin where the command runs. If any file lies elsewhere, they begin in the
    folder that holds all of them: programs refuse names that lead out of their folder."""
    paths = [Path(os.path.normpath(one.file.absolute())) for one in files]
    base = Path.cwd()
    if not all(one.is_relative_to(base) for one in paths):
        base = Path(os.path.commonpath([one.parent for one in paths]))
        click.echo(f"figway: apply this patch in {base}", err=True)
    for one, path in zip(files, paths, strict=True):
        name = os.fsencode(path.relative_to(base))
        # A name with a blank ends with a tab, as programs expect.
        end = b"\t" if b" " in name else b""
        lines = difflib.diff_bytes(difflib.unified_diff, _lines(one.before), _lines(one.after),
                                   b"a/" + name + end, b"b/" + name + end)
        for line in lines:
            yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    """Lines with their ends. Only LF ends one: that is what programs that patch go by."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines
