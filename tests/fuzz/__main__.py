"""`make fuzz`: each target for SECONDS_EACH (60) with Atheris, which looks for bytes that take new branches.

It begins with the kept corpus. Bytes that take new branches stay in out/fuzz, for the next run. Bytes that break a rule
are shown and kept there, as TARGET-crash-…: put them into the corpus when the fault is mended.
"""

import os
import subprocess
import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parents[2] / "out" / "fuzz"


def run(name: str, seconds: str) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    with atheris.instrument_imports(include=["gateway", "adapters", "tests.fuzz.targets"]):
        from tests.fuzz.targets import TARGETS
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], str(found), str(CORPUS / name), f"-max_total_time={seconds}", "-max_len=2048",
                   f"-artifact_prefix={found.parent}/{name}-", "-verbosity=0"], TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz every target, each in a process of its own. Returns 1 where one broke."""
    seconds, broken = os.environ.get("SECONDS_EACH", "60"), []
    for name in sorted(path.name for path in CORPUS.iterdir()):
        print(f"{name}, {seconds} s", flush=True)
        if subprocess.run([sys.executable, "-m", "tests.fuzz", name, seconds]).returncode:
            broken.append(name)
    print("Broken: " + ", ".join(broken) if broken else "Nothing broke.")
    return 1 if broken else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(*sys.argv[1:])
    sys.exit(main())
