"""Real servers, each with a small clinic (tests/backends/applications), which run during a block.

Their answers name the resource in X-Resource: "secret" for a result or a path under /admin, "written" for an accepted
order.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.backends.packages import needs, node_modules
from tests.backends.upstream import closed_port, until
from tests.backends.wire import Cut, connect, request

ROOT = Path(__file__).parents[2]
APPLICATIONS = Path(__file__).parent / "applications"
_START = 60.0

Command = tuple[list[str], dict[str, str]]


def _gunicorn(module: str) -> Callable[[Path, int], Command]:
    def command(folder: Path, port: int) -> Command:
        return [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error",
                "--worker-tmp-dir", str(folder), f"tests.backends.applications.{module}:app"], dict(os.environ)

    return command


def _uvicorn(folder: Path, port: int) -> Command:
    return [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error",
            "tests.backends.applications.starlette_app:app"], dict(os.environ)


def _express(folder: Path, port: int) -> Command:
    modules = node_modules("express", "method-override")
    return [needs("node"), str(APPLICATIONS / "express.js"), str(port)], modules


def _node(folder: Path, port: int) -> Command:
    return [needs("node"), str(APPLICATIONS / "plain.js"), str(port)], dict(os.environ)


def _java(folder: Path, port: int) -> Command:
    java = shutil.which("java", path=str(Path(needs("javac")).parent))
    assert java is not None
    return [java, "-XX:TieredStopAtLevel=1", str(APPLICATIONS / "Clinic.java"), str(port)], dict(os.environ)


def _nginx(folder: Path, port: int) -> Command:
    secret = 'add_header X-Resource secret always; default_type text/plain; return 200 "secret";'
    written = 'add_header X-Resource written always; default_type text/plain; return 200 "written";'
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /results {{ {secret} }}
    location /results/ {{ {secret} }}
    location /admin/ {{ {secret} }}
    location ~ ^/orders/?$ {{ {written} }}
    location / {{ return 404; }}
  }}
}}
""")
    return [needs("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], dict(os.environ)


def _apache(folder: Path, port: int) -> Command:
    program = needs("apache2")
    pages = folder / "pages"
    for name in ("results", "admin"):
        (pages / name).mkdir(parents=True, exist_ok=True)
    for name in ("results/1", "results/index.html", "admin/x"):
        (pages / name).write_text("secret")
    (pages / "orders").write_text("written")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                        for name in ("mpm_event", "authz_core", "dir", "headers"))
    (folder / "apache.conf").write_text(f"""
{modules}
ServerRoot {folder}
ServerName clinic.example
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {pages}
AllowEncodedSlashes On
DirectoryIndex index.html
<Directory {pages}>
  Require all granted
</Directory>
<Directory {pages}/results>
  Header set X-Resource secret
</Directory>
<Directory {pages}/admin>
  Header set X-Resource secret
</Directory>
<Files orders>
  Header set X-Resource written
</Files>
""")
    return [program, "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"], dict(os.environ)


SERVERS: dict[str, Callable[[Path, int], Command]] = {
    "nginx": _nginx, "Apache": _apache, "com.sun.net.httpserver": _java, "Express": _express, "Node.js": _node,
    "Starlette on uvicorn": _uvicorn, "Flask on gunicorn": _gunicorn("flask_app"),
    "Django on gunicorn": _gunicorn("django_app"),
}


@contextmanager
def serving(name: str, folder: Path) -> Iterator[int]:
    """The port of one of SERVERS. The test is skipped if the server is not installed."""
    port = closed_port()
    command, environment = SERVERS[name](folder, port)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    def answers_or_ended() -> bool:
        return process.poll() is not None or _answers(port)

    try:
        until(answers_or_ended, f"{name} does not start", _START)
        assert process.poll() is None, f"{name} did not start: {(folder / 'output').read_text()[-2000:]}"
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        wire = connect(port)
    except OSError:
        return False
    try:
        return wire.send(request("GET", "/results/1")).read_reply().status == 200
    except (OSError, Cut):
        return False
    finally:
        wire.close()
