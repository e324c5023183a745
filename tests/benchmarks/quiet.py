"""Whether the machine is quiet enough for a measurement to be trusted, from what the kernel counts.

The run begins with a look at the machine, and so does each spell. A spell is doubtful if other processes, or other
guests of the same host (steal), took time of the cores that it was measured on; the report says which, and why.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.measure import PROC, TICKS

# Shares of one core that others may take: of the peer's core, of the core of load and upstream, and by the host.
OTHERS, BESIDE, STOLEN = 0.05, 0.15, 0.02


@dataclass(frozen=True, slots=True)
class Core:
    """Seconds that a core, or some together, has worked since the start (`busy`) and was kept from us by the host
    (`stolen`). A difference of two is what happened between them."""

    busy: float
    stolen: float

    def __sub__(self, earlier: "Core") -> "Core":
        return Core(self.busy - earlier.busy, self.stolen - earlier.stolen)


def core(numbers: Collection[int], text: str | None = None) -> Core:
    """What these cores have done so far, from /proc/stat: user, nice and system time, and steal. Interrupts are left
    out: those of loopback are the peer's own work."""
    lines = ((PROC / "stat").read_text() if text is None else text).splitlines()
    busy = stolen = 0
    for line in lines:
        name, *fields = line.split() or [""]
        if name in {f"cpu{number}" for number in numbers}:
            busy += sum(map(int, fields[:3]))
            stolen += int(fields[7])
    return Core(busy / TICKS, stolen / TICKS)


def doubt(others: float, beside: float, stolen: float, before: float = 0.0) -> str:
    """Why a spell cannot be trusted, "" if it can. Each argument is a share of one core: what others took of the
    peer's core and of the load's, what the host kept, and what others took just before."""
    reasons = [
        (others > OTHERS, f"other processes took {others:.0%} of the peer's core"),
        (beside > BESIDE, f"other processes took {beside:.0%} of the load's core"),
        (stolen > STOLEN, f"the host kept {stolen:.0%} of a core (steal)"),
        (before > BESIDE, f"other processes had {before:.0%} of a core just before"),
    ]
    return ", ".join(said for holds, said in reasons if holds)


@dataclass(frozen=True, slots=True)
class Machine:
    """A look at the whole machine before the run: the load average of the last minute, how many tasks wanted to run,
    and the shares of one core that were busy and stolen. `doubt` says why it is not quiet, "" if it is."""

    load: float
    running: int
    busy: float
    stolen: float
    doubt: str

    def said(self) -> str:
        found = (f"load average {self.load:.2f}, {self.running} tasks running, {self.busy:.0%} of a core busy, "
                 f"{self.stolen:.0%} stolen")
        return f"The machine is not quiet: {self.doubt} ({found})" if self.doubt else f"The machine is quiet ({found})"

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def parse_load(text: str) -> tuple[float, int]:
    """/proc/loadavg: the load average of the last minute, and how many tasks run or want to, beside the reader."""
    fields = text.split()
    return float(fields[0]), int(fields[3].partition("/")[0]) - 1


def judged(load: float, running: int, spent: Core, seconds: float, cores: int) -> Machine:
    """What a look of `seconds` at `cores` cores found. A high load average alone is of the past, and no reason."""
    busy, stolen = spent.busy / seconds, spent.stolen / seconds
    reasons = [
        (busy > OTHERS * cores, f"other processes have {busy:.0%} of a core"),
        (stolen > STOLEN * cores, f"the host keeps {stolen:.0%} of a core (steal)"),
    ]
    return Machine(load, running, busy, stolen, ", ".join(said for holds, said in reasons if holds))


def look(cores: Collection[int]) -> Machine:
    """Looks at the machine for a second; for five if it was busy within the last minute, as it may be again."""
    load, _ = parse_load((PROC / "loadavg").read_text())
    seconds = 5.0 if load > len(cores) / 2 else 1.0
    before, began = core(cores), time.monotonic()
    most = 0
    while (elapsed := time.monotonic() - began) < seconds:
        time.sleep(0.1)
        most = max(most, parse_load((PROC / "loadavg").read_text())[1])
    return judged(load, most, core(cores) - before, elapsed, len(cores))


class Patience:
    """Waits before a spell until nothing else works on the cores: up to `each` seconds, and `total` in a whole run, so
    that a run on a busy machine ends all the same. `glance` looks for a moment, which counts as waiting, and returns
    the share of one core that others took, and how long that look was."""

    def __init__(self, each: float, total: float, glance: Callable[[], tuple[float, float]]) -> None:
        self.each = each
        self.left = total
        self.glance = glance

    def wait(self) -> float:
        """The share of one core that others took when last seen."""
        share, waited = self.glance()
        while share > BESIDE and waited < self.each and self.left > 0:
            share, took = self.glance()
            waited += took
            self.left -= took
        return share


def glance(cores: Collection[int], seconds: float = 0.2) -> tuple[float, float]:
    """See Patience."""
    before, began = core(cores), time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return (core(cores) - before).busy / elapsed, elapsed
