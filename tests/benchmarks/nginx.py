"""nginx (Debian package nginx-light) with files of ours only: as the upstream, and as a peer."""

import getpass
import json
import os
import subprocess

from tests.benchmarks.child import Place, needed, program
from tests.benchmarks.rows import Row, prefix

LOG = {
    "time": "$time_iso8601",
    "method": "$request_method",
    "route": "$proxy_host",
    "status": "$status",
    "seconds": "$request_time",
    "upstream_seconds": "$upstream_response_time",
    "received": "$request_length",
    "sent": "$body_bytes_sent",
    "client": "$remote_addr",
    "upstream": "$upstream_addr",
    "request_id": "$request_id",
}
FRAME = """\
{user}daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid pid;
error_log error.log crit;
events {{ worker_connections 16384; }}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
{http}}}
"""


def binary() -> str | None:
    return program("nginx")


def version() -> str:
    told = subprocess.run([needed("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    return told.rpartition("/")[2].strip()


def write(place: Place, http: str, workers: int = 1) -> list[str]:
    """Writes the configuration with `http` as its http block; returns the command line that runs it."""
    path = needed("nginx")
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
    (place.directory / "nginx.conf").write_text(FRAME.format(user=user, http=http, workers=workers))
    return [path, "-p", f"{place.directory}/", "-c", "nginx.conf", "-e", "error.log"]


def upstream(place: Place, count: str, body: str, odd: str, other: str) -> str:
    """An http block that answers with `body` and the request's correlation id; `count` tells what it has had. At the
    place's port `differing`, targets that end in `odd` are answered with `other`."""
    return f"""\
    access_log off;
    default_type application/json;
    add_header X-Correlation-Id $http_x_correlation_id;
    server {{
        listen 127.0.0.1:{place.port};
        location = {count} {{ stub_status; }}
        location / {{ return 200 '{body}'; }}
    }}
    server {{
        listen 127.0.0.1:{place.differing};
        location ~ {odd}$ {{ return 200 '{other}'; }}
        location / {{ return 200 '{body}'; }}
    }}
"""


def server(name: str, port: int) -> str:
    return f"upstream {name} {{ server 127.0.0.1:{port}; keepalive 256; keepalive_requests 1000000000; }}"


def command(row: Row, place: Place) -> list[str] | None:
    """The command line of nginx as a peer. Its operations are prefix locations, the best that it has for them."""
    if row.policy:
        return None
    mirror = "mirror /mirror; " if row.mirror else ""
    locations = [f"location {prefix(n)} {{ {mirror}proxy_pass http://upstream; }}" for n in range(row.operations)]
    locations.append(f"location / {{ {mirror}proxy_pass http://upstream; }}")
    if row.mirror:
        locations.append("location = /mirror { internal; proxy_pass http://modern$request_uri; }")
    lines = "\n        ".join(locations)
    return write(
        place,
        f"""\
    log_format json escape=json '{json.dumps(LOG)}';
    access_log access.log json buffer=64k flush=1s;
    {server("upstream", place.upstream)}
    {server("modern", place.differing if row.differs else place.upstream)}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Request-Id $request_id;
    server {{
        listen 127.0.0.1:{place.port};
        {lines}
    }}
""",
        row.workers,
    )
