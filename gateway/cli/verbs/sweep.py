"""figway sweep: asks both arms about each key of a file, and adds what they say to a capability's evidence."""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click
import orjson

from gateway import plugins
from gateway.capability import Capability
from gateway.cli.keys import Keys, read_keys
from gateway.cli.recorded import record
from gateway.cli.sources import Refused, built_for
from gateway.cli.sweeping import INTERRUPTED, Files, Pace, Requests, Sent, Sweep, Unfit
from gateway.cli.swept_fields import plain_fields, secret_fields
from gateway.config.compile import Configuration
from shadow.custody.base import CustodyError
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.counting import Counts, counts_as
from shadow.sealed.base import VaultError
from shadow.sealed.capture import Capture
from shadow.sealed.sqlite import SqliteVault
from shadow.stores.base import StoreError
from shadow.stores.earlier import as_of_now
from shadow.words import noun

_FAULTS = 10
"""Faulty lines that are listed."""

_LINES = 20
"""Lines of one kind that the table lists."""

_SOON, _SELDOM = 0.5, 10.0
"""Seconds between two lines of progress: on a terminal, where each replaces the one before, and elsewhere."""

_SAYS = {
    Counts.RIGHT: "right", Counts.WRONG: "wrong", Counts.FIRST: "wrong on first answer alone",
    Counts.FAILED: "modern failed", Counts.AFTER: "not comparable: counts as wrong",
    Counts.BEFORE: "left out: says nothing", Counts.UNSAMPLED: "not sampled",
}


def run(
    capability: str, file: BinaryIO, operation: str | None, rate: float, concurrency: int, limit: int | None,
    plain: tuple[str, ...], file_of_fields: Path | None, variables: tuple[str, ...], reason: str | None, config: Path,
    output: str,
) -> None:
    """Do what `figway sweep` is for; exits with its status."""
    try:
        built = built_for(config, capability)
        sent = Sent(plain_fields(plain), secret_fields(file_of_fields, variables))
        requests, keys = _prepared(built, built.table.capabilities[capability], operation, sent, file, limit)
        with _files(built) as files:
            record(built, files.custody, "sweep", capability, reason or "")
            swept = Sweep(requests, keys.keys, Pace(rate, concurrency), built.lane, files)
            took = asyncio.run(_run(swept, len(keys.keys), built))
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    except (CustodyError, StoreError, VaultError) as error:
        click.echo(f"figway: {error}", err=True)
        sys.exit(2)
    done = _Done(capability, keys, swept, took)
    if output == "json":
        click.echo(orjson.dumps(done.facts(), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in done.lines():
            click.echo(line)
    sys.exit(done.status)


def _prepared(
    built: Configuration, capability: Capability, operation: str | None, sent: Sent, file: BinaryIO, limit: int | None,
) -> tuple[Requests, Keys]:
    """The requests, and the keys, each of which is one. Raises Refused."""
    if capability.legacy is None or capability.modern is None:
        raise Refused(f"{capability.name} has only one arm")
    if capability.shadow is None:
        raise Refused(f"{capability.name} has no `shadow`, which says how its answers are compared")
    if built.store[0] == "memory" or built.custody is None:
        raise Refused("there is no file for the evidence or its keys: set `store: {sqlite: {path: figway.db}}`, or "
                      "`shadow: {custody: figway.custody}` if the store is another")
    requests = Requests(built, capability, capability.shadow, operation, sent)
    try:
        requests.check_fields()
    except Unfit as unfit:
        raise Refused(f"the header fields cannot be sent: {unfit}") from None
    keys = read_keys(file, capability, operation, limit)
    faults = list(keys.faults)
    for key in keys.keys:
        try:
            requests.way(key.target)
        except Unfit as unfit:
            faults.append(f"line {key.line}: {unfit}")
    if faults:
        more = [f"{len(faults) - _FAULTS:,} more"] if len(faults) > _FAULTS else []
        raise Refused("\n".join(("these lines of the keys are wrong, so nothing was asked:", *faults[:_FAULTS], *more)))
    if not keys.keys:
        raise Refused("there is no key")
    return requests, keys


@contextmanager
def _files(built: Configuration) -> Iterator[Files]:
    """The store, the custody and the vault of a configuration, made if there are none yet."""
    name, options = built.store
    try:
        store = as_of_now(plugins.load("figway.stores", name)(options))
    except plugins.PluginError as error:
        raise Refused(str(error)) from None
    try:
        custody = SqliteCustody(built.custody)
        try:
            sealed = built.sealed
            vault = SqliteVault(sealed.path, custody, sealed.bounds) if sealed is not None else None
            try:
                yield Files(store, custody, Capture(vault) if vault is not None else None)
            finally:
                if vault is not None:
                    vault.close()
        finally:
            custody.close()
    finally:
        store.close()


async def _run(swept: Sweep, count: int, built: Configuration) -> float:
    """Sweep, and show how far it is. Ctrl-C ends it early. Returns how many seconds it took."""
    loop, began = asyncio.get_running_loop(), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, swept.interrupt)
    progress = loop.create_task(_progress(swept, count, began))
    try:
        await swept.run()
    finally:
        progress.cancel()
        with suppress(asyncio.CancelledError):
            await progress
        for upstream in built.upstreams.values():
            await upstream.close()
    return time.monotonic() - began


async def _progress(swept: Sweep, count: int, began: float) -> None:
    """Show on standard error how far a sweep is."""
    terminal = sys.stderr.isatty()
    try:
        while True:
            await asyncio.sleep(_SOON if terminal else _SELDOM)
            text = _so_far(swept, count, time.monotonic() - began)
            click.echo(f"\r\x1b[K{text}" if terminal else text, err=True, nl=not terminal)
    finally:
        if terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


def _so_far(swept: Sweep, count: int, seconds: float) -> str:
    tallied = swept.tallied
    differ = f"{tallied.bad:,} {noun(tallied.bad, 'differs', 'differ')}"
    said = f"{tallied.ended:,} of {count:,} {noun(count, 'key')}, {differ}"
    if tallied.asked >= count:
        return f"{said}; the others are asked again, or wait for it"
    rate = tallied.asked / seconds
    return f"{said}, {rate:.1f}/s" + (f", {_span((count - tallied.asked) / rate)} left" if rate else "")


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


class _Done(NamedTuple):
    """A sweep that has ended, after so many seconds."""

    capability: str
    keys: Keys
    swept: Sweep
    seconds: float

    @property
    def status(self) -> int:
        """The exit status."""
        if self.swept.tallied.stopped == INTERRUPTED:
            return 130
        return 0 if self.swept.tallied.ended == len(self.keys.keys) and not self.swept.unwritten else 3

    def facts(self) -> dict[str, Any]:
        """The summary for programs."""
        tallied = self.swept.tallied
        return {
            "capability": self.capability, "keys": len(self.keys.keys), "repeated": self.keys.repeated,
            "asked": tallied.asked, "ended": tallied.ended, "seconds": round(self.seconds, 3),
            "stopped": tallied.stopped, "unwritten": self.swept.unwritten, "counts": self._counts(),
            "outcomes": [
                {"operation": one.operation, "outcome": one.outcome, "reason": one.reason, "count": count}
                for one, count in sorted(self.swept.outcomes.items())],
            "lines": {str(counts): sorted(lines) for counts, lines in tallied.lines.items()},
        }

    def _counts(self) -> dict[str, int]:
        found = dict.fromkeys(Counts, 0)
        for one, count in self.swept.outcomes.items():
            found[counts_as(one.outcome, one.reason)] += count
        return {str(counts): count for counts, count in found.items() if count}

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        tallied, count = self.swept.tallied, len(self.keys.keys)
        repeated = f" ({self.keys.repeated:,} repeated {noun(self.keys.repeated, 'line')} left out)"
        yield (f"{self.capability}: {tallied.ended:,} of {count:,} {noun(count, 'key')} compared in "
               f"{_span(self.seconds)}{repeated if self.keys.repeated else ''}")
        for name, number in self._counts().items():
            counts = Counts(name)
            yield f"  {number:>7,}  {_SAYS[counts]}{_listed(sorted(tallied.lines.get(counts, ())))}"
        if tallied.stopped:
            yield f"stopped: {tallied.stopped}"
        if self.swept.unwritten:
            yield f"{self.swept.unwritten:,} outcomes could not be written: {self.swept.fault}"
        yield f"What this proves, say `figway gate {self.capability}` and `figway report {self.capability}`."


def _listed(lines: list[int]) -> str:
    if not lines:
        return ""
    more = f" and {len(lines) - _LINES:,} more" if len(lines) > _LINES else ""
    return f" ({noun(len(lines), 'line')} {', '.join(map(str, lines[:_LINES]))}{more})"
