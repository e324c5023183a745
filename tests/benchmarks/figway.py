"""Figway as a peer: `figway serve` with one worker on a routes.yaml of ours."""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Place
from tests.benchmarks.rows import GROUP, Row, prefix

# Mismatches are asked about again as often as by default, but before the measuring is over.
SOON = ["0.1s", "0.2s"]


def binary() -> str | None:
    path = Path(sys.executable).with_name("figway")
    return str(path) if path.exists() else None


def version() -> str | None:
    return importlib.metadata.version("figway") if binary() else None


def command(row: Row, place: Place) -> list[str] | None:
    return write(place, routes(row, place))


def command_unmirrored(row: Row, place: Place) -> list[str] | None:
    """The same with the shadow off: what a client's wait is held against."""
    if not row.mirror:
        return None
    config = routes(row, place)
    config["capabilities"]["everything"]["stage"] = "legacy"
    return write(place, config)


def write(place: Place, config: dict[str, Any]) -> list[str]:
    path = binary()
    if path is None:
        raise RuntimeError("figway is not installed")
    file = place.directory / "routes.yaml"
    file.write_text(json.dumps(config, indent=1))  # JSON is YAML
    listen, admin = f"127.0.0.1:{place.port}", f"127.0.0.1:{place.admin}"
    return [path, "serve", "--config", str(file), "--listen", listen, "--admin", admin, "--workers", "1"]


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
