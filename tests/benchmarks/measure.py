"""What the kernel says a process has cost: CPU time and memory, of it and of all its children."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") >> 10
LIBC = ctypes.CDLL(None)
# CPU seconds in 0.2 s under which a process is at rest.
REST = 0.008


@dataclass(frozen=True, slots=True)
class Stat:
    """The part of /proc/PID/stat that we use (proc(5)). `ended` is user and system time of the children that it has
    waited for, in clock ticks; `pages` is resident memory."""

    pid: int
    parent: int
    ended: int
    pages: int


def parse_stat(text: str) -> Stat:
    """One line of /proc/PID/stat. The command's name stands in parentheses and may itself hold any of `) (`."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(int(pid), int(fields[1]), sum(int(field) for field in fields[13:15]), int(fields[21]))


def family(root: int) -> list[Stat]:
    """The process `root` and its descendants that live now, parents first; empty when it has gone."""
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
    """CPU seconds that `root` and its children have used so far. Exact for those that live; children that have ended
    are counted in steps of a clock tick (10 ms)."""
    return sum(clock(stat.pid) + stat.ended / TICKS for stat in family(root))


def clock(pid: int) -> float:
    """The CPU seconds of all threads of one process, ended ones too, to the nanosecond; 0 if it has gone."""
    number = ctypes.c_int()
    if LIBC.clock_getcpuclockid(pid, ctypes.byref(number)):
        return 0.0
    try:
        return time.clock_gettime(number.value)
    except OSError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process and its children, in KiB. `pss` counts a page that several processes share by each one's
    part: the sum, and each process's, parents first; None and () where the kernel does not let us read it."""

    rss: int
    pss: int | None
    each: tuple[int, ...]


def memory(root: int) -> Memory:
    members = family(root)
    shares = [proportional(stat.pid) for stat in members]
    known = [share for share in shares if share is not None]
    rss = sum(stat.pages for stat in members) * PAGE_KIB
    return Memory(rss, sum(known), tuple(known)) if len(known) == len(shares) else Memory(rss, None, ())


def proportional(pid: int) -> int | None:
    """The PSS of one process, in KiB."""
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
        if after - before <= REST:
            return
        before = after
