"""Compiles rules of comparison to Rules (shadow.compare.rules). A wrong rule is a problem, a broad one a warning."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from gateway import plugins
from gateway.config import spec
from gateway.config.crosswalk import Seeds
from gateway.config.decode import Repair, Schema, Steps, decode
from gateway.config.effects import why_not
from gateway.config.extensions import Find, choose
from gateway.config.load import MAX_FILE
from gateway.config.nodes import Node, parse
from gateway.config.problem import Findings, Invalid, Place, Problem, did_you_mean
from gateway.config.unmatched import of_place
from gateway.plugins import PluginError
from shadow.compare.difference import Severity
from shadow.compare.patterns import Order
from shadow.compare.places import BELOW, ELEMENT, VALUE, form_of, patterns
from shadow.compare.rules import Known, Rule, Rules
from shadow.compare.severity import criticals
from shadow.normalisers.base import Normaliser

_BEHAVIOURS = ("list", "ignore", "severity", "crosswalk", "keys", "reveal", "defaults")
RULE_STUBS: dict[Steps, Any] = {
    ("rules", "*"): {"at": "", "defaults": False},
    ("rules", "*", "at"): "",
    ("known_differences", "*"): {
        "id": "broken", "at": "", "reason": "?", "owner": "?", "expires": "9999-12-31"},
}
"""What decoding puts where a rule, or a part of one, is wrong, so that it reads the others too."""


class Ruling:
    """Compiles lists of rules; adds to `findings`."""

    def __init__(self, find: Find, findings: Findings) -> None:
        self._find = find
        self._findings = findings
        self._ids: dict[str, Place] = {}

    def rules(
        self, written: Sequence[spec.Rule], node: Node, broken: Collection[int] = ()
    ) -> tuple[Rule, ...]:
        """The rules of the list at `node`. A rule with a problem is left out. Those in `broken` have one already."""
        made = [self._rule(one, node.find(number), number in broken) for number, one in enumerate(written)]
        return tuple(one for one in made if one is not None)

    def known(self, written: Sequence[spec.Known], node: Node, broken: Collection[int] = ()) -> tuple[Known, ...]:
        """The known differences of the list at `node`, without those in `broken`. Each expires at the end of its last
        day, in UTC."""
        found = []
        for number, one in enumerate(written):
            if number in broken:
                continue
            place = node.find(number)
            self._once(one.id, place.key("id"))
            self._has_effect(one.at, "known", place, one.kind or "", one.shape or "")
            self._judge(one.at, BELOW, place, "hides")
            expires = datetime.combine(one.expires, time.max, UTC).timestamp()
            found.append(Known(one.id, one.at, one.reason, one.owner, expires, one.kind or "", one.ticket or "",
                               one.max_rate / 10_000, one.shape or ""))
        return tuple(found)

    def _once(self, name: str, place: Place) -> None:
        first = self._ids.setdefault(name, place)
        if first is not place:
            self._findings.problem(place, f"a rule of this id is at {first}", "duplicate")

    def _misspelt(self, written: spec.Rule, node: Node) -> bool:
        """Add a problem for each key that is no normaliser, but nearly one of a rule's own keys. Returns whether there
        are any."""
        normalisers = plugins.names("figway.normalisers")
        found = False
        for name in written.model_extra or {}:
            meant = "" if name in normalisers else did_you_mean(name, (*spec.Rule.model_fields, *normalisers))
            if any(f'"{key}"' in meant for key in spec.Rule.model_fields):
                self._findings.problem(node.key(name), f'unknown key "{name}"{meant}', "unknown_key")
                found = True
        return found

    def _rule(self, written: spec.Rule, node: Node, broken: bool) -> Rule | None:
        if self._misspelt(written, node) or broken:
            return None
        own = [name for name in _BEHAVIOURS if getattr(written, name) is not None]
        behaviours = [*own, *(written.model_extra or {})]
        if len(behaviours) != 1:
            self._findings.problem(
                node.place, f"a rule has one behaviour, and this has {' and '.join(behaviours) or 'none'}: write a "
                "normaliser's name, list, ignore, severity, crosswalk, keys, reveal or defaults", "bad_rule")
            return None
        [what] = behaviours
        name = written.id or f"{what} {written.at}"
        self._once(name, node.key("id"))
        kind = written.kind or ""
        if kind and what not in ("ignore", "severity"):
            self._findings.problem(node.key("kind"), "a kind narrows `ignore` and `severity` only", "bad_rule")
        self._has_effect(written.at, what, node, kind)
        if what == "ignore" and not written.reason:
            self._findings.problem(node.key("ignore"), "what is ignored needs a `reason`", "bad_rule")
        if what in ("severity", "reveal"):
            severity = Severity(written.severity) if written.severity is not None else None
            return Rule(name, written.at, severity=severity, reveal=what == "reveal", kind=kind)
        if what == "defaults":
            return Rule(name, written.at, defaults=False, reason=written.reason or "")
        if what == "crosswalk":
            return Rule(name, written.at, reason=written.reason or "", crosswalk=written.crosswalk or "")
        if what == "keys":
            [pattern] = patterns(written.at, form_of(written.at), ELEMENT)
            if written.keys == "names" and pattern and not any(token not in ("*", "**") for token in pattern):
                self._findings.warn(node.key("at"), "this rule shows every name there is: name the "
                                              "objects that it is for", "broad_rule")
            return Rule(name, written.at, keys=written.keys or "", reason=written.reason or "")
        if what == "list":
            return Rule(name, written.at, order=_order(written.list), reason=written.reason or "")
        if what == "ignore":
            self._judge(written.at, BELOW, node, "ignores")
            return Rule(name, written.at, ignore=True, kind=kind, reason=written.reason or "")
        self._judge(written.at, VALUE, node, "normalises")
        normaliser = self._normaliser(what, node)
        return None if normaliser is None else Rule(name, written.at, normaliser, reason=written.reason or "")

    def _has_effect(self, at: str, what: str, node: Node, kind: str, shape: str = "") -> None:
        """A rule without an effect misleads whoever relies on it."""
        if odd := of_place(at):
            self._findings.warn(node.find("at").place, odd, "unmatched")
        [pattern] = patterns(at, form_of(at), ELEMENT)
        if why := why_not(pattern, what, kind, shape):
            self._findings.problem(node.key("at"), why, "no_effect")

    def _judge(self, at: str, about: str, node: Node, verb: str) -> None:
        """Warn of a rule that covers more than anybody can have looked at."""
        [pattern] = patterns(at, form_of(at), about)
        if not any(token not in ("*", "**") for token in pattern) or (pattern[-1:] == ("*",) and verb == "normalises"):
            self._findings.warn(
                node.key("at"), f"this rule {verb} everything there is: name the members that it is for", "broad_rule")
        elif verb != "normalises" and (hit := criticals(pattern)):
            self._findings.warn(
                node.key("at"), f"this rule {verb} what is critical: {', '.join(hit[:3])}", "broad_rule")

    def _normaliser(self, name: str, node: Node) -> Normaliser | None:
        value = node.find(name)
        options = _options(name, value, self._find)
        chosen = choose("figway.normalisers", Node(value.place, {name: options}, {name: node.key(name)}), self._find,
                        self._findings)
        if chosen is None:
            return None
        make: Callable[[Any], Normaliser] = chosen.plugin
        return chosen.build(lambda: make(chosen.options), self._findings)


def _options(name: str, value: Node, find: Find) -> Node:
    """Options as a map: `true` is short for no options, and any other value for the first option."""
    if isinstance(value.value, dict):
        return value
    if value.value is True:
        return Node(value.place, {})
    try:
        first = fields(find("figway.normalisers", name).Options)[0].name
    except (PluginError, AttributeError, TypeError, IndexError):
        return Node(value.place, {})
    return Node(value.place, {first: value}, {first: value.place})


def _order(written: str | list[str] | None) -> Order:
    if isinstance(written, list):
        return Order("keyed", tuple(tuple(_step(one) for one in path.split("/")) for path in written))
    return Order(written or "auto")


def _step(token: str) -> str | int:
    # As in a pattern, eight digits are no index but an attribute of DICOM.
    return int(token) if token.isascii() and token.isdigit() and len(token) < 8 else token


def broken_items(broken: Collection[Steps], place: Steps) -> set[int]:
    """The numbers of the items of the list at `place` in which something is broken."""
    depth = len(place)
    return {step for one in broken if one[:depth] == place for step in one[depth:depth + 1] if isinstance(step, int)}


_REPAIR = Repair(lambda path: 1 if len(path) < 2 else 3 if path[0] == "rules" else 2, RULE_STUBS)
_FILE: Schema[spec.RulesFile] = Schema.of_model(spec.RulesFile)


def _text(path: Path) -> str:
    # The file of a command may be a pipe. If it blocks, the user can end the command.
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise OSError(0, f"larger than {MAX_FILE >> 20}MiB")
    return data.decode()


def read_rules(path: Path, find: Find) -> tuple[Rules, list[Problem]]:
    """Read a file that holds only `rules`, `known_differences` and `crosswalk`. Returns the rules, and the warnings.
    Raises Invalid, with every problem."""
    findings = Findings()
    try:
        text = _text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Invalid([Problem(Place(path), f"cannot be read: {reason}", "unreadable")], (path,)) from None
    root = parse(text, path, lambda text, place: (text, False), findings)
    decoded = decode(_FILE, root, findings, _REPAIR) if root is not None else None
    if root is None or decoded is None or (written := decoded.value) is None:
        raise Invalid(findings.problems, (path,))
    ruling = Ruling(find, findings)
    rules = Rules(ruling.rules(written.rules, root.find("rules"), broken_items(decoded.broken, ("rules",))),
                  ruling.known(written.known_differences, root.find("known_differences"),
                               broken_items(decoded.broken, ("known_differences",))))
    classes = Seeds(findings).classes(written.crosswalk, root.find("crosswalk"), rules.rules)
    if findings.problems:
        raise Invalid(findings.problems, (path,))
    return replace(rules, classes=classes), findings.warnings
