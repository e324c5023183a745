"""Finds the plugins that the configuration names, decodes their options strictly and builds them. Every fault becomes a
problem."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from gateway.config.decode import Schema, decode
from gateway.config.nodes import Node
from gateway.config.problem import Findings
from gateway.plugins import PluginError

T = TypeVar("T")
Find: TypeAlias = Callable[[str, str], Any]
"""Finds a plugin by its group and name: gateway.plugins.load, or a test's own function. Raises PluginError."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plugin with its decoded options; `node` holds the options as written."""

    name: str
    plugin: Any
    options: Any
    node: Node

    def build(self, make: Callable[[], T], findings: Findings) -> T | None:
        """The result of `make`, or None after a problem."""
        try:
            return make()
        except ValueError as error:
            # Messages begin with the option's name, "keys: needs at least one", so the option can be pointed at.
            option = str(error).partition(":")[0].split(".")
            message, code = hidden(str(error), self.node), "bad_option"
            place = self.node.key(*option) if self.node.child(option[0]) else self.node.place
        except Exception as error:  # a third party's mistake must not end a running gateway's reload
            message, code = f'plugin "{self.name}" failed: {type(error).__name__}', "plugin_failed"
            place = self.node.place
        findings.problem(place, message, code)
        return None


def choose(group: str, node: Node, find: Find, findings: Findings) -> Chosen | None:
    """The plugin of a map such as {jwt: {…}}, or None after a problem. `group` is "figway.policies" …"""
    if node.broken or not isinstance(node.value, dict) or len(node.value) != 1:
        return None  # the schema has reported it
    name, options_node = next(iter(node.value.items()))
    try:
        plugin = find(group, name)
        schema: Schema[Any] = Schema.of_options(plugin.Options)
    except PluginError as error:
        findings.problem(node.keys[name], str(error), "unknown_plugin")
        return None
    except (AttributeError, TypeError):
        findings.problem(node.keys[name], f'plugin "{name}" declares no usable Options', "plugin_failed")
        return None
    found = Findings()
    # Messages do not quote options: they may be secrets.
    options, _ = decode(schema, options_node, found, show=False)
    for problem in found.problems:
        findings.problem(problem.place, hidden(problem.message, options_node), problem.code)
    if options is None:
        return None
    return Chosen(name, plugin, rebased(options, options_node.place.file.parent), options_node)


def hidden(message: str, node: Node) -> str:
    """The message without the values of any "${…}" in `node`."""
    for value in sorted(_substituted(node), key=len, reverse=True):
        message = message.replace(value, "…")
    return message


def _substituted(node: Node) -> set[str]:
    if isinstance(node.value, dict):
        return set[str]().union(*map(_substituted, node.value.values()))
    if isinstance(node.value, list):
        return set[str]().union(*map(_substituted, node.value))
    return {node.value} if node.substituted and isinstance(node.value, str) and node.value else set()


def rebased(value: Any, folder: Path) -> Any:
    """`value` with every relative Path in it, in dataclasses and collections too, made relative to `folder`."""
    if isinstance(value, Path):
        return folder / value
    if is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for one in fields(value):
            if one.init:
                old = getattr(value, one.name)
                new = rebased(old, folder)
                if new is not old:
                    changed[one.name] = new
        return replace(value, **changed) if changed else value
    if isinstance(value, Mapping):
        new = {key: rebased(one, folder) for key, one in value.items()}
        return new if any(new[key] is not value[key] for key in new) else value
    if isinstance(value, tuple | list):
        items = [rebased(one, folder) for one in value]
        return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
