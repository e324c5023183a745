"""Watches what clients ask: a gateway passes everything on to legacy for a while. What is asked stays in memory."""

import json
import os
import signal
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.app import Launch
from gateway.binding import ListenError
from gateway.call import Call
from gateway.cli.proposing.paths import Paths
from gateway.cli.sources import Refused
from gateway.launch import Ports, run
from gateway.units import duration
from shadow.words import noun

_GRACE = 30.0
"""Seconds that calls in flight may take at the end."""


@dataclass(frozen=True)
class Options:
    """There are none."""


class Watching:
    """A policy that admits every call, and notes its method and path."""

    Options = Options
    credentials: tuple[bytes, ...] = ()

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def admit(self, call: Call) -> None:
        """Admit it."""
        self._paths.ask(call.request.method, call.request.target.decode("latin-1"))

    async def close(self) -> None:
        """There is nothing to close."""


def watched(legacy: str, seconds: str, listen: str, paths: Paths) -> str:
    """Pass traffic on to `legacy` until the time is over, or until SIGINT or SIGTERM. Says in words what was watched.
    Raises Refused."""
    length = duration(seconds)
    if not length:
        raise Refused("--watch: wants a duration: 30s, 10m or 1h")
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Refused(f'--listen: "{listen}" is not HOST:PORT')
    before = paths.requests

    def find(group: str, name: str) -> Any:
        return _policy(paths) if (group, name) == ("figway.policies", "watch") else plugins.load(group, name)

    with tempfile.TemporaryDirectory(prefix="figway-") as folder:
        config = Path(folder, "routes.yaml")
        config.write_text(f"version: 1\nupstreams: {{legacy: {{url: {json.dumps(legacy)}}}}}\npolicies: {{w: {{watch: "
                          "{}}}\ndefault: {upstream: legacy, policies: [w]}\n")
        timer = threading.Timer(length, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
        try:
            ports = Ports((host.strip("[]"), int(port)), ("127.0.0.1", 0))
            run(Launch(str(config), access_log=False, find=find), ports, workers=1, grace=_GRACE)
        except ListenError as error:
            raise Refused(str(error)) from None
        finally:
            timer.cancel()
    count = paths.requests - before
    return f"{count:,} watched {noun(count, 'request')}"


def _policy(paths: Paths) -> type[Any]:
    """The plugin, which notes into `paths`."""

    class Watch(Watching):
        def __init__(self, name: str, options: Options) -> None:
            super().__init__(paths)

    return Watch
