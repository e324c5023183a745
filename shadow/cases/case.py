"""A pair as a case file: a test for pytest with both answers, the rules, and the differences that must be found."""

from collections.abc import Iterator

from shadow.cases import running
from shadow.cases.minimise import Minimal
from shadow.compare.rules import Rule, Rules
from shadow.observation import Observation

TEST = "test_what_differs_is_found"
"""The name of the test in the file."""

_WIDTH = 100


def write(found: Minimal) -> str:
    """The text of the case file. The caller must try it: the rule of a plugin may hold more than its `repr` shows."""
    pair = found.pair
    rules, plugins = _rules(pair.rules)
    own = {name for module, name in plugins if module == running.__name__}
    own |= {"Headers", "Observation", "Pair", "Request", "Rules", "compare"}
    own |= {name for name, used in (
        ("Class", pair.rules.classes), ("Known", pair.rules.known), ("Rule", pair.rules.rules),
        ("Order", any(one.order for one in pair.rules.rules)),
        ("Severity", any(one.severity for one in pair.rules.rules)),
    ) if used}
    imports = sorted(f"from {module} import {name}" for module, name in plugins if module != running.__name__)
    return "\n".join([
        '"""Two answers that differ, shrunk to what matters. Every value in them is invented.',
        "", "Written by `figway shadow minimise`.", '"""', "", *imports,
        f"from {running.__name__} import (", *(f"    {name}," for name in sorted(own)), ")", "",
        *_answer("LEGACY", "legacy", pair.control), *_answer("MODERN", "modern", pair.candidate),
        *rules,
        "# Kind, path, what legacy has there, what modern has, and how much it matters.",
        "FOUND = {", *(f"    {(*signature, str(severity))!r}," for signature, severity in found.findings), "}", "", "",
        f"def {TEST}():",
        '    pair = Pair("case", "case", Request("GET", b"/", Headers()), LEGACY, MODERN, "", 0.0, RULES)',
        "    differences = compare(pair).differences",
        "    assert {(*one.signature, str(one.severity)) for one in differences} == FOUND",
        "",
    ])


def _answer(name: str, arm: str, one: Observation) -> Iterator[str]:
    yield f"{name} = Observation({arm!r}, 0.0, {one.status}, Headers(["
    for field, value in one.headers:
        yield f"    ({field!r}, {value!r}),"
    yield "]), ("
    yield from (f"    {one.body[at:at + _WIDTH]!r}" for at in range(0, len(one.body) or 1, _WIDTH))
    yield "))"


def _rules(rules: Rules) -> tuple[list[str], set[tuple[str, str]]]:
    """Source lines for the rules, and the (module, name) of every normaliser in them. Ids are numbers, and reasons,
    owners and tickets are left out: people wrote them."""
    modules: set[tuple[str, str]] = set()
    lines = []
    for number, one in enumerate(rules.rules, 1):
        lines.append(f"    {_rule(f'rule {number}', one, modules)},")
    known = [f"    Known({f'known {number}'!r}, {one.at!r}, '', '', {one.expires!r}, {one.kind!r}"
             f"{f', shape={one.shape!r}' if one.shape else ''}),"
             for number, one in enumerate(rules.known, 1)]
    if not lines and not known:
        return ["RULES = Rules()"], modules
    classes = [f"    Class({one.name!r}, {one.learn!r})," for one in rules.classes]
    return ["RULES = Rules((", *lines, "), (", *known, "), (", *classes, "))"], modules


def _rule(name: str, one: Rule, modules: set[tuple[str, str]]) -> str:
    said = [repr(name), repr(one.at)]
    if one.normaliser is not None:
        said.append(f"normaliser={one.normaliser!r}")
        modules.add(_import_of(type(one.normaliser)))
    if one.order is not None:
        said.append(f"order={one.order!r}")
    if one.ignore:
        said.append("ignore=True")
    if not one.defaults:
        said.append("defaults=False")
    if one.severity is not None:
        said.append(f"severity=Severity.{one.severity.name}")
    if one.reveal:
        said.append("reveal=True")
    if one.crosswalk:
        said.append(f"crosswalk={one.crosswalk!r}")
    if one.kind:
        said.append(f"kind={one.kind!r}")
    if one.keys:
        said.append(f"keys={one.keys!r}")
    return f"Rule({', '.join(said)})"


def _import_of(normaliser: type) -> tuple[str, str]:
    """The module that a case file imports a normaliser from, and its name there: a built-in one comes from `running`,
    a plugin's from its own module."""
    name = normaliser.__qualname__.partition(".")[0]
    return running.__name__ if getattr(running, name, None) is normaliser else normaliser.__module__, name
