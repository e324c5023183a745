"""Talks to the control side of a running gateway: over its Unix socket, or over the admin port with a token."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import click
import httpx2

from gateway.cli.opened import plain
from gateway.cli.sources import Refused, credentials
from gateway.config.load import load
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from gateway.flips import copy
from gateway.flips.shown import shown

SECONDS = 30.0
"""How long a command waits for the gateway: longer than that waits for its control file."""

OUT_OF_REACH = 5

_NOWHERE = ("{} keeps its evidence in memory, so there is no file to keep flips in: write `store: {{sqlite: {{path: "
            "figway.db}}}}` there, and restart the gateway")


def call(config: Path, admin: str | None, method: str, path: str, **asked: Any) -> Any:
    """The JSON that the gateway answers. Raises Refused, with the exit status that the gateway says."""
    try:
        with _client(config, admin) as client:
            answer = client.request(method, path, **asked)
            found = answer.json()
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        where = admin or "its socket"
        raise Refused(f"the gateway cannot be reached at {where} ({type(error).__name__})", OUT_OF_REACH) from None
    except ValueError:
        where = admin or "its socket"
        raise Refused(f"what answers at {where} is not a Figway of this version", OUT_OF_REACH) from None
    if answer.status_code != 200:
        if not isinstance(found, dict):
            raise Refused(f"the gateway answers {answer.status_code}", OUT_OF_REACH)
        raise Refused(plain(str(found.get("title"))), int(found.get("exit", OUT_OF_REACH)))
    return found


def stages(config: Path, admin: str | None) -> dict[str, Any] | None:
    """Where the capabilities of a running gateway stand; else, without `admin`, what the copy beside the control file
    says; None if neither can be read."""
    try:
        found: dict[str, Any] = call(config, admin, "GET", "/stages")
        return found
    except Refused as refused:
        why = str(refused)
    try:
        path = door_of(config) if admin is None else None
    except Refused:
        path = None
    state = copy.read(copy.beside(path.with_name(path.name.removesuffix(".sock")))) if path is not None else None
    return None if state is None else shown(state) | {"stale": why}


def end(refused: Refused) -> NoReturn:
    """End the command with a refusal: one line on standard error, and its exit status."""
    click.echo(f"figway: {refused}", err=True)
    sys.exit(refused.status)


@contextmanager
def _client(config: Path, admin: str | None) -> Iterator[httpx2.Client]:
    if admin is not None:
        if urlsplit(admin).scheme not in ("http", "https"):
            raise Refused("--admin must be an http:// or https:// URL")
        with httpx2.Client(base_url=admin, trust_env=False, timeout=SECONDS, headers=credentials()) as client:
            yield client
        return
    door = door_of(config)
    # The path of a socket may have 107 bytes: it is reached by its folder.
    folder = os.open(door.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path = f"/proc/self/fd/{folder}/{door.name}"
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)  # the HTTP client would leave a socket open where nobody listens
        transport = httpx2.HTTPTransport(uds=path)
        with httpx2.Client(base_url="http://localhost", transport=transport, timeout=SECONDS) as client:
            yield client
    finally:
        os.close(folder)


def door_of(config: Path) -> Path:
    """The socket of the gateway that a configuration is for. The file is not checked any further: a rollback must be
    possible while it has problems. Raises Refused."""
    root = _root(config)
    path = _control(root)
    door = _text(root, "control", "socket") or (path.with_name(f"{path.name}.sock") if path is not None else None)
    if door is None:
        raise Refused(_NOWHERE.format(config))
    return door


def control_file(config: Path) -> Path:
    """The control file of a configuration, which is not checked any further. Raises Refused."""
    path = _control(_root(config))
    if path is None:
        raise Refused(_NOWHERE.format(config))
    return path


def _root(config: Path) -> Node:
    findings = Findings()
    root = load(config, os.environ, findings).root
    if root is None:
        raise Refused("; ".join(map(str, findings.problems)) or f"{config} cannot be read")
    return root


def _control(root: Node) -> Path | None:
    control, store = _text(root, "control", "path"), None
    for name in _keys(root.child("store")):
        store = _text(root, "store", name, "path")
    return control or (store.with_name(f"{store.name}.control") if store is not None else None)


def _keys(node: Node | None) -> list[str]:
    return list(node.value) if node is not None and isinstance(node.value, dict) else []


def _text(root: Node, *steps: str) -> Path | None:
    """A path that is written at the end of `steps`; None if there is none."""
    node: Node | None = root
    for step in steps:
        node = node.child(step) if node is not None else None
    return node.place.file.parent / node.value if node is not None and isinstance(node.value, str) else None
