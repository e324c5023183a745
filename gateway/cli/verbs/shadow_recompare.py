"""figway shadow recompare: compares sealed exchanges again, by the current rules or by rules to try out."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli import files
from gateway.cli.opened import Opened, opened
from gateway.cli.sealed import pair_of, rules_now
from gateway.cli.shapes import fact
from shadow.cases.recompare import Again, Earlier, Recompared
from shadow.cases.recompare import recompare as all_again
from shadow.compare.comparison import AGREED, Outcome
from shadow.compare.pair import Pair
from shadow.compare.rules import Rules
from shadow.judge.crosswalks import Crosswalks
from shadow.judge.judgement import judge
from shadow.sealed.base import VaultError

_LEGACY, _MODERN = ".legacy", ".modern"


def run(capability: str | None, file: Path | None, alone: bool, folder: Path | None, reason: str | None,
              config: Path, output: str) -> None:
    """Do what `figway shadow recompare` is for; exits with its status."""
    rules = files.rules_of(file)
    lost: list[tuple[str, str]] = []
    crosswalks = Crosswalks()
    if folder is not None:
        if capability is not None:
            raise click.UsageError("CAPABILITY and --pairs exclude each other")
        found = all_again(_in_files(folder, rules), lambda pair: judge(pair, crosswalks))
    else:
        with opened(config) as stored:
            if capability is not None:
                stored.capability(capability)
            stored.deed("recompare", capability or "*", reason or "")
            found = all_again(_sealed(stored, capability, rules, lost, alone=alone),
                              lambda pair: judge(pair, crosswalks))
    if not found.exchanges:
        click.echo("figway: there is nothing to judge", err=True)
        sys.exit(2)
    if output == "json":
        click.echo(orjson.dumps(_facts(found, lost), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in _lines(found, lost):
            click.echo(line)
    sys.exit(0 if all(outcome in AGREED for outcome in found.now) and not lost else 1)


def _sealed(
    stored: Opened, capability: str | None, rules: Rules, lost: list[tuple[str, str]], *, alone: bool,
) -> Iterator[tuple[str, Earlier, Pair]]:
    """The sealed exchanges, opened one at a time. Adds those that cannot be opened to `lost`, with the reason."""
    for entry in stored.records.entries(capability):
        try:
            found = stored.records.open(entry.id)
        except VaultError as error:
            lost.append((entry.id, str(error)))
            continue
        own = Rules() if alone else rules_now(stored.built, found.capability, found.operation)
        # A class of identifiers in the file replaces the one of the configuration.
        classes = {one.name: one for one in (*own.classes, *rules.classes)}
        both = Rules((*rules.rules, *own.rules), (*rules.known, *own.known), tuple(classes.values()))
        # Only mismatches are sealed.
        yield found.id, Earlier(Outcome.MISMATCH, found.pattern), pair_of(found, both)


def _in_files(folder: Path, rules: Rules) -> Iterator[tuple[str, Earlier, Pair]]:
    """Pairs of files. Their earlier outcome is the one without rules. Raises UsageError."""
    if not folder.is_dir():
        raise click.UsageError(f"{folder} is no folder")
    for legacy in sorted(folder.glob(f"*{_LEGACY}.*")):
        name = legacy.name.removesuffix(legacy.suffix).removesuffix(_LEGACY)
        pair = files.pair_of(legacy, legacy.with_name(f"{name}{_MODERN}{legacy.suffix}"), None, rules)
        plain = files.pair_of(legacy, legacy.with_name(f"{name}{_MODERN}{legacy.suffix}"), None, Rules())
        yield name, Earlier.of(judge(plain, Crosswalks())), pair


def _facts(found: Recompared, lost: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        **{when: {str(outcome): count for outcome, count in outcomes.items()}
           for when, outcomes in (("before", found.before), ("now", found.now))},
        "hidden": dict(found.hidden), "unreadable": dict(lost),
        "exchanges": [
            {"id": one.id, "capability": one.now.tally.capability, "operation": one.now.tally.operation,
             "before": one.before.outcome, "now": one.now.tally.outcome, "reason": one.now.tally.reason,
             "changed": one.changed, "severity": one.now.severity, "hidden": dict(one.now.hidden),
             "differences": [fact(difference) for difference in one.now.differences]}
            for one in found.exchanges
        ],
    }


def _lines(found: Recompared, lost: list[tuple[str, str]]) -> Iterator[str]:
    yield f"before: {_counted(found.before)}"
    yield f"now: {_counted(found.now)}"
    for rule, count in sorted(found.hidden.items()):
        yield f"  hidden: {count} by {rule}"
    for one in found.exchanges:
        if one.changed:
            yield f"  {one.id} {one.now.tally.operation}: {one.before.outcome} → {_summary(one)}"
    for id, why in lost:
        yield f"  {id}: {why}"


def _counted(outcomes: Counter[Outcome]) -> str:
    return ", ".join(f"{outcomes[one]} {one}" for one in Outcome if outcomes[one]) or "nothing"


def _summary(one: Again) -> str:
    outcome, reason = one.now.tally.outcome, one.now.tally.reason
    other = "another " if outcome is one.before.outcome is Outcome.MISMATCH else ""
    return f"{other}{outcome}" + (f" ({reason})" if reason else "")
