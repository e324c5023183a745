"""What routes.yaml says of sealed capture: where records are kept, for how long, and who may view them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config import spec
from gateway.config.exposed import tell_exposed
from gateway.config.nodes import Node
from gateway.config.problem import Problem
from shadow.sealed.vault import Bounds


@dataclass(frozen=True, slots=True)
class Sealed:
    """The file of sealed records, its bounds, and by role the users and "%groups" who may view them."""

    path: Path
    bounds: Bounds
    views: Mapping[str, frozenset[str]]


def sealed(
    routes: spec.Routes, root: Node, custody: Path | None, store: Path | None, problems: list[Problem],
    warnings: list[Problem],
) -> Sealed | None:
    """None where nothing may be sealed. `custody` is the file of the keys, `store` that of what was learnt."""
    written = routes.shadow.capture
    if written is None:
        problems += _unsaid(routes, root)
        return None
    node, key = root.find("shadow", "capture"), root.key("shadow", "capture")
    path = node.place.file.parent / written.path
    if custody is None:
        problems.append(Problem(key, "keys in the gateway's memory would end with it, and what they seal: name a file "
                                     "in `shadow.custody`", "needs_custody"))
    elif path in (custody, store):
        what = "custody" if path == custody else "store"
        problems.append(Problem(node.find("path").place, f"this file is the {what}'s: name another", "same_file"))
    tell_exposed(path, key, "the file of sealed records", warnings)
    if not written.views:
        warnings.append(Problem(key, "without `views` nobody may view what is sealed", "no_views"))
    views = {role: frozenset(users) for role, users in written.views.items()}
    return Sealed(path, Bounds(written.retention, written.records, written.size), views)


def _unsaid(routes: spec.Routes, root: Node) -> Iterator[Problem]:
    for name, capability in routes.capabilities.items():
        if capability.shadow is not None and capability.shadow.capture:
            yield Problem(root.key("capabilities", name, "shadow", "capture"), "nothing says where to: write `shadow: "
                          "{capture: {path: figway.sealed}}` at the top of the file", "needs_capture")
