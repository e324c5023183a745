"""The settings of sealed capture: where records are kept, for how long, and who may view them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config import spec
from gateway.config.exposed import warn_if_exposed
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from shadow.sealed.base import Bounds


@dataclass(frozen=True, slots=True)
class Sealed:
    """The file of sealed records, its bounds, and for each role the users and "%groups" who may view the records."""

    path: Path
    bounds: Bounds
    views: Mapping[str, frozenset[str]]


def custody_beside(store: Path) -> Path:
    """The custody's file where `shadow.custody` names none: beside the store's file."""
    return store.with_name(f"{store.name}.custody")


def sealed(
    routes: spec.Routes, root: Node, custody: Path | None, store: Path | None, findings: Findings,
) -> Sealed | None:
    """The settings, None if nothing is sealed. `custody` is the file of the keys, `store` that of the evidence."""
    written = routes.shadow.capture
    if written is None:
        _refuse_unwritten(routes, root, findings)
        return None
    node, key = root.find("shadow", "capture"), root.key("shadow", "capture")
    path = node.place.file.parent / written.path
    if custody is None:
        findings.problem(key, "keys in the gateway's memory are lost when it stops, and with them all sealed records: "
                         "name a file in `shadow.custody`", "needs_custody")
    elif path in (custody, store):
        what = "custody" if path == custody else "store"
        findings.problem(node.find("path").place, f"this file is the {what}'s: name another", "same_file")
    warn_if_exposed(path, key, "the file of sealed records", findings)
    if not written.views:
        findings.warn(key, "without `views` nobody may view sealed records", "no_views")
    views = {role: frozenset(users) for role, users in written.views.items()}
    return Sealed(path, Bounds(written.retention, written.records, written.size), views)


def _refuse_unwritten(routes: spec.Routes, root: Node, findings: Findings) -> None:
    """Add a problem for each capability that asks for capture, since no file for it is configured."""
    for name, capability in routes.capabilities.items():
        if capability.shadow is not None and capability.shadow.capture:
            findings.problem(
                root.key("capabilities", name, "shadow", "capture"), "no file for sealed records is configured: write "
                "`shadow: {capture: {path: figway.sealed}}` at the top of the file", "needs_capture")
