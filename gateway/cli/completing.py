"""Completes the names of capabilities in shells, from the routes.yaml that a command would read."""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem


class CapabilityName(click.ParamType[str]):
    """Any text; shells complete it to a name of a capability."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so. A file that cannot be read has none: completion must never fail."""
        from gateway.config.load import load
        from gateway.config.problem import Findings

        root = load(Path(ctx.params.get("config") or "routes.yaml"), os.environ, Findings()).root
        written = root.child("capabilities") if root is not None else None
        names = written.value if written is not None and isinstance(written.value, dict) else {}
        return [CompletionItem(name) for name in names if name.startswith(incomplete) and name.isprintable()]


CAPABILITY = CapabilityName()
