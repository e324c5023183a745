"""`python -m tests.chaos [SECONDS]`: every fault under load, as a table. 0 where no client failed by the gateway's
doing and every exchange was judged, or counted as lost with its reason."""

import sys
import tempfile
from pathlib import Path

from tests.chaos.chaos import Line, suffer
from tests.chaos.faults import FAULTS

LEGEND = """
Excused: requests that legacy failed, or that a killed worker was answering.
In the store: exchanges of all rows so far that the store knows.
Astray: exchanges that are neither there nor counted as lost; below 0: known twice."""


def row(line: Line) -> str:
    """A row of the table, in Markdown."""
    lost = ", ".join(f"{count:,} {reason}" for reason, count in line.lost.items()) or "0"
    return (f"| {line.fault} | {line.asked:,} | {line.failed:,} | {line.excused:,} | {line.stored:,} | "
            f"{lost} | {line.astray:,} | {'holds' if line.holds else 'BROKEN'} |")


def main() -> int:
    """See the head of this file."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    print("| Fault | Asked | Failed | Excused | In the store | Lost | Astray | |")
    print("|---|---:|---:|---:|---:|---|---:|---|")
    whole = True
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for line in suffer(FAULTS, Path(folder), seconds):
            print(row(line), flush=True)
            whole = whole and line.holds
    print(LEGEND)
    print("\nNo client failed by the gateway's doing, and every exchange is accounted for." if whole else
          "\nA client failed by the gateway's doing, or an exchange is not accounted for.")
    return int(not whole)


if __name__ == "__main__":
    sys.exit(main())
