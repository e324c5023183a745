"""README.md and docs/reference.md, held to the code in both directions; and every example in them, run."""

import ast
import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.mapping import Field
from adapters.xmltemplate import ElementOptions
from gateway import plugins
from gateway.admin.app import admin_app
from gateway.cli.main import main
from gateway.config import gating, kinds, spec
from gateway.config.compile import build
from gateway.control.routes import control_routes
from gateway.edges import field_kinds
from gateway.errors import CODES, FAILURES
from gateway.stage import READS, WRITES, Stage
from gateway.wire.request_rules import REQUEST_RULES, TLS_RULES
from gateway.wire.rules import REPAIRS, RULES
from shadow.compare.comparison import Outcome
from shadow.credentials import SECRETS
from shadow.preconditions import PRECONDITIONS
from tests.backends.pki import Authority
from tests.backends.untidy import REFUSED, UNTIDY
from tests.backends.upstream import Upstream, closed_port, until
from tests.backends.wire import response
from tests.markdown import anchors, blocks, quoted, sections, tables, top_level

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
CONTEXT = (ROOT / "CONTEXT.md").read_text()
PAGES = {path: path.read_text() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}
TABLES = [*tables(REFERENCE)]


def rows(section: str, column: str | None = None) -> list[list[str]]:
    """The rows of a section's table, the one that begins with `column` where there are several."""
    [table] = [one for one in TABLES if one.section == section and column in (None, one.columns[0])]
    return table.rows


def column(section: str, first: str | None = None) -> list[str]:
    """Everything that is quoted in the first column."""
    return [name for row in rows(section, first) for name in quoted(row[0])]


# --- routes.yaml ---

def flat(annotation: typing.Any) -> Iterator[typing.Any]:
    """An annotation and everything that it is made of."""
    yield annotation
    for part in typing.get_args(annotation):
        yield from flat(part)


class Key(typing.NamedTuple):
    field: FieldInfo
    parts: list[typing.Any]


def written_keys(model: type[BaseModel], section: str = "The file", prefix: str = "") -> dict[tuple[str, str], Key]:
    """(section, key) → what the spec says of it: nested maps are dotted, and what has names of its own is a section."""
    found: dict[tuple[str, str], Key] = {}
    for name, field in model.model_fields.items():
        key, parts = prefix + (field.alias or name), [*flat(field.annotation), *field.metadata]
        found[section, key] = Key(field, parts)
        for inner in (part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)):
            outside = section == "The file"
            if inner in SHARED_MAPS:
                found |= written_keys(inner, SHARED_MAPS[inner])
                continue
            if dict in map(typing.get_origin, parts):
                found |= written_keys(inner, f"{key}.NAME" if outside else f"{section}.{key}.NAME")
            elif outside:
                found |= written_keys(inner, key)
            else:
                found |= written_keys(inner, section, f"{key}.")
    return found


SHARED_MAPS = {spec.Rule: "rule", spec.Known: "known difference", gating.Accept: "accepted reason"}
KEYS = written_keys(spec.Routes)
WORDS = {alias.__metadata__[0]: word for alias, word in [
    (kinds.Duration, "duration"), (kinds.PositiveDuration, "duration"), (kinds.Size, "size"), (kinds.Share, "share"),
    (kinds.Template, "template"), (kinds.Methods, "text, or list of text"), (spec.Plugin, "plugin"),
    (spec.ArmOrName, "text, or map"), (kinds.Places, "pattern"), (kinds.Moment, "date, or time"),
]}


def type_of(parts: list[typing.Any]) -> str:
    """How the reference names a type, or how it begins to."""
    origins = {typing.get_origin(part) for part in parts}
    if kinds.Name.__metadata__[0] in parts and dict in origins:
        return "map by name"
    for part in parts:
        if isinstance(part, typing.Hashable) and part in WORDS:
            return WORDS[part]
    if list in origins and not SHARED_MAPS.keys().isdisjoint(parts):
        return "list of map"
    if dict in origins or any(isinstance(part, type) and issubclass(part, BaseModel) for part in parts):
        return "map"
    if list in origins:
        return "list of text"
    if date in parts:
        return "date"
    choices = [str(one).lower() if isinstance(one, bool) else str(one)
               for part in parts if typing.get_origin(part) is typing.Literal for one in typing.get_args(part)]
    choices += [str(one) for one in Stage if Stage in parts]
    if choices:
        return ", ".join(f"`{one}`" for one in choices)
    return "integer" if int in parts else "boolean" if bool in parts else "number" if float in parts else "text"


def default_of(value: object) -> str:
    """A default as the reference writes it; what is a map of keys of its own has none."""
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, list | tuple):
        return f"`[{', '.join(value)}]`"
    if isinstance(value, Mapping):
        return f"`{next(iter(value), '{}')}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def documented(*columns: str) -> dict[tuple[str, str], list[str]]:
    """(section, key) → the row, of all tables whose first column is one of these."""
    return {(table.section, key): row for table in TABLES if table.columns[0] in columns
            and not table.section.startswith("figway") for row in table.rows for key in quoted(row[0])}


def test_the_reference_has_every_key_of_routes_yaml_and_no_other():
    assert documented("Key").keys() == KEYS.keys()


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_types_and_defaults_of_keys_are_as_documented(section, key):
    _, kind, default, _ = documented("Key")[section, key]
    field, parts = KEYS[section, key]
    assert kind.startswith(type_of(parts))
    wanted = "required" if field.is_required() else default_of(field.get_default(call_default_factory=True))
    assert ("" if default == "see below" else default) == wanted


# --- plugins ---

SHARED = {Field: "field", ElementOptions: "element"}
GROUPS = ("figway.adapters", "figway.normalisers", "figway.policies", "figway.stores")


def plugin_options(options: type, section: str, prefix: str = "") -> dict[tuple[str, str], dataclasses.Field]:
    """(section, option) → its dataclass field: nested dataclasses are dotted, shared ones have a section."""
    found = {}
    hints = typing.get_type_hints(options)
    for field in dataclasses.fields(options):
        key, parts = prefix + field.name, [*flat(hints[field.name])]
        found[section, key] = field
        named = Mapping in map(typing.get_origin, parts)
        for inner in (part for part in parts if dataclasses.is_dataclass(part) and part not in SHARED):
            found |= plugin_options(inner, section, f"{key}.NAME." if named else f"{key}.")
    return found


OPTIONS = {
    place: field for group in GROUPS for name in plugins.names(group)
    for place, field in plugin_options(plugins.load(group, name).Options, name).items()
} | {place: field for shared, name in SHARED.items() for place, field in plugin_options(shared, name).items()}


def test_the_reference_has_every_option_of_every_plugin_and_no_other():
    assert documented("Option").keys() == OPTIONS.keys()
    headings = {heading for heading, _ in sections(REFERENCE)}
    assert {name for group in GROUPS for name in plugins.names(group)} <= headings


@pytest.mark.parametrize(("section", "option"), OPTIONS)
def test_defaults_of_options_are_as_documented(section, option):
    field, default = OPTIONS[section, option], documented("Option")[section, option][2]
    missing = dataclasses.MISSING
    if field.default is missing and field.default_factory is missing:
        assert default == "required"
    else:
        value = field.default if field.default_factory is missing else field.default_factory()
        assert default == default_of(value)


# --- problems and errors ---

def text(folder):
    """The source of all modules in a folder of the repository."""
    return "".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.py")))


def constants(folder: str) -> set[str]:
    """Every text that the code of a folder, or a file, holds."""
    where = ROOT / folder
    trees = [ast.parse(path.read_bytes()) for path in (where.rglob("*.py") if where.is_dir() else [where])]
    return {node.value for tree in trees for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def told(where: str) -> Iterator[object]:
    """The codes that stand where problems are made: the last argument of what makes them, the first of pydantic's."""
    makers = {"Problem": -1, "_tell": -1, "_told": -1, "_problem": -1, "PydanticCustomError": 0, "_matching": 1}
    for path in (ROOT / where).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in makers and isinstance(code := node.args[makers[name]], ast.Constant):
                    yield code.value
            elif isinstance(node, ast.Return | ast.Yield) and isinstance(node.value, ast.Tuple):
                yield from (last.value for last in node.value.elts[-1:] if isinstance(last, ast.Constant))


def test_the_reference_has_every_code_of_a_problem():
    listed = set(column("Problems"))
    code = re.compile(r"[a-z]+(_[a-z]+)*")
    assert {one for one in told("gateway/config") if code.fullmatch(str(one))} <= listed
    assert listed <= constants("gateway/config") | {"unknown_upstream", "unknown_policy"}


def test_the_reference_has_every_error_code_with_its_row():
    wanted = [
        [f"`{code}`", str(row.status), row.source, "yes" if row.retryable else "no", f"`{row.proxy_status}`", row.title]
        for code, row in CODES.items()
    ]
    assert rows("Error codes", "Code") == wanted
    assert {quoted(failure)[0]: quoted(code)[0] for failure, code, _ in rows("Error codes", "Failure")} == FAILURES


def test_the_reference_has_every_rule_that_an_answer_can_break():
    assert column("Answers of old servers", "Repaired") == list(REPAIRS)
    assert column("Answers of old servers", "Refused") == [rule for rule in RULES if rule not in REPAIRS]


def test_the_reference_has_every_rule_that_a_client_can_break():
    for first, known in (("Request", REQUEST_RULES), ("Handshake", TLS_RULES)):
        assert [(quoted(rule)[0], did) for rule, did in rows("Clients that are refused", first)] == [*known.items()]


# --- the command line ---

def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, a group's own after it, by what is typed."""
    for one in group.list_commands(None):
        command = group.get_command(click.Context(group), one)
        yield f"{name} {one}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {one}")


COMMANDS = dict(commands(main, "figway"))


def parameters(command: click.Command) -> dict[str, click.Parameter]:
    context = click.Context(command)
    shown = command.params if command is not main else [*command.params, command.get_help_option(context)]
    return {max(one.opts, key=len) if isinstance(one, click.Option) else one.human_readable_name: one for one in shown}


@pytest.mark.parametrize(("section", "command"), [("figway", main), *COMMANDS.items()])
def test_the_reference_has_every_command_with_its_options_and_arguments(section, command):
    found = {row[0]: row for table in TABLES if table.section == section for row in table.rows}
    assert found.keys() == {f"`{name}`" for name in parameters(command)}
    for name, parameter in parameters(command).items():
        row = found[f"`{name}`"]
        text = dict(sections(REFERENCE))[section]
        for other in [*parameter.opts[:-1], *parameter.secondary_opts]:
            assert f"`{other}`" in text
        if isinstance(parameter, click.Option):
            default = parameter.to_info_dict()["default"]
            shown = section == "figway" or default in (None, (), []) or "UNSET" in repr(default)
            assert row[1] == ("" if shown else default_of(default))
        for choice in getattr(parameter.type, "choices", ()):
            assert f"`{choice}`" in " ".join(row)


def test_the_reference_has_no_command_that_is_not_there():
    assert {one for one, _ in sections(REFERENCE) if one.startswith("figway ")} == COMMANDS.keys()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_call_only_commands_and_options_that_are_there(path):
    for line in re.findall(r"(?m)(?:^|`)(figway [a-z]+[^`\n]*)", PAGES[path]):
        name = max((one for one in COMMANDS if f"{line} ".startswith(f"{one} ")), key=len)
        rest = line.removeprefix(name)
        options = {option for one in COMMANDS[name].params for option in (*one.opts, *one.secondary_opts)}
        assert set(re.findall(r"(?<= )--?[a-zA-Z][a-z-]*", rest)) <= options


def test_exit_codes_are_those_of_the_help():
    assert {row[0] for row in rows("Command line")} == set(re.findall(r"\b([0-9]+)\b", main.help))


# --- what a running gateway tells ---

@pytest.fixture
def old():
    """A server whose answers can be repaired, but for the last."""
    upstream = Upstream()
    upstream.answers(UNTIDY["a folded field"].sent, REFUSED["lengths that differ"][0])
    yield upstream
    upstream.close()


@pytest.fixture
def busy(gateway, legacy, modern, old, tmp_path):
    """A gateway that has met everything which leaves a trace in its log and metrics."""
    legacy.answers(response(200, ("Content-Type", "application/json"), body=b'{"id": 1}'))
    modern.answers(response(200, ("Content-Type", "application/json"), body=b'{"id": 2}'))
    pair = Authority(tmp_path, "ca").issue("client")
    figway = gateway(f"""
version: 1
server: {{drain: {{grace: 2s}}, forwarded: both, insight: ["address:127.0.0.1"]}}
upstreams:
  legacy: {{url: "{legacy.url}"}}
  modern: {{url: "{modern.url}"}}
  down: {{url: "https://127.0.0.1:{closed_port()}", tls: {{cert: {pair.cert}, key: {pair.key}}}}}
  old: {{url: "{old.url}"}}
policies: {{fair: {{ratelimit: {{rate: 1000/s}}}}}}
capabilities:
  shadowed:
    owner: tests
    operations: {{read: {{method: GET, path: "/shadowed/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, recheck: {{after: []}}}}
    policies: [fair]
    deprecation: {{since: 2026-03-01, sunset: 2027-03-01, link: /why}}
  falling:
    owner: tests
    operations: {{read: {{method: GET, path: "/falling/{{id}}"}}}}
    legacy: legacy
    modern: down
    stage: canary
    split: {{percent: 100%, sticky: [client_ip]}}
  broken:
    owner: tests
    operations: {{read: {{path: "/broken/{{id}}"}}}}
    legacy: down
    stage: legacy
  old:
    owner: tests
    operations: {{read: {{path: "/old/{{id}}"}}}}
    legacy: old
    stage: legacy
default: {{upstream: legacy, policies: []}}
""")
    host = ("Host", "clinic.example")
    for _ in range(2):
        figway.ask("GET", "/old/1", host)
    figway.answers = [
        figway.ask("GET", "/shadowed/1", host, ("X-Request-Id", "5f0c1d5e-2b1a-4c5e-9d59-0e7e5c1f7a11")),
        figway.ask("GET", "/falling/1", host), figway.ask("GET", "/broken/1", host), figway.ask("GET", "/", host),
    ]
    figway.say(b"nonsense\r\n\r\n")
    until(lambda: figway.metric("figway_shadow_total", outcome="mismatch") >= 1, "nothing is compared")
    return figway


@pytest.mark.slow
def test_the_reference_has_every_metric_with_its_type_and_labels(busy):
    text = busy.metrics()
    labels = {name: set() for name in re.findall(r"(?m)^# TYPE (\w+)", text)}
    for name, given in re.findall(r"(?m)^(\w+)\{(.*)\} ", text):
        family = name if name in labels else re.sub(r"_(bucket|sum|count)$", "", name)
        labels[family] |= set(re.findall(r'(\w+)="', given)) - {"le"}
    kind = dict(re.findall(r"(?m)^# TYPE (\w+) (\w+)", text))
    assert {quoted(row[0])[0]: (row[1], set(quoted(row[2]))) for row in rows("Metrics")} == {
        name: (kind[name], labels[name]) for name in labels}


@pytest.mark.slow
def test_the_reference_has_every_field_and_event_of_the_log(busy):
    busy.stop()
    lines = busy.log()
    assert {name for line in lines if line["event"] == "request" for name in line} == set(column("Logs", "Field"))
    source = text("gateway")
    events = set(re.findall(r'\.event\(\s*"(\w+)"', source))
    assert events == set(column("Logs", "Event"))
    assert {line["event"] for line in lines} <= events | {"request"}


def test_the_reference_has_every_path_of_the_admin_port():
    routes = admin_app(None, None, "", more=control_routes(None)).routes
    assert {route.path for route in routes} == set(column("Admin port"))


@pytest.mark.slow
def test_the_reference_has_every_field_that_is_added_to_requests(busy, legacy, modern):
    mirror = next(one for one in modern.asked if one.target == b"/shadowed/1")
    plain = next(one for one in legacy.asked if one.target == b"/")
    added = {name.decode() for one in (mirror, plain) for name, _ in one.headers} - {"Host"}
    assert added == set(column("Added to requests"))


@pytest.mark.slow
def test_the_reference_has_every_field_that_is_added_to_responses(busy):
    of_upstream = {"content-type", "content-length", "connection", "cache-control", "date"}
    added = {name.decode() for answer in busy.answers for name, _ in answer.headers}
    assert {name for name in added if name.lower() not in of_upstream} == set(column("Added to responses"))


@pytest.mark.slow
def test_what_is_removed_from_requests_is_as_documented(plain, legacy):
    listed = column("Removed from requests")
    gone = (field_kinds.DROP, field_kinds.CONNECTION, field_kinds.TE, field_kinds.UPGRADE, field_kinds.CODING,
            field_kinds.FORWARDED, field_kinds.TRACE_STATE)
    known = {name.decode() for name, kind in field_kinds.KINDS.items() if kind in gone}
    assert {name.lower() for name in listed if not name.startswith("X-Figway")} == known
    sent = [(name, "canary") for name in listed if name != "Transfer-Encoding"]
    assert plain.ask("GET", "/", ("Host", "clinic.example"), *sent).status == 200
    assert b"canary" not in b"".join(value for _, value in legacy.asked[-1].headers)
    lacking = dict(sections(REFERENCE))["Removed from mirrors"]
    for name in (*PRECONDITIONS, *SECRETS):
        assert f"`{name.decode()}`" in lacking.lower()


# --- the shadow's words, and the stages ---

def test_the_reference_has_every_outcome_and_reason():
    section = "What the shadow lane says"
    assert column(section, "Outcome") == [str(outcome) for outcome in Outcome]
    reasons = {name for row in rows(section, "Outcome") for name in quoted(row[2])} - {"legacy_", "2s"}
    assert reasons <= constants("shadow") | constants("gateway")
    called = {reason for folder, ends in (("gateway", r"\.skip|_skip_mirror"), ("shadow/lane", r"\.skip|_give_up"))
              for reason in re.findall(rf'(?:{ends})\([^"()]*"(\w+)"', text(folder))}
    assert called
    assert called <= reasons


def test_the_reference_has_every_kind_of_difference():
    listed = set(column("What the shadow lane says", "Difference"))
    source = text("shadow/compare")
    compared = set(re.findall(r'Difference\("(\w+)"', source))
    assert compared <= listed
    assert listed <= compared | constants("shadow/compare")


def test_the_readmes_table_of_stages_is_stage_py():
    [table] = [one for one in tables(README) if one.columns[0] == "Stage"]
    for row in table.rows:
        [stage] = map(Stage, quoted(row[0]))
        read, write = READS[stage], WRITES.get(stage)
        other = {"legacy": "modern", "modern": "legacy", "split": "the other arm"}[read.serve]
        assert row[1:] == [read.serve, other if read.mirror else "–", "legacy answers" if read.fallback else "–",
                           write.serve if write else "–"]
    assert [quoted(row[0])[0] for row in table.rows] == [str(stage) for stage in Stage]
    assert not any(one.mirror or one.fallback for one in WRITES.values())


# --- requirements, and words ---

def test_each_requirement_that_a_test_cites_is_listed_and_the_others_say_how_they_stand():
    [listed, others] = [table for table in tables(CONTEXT) if table.columns[0] == "#"]
    cited = {number for path in (ROOT / "tests").rglob("*.py")
             for numbers in re.findall(r"mark\.proves\(([\d, ]+)\)", path.read_text())
             for number in numbers.replace(" ", "").split(",")}
    assert [row[0] for row in listed.rows] == [str(number) for number in range(1, len(listed.rows) + 1)]
    assert cited | {row[0] for row in others.rows} == {row[0] for row in listed.rows}
    assert cited.isdisjoint(row[0] for row in others.rows)


def test_a_word_of_the_glossary_has_one_meaning():
    words = [word.lower() for table in tables(CONTEXT) if table.columns[0] == "Word"
             for row in table.rows for word in row[0].split(", ")]
    assert len(words) == len(set(words))


# --- pages and examples ---


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)]+)\)", PAGES[path]):
        where, _, anchor = link.partition("#")
        if "://" in where:
            continue
        target = (path.parent / where).resolve() if where else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("path", [*PAGES, *ROOT.glob("docs/*.s*")], ids=lambda path: path.name)
def test_pages_tell_nothing_of_the_machine_that_they_were_written_on(path):
    places = r"pypi\.|pythonhosted|npmjs|docker\.io|deb\.debian|/work/|/tmp/w|/root/|/home/|file:///"
    assert re.findall(places, path.read_text()) == []


AROUND = {"version": "version: 1\n", "upstreams": 'upstreams: {legacy: {url: "http://127.0.0.1:9001"}}\n',
          "default": "default: {upstream: legacy}\n"}


@pytest.mark.parametrize("example", [text for language, text in blocks(REFERENCE) if language == "yaml"])
def test_every_example_of_the_reference_is_valid(example, tmp_path):
    """Examples show the part that they are about; what every file needs is put around it."""
    file = tmp_path / "routes.yaml"
    file.write_text("".join(text for key, text in AROUND.items() if f"{key}:" not in top_level(example)) + example)
    assert build(file).revision
