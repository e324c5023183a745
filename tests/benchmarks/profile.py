"""Draws where one worker's time goes under load, as a flame graph. `make profile`, or from the root of the repository

    python -m tests.benchmarks.profile fresh --peer figway-compiled

py-spy looks at the worker's stack some hundred times a second while the load of a benchmark's row runs, and writes
out/profile.svg: open it in a browser. Wide is where time goes; a click goes deeper. Only time with Python's lock is in
it: threads that wait are not, and neither is what uvloop does on its own, such as reading from sockets.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks import load
from tests.benchmarks.child import Absent, cores, raise_file_limit
from tests.benchmarks.peers import COMPARING, PEERS, start, start_upstream
from tests.benchmarks.rows import ROWS, Row

RATE = 400
# Seconds that the load goes on around the recording, and that py-spy may need to read the program and to draw.
MARGIN, PATIENCE = 2.0, 60.0
REFUSED = ("permission denied", "operation not permitted")
ADVICE = """\
py-spy may not look into the worker: this system does not permit it to trace another process (ptrace). Run it as root;
in a container, allow the capability SYS_PTRACE; or set kernel.yama.ptrace_scope to 0."""


class ProfileError(Exception):
    """No flame graph could be made; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    row = next(row for row in ROWS if row.name == options.row)
    raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.out.mkdir(exist_ok=True)
    graph = options.out / "profile.svg"
    try:
        profiled(row, options.peer, options.seconds, options.native, graph)
    except (ProfileError, Absent, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"{options.peer} {error}" if isinstance(error, Absent) else error, file=sys.stderr)
        return 1
    print(f"{graph} shows {options.seconds:g} s of {options.peer} under the load of {row.name}")
    return 0


def profiled(row: Row, name: str, seconds: float, native: bool, graph: Path) -> None:
    """Starts upstream, gateway and load, and draws the worker's flame graph into `graph`."""
    peer = next(peer for peer in PEERS if peer.name == name)
    peer.version()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="figway-profile-")))
        source = start_upstream(stack, directory / "upstream")
        [running] = start(stack, [peer], row, directory, source.place)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        loaded = pool.submit(load.run, row, running.port, seconds + MARGIN)
        record(running.pid, seconds, native, graph)
        loaded.result()
    entitle(graph, f"{name} under the load of {row.name}")


def command(pid: int, seconds: float, native: bool, graph: Path) -> list[str]:
    """py-spy's command line."""
    asked = ["--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(RATE), "--gil", "--function"]
    asked += ["--output", str(graph), *(["--native"] if native else [])]
    return [str(Path(sys.executable).with_name("py-spy")), "record", *asked]


def record(pid: int, seconds: float, native: bool, graph: Path) -> None:
    """Runs py-spy on the core of the load, where it takes no time from the worker. Raises ProfileError."""
    words = command(pid, seconds, native, graph)
    if not Path(words[0]).exists():
        raise ProfileError("py-spy is not installed; `make profile` installs it")
    graph.unlink(missing_ok=True)
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=seconds + PATIENCE,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores()[1]}),
    )
    if done.returncode or not graph.exists():
        raise ProfileError(complaint(done.stdout + done.stderr))


def entitle(graph: Path, title: str) -> None:
    """Replaces py-spy's title, which is its command line with places on this machine."""
    graph.write_text(re.sub(r">[^<>]*py-spy record [^<>]*<", f">{title}<", graph.read_text()))


def complaint(printed: str) -> str:
    """What to say when py-spy, which printed this, has made no graph."""
    if any(words in printed.lower() for words in REFUSED):
        return ADVICE
    return f"py-spy has made no graph; it printed:\n{printed[-2000:]}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    rows = [row.name for row in ROWS if not (row.alone or row.share or row.workers > 1)]
    parser.add_argument("row", nargs="?", choices=rows, default="pass-through", help="the row of the benchmark")
    parser.add_argument("--peer", choices=COMPARING, default="figway", help="which build (figway)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to look (10)")
    native = "show functions of compiled code too; that slows the worker, so shares are less exact"
    parser.add_argument("--native", action="store_true", help=native)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where profile.svg goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
