"""HAProxy (Debian package haproxy) as a peer: one JSON line for each request on its standard output, a file here."""

import json
import subprocess

from tests.benchmarks.child import Place, needed
from tests.benchmarks.rows import Row, prefix

LOG = {
    "time": "%trl",
    "method": "%HM",
    "route": "%[var(txn.route)]",
    "status": "%ST",
    "flags": "%tsc",
    "milliseconds": "%Ta",
    "upstream_milliseconds": "%Tr",
    "received": "%U",
    "sent": "%B",
    "client": "%ci:%cp",
    "upstream": "%si:%sp",
    "request_id": "%ID",
}
FRAME = """\
global
    nbthread {threads}
    maxconn 8000
    log stdout format raw local0
defaults
    mode http
    log global
    log-format '{log}'
    timeout connect 2s
    timeout client 300s
    timeout server 30s
    timeout http-keep-alive 300s
    http-reuse always
    option forwardfor
    unique-id-format %[uuid()]
    unique-id-header X-Request-Id
frontend in
    bind 127.0.0.1:{port}
{rules}    default_backend legacy
backend legacy
    server legacy 127.0.0.1:{upstream}
"""


def version() -> str:
    return subprocess.run([needed("haproxy"), "-v"], capture_output=True, text=True, check=True).stdout.split()[2]


def command(row: Row, place: Place) -> list[str] | None:
    """HAProxy's command line. Operations are a map of prefixes. It has no mirror of its own."""
    if row.mirror:
        return None
    file = place.directory / "haproxy.cfg"
    file.write_text(config(row, place))
    return [needed("haproxy"), "-db", "-f", str(file)]


def config(row: Row, place: Place) -> str:
    """The configuration for `row`; its map of operations goes to a file in the place's directory."""
    return FRAME.format(
        threads=row.workers,
        log=json.dumps(LOG),
        port=place.port,
        upstream=place.upstream,
        rules="".join(f"    {rule}\n" for rule in rules(row, place)),
    )


def rules(row: Row, place: Place) -> list[str]:
    """What the frontend does with a request: it notes the operation for the log, and counts for the rate limit."""
    written = []
    if row.operations:
        routes = place.directory / "routes.map"
        routes.write_text("".join(f"{prefix(number)} o{number}\n" for number in range(row.operations)))
        written.append(f"http-request set-var(txn.route) path,map_beg({routes},default)")
    if row.policy:
        written += [
            "stick-table type ip size 100k expire 10s store http_req_rate(1s)",
            "http-request track-sc0 src",
            "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }",
        ]
    return written
