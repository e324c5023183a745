"""What the kernel says a process has cost: CPU time and resident memory, of it and of all its children."""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") >> 10


@dataclass(frozen=True, slots=True)
class Stat:
    """The part of /proc/PID/stat that we use (proc(5)). `ticks` is user and system time of all the process's
    threads, ended ones too, and of the children that it has waited for, in clock ticks; `pages` is resident memory."""

    pid: int
    parent: int
    ticks: int
    pages: int


def parse_stat(text: str) -> Stat:
    """One line of /proc/PID/stat. The command's name stands in parentheses and may itself hold any of `) (`."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(int(pid), int(fields[1]), sum(int(field) for field in fields[11:15]), int(fields[21]))


def family(root: int) -> list[Stat]:
    """The process `root` and its descendants that live now; empty when it has gone."""
    everyone = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                everyone.append(parse_stat((entry / "stat").read_text()))
            except OSError:  # ended between the listing and the reading
                continue
    children: dict[int, list[Stat]] = {}
    for stat in everyone:
        children.setdefault(stat.parent, []).append(stat)
    found = [stat for stat in everyone if stat.pid == root]
    for stat in found:
        found.extend(children.get(stat.pid, ()))
    return found


def cpu(root: int) -> float:
    """CPU seconds that `root` and its children have used so far, in steps of a clock tick (10 ms)."""
    return sum(stat.ticks for stat in family(root)) / TICKS


def core_busy(core: int, text: str | None = None) -> float:
    """CPU seconds that all processes together have used of `core`, from /proc/stat: user, nice and system time."""
    lines = ((PROC / "stat").read_text() if text is None else text).splitlines()
    fields = next(line for line in lines if line.startswith(f"cpu{core} ")).split()
    return sum(int(field) for field in fields[1:4]) / TICKS


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process and its children, in KiB. `pss` counts a shared page by its share; None where the kernel
    does not let us read it."""

    rss: int
    pss: int | None


def memory(root: int) -> Memory:
    members = family(root)
    shares = [proportional(stat.pid) for stat in members]
    known = [share for share in shares if share is not None]
    rss = sum(stat.pages for stat in members) * PAGE_KIB
    return Memory(rss, sum(known) if len(known) == len(shares) else None)


def proportional(pid: int) -> int | None:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)


def settle(root: int, patience: float = 5.0) -> None:
    """Waits until the process has come to rest (work after the answer belongs to the answer), `patience` seconds at
    most."""
    deadline = time.monotonic() + patience
    before = cpu(root)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        after = cpu(root)
        if after - before <= 1 / TICKS:
            return
        before = after


def await_quiet(cores: Collection[int], patience: float) -> None:
    """Waits until nothing else works on `cores` (a tenth of their time is let pass), `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before = sum(map(core_busy, cores))
        time.sleep(0.5)
        if sum(map(core_busy, cores)) - before < 0.05 * len(cores):
            return
