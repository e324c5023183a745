"""figway plan: says what an edit or a step would change, before it is in force."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gateway import units
from gateway.cli.moving import Traffic
from gateway.cli.opened import as_json, plain
from gateway.cli.planning import Change, changes
from gateway.cli.proposing import logs as access_logs
from gateway.cli.set_cookies import SetCookies, set_cookies
from gateway.cli.sources import Refused, store_of
from gateway.cli.standing import at_stages, in_force, state
from gateway.config.apart import warn_if_apart
from gateway.config.attempts import build_in_time
from gateway.config.compile import Configuration
from gateway.config.nodes import Node
from gateway.config.problem import Findings, Invalid, Place, did_you_mean
from gateway.flips.base import OutOfReach, Position, State
from gateway.flips.fitting import lacks, written
from gateway.flips.steps import words
from gateway.stage import Stage
from shadow.stores.base import StoreError
from shadow.words import noun

_MOST = 20
_OTHER = {"legacy": "modern", "modern": "legacy"}
_WHERE = {"path": "by a part of the path", "header": "a header field", "claim": "a claim"}


@dataclass(frozen=True, slots=True)
class Step:
    """A wanted step, as options say it."""

    capability: str | None
    to: str | None
    writes: bool
    percent: str | None

    @property
    def is_said(self) -> bool:
        """Whether any option of a step is there."""
        return self.capability is not None or self.to is not None or self.writes or self.percent is not None


def run(file: Path | None, config: Path, step: Step, logs: tuple[Path, ...], names: bool, output: str) -> None:
    """Do what `figway plan` is for; exits with its status."""
    traffic = Traffic()
    try:
        if file is None and not step.is_said:
            raise Refused("say which FILE, or which step: --capability NAME --to STAGE")
        was, now, kept = _planned(file, config, step)
        read = [(log, access_logs.read(log, lambda line: traffic.add(line, was.table, now.table))) for log in logs]
        cookies = _cookies(was, {name for name, one in traffic.capabilities.items() if one.all.moved}) if logs else {}
    except Invalid as invalid:
        for problem in invalid.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    found = changes(was, now)
    apart = [one for one in _apart(now) if one not in _apart(was)]
    facts = traffic.facts(names=names)
    facts["unread"] = [{"log": str(log), "lines": one.unread, "first": one.first_unread}
                       for log, one in read if one.unread]
    if output == "json":
        as_json({"was": was.revision, "now": now.revision,
                 "changes": [{"kind": one.kind, "name": one.name, "says": list(one.says)} for one in found],
                 "kept": kept, "apart": apart,
                 **({"traffic": facts, "cookies": _cookie_facts(cookies)} if logs else {})})
        return
    for line in (*_lines(found, kept), *apart):
        click.echo(line)
    if logs:
        for line in (*_traffic(facts), *_cookie_lines(cookies)):
            click.echo(line)


def _planned(file: Path | None, config: Path, step: Step) -> tuple[Configuration, Configuration, list[str]]:
    """What is in force, what would be, and the capabilities that stay where an override or a guard has put them.
    Raises Invalid and Refused."""
    built = build_in_time(config)
    try:
        known = state(built)
    except OutOfReach as error:
        raise Refused(str(error), 5) from None
    was = now = in_force(built, known)
    kept: list[str] = []
    if file is not None:
        edited = build_in_time(file)
        now = in_force(edited, known)
        kept = _kept(edited, now, known)
    return was, _stepped(now, step) if step.is_said else now, kept


def _kept(edited: Configuration, now: Configuration, known: State) -> list[str]:
    """What overrides and latches leave of an edited file's stages."""
    stands = written(now.table.capabilities)
    return [f"{name} stays at {words(stands[name])}: it was flipped, or a guard holds it"
            for name, said in written(edited.table.capabilities).items()
            if said != stands[name] and name in known.stands]


def _stepped(built: Configuration, step: Step) -> Configuration:
    """The configuration after a step. Raises Refused."""
    known = built.table.capabilities
    if step.capability is None:
        raise Refused("say which capability takes the step: --capability NAME")
    if step.capability not in known:
        raise Refused(f'there is no capability "{plain(step.capability)}"{did_you_mean(step.capability, known)}')
    capability = known[step.capability]
    reads, writes, share = capability.stands
    if step.to is None and step.percent is None:
        raise Refused("say where to: --to STAGE, or --percent N")
    if step.to is not None:
        if step.to not in list(Stage):
            raise Refused(f'there is no stage "{plain(step.to)}"{did_you_mean(step.to, map(str, Stage))}')
        stage = Stage(step.to)
        both = stage is Stage.RETIRED
        reads, writes = (reads if step.writes and not both else stage), (stage if step.writes or both else writes)
    if step.percent is not None:
        wanted = units.share(step.percent if step.percent.endswith("%") else f"{step.percent}%")
        if wanted is None:
            raise Refused("a percentage is from 0 to 100, with at most two decimals: 5 or 0.5")
        share = wanted
    at = Position(reads, writes, share)
    if step.percent is not None and (capability.split is None or Stage.CANARY not in (reads, writes)):
        raise Refused(f"a percentage belongs to canary, and {step.capability} would be at {words(at)}")
    if why := lacks(capability, at):
        raise Refused(f"{step.capability} cannot be at {words(at)}: {why}")
    return at_stages(built, {step.capability: at})


def _lines(found: list[Change], kept: list[str]) -> Iterator[str]:
    for one in found:
        yield "\n    ".join([f"{one.kind} {one.name}", *one.says])
    yield from kept
    if not found and not kept:
        yield "nothing changes"


def _traffic(facts: dict[str, Any]) -> Iterator[str]:
    yield f"\nOf {facts['requests']:,} requests:"
    yield f"  {_count(facts['served_elsewhere'])} {_verb(facts['served_elsewhere'], 'is', 'are')} served by another arm"
    for name, what in (("modern", "served by modern"), ("mirrored", "mirrored")):
        before, after = facts[name]
        yield f"  {what:<17}{before:8.2%} → {after:.2%}"
    for one in facts["moved"][:_MOST]:
        yield f"  {one['requests']:>8,} become {one['to']} instead of {one['from']}"
    if (more := len(facts["moved"]) - _MOST) > 0:
        yield f"  and {more:,} more ways; -o json has all"
    for one in facts["unread"]:
        yield (f"  {one['lines']:,} {noun(one['lines'], 'line')} of {one['log']} could not be read, the first at line "
               f"{one['first']:,}")
    if count := facts["pathless"]:
        yield f"  {count:,} more {_verb(count, 'has', 'have')} no path, and {_verb(count, 'counts', 'count')} nowhere"
    for one in facts["capabilities"]:
        yield from _capability(one)


def _capability(one: dict[str, Any]) -> Iterator[str]:
    """What moves of one capability."""
    moved = one["to_modern"] + one["to_legacy"]
    yield f"\n{one['capability']}: {_moves(one)} ({moved / one['requests']:.2%})"
    for operation in one["operations"]:
        if operation["to_modern"] or operation["to_legacy"]:
            yield f"    {operation['operation']}: {_moves(operation)}"
    if one["unknown"]:
        count = one["unknown"]
        yield (f"    the log does not say to which arm {count:,} {_verb(count, 'is', 'are')} dealt: "
               f"{_verb(count, 'it counts', 'they count')} with the share")
    else:
        for tenants in one["tenants"]:
            yield from _tenants(tenants)
    for unsaid in one["unsaid"]:
        yield f"    {unsaid['dimension']}: not in a log ({_WHERE[unsaid['by']]})"


def _tenants(found: dict[str, Any]) -> Iterator[str]:
    by = f" ({_WHERE[found['by']]})" if found["by"] in _WHERE else ""
    least = "at least " if found["more"] else ""
    yield (f"    {found['dimension']}{by}: of {least}{found['tenants']:,}, {found['whole']:,} "
           f"{_verb(found['whole'], 'moves', 'move')} wholly and {found['part']:,} in part")
    for tenant in found.get("names", ())[:_MOST]:
        if tenant["to_modern"] or tenant["to_legacy"]:
            yield f"        {plain(tenant['name'])}: {_moves(tenant)}"


def _moves(one: dict[str, Any]) -> str:
    """ "10 of 40 requests move to modern"."""
    parts = [f"{_count(one[key])} {_verb(one[key], 'moves', 'move')} to {arm}"
             for key, arm in (("to_modern", "modern"), ("to_legacy", "legacy")) if one[key]]
    return f"of {one['requests']:,} {noun(one['requests'], 'request')} {' and '.join(parts) or 'none moves'}"


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"about {value:,.1f}"


def _verb(value: float, one: str, several: str) -> str:
    return one if value == 1 else several


def _apart(built: Configuration) -> list[str]:
    """The cookies that capabilities share, as far as arms declare their own, while different arms answer them."""
    findings = Findings()
    warn_if_apart(built.table.capabilities.values(), Node(Place(Path()), {}), findings)
    return [one.message for one in findings.warnings]


def _cookies(was: Configuration, moving: set[str]) -> dict[str, SetCookies]:
    """What the evidence knows of the cookies of capabilities that move, without those that are an arm's own. Raises
    Refused."""
    store = store_of(was) if moving else None
    if store is None:
        return {}
    try:
        findings = store.read(None).findings
    except StoreError as error:
        raise Refused(str(error)) from None
    finally:
        store.close()
    return set_cookies(findings, {name: one for name, one in was.table.capabilities.items() if name in moving})


def _cookie_facts(cookies: dict[str, SetCookies]) -> list[dict[str, Any]]:
    return [{"capability": name, "set_by": arm, "names": sorted(one.names[arm]), "unnamed": one.others[arm]}
            for name, one in cookies.items() for arm in _OTHER if one.names[arm] or one.others[arm]]


def _cookie_lines(cookies: dict[str, SetCookies]) -> Iterator[str]:
    facts = _cookie_facts(cookies)
    if facts:
        yield "\nCookies that one arm sets, and the other would now receive, as far as mirrors have shown:"
    for one in facts:
        unnamed = one["unnamed"]
        others = [f"{unnamed} whose {noun(unnamed, 'name')} {_verb(unnamed, 'is', 'are')} not kept"] if unnamed else []
        yield f"  {one['capability']}: {one['set_by']} sets {', '.join([*one['names'], *others])}"
