"""Measures, prints, and writes out/bench.{json,md}. `python -m tests.benchmarks`, from the root of the repository."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import figures, load, quiet, readme, report
from tests.benchmarks.child import ROOT, Absent, cores, raise_file_limit
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.rows import ROWS
from tests.benchmarks.run import Plan, Sample, samples


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.readme:
        return put(options.out / "bench.md", ROOT / "README.md")
    warm, seconds, rounds = (0.5, 1.0, 1) if options.quick else (1.0, 2.0, 5)
    plan = Plan(warm, seconds, options.rounds or rounds, options.patience, options.minutes)
    rows = [row for row in ROWS if row.name in options.rows]
    peers, versions, absent = present([peer for peer in PEERS if peer.name in options.peers])
    print(*absent, sep="\n", file=sys.stderr)
    raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine = quiet.look(set(cores()))
    print(machine.said(), file=sys.stderr)
    failures: list[str] = []
    facts = report.facts(versions | {"load": load.version()}, absent, failures, plan, machine)
    seen: list[Sample] = []

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="figway-bench-") as directory:
        try:
            seen.extend(samples(peers, rows, plan, Path(directory), say, failures.append))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
    found = figures.Found(seen)
    for row in rows:
        if found.peers(row.name):
            print(report.as_text(row, found), end="\n\n")
    print(*figures.checks(found), "", *report.trust(rows, found, facts["machine"]), sep="\n")
    print(*report.unmeasured(rows, found), *failures, sep="\n")
    options.out.mkdir(exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(report.as_json(rows, facts, found), indent=1) + "\n")
    (options.out / "bench.md").write_text(report.as_markdown(rows, facts, found, readme.summary(facts, found)))
    return int(bool(failures))


def present(peers: Sequence[Peer]) -> tuple[list[Peer], dict[str, str], list[str]]:
    """The peers that can be measured here, their versions, and a sentence for each of the others."""
    there, versions, absent = [], {}, []
    for peer in peers:
        try:
            versions[peer.name] = peer.version()
        except Absent as error:
            absent.append(f"{peer.name} {error}: it is left out.")
        else:
            there.append(peer)
    return there, versions, absent


def put(made: Path, page: Path) -> int:
    """Puts the table of the last run into the README."""
    try:
        readme.put(made, page)
    except (OSError, ValueError) as error:
        print(f"The table of {made.name} cannot be put into {page.name}: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second each: a look, not a measure")
    parser.add_argument("--readme", action="store_true", help="put the table of out/bench.md into README.md, and stop")
    parser.add_argument("--rounds", type=int, help="rounds of each row (5; 3 of some)")
    parser.add_argument("--rows", nargs="+", choices=[row.name for row in ROWS], default=[row.name for row in ROWS])
    patience = "seconds to wait before each spell for a machine that does nothing else, ten times that in all (5)"
    parser.add_argument("--patience", type=float, default=5.0, help=patience)
    parser.add_argument("--minutes", type=float, default=14.0, help="no round begins after this time (14)")
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where bench.json and bench.md go")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
