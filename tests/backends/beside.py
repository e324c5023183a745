"""The admin port in a process beside the workers of a gateway: python -m tests.backends.beside RUN_DIR STORE PORT.

It has what the workers wrote, and nothing else of theirs: the files of their run directory, and their SQLite store.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn

from gateway import plugins
from gateway.admin.app import admin_app
from gateway.admin.listener import AdminListener
from gateway.telemetry.peers import Published
from shadow.report.report import Report, fold
from shadow.stores.base import Store


def main(run_dir: str, file: str, port: str) -> None:
    """Serve until SIGTERM."""
    kind: Any = plugins.load("figway.stores", "sqlite")
    store: Store = kind(kind.Options(Path(file)))

    def reports(capability: str | None, _share: float = 1.0) -> Report:
        report = fold(store.read(capability), {})
        if capability is not None and not report.capabilities:
            raise LookupError(capability)
        return report

    uvicorn.run(admin_app(Published(Path(run_dir)), reports, "beside"), host="127.0.0.1", port=int(port),
                http=AdminListener, ws="none", lifespan="off", log_config=None, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
