"""`python -m tests.siege [SECONDS]`: every attack on Figway, and on nginx where it is installed, as a table; it is
written to out/siege.{json,md} too. 0 where no request of the client that behaves well failed at Figway, and Figway's
memory stayed under its bound."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import nginx
from tests.benchmarks.child import raise_file_limit
from tests.siege.attacks import ATTACKS
from tests.siege.gateways import figway, rival
from tests.siege.siege import SLACK, Line, besiege, upstream

MEMORY = 256 << 20
OUT = Path("out")


def lines(seconds: float) -> Iterator[Line]:
    """Every attack on every gateway, one after another; first none."""
    gateways = {"Figway": figway} | ({"nginx": rival} if nginx.binary() is not None else {})
    with upstream() as port:
        for attack in (None, *ATTACKS):
            for name, starts in gateways.items():
                with tempfile.TemporaryDirectory(prefix="siege-") as folder:
                    yield besiege(attack, name, starts, Path(folder), port, memory=MEMORY, seconds=seconds,
                                  count=attack.count if attack is not None else 0)


def text(table: Sequence[Line]) -> Iterator[str]:
    """The table as Markdown."""
    titles = {"none": "none"} | {one.name: one.title for one in ATTACKS}
    yield "| Attack | Gateway | Asked | Failed | p50 | p99 | Memory before | at most |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for one in table:
        yield (f"| {titles[one.attack]} | {one.gateway} | {one.asked:,} | {one.failed:,} | {one.median * 1e3:.1f} ms | "
               f"{one.ninety_ninth * 1e3:.1f} ms | {one.before >> 20} MiB | {one.peak >> 20} MiB |")


def main() -> int:
    """See the head of this file."""
    raise_file_limit()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    table: list[Line] = []
    with suppress(KeyboardInterrupt):
        for line in lines(seconds):
            table.append(line)
            print(list(text([line]))[-1], flush=True)
    OUT.mkdir(exist_ok=True)
    (OUT / "siege.md").write_text("\n".join(text(table)) + "\n")
    (OUT / "siege.json").write_text(json.dumps([asdict(one) for one in table], indent=1) + "\n")
    ours = [one for one in table if one.gateway == "Figway"]
    failed = [one.attack for one in ours if one.failed]
    beyond = [one.attack for one in ours if one.peak - one.before > MEMORY + SLACK]
    print()
    print(f"Failures beside {', '.join(failed)}." if failed else "Nobody who behaves well failed at Figway.")
    print(f"Beyond the bound on memory: {', '.join(beyond)}." if beyond else "Its memory stayed under its bound.")
    return int(bool(failed or beyond))


if __name__ == "__main__":
    sys.exit(main())
