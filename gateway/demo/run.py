"""Runs the demo from start to end, in two acts.

First come the two services, the gateway before them, the clients, and the findings. Then modern is mended for one
capability, clients ask again, and the verdicts follow.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway import plugins
from gateway.config.compile import build as configured
from gateway.demo.clinic import build
from gateway.demo.defects import DEFECTS
from gateway.demo.findings import review
from gateway.demo.modern import build_of
from gateway.demo.processes import DemoError, Processes, Running, get, processes, wait_until_answers, wait_until_says
from gateway.demo.summary import capabilities, complaints, conclusion, differences, next_steps, verdict
from gateway.demo.traffic import KEY, Ask, Tally, once_each, plan, send
from shadow.evidence.criteria import Answer
from shadow.ledger.rows import Ledger
from shadow.renderers import html
from shadow.renderers.status import show_status
from shadow.report.report import CapabilityReport, Report, fold
from shadow.report.status import status

OUT = Path("out")
"""The folder in the working directory where the demo leaves its store, its logs and its pages."""

MENDED = "patients"
"""The capability that the second act mends."""

QUIET = 1.5
"""Seconds without a change, with an empty lane, after which everything counts as written: three write intervals."""

PATIENCE = 60.0
"""Seconds that the lane may take to finish after the last client."""


class Scene(NamedTuple):
    """What is running: all processes, URLs of the two services, of the gateway and its admin port, the store's path,
    and the gateway's process."""

    processes: Processes
    legacy: str
    modern: str
    gateway: str
    admin: str
    store: Path
    process: Running


def run(console: Console, config: Path, requests: int, seed: int, *, keep: bool) -> bool:
    """Run the demo. Returns True if everything is as expected. Raises DemoError if it cannot run, or KeyboardInterrupt.
    In every case it ends all its processes."""
    clinic = build()
    asks = plan(clinic, requests, seed)
    with _stage(console, config) as scene:
        _introduce(console, scene, config)
        tally, ledger = _asked(console, scene, asks)
        judged = review(ledger, asks)
        for page in (capabilities(fold(ledger)), differences(judged), verdict(judged, tally)):
            console.print()
            console.print(page)
        console.print()
        _mend(console, scene, _of(MENDED, _judged(ledger, config)))
        later, ledger = _asked(console, scene, once_each(clinic, seed))
        report = _judged(ledger, config)
        mended = _of(MENDED, report)
        good = judged.ok and not tally.wrong and not later.wrong and mended.evidence.answer is Answer.SAFE
        console.print("\n[bold]May it move on?[/] What `figway status` says:\n", highlight=False)
        show_status(status(report), 0, console)
        console.print()
        console.print(conclusion(mended, build_of([MENDED]), later))
        if not good:
            console.print(complaints(get(f"{scene.admin}/readyz?verbose")[1]))
        console.print(f"\n  every report as a page: [cyan]{_pages(report).as_uri()}[/]\n", soft_wrap=True,
                      highlight=False)
        if keep:
            _stay(console, scene, config)
        else:
            console.print(next_steps(_after(config)), soft_wrap=True)
    return good


def _asked(console: Console, scene: Scene, asks: list[Ask]) -> tuple[Tally, Ledger]:
    """Let the clients ask, and wait for the shadow: what the clients got, and what the shadow learnt so far."""
    with _progress(console, len(asks)) as advance:
        tally = send(asks, scene.gateway, advance)
    with console.status("waiting for the shadow to finish"):
        return tally, _settled(scene)


def _mend(console: Console, scene: Scene, before: CapabilityReport) -> None:
    """Say what the verdict is, and put modern's next build in the place of the one that runs."""
    console.print(f"{MENDED}: {before.evidence.answer}; next: {before.evidence.action}", markup=False, highlight=False)
    console.print(f"\n[bold]Modern is mended[/]: its build {build_of([MENDED])} has none of the defects in {MENDED}. "
                  "Clients ask for every patient once.\n", highlight=False)
    with console.status("starting modern's next build"):
        scene.processes.service("modern", "--mended", MENDED)
        wait_until_answers(scene.processes.running[-1], f"{scene.modern}/departments")


def _judged(ledger: Ledger, config: Path) -> Report:
    """The report of a ledger, by the criteria of the configuration."""
    known = [*configured(config).table.capabilities.values()]
    return fold(ledger, {one.name: one.criteria().anywhere() for one in known},
                {one.name: one.profile() for one in known}, now=time.time())


def _of(capability: str, report: Report) -> CapabilityReport:
    return next(one for one in report.capabilities if one.capability == capability)


def _pages(report: Report) -> Path:
    """Write the report as pages, one for each capability, and one that lists them. Returns the path of that one."""
    folder = (OUT / "report").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for one in report.capabilities:
        (folder / f"{one.capability}.html").write_text(html.page(one, 0))
    page = folder / "index.html"
    page.write_text(html.index(report, "", ".html"))
    return page


@contextmanager
def _stage(console: Console, config: Path) -> Iterator[Scene]:
    """Start everything and wait until it answers; end everything afterwards."""
    store = (OUT / "figway.db").absolute()
    store.parent.mkdir(parents=True, exist_ok=True)
    # Use a fresh store, whatever FIGWAY_STORE says, so that it holds only the findings of this run.
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    with processes(OUT / "demo") as started:
        with console.status("starting two services and the gateway"):
            scene = _start(started, config, store)
        yield scene
    status = scene.process.process.returncode
    if status != 0:
        raise DemoError(f"the gateway ended with status {status}; {scene.process.said()}")


def _start(started: Processes, config: Path, store: Path) -> Scene:
    legacy, modern = started.service("legacy"), started.service("modern")
    gateway = started.start(
        "gateway", "gateway.cli.main", "serve", "--config", str(config), "--workers", "1",
        "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
        environment={"FIGWAY_LEGACY": legacy, "FIGWAY_MODERN": modern, "FIGWAY_STORE": str(store)},
    )
    listen, admin = wait_until_says(gateway, r"figway listens on (\S+), admin on (\S+)")
    scene = Scene(started, legacy, modern, f"http://{listen}", f"http://{admin}", store, gateway)
    for one, url in zip(started.running, (legacy, f"{modern}/departments", f"{scene.admin}/readyz"), strict=True):
        wait_until_answers(one, url)
    return scene


def _introduce(console: Console, scene: Scene, config: Path) -> None:
    console.print("[bold]Figway demo[/]: a small clinic moves from its legacy service to a modern one, "
                  "one capability at a time.\n")
    console.print(f"  legacy   {scene.legacy}  REST; results in SOAP", highlight=False)
    console.print(f"  modern   {scene.modern}  REST; build {build_of([])}, with {len(DEFECTS)} seeded defects",
                  highlight=False)
    console.print(f"  gateway  {scene.gateway}  as {config} says\n", highlight=False)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("  clients ask"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("asking", total=total)
        yield lambda: bar.advance(task)


def _settled(scene: Scene) -> Ledger:
    """The ledger, once the lane is empty and nothing more is written. Raises DemoError if that takes too long."""
    sqlite = plugins.load("figway.stores", "sqlite")
    store = sqlite(sqlite.Options(path=scene.store))
    try:
        deadline, before, since = time.monotonic() + PATIENCE, (-1, -1), time.monotonic()
        while time.monotonic() < deadline:
            ledger: Ledger = store.read()
            known = sum(ledger.tallies.values()), sum(one.requests for one in ledger.traffic)
            if known != before or _unfinished(scene):
                before, since = known, time.monotonic()
            elif time.monotonic() - since > QUIET:
                return ledger
            time.sleep(0.1)
        raise DemoError("the shadow lane does not finish")
    finally:
        store.close()


def _unfinished(scene: Scene) -> bool:
    """Whether the lane still has mirrors without an outcome, by the gateway's metrics."""
    status, metrics = get(f"{scene.admin}/metrics")
    if status != 200:
        raise DemoError(f"the gateway's admin port is silent; {scene.process.said()}")
    return re.search(r"(?m)^figway_shadow_unfinished 0(\.0)?$", metrics) is None


def _figway() -> str:
    """The command that runs figway from the working directory."""
    here = Path(sys.argv[0])
    return "figway" if shutil.which("figway") or here.name != "figway" else os.path.relpath(here)


def _after(config: Path) -> list[tuple[str, str]]:
    figway = _figway()
    return [
        (f"{figway} gate patients", "is it safe to flip? Every gate, also as an exit status for a pipeline"),
        (f"{figway} report results", "the whole report on one capability; also -o json, -o markdown and -o html"),
        (f"{figway} explain GET /appointments/A-4001", "who would answer that request, and why; it sends nothing"),
        ("make run", f"the demo, kept running: edit {config} and watch the gateway follow"),
    ]


def _stay(console: Console, scene: Scene, config: Path) -> None:
    """Keep everything running until Ctrl-C."""
    gateway = scene.gateway
    console.print(next_steps([
        (f"curl -i {gateway}/patients/P-1001", "legacy answers; modern gets the same request in the shadow"),
        (f"curl -i -H 'X-API-Key: {KEY}' {gateway}/results/R-7001", "asked in JSON, answered by legacy in SOAP"),
        (f"curl -i {gateway}/results/R-7001", "no key, no result: 401"),
        (f"curl -i -H 'X-Clinic-Session: me' '{gateway}/appointments?patient=P-1001'",
         "one session in four is answered by modern"),
        (f"curl {scene.admin}/readyz?verbose", "the gateway's state; /metrics is on the same port"),
        (f"{_figway()} report", "what the shadow has found so far"),
    ]), soft_wrap=True)
    console.print(f"\nEdit {config} and save: the gateway uses the change at once. "
                  f"Its log is {scene.process.log}.\nCtrl-C ends everything.", soft_wrap=True)
    while scene.process.alive():
        time.sleep(0.5)
    raise DemoError(f"the gateway has ended; {scene.process.said()}")
