"""Finds plugins by their entry points. Built-in plugins are registered in the same way as those of third parties."""

import difflib
import importlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

_OURS = ("adapters.", "shadow.", "gateway.")


class PluginError(Exception):
    """There is no such plugin, or it does not load. For an unknown name, the message suggests one or names all."""


@cache
def _registered(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def names(group: str) -> list[str]:
    """The registered names of a group ("figway.policies" …), sorted."""
    return sorted(_registered(group))


def load(group: str, name: str) -> Any:
    """The object registered as `name`. Raises PluginError, with "did you mean" if a name is similar."""
    known = _registered(group)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else f" (there are: {', '.join(sorted(known)) or 'none'})"
        raise PluginError(f'no {group.removeprefix("figway.")} plugin "{name}"{hint}')
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise PluginError(f'plugin "{name}" of {group} does not load: {type(error).__name__}') from error


def loaded() -> list[str]:
    """The names of our own modules that this process has loaded. Plugins of others are not among them."""
    return [name for name in sys.modules if name.startswith(_OURS)]


def preload(modules: Iterable[str]) -> None:
    """Load these modules. Loading one of ours starts and opens nothing."""
    for name in modules:
        importlib.import_module(name)
