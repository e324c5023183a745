"""The schema of `control`, and what it is compiled to: where flips are kept, and who may make them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from gateway.config.exposed import warn_if_exposed
from gateway.config.kinds import Holder, Name
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from gateway.config.strict import Strict

LEAST = 16
"""The fewest characters of a token."""

OVERRIDE = "override"
"""The code of the problem that a file lacks what an override or a latch needs."""

GATE = "gate"
"""The code of the problem that a file moves a capability forward, and the gate does not say SAFE."""

ROLES = ("viewer", "operator", "approver", "auditor")


class Roles(Strict):
    """Who may do what: users, "%groups" and "token:NAME"."""

    viewer: list[Holder] = Field(default_factory=list, description="may see stages, reports and status")
    operator: list[Holder] = Field(default_factory=list, description="may flip and roll back, and see everything")
    approver: list[Holder] = Field(default_factory=list, description="may see everything, and approve proposals")
    auditor: list[Holder] = Field(default_factory=list, description="may see everything")


class Control(Strict):
    """Flips: where they are kept, and who may make them."""

    path: str | None = Field(
        default=None, min_length=1,
        description="the file of overrides and the journal, relative to this file; left out: beside the store's file")
    socket: str | None = Field(
        default=None, min_length=1,
        description="the Unix socket for commands, relative to this file; left out: beside the control file")
    roles: Roles = Field(default_factory=Roles)
    force: list[Literal["operator", "approver"]] = Field(
        default=["approver"], description="the roles of which an operator needs one to make a step that a gate refuses")
    tokens: dict[Name, str] = Field(
        default_factory=dict, description='names of tokens → the secrets that are sent over TCP: "${FIGWAY_TOKEN}"')


@dataclass(frozen=True, slots=True)
class Controls:
    """Where flips are kept (`path`, None for nowhere) and made (`socket`), and who may make them. If nothing `is_set`,
    whoever may open the socket may do everything, and nobody may flip over TCP. `force` has the roles that may force a
    step. `tokens` are SHA-256 digests by
    name."""

    path: Path | None = None
    socket: Path | None = None
    is_set: bool = False
    roles: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    force: frozenset[str] = frozenset()
    tokens: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def controls(written: Control | None, root: Node, store: Path | None, findings: Findings) -> Controls:
    """The settings. `store` is the file of the evidence, None if it has none."""
    key, node = root.key("control"), root.find("control")
    path = store.with_name(f"{store.name}.control") if store is not None else None
    if written is not None and written.path is not None:
        path = node.place.file.parent / written.path
        if path == store:
            findings.problem(node.find("path").place, "this file is the store's: name another", "same_file")
    socket = path.with_name(f"{path.name}.sock") if path is not None else None
    if written is None:
        return Controls(path, socket)
    if path is None:
        findings.problem(key, "flips need a file: keep the evidence in one too, with `store: {sqlite: {path: "
                         "figway.db}}`, or name a file in `control.path`", "needs_file")
    else:
        warn_if_exposed(path, key, "the control file", findings)
    if written.socket is not None:
        socket = node.place.file.parent / written.socket
    for name, token in written.tokens.items():
        if len(token) < LEAST:
            findings.problem(node.find("tokens", name).place, f"a token has at least {LEAST} characters", "weak_token")
    roles = {role: frozenset(getattr(written.roles, role)) for role in ROLES}
    for role, holders in roles.items():
        for holder in holders:
            kind, _, name = holder.partition(":")
            if kind == "token" and name and name not in written.tokens:
                findings.problem(node.find("roles", role).place, f'no token "{name}" is in `tokens`', "unknown_token")
    if not roles["operator"]:
        findings.warn(key, "without `roles.operator` nobody may flip, or roll back", "no_operator")
    return Controls(path, socket, True, MappingProxyType(roles), frozenset(written.force), MappingProxyType({
        name: sha256(token.encode()).digest() for name, token in written.tokens.items()}))
