"""Figway as a peer: `figway serve` on a routes.yaml of ours. As it is installed here, and compiled."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.child import ROOT, Absent, Place, fetch
from tests.benchmarks.rows import GROUP, Row, prefix

PACKAGES = ("adapters", "shadow", "gateway")
# Mismatches are asked about again as often as by default, but before the measuring is over.
SOON = ["0.1s", "0.2s"]
# The outcomes of exchanges that were not compared.
NOT_COMPARED = ("not_comparable", "shed", "skipped")


@dataclass(frozen=True, slots=True)
class Build:
    """An installation of Figway: the tree of files that it was made from, the folder of its commands, and what makes
    it."""

    tree: Path
    folder: Path
    maker: str

    def version(self) -> str:
        """What `figway --version` prints. Raises Absent if it is not there, or was made from other files than ours, or
        for another Python than that of the benchmark."""
        if not (self.folder / "figway").exists():
            raise Absent(f"is not built; `{self.maker}` builds it")
        if changed(self.tree, ROOT):
            raise Absent(f"was built from other files than these; `{self.maker}` builds it anew")
        if self.told("python", "-c", "import sys; print(sys.version)") != sys.version:
            raise Absent(f"was built for another Python than that of the benchmark; `{self.maker}` builds it anew")
        return self.told("figway", "--version")

    def told(self, name: str, *words: str) -> str:
        """What one of its commands prints."""
        line = [self.folder / name, *words]
        return subprocess.run(line, cwd=self.tree, capture_output=True, text=True, check=True).stdout.strip()

    def command(self, row: Row, place: Place) -> list[str] | None:
        return self.write(row, place, routes(row, place))

    def command_unmirrored(self, row: Row, place: Place) -> list[str] | None:
        """The same with the shadow off: what a client's wait is held against."""
        if not row.mirror:
            return None
        config = routes(row, place)
        config["capabilities"]["everything"]["stage"] = "legacy"
        return self.write(row, place, config)

    def write(self, row: Row, place: Place, config: dict[str, Any]) -> list[str]:
        file = place.directory / "routes.yaml"
        file.write_text(json.dumps(config, indent=1))  # JSON is YAML
        listen, admin = f"127.0.0.1:{place.port}", f"127.0.0.1:{place.admin}"
        where = ["--config", str(file), "--listen", listen, "--admin", admin]
        return [str(self.folder / "figway"), "serve", *where, "--workers", str(row.workers)]


HERE = Build(ROOT, Path(sys.executable).parent, "make .venv/.ready")
COMPILED_TREE = Path(sys.prefix) / "compiled"
COMPILED = Build(COMPILED_TREE, COMPILED_TREE / ".venv" / "bin", "make compiled")


def changed(tree: Path, ours: Path) -> bool:
    """Whether a Python file of Figway in `tree` is not in `ours` as it is there."""
    if tree == ours:
        return False
    found = [path.relative_to(tree) for package in PACKAGES for path in (tree / package).rglob("*.py")]
    return not found or any(
        not (ours / path).exists() or (ours / path).read_bytes() != (tree / path).read_bytes() for path in found
    )


def routes(row: Row, place: Place) -> dict[str, Any]:
    """The routes.yaml of `row`. Both arms are the one upstream, so shadow pairs agree unless the row says otherwise."""
    ports = {"legacy": place.upstream, "modern": place.differing if row.differs else place.upstream}
    upstreams = {name: {"url": f"http://127.0.0.1:{port}"} for name, port in ports.items()}
    config: dict[str, Any] = {"version": 1, "upstreams": upstreams}
    config["default"] = {"upstream": "legacy"}
    if row.policy:
        config["policies"] = {"polite": {"ratelimit": {"rate": "1000000/s"}}}
        config["default"]["policies"] = ["polite"]
    config["capabilities"] = capabilities(row)
    return config


def capabilities(row: Row) -> dict[str, Any]:
    if row.mirror:
        everything = {"read": {"method": "GET", "path": prefix(0) + "{id}"}}
        shadow: dict[str, Any] = {"sample": "100%"}
        if row.differs:
            shadow["recheck"] = {"after": SOON}
        arms = {"legacy": "legacy", "modern": "modern", "stage": "shadow", "shadow": shadow}
        return {"everything": {"owner": "bench", "operations": everything, **arms}}
    groups: dict[str, Any] = {}
    for number in range(row.operations):
        group = groups.setdefault(
            f"c{number // GROUP}", {"owner": "bench", "operations": {}, "legacy": "legacy", "stage": "legacy"}
        )
        group["operations"][f"r{number % GROUP}"] = {"method": "GET", "path": prefix(number) + "{id}"}
    return groups


def compared(admin: int) -> int:
    """How many exchanges the gateway with this admin port has compared so far."""
    return parse_compared(fetch(admin, "/metrics").decode())


def parse_compared(metrics: str) -> int:
    """The same from the text of its metrics."""
    lines = [line for line in metrics.splitlines() if line.startswith("figway_shadow_total{")]
    judged = [line for line in lines if not any(f'outcome="{name}"' in line for name in NOT_COMPARED)]
    return round(sum(float(line.rpartition(" ")[2]) for line in judged))
