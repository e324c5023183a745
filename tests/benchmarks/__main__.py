"""Measures, prints, and writes out/bench.{json,md}. `python -m tests.benchmarks`, from the root of the repository."""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import load, report
from tests.benchmarks.child import raise_file_limit
from tests.benchmarks.peers import PEERS
from tests.benchmarks.rows import ROWS
from tests.benchmarks.run import Plan, Sample, samples


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    warm, seconds, rounds = (0.5, 1.0, 1) if options.quick else (1.0, 3.0, 3)
    plan = Plan(warm, seconds, options.rounds or rounds, options.patience)
    rows = [row for row in ROWS if row.name in options.rows]
    versions = {peer.name: peer.version() for peer in PEERS if peer.name in options.peers}
    peers = [peer for peer in PEERS if versions.get(peer.name)]
    for name, version in versions.items():
        if version is None:
            print(f"{name} is not installed and is left out", file=sys.stderr)
    raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    facts = report.facts({peer.name: versions[peer.name] or "" for peer in peers} | {"load": load.version()}, plan)
    seen: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="figway-bench-") as directory:
        try:
            for sample in samples(peers, rows, plan, Path(directory), lambda text: print(text, file=sys.stderr)):
                seen.append(sample)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(error, file=sys.stderr)
            return 1
    found = report.lines(seen)
    for row in rows:
        print(report.as_text(row, found), end="\n\n")
    print(*report.checks(found), sep="\n")
    options.out.mkdir(exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(report.as_json(facts, seen), indent=1) + "\n")
    (options.out / "bench.md").write_text(report.as_markdown(rows, facts, seen))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second each: a look, not a measure")
    parser.add_argument("--rounds", type=int, help="rounds of each row (3)")
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], default=[row.name for row in ROWS])
    patience = "seconds to wait before each measuring for a machine that does nothing else (5)"
    parser.add_argument("--patience", type=float, default=5.0, help=patience)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where bench.json and bench.md go")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
