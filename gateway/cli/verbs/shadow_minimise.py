"""figway shadow minimise: shrinks two answers that differ to a test case without personal data."""

import secrets
import subprocess
import sys
from pathlib import Path

import click

from gateway.cli import files
from gateway.cli.opened import opened
from gateway.cli.sealed import pair_of, rules_now, unseal
from gateway.cli.sources import Refused
from shadow.cases.case import TEST, write
from shadow.cases.minimise import MAX_COMPARISONS, Minimal, Unfit, findings
from shadow.cases.minimise import minimise as shrunk
from shadow.cases.pseudonym import pseudonymise
from shadow.compare.difference import Signature
from shadow.compare.pair import Pair
from shadow.words import noun

SECONDS = 60.0
"""How long running the case may take, in seconds."""


def run(id: str | None, legacy: Path | None, modern: Path | None, file: Path | None, media: str | None,
             at: str | None, output: Path | None, reason: str | None, config: Path) -> None:
    """Do what `figway shadow minimise` is for; exits with its status."""
    if (id is None) == (legacy is None and modern is None) or (legacy is None) != (modern is None):
        raise click.UsageError("name a sealed exchange, or two files: --legacy and --modern")
    try:
        if legacy is not None and modern is not None:
            pair = files.pair_of(legacy, modern, media, files.rules_of(file))
        else:
            pair = _sealed(id or "", file, reason, config)
        found = pseudonymise(shrunk(pair, _chosen(pair, at)), pair, secrets.token_bytes(16))
        text = write(found)
        _prove(text)
    except (Unfit, Refused) as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(2)
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            raise click.UsageError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(_summary(pair, found), err=True)


def _sealed(id: str, file: Path | None, reason: str | None, config: Path) -> Pair:
    """The sealed exchange as a pair, with the rules of `file`, else with the configured ones."""
    tried = files.rules_of(file)
    with opened(config) as stored:
        found = unseal(stored, id, "minimise", reason)
        rules = tried if file is not None else rules_now(stored.built, found.capability, found.operation)
        return pair_of(found, rules)


def _chosen(pair: Pair, at: str | None) -> frozenset[Signature]:
    """The signatures of the differences at a path; empty, for all, without a path. Raises Refused if there are none."""
    if at is None:
        return frozenset()
    chosen = frozenset(signature for signature, _ in findings(pair) if signature.path == at)
    if not chosen:
        raise Refused("nothing differs at that path")
    return chosen


def _prove(text: str) -> None:
    """Run the test in its own process, as pytest would. Raises Refused if it fails."""
    try:
        # -P: nothing is imported from the working directory.
        done = subprocess.run([sys.executable, "-P", "-"], input=f"{text}\n\n{TEST}()\n".encode(), timeout=SECONDS,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        raise Refused("the test takes too long when run alone, so it is not written") from None
    if done.returncode:
        raise Refused("the test fails when run alone, so it is not written: perhaps a plugin's rule "
                      "is not what its repr() shows")


def _summary(pair: Pair, found: Minimal) -> str:
    before, after = (len(one.control.body) + len(one.candidate.body) for one in (pair, found.pair))
    kept = "; a body that cannot be rewritten is kept whole" if found.whole else ""
    kept += f"; given up after {MAX_COMPARISONS} comparisons" if found.exhausted else ""
    many = f"{found.comparisons} {noun(found.comparisons, 'comparison')}"
    return f"{before} bytes → {after} in {many}{kept}; the test has been run and holds"
