"""`make fuzz`: each target for SECONDS (60) with atheris, which follows the branches that bytes take.

It begins with the kept corpus. What it finds on its way stays in build/fuzz; bytes that break a rule are shown, kept
there as crash-…, and belong into the corpus once the fault is mended.
"""

import os
import subprocess
import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parents[2] / "build" / "fuzz"


def run(name: str, seconds: str) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    with atheris.instrument_imports(include=["gateway", "adapters", "tests.fuzz.targets"]):
        from tests.fuzz.targets import TARGETS
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], str(found), str(CORPUS / name), f"-max_total_time={seconds}", "-max_len=2048",
                   f"-artifact_prefix={found.parent}/{name}-", "-print_final_stats=1"], TARGETS[name])
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
