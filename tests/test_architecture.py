"""The rules of the house, held against the source itself: who may import whom, and what is pure."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("adapters", "shadow", "gateway")

# From top to bottom. A part imports what is below it; parts of one line leave each other alone.
GATEWAY = [
    {"cli"},
    {"launch"},
    {"supervisor"},
    {"worker"},
    {"app", "console", "demo"},
    {"inforce", "shadowing", "renewal", "control"},
    {"config"},
    {"binding"},
    {"edges", "flips"},
    {"pipeline", "testing"},
    {"mirroring", "fallback"},
    {"members", "naming"},
    {"upload"},
    {"outlet"},
    {"forward"},
    {"admit", "waiting", "decide", "question"},
    {"routing"},
    {"routes"},
    {"capability", "trie", "conditions"},
    {"policies", "admin", "courtesy"},
    {"services", "heap", "front"},
    {"rewriting"},
    {"transports"},
    {"call"},
    {"build", "phase", "stage", "errors", "plugins", "room", "telemetry", "store", "wire", "own_thread", "certificates",
     "handshakes", "hangup", "sockets", "stdio", "ambiguity", "reading", "units", "forked", "digests", "jars"},
    {"files", "decoding"},
]
SHADOW = [
    {"lane", "renderers", "testing"},
    {"report"},
    {"cases", "sealed", "stores"},
    {"ledger", "plan"},
    {"judge", "evidence"},
    {"compare"},
    {"normalisers", "custody"},
    {"observation", "latency", "settings", "words", "database", "guide", "diff", "rules", "noise", "signatures",
     "stratum", "tokens", "unlink"},
    {"moved", "credentials", "faults", "preconditions"},
]

PURE = [
    "adapters", "shadow.observation", "shadow.compare", "shadow.normalisers", "shadow.evidence", "shadow.ledger",
    "shadow.plan", "shadow.report", "shadow.cases", "shadow.sealed.search", "shadow.words", "shadow.latency",
    "shadow.credentials", "shadow.preconditions", "gateway.question",
    "shadow.settings", "shadow.lane.learned_noise", "shadow.lane.rates", "shadow.renderers.html",
    "shadow.renderers.csv", "shadow.renderers.json", "shadow.renderers.junit", "shadow.renderers.markdown",
    "shadow.renderers.phrases",
    "gateway.stage", "gateway.call", "gateway.routing", "gateway.routes", "gateway.admit", "gateway.decide",
    "gateway.flips.base", "gateway.flips.precedence", "gateway.flips.steps", "gateway.flips.record",
    "gateway.flips.reasons", "gateway.flips.fitting", "gateway.control.wanted",
    "gateway.capability", "gateway.conditions", "gateway.reading", "gateway.trie", "gateway.units",
    "gateway.ambiguity", "gateway.decoding", "gateway.courtesy", "gateway.front", "gateway.jars", "gateway.rewriting",
]
IMPURE = {"asyncio", "socket", "os", "time", "random", "logging", "threading", "subprocess"}

# Each library has the homes that are listed here and no other.
HOMES = {
    "backports": ["shadow.compare.codings"],
    "brotli": ["shadow.compare.codings"],
    "click": ["gateway.cli"],
    "compression": ["shadow.compare.codings"],  # of Python 3.14
    "cryptography": ["shadow.sealed.sqlite", "gateway.certificates"],
    "httptools": ["gateway.wire.heads"],
    "httpx2": ["gateway.policies.jwks", "gateway.demo.traffic", "gateway.cli"],
    "hypothesis": ["gateway.policies.testing"],
    "jinja2": ["shadow.renderers.html"],
    "markupsafe": ["shadow.renderers.html"],
    "joserfc": ["gateway.policies.jwks", "gateway.policies.jwt"],
    "lxml": ["adapters", "gateway.demo.legacy_soap"],
    "orjson": ["gateway", "shadow"],
    "prometheus_client": ["gateway.telemetry", "gateway.admin.scrape"],
    "pydantic": ["gateway.config", "gateway.cli.sources"],
    "pydantic_core": ["gateway.config"],
    "rich": ["gateway.cli", "gateway.demo", "shadow.renderers.table", "shadow.renderers.status",
             "shadow.renderers.fitted"],
    "starlette": ["gateway.worker", "gateway.control", "gateway.admin.app", "gateway.admin.access",
                  "gateway.edges.asgi", "gateway.demo"],
    "uvicorn": ["gateway.launch", "gateway.supervisor", "gateway.worker", "gateway.app", "gateway.admin.listener",
                "gateway.control", "gateway.demo.serving"],
    "uvloop": ["gateway.supervisor"],
    "yaml": ["gateway.config"],
}

# A file past some 400 lines, or a function past some 50, is usually two things in one place.
LONGEST_FILE = 450
LONGEST_FUNCTION = 60

# Generated tables may be of any length.
GENERATED = {"shadow.compare.dicom_tags", "shadow.compare.fhir_r4"}

# What is longer today. When you have shortened one, take it off: a name that is no longer too long fails the test.
TOO_LONG: set[str] = set()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
TREES = {module: ast.parse(path.read_bytes()) for module, path in SOURCES.items()}


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Every absolute module that is imported, with the statement: `from a import b` is a.b where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in SOURCES else node.module), node


def within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


@pytest.fixture(params=sorted(TREES))
def module(request):
    return request.param


def test_packages_import_one_way(module):
    below = PACKAGES[:PACKAGES.index(module.split(".")[0]) + 1]
    for imported, _ in imports(TREES[module]):
        top = imported.split(".")[0]
        assert top not in PACKAGES or top in below, f"{module} imports {imported}"


@pytest.mark.parametrize(("package", "lines"), [("gateway", GATEWAY), ("shadow", SHADOW)])
def test_parts_of_a_package_import_downwards_only(package, lines):
    place = {part: depth for depth, line in enumerate(lines) for part in line}
    wrong = []
    for module, tree in TREES.items():
        if not module.startswith(package + "."):
            continue
        part = module.split(".")[1]
        assert part in place, f"{module} has no place in the order: give it one"
        for imported, _ in imports(tree):
            if imported.startswith(package + "."):
                other = imported.split(".")[1]
                if other != part and place.get(other, -1) <= place[part]:
                    wrong.append(f"{module} imports {imported}")
    assert wrong == []


def test_pure_files_know_no_clock_no_chance_and_no_world(module):
    if any(within(module, place) for place in PURE):
        for imported, _ in imports(TREES[module]):
            assert imported.split(".")[0] not in IMPURE, f"{module} imports {imported}"


def test_each_library_stays_at_home(module):
    for imported, _ in imports(TREES[module]):
        top = imported.split(".")[0]
        if top in sys.stdlib_module_names or top in PACKAGES:
            continue
        assert top in HOMES, f"{top}, imported by {module}, has no home: list one"
        assert any(within(module, home) for home in HOMES[top]), f"{module} is no home of {top}"


def test_imports_are_absolute_plain_and_at_the_top(module):
    tree = TREES[module]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            assert all(alias.name != "*" for alias in node.names), f"{module}:{node.lineno} imports a star"
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name != "TYPE_CHECKING", f"{module}:{node.lineno} imports for the type checker alone"
    if not within(module, "gateway.cli"):
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            assert list(imports(function)) == [], f"{module}:{function.lineno} imports inside a function"


def test_a_packages_init_is_a_docstring_and_nothing_else():
    for module, path in SOURCES.items():
        if path.name == "__init__.py":
            tree = TREES[module]
            assert ast.get_docstring(tree), f"{module} says nothing of itself"
            if module in {"shadow.compare", "shadow.ledger"}:
                continue  # They forward names to what was written for version 0.1: see the next test.
            assert len(tree.body) == 1, f"{module}/__init__.py holds more than its docstring"


@pytest.mark.parametrize("module", [
    "shadow.compare", "shadow.diff", "shadow.guide", "shadow.ledger", "shadow.noise", "shadow.rules",
    "shadow.signatures", "shadow.stratum", "shadow.tokens", "shadow.unlink"])
def test_an_old_import_path_forwards_names_and_does_nothing_else(module):
    assert [ast.unparse(one).partition("(")[0] for one in TREES[module].body[1:]] == [
        "from shadow.moved import forwarded", "__getattr__ = forwarded"]


def test_every_module_says_what_it_is_for(module):
    assert ast.get_docstring(TREES[module])


def test_only_admit_admits():
    """`forward` takes a Decision, which holds an Admitted: so nothing is forwarded that was not admitted."""
    makers = {
        module for module, tree in TREES.items() for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "Admitted"
    }
    assert makers == {"gateway.admit"}


def test_only_one_room_makes_arrivals_of_what_clients_send():
    """Plugins that call an upstream, and the checker of transports, make their own."""
    makers = {
        module for module, tree in TREES.items() for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Arrival"
    }
    assert makers - {"gateway.services", "gateway.transports.testing"} == {"gateway.edges.arrival"}


def test_only_decide_decides():
    makers = {
        module for module, tree in TREES.items() for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Decision"
    }
    assert makers <= {"gateway.decide"}


def test_there_are_no_circles():
    edges = {
        module: {imported for imported, _ in imports(tree) if imported in SOURCES and imported != module}
        for module, tree in TREES.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' → '.join((*path, module))}"
        if module not in done:
            for other in edges[module]:
                visit(other, (*path, module))
            done.add(module)

    for module in edges:
        visit(module, ())


def test_the_admin_port_needs_no_worker_to_live_in():
    """It serves what workers say, from any process: nothing that it imports makes or serves a gateway."""
    reached: set[str] = set()

    def reach(module: str) -> None:
        if module in TREES and module not in reached:
            reached.add(module)
            for imported, _ in imports(TREES[module]):
                reach(imported)

    for module in SOURCES:
        if within(module, "gateway.admin"):
            reach(module)
    for part in ("app", "launch", "inforce", "config", "edges", "pipeline", "routing", "transports"):
        assert not any(within(module, f"gateway.{part}") for module in reached), part


def test_no_pattern_repeats_a_group_possessively(module):
    """Python before 3.11.5, as Debian 12 has it, goes on from the middle of a repetition that failed: it matches
    "(?:ab)*+" with the whole of "aba" (python/cpython#106052). An atomic group, "(?>(?:ab)*)", is right everywhere."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            assert not re.search(r"(?<![\\(])\)(?:[*+?]|\{\d*,?\d*\})\+", text), f"{module}:{node.lineno}"


def test_no_name_is_a_drawer_for_everything():
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert not node.name.endswith(("Utils", "Manager", "Helper")), f"{module}.{node.name}"


def test_files_and_functions_are_short():
    """A name in TOO_LONG is a module, or a module and a function of it."""
    found = set()
    for module, path in SOURCES.items():
        if module in GENERATED:
            continue
        if len(path.read_text().splitlines()) > LONGEST_FILE:
            found.add(module)
        for node in ast.walk(TREES[module]):
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if function and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                found.add(f"{module}:{node.name}")
    assert found - TOO_LONG == set(), f"more than {LONGEST_FILE} lines a file, or {LONGEST_FUNCTION} a function"
    assert TOO_LONG - found == set(), "no longer too long: take these off the list"


def test_the_command_line_starts_without_what_it_may_not_need():
    """`figway --help` stays quick: what the commands need is imported when they run."""
    heavy = {"lxml", "starlette", "uvicorn", "httpx2", "pydantic"}
    seen: set[str] = set()

    def reach(module: str) -> Iterator[str]:
        if module in seen:
            return
        seen.add(module)
        for node in TREES[module].body:
            for imported, _ in imports(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
                yield imported.split(".")[0]
                if imported in TREES:
                    yield from reach(imported)

    assert heavy.isdisjoint(reach("gateway.cli.main"))
