"""One gateway with two workers under steady load, through one fault after another, and an account of every exchange:
whether its client was answered, and whether the store knows how it ended, or that it was lost and why."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.backends.figway import Figway, running
from tests.backends.upstream import Upstream, until
from tests.backends.wire import Cut, Wire, connect, request
from tests.chaos.faults import LONG, Fault, Scene, well

CLIENTS = 4
PAUSE = 0.01
"""Seconds between two requests of a client: the account is of every exchange, not of many."""

WORKERS = 2

_REST = 2.0
"""Seconds without a change after which what a killed worker left is all known."""


@dataclass
class Line:
    """One fault: requests `asked`; of them `failed` by the gateway's doing, `excused` (legacy's own failures, and those
    in flight on a worker that was killed). Afterwards the store knows how so many exchanges ended, of all so far
    (`stored`), and that more than before are `lost`, by reason; `astray` are those of which nothing is known (below 0:
    more are known). Where a worker is killed (`kills`), each client may have one that it had answered and not counted,
    or counted and not answered. None is known twice."""

    fault: str
    asked: int = 0
    failed: int = 0
    excused: int = 0
    stored: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    astray: int = 0
    kills: bool = False

    @property
    def holds(self) -> bool:
        """Whether nobody failed and everything is accounted for."""
        return not self.failed and abs(self.astray) <= (CLIENTS if self.kills else 0)


def config(legacy: Upstream, modern: Upstream) -> str:
    """Every request is mirrored, and asked about once."""
    return f"""
version: 1
server: {{drain: {{delay: 0s, grace: 2s}}}}
store: {{sqlite: {{path: figway.db, busy: 0.5}}}}
shadow: {{drain: 5s}}
upstreams:
  legacy: {{url: "{legacy.url}"}}
  modern: {{url: "{modern.url}"}}
capabilities:
  results:
    owner: chaos
    operations: {{read: {{method: GET, path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, deadline: 1s, noise: 0%, recheck: {{after: []}}}}
default: {{upstream: legacy}}
"""


class Load:
    """Clients that ask one request after another, each on a connection that it keeps, until `stop`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._client, args=(number,), daemon=True)
                         for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counter[str]:
        """How requests ended: "answered", "refused" (by a status of 500 or more), "cut"."""
        self._over.set()
        for thread in self._threads:
            thread.join(LONG)
        return self.counts

    def _client(self, number: int) -> None:
        wire: Wire | None = None
        asked = 0
        while not self._over.wait(PAUSE):
            asked += 1
            try:
                wire = wire or connect(self._port)
                wire.send(request("GET", f"/results/{number}-{asked}", ("Host", "clinic")))
                ended = "answered" if wire.read_reply().status == 200 else "refused"
            except (OSError, Cut):
                ended = "cut"
                if wire is not None:
                    wire.close()
                wire = None
            with self._lock:
                self.counts[ended] += 1
        if wire is not None:
            wire.close()


def suffer(faults: Sequence[Fault], folder: Path, seconds: float) -> Iterator[Line]:
    """Each fault lasts for so many seconds, with as many before and after it."""
    with closing(Upstream()) as legacy, closing(Upstream()) as modern:
        legacy.does(well)
        modern.does(well)
        with running(folder, config(legacy, modern), "--workers", str(WORKERS), "--no-access-log") as figway:
            scene, known = Scene(figway, legacy, modern), Counter[str]()
            for fault in faults:
                line, known = _one(fault, scene, known, seconds)
                yield line


def _one(fault: Fault, scene: Scene, before: Counter[str], seconds: float) -> tuple[Line, Counter[str]]:
    with _loaded(scene.figway) as load:
        time.sleep(seconds / 2)
        with fault.happens(scene):
            time.sleep(seconds)
        time.sleep(seconds / 2)
    counts = load.counts
    excused = counts["refused"] if fault.upstream else counts["cut"] if fault.kills else 0
    line = Line(fault.name, counts.total(), counts.total() - counts["answered"] - excused, excused, kills=fault.kills)
    expected = before.total() + counts["answered"] + (counts["refused"] if fault.upstream else 0)
    known, since = Counter[str](), time.monotonic()

    def settles() -> bool:
        nonlocal known, since
        before, known = known, _known(scene.figway) or known
        if known != before:
            since = time.monotonic()
        if not fault.kills:
            return known.total() == expected
        return known.total() >= expected and time.monotonic() - since > _REST

    with suppress(AssertionError):
        until(settles, "", LONG / 3 if fault.kills else LONG)
    line.astray = expected - known.total()
    line.lost = {reason: more for reason, count in known.items() if reason and (more := count - before[reason])}
    line.stored = known[""]
    return line, known


@contextmanager
def _loaded(figway: Figway) -> Iterator[Load]:
    load = Load(figway.port)
    try:
        yield load
    finally:
        load.stop()


def _known(figway: Figway) -> Counter[str] | None:
    """Of how many exchanges the store knows the outcome, under "", and how many are lost, by reason; None where it
    cannot be read now."""
    try:
        reply = figway.admin("/report")
    except (OSError, Cut):
        return None
    if reply.status != 200:
        return None
    found = json.loads(reply.body)["capabilities"]
    return Counter({"": found[0]["eligible"]} | found[0]["lost"]) if found else Counter()
