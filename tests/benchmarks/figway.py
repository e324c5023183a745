"""Figway as a peer: `figway serve` with one worker on a routes.yaml of ours."""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Place
from tests.benchmarks.rows import GROUP, Row, prefix


def binary() -> str | None:
    path = Path(sys.executable).with_name("figway")
    return str(path) if path.exists() else None


def version() -> str | None:
    return importlib.metadata.version("figway") if binary() else None


def command(row: Row, place: Place) -> list[str] | None:
    path = binary()
    if path is None:
        raise RuntimeError("figway is not installed")
    file = place.directory / "routes.yaml"
    file.write_text(json.dumps(routes(row, place), indent=1))  # JSON is YAML
    listen, admin = f"127.0.0.1:{place.port}", f"127.0.0.1:{place.admin}"
    return [path, "serve", "--config", str(file), "--listen", listen, "--admin", admin, "--workers", "1"]


def routes(row: Row, place: Place) -> dict[str, Any]:
    """The routes.yaml of `row`. Both arms are the one upstream, so shadow pairs agree."""
    upstream = {"url": f"http://127.0.0.1:{place.upstream}"}
    config: dict[str, Any] = {"version": 1, "upstreams": {"legacy": upstream, "modern": upstream}}
    config["default"] = {"upstream": "legacy"}
    if row.policy:
        config["policies"] = {"polite": {"ratelimit": {"rate": "1000000/s"}}}
        config["default"]["policies"] = ["polite"]
    config["capabilities"] = capabilities(row)
    return config


def capabilities(row: Row) -> dict[str, Any]:
    if row.mirror:
        everything = {"read": {"method": "GET", "path": prefix(0) + "{id}"}}
        arms = {"legacy": "legacy", "modern": "modern", "stage": "shadow", "shadow": {"sample": "100%"}}
        return {"everything": {"owner": "bench", "operations": everything, **arms}}
    groups: dict[str, Any] = {}
    for number in range(row.operations):
        group = groups.setdefault(
            f"c{number // GROUP}", {"owner": "bench", "operations": {}, "legacy": "legacy", "stage": "legacy"}
        )
        group["operations"][f"r{number % GROUP}"] = {"method": "GET", "path": prefix(number) + "{id}"}
    return groups
