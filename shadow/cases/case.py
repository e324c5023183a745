"""A pair as a test that runs by itself: a file for pytest, with both answers, the rules, and what must be found."""

from collections.abc import Iterator

from shadow.cases.minimise import Minimal
from shadow.compare.rules import Rule, Rules
from shadow.observation import Observation

TEST = "test_what_differs_is_found"
"""The name of the test in the file."""

_WIDTH = 100


def write(found: Minimal) -> str:
    """The file's text. Whether it holds is for the caller to try: a plugin's rule may be more than it shows."""
    pair = found.pair
    rules, modules = _rules(pair.rules)
    normalisers = [f"from {module} import {name}" for module, name in sorted(modules)]
    used = (("Class", pair.rules.classes), ("Known", pair.rules.known), ("Rule", pair.rules.rules))
    names = [*(name for name, any_of in used if any_of), "Rules"]
    orders = ["from shadow.compare.patterns import Order"] if any(one.order for one in pair.rules.rules) else []
    severities = ["from shadow.compare.diff import Severity"] if any(one.severity for one in pair.rules.rules) else []
    imports = sorted([
        "from adapters.message import Headers, Request", "from shadow.compare.comparison import compare",
        "from shadow.compare.pair import Pair", "from shadow.observation import Observation",
        f"from shadow.compare.rules import {', '.join(names)}",
        *normalisers, *orders, *severities,
    ])
    return "\n".join([
        '"""Two answers that differ, shrunk to what matters. Every value in them is invented.',
        "", "Written by `figway shadow minimise`.", '"""', "", *imports, "",
        *_answer("LEGACY", "legacy", pair.control), *_answer("MODERN", "modern", pair.candidate),
        *rules,
        "# Kind, place, what legacy has there, what modern has, and how much it matters.",
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
    """The rules without what people wrote beside them, under ids of their own; and where normalisers are from."""
    modules: set[tuple[str, str]] = set()
    lines = []
    for number, one in enumerate(rules.rules, 1):
        lines.append(f"    {_rule(f'rule {number}', one, modules)},")
    known = [f"    Known({f'known {number}'!r}, {one.at!r}, '', '', {one.expires!r}, {one.kind!r}),"
             for number, one in enumerate(rules.known, 1)]
    if not lines and not known:
        return ["RULES = Rules()"], modules
    classes = [f"    Class({one.name!r}, {one.learn!r})," for one in rules.classes]
    return ["RULES = Rules((", *lines, "), (", *known, "), (", *classes, "))"], modules


def _rule(name: str, one: Rule, modules: set[tuple[str, str]]) -> str:
    said = [repr(name), repr(one.at)]
    if one.normaliser is not None:
        said.append(f"normaliser={one.normaliser!r}")
        modules.add((type(one.normaliser).__module__, type(one.normaliser).__qualname__.partition(".")[0]))
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
    return f"Rule({', '.join(said)})"
