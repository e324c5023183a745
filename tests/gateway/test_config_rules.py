"""Rules of comparing in routes.yaml: what they become, and what is told of those that cannot be or say too much."""

import pytest

from gateway.config.compile import build
from gateway.config.problem import Invalid
from shadow.compare.difference import Severity
from shadow.compare.patterns import Order
from shadow.normalisers.tolerance import Tolerance
from shadow.normalisers.volatile import Volatile

ROUTES = """
version: 1
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}}}
capabilities:
  results:
    owner: tests
    operations:
      read: {{path: /results/x}}
      list:
        path: /results
        rules: {own}
    legacy: legacy
    modern: legacy
    stage: shadow
    shadow:
      sample: 100%
      rules: {rules}
      known_differences: {known}
      gate: {gate}
default: {{upstream: legacy}}
"""
KNOWN = "[{id: K-1, at: /x, reason: why, owner: tests, expires: 2030-12-31, kind: value, ticket: T-1, max_rate: 2%}]"


@pytest.fixture
def built(tmp_path):
    def make(rules="[]", known="[]", own="[]", gate="{}"):
        file = tmp_path / "routes.yaml"
        file.write_text(ROUTES.format(rules=rules, known=known, own=own, gate=gate))
        return build(file)

    return make


def told(built, **lists):
    with pytest.raises(Invalid) as invalid:
        built(**lists)
    return [(one.code, one.place.line) for one in invalid.value.problems]


def plan(configuration):
    return configuration.table.capabilities["results"].shadow


def test_rules_become_what_they_say(built):
    configuration = built("""
        - {at: /at, volatile: instant}
        - {at: /id, id: ids, volatile: {type: uuid}}
        - {at: /v, tolerance: {absolute: 0.5, ulp: 1}}
        - {at: /t, instants: true}
        - {at: /items, list: [code, a/0/b]}
        - {at: /debug, ignore: true, reason: none there, kind: missing}
        - {at: /name, severity: critical}
        - {at: /code, reveal: true}
        - {at: /risk, keys: data}
        - {at: /meta, defaults: false}
        - {at: /@status/200-204, ignore: true, reason: nothing to say}""", KNOWN)
    rules = plan(configuration).rules
    assert [one.id for one in rules.rules] == [
        "volatile /at", "ids", "tolerance /v", "instants /t", "list /items", "ignore /debug", "severity /name",
        "reveal /code", "keys /risk", "defaults /meta", "ignore /@status/200-204"]
    assert rules.rules[0].normaliser == Volatile(Volatile.Options("instant"))
    assert rules.rules[2].normaliser == Tolerance(Tolerance.Options(absolute=0.5, ulp=1.0))
    assert rules.rules[4].order == Order("keyed", (("code",), ("a", 0, "b")))
    assert (rules.rules[5].ignore, rules.rules[5].kind) == (True, "missing")
    assert rules.rules[6].severity is Severity.CRITICAL
    assert (rules.rules[8].at, rules.rules[8].keys) == ("/risk", "data")
    assert (rules.rules[9].at, rules.rules[9].defaults) == ("/meta", False)
    [known] = rules.known
    assert (known.id, known.kind, known.ticket, known.max_rate) == ("K-1", "value", "T-1", 0.02)
    assert known.expires == pytest.approx(1_924_991_999.999999)
    assert configuration.warnings == ()


def test_an_operations_own_rules_come_first_and_change_the_digest(built):
    first = plan(built("[{at: /a, case: true}]", own="[{at: /b, space: true}]"))
    assert [one.at for one in first.rules_of("list").rules] == ["/b", "/a"]
    assert [one.at for one in first.rules_of("read").rules] == ["/a"]
    other = plan(built("[{at: /a, case: true}]", own="[{at: /c, space: true}]"))
    assert first.basis.setup != other.basis.setup
    assert first.basis.setup == plan(built("[{at: /a, case: true}]", own="[{at: /b, space: true}]")).basis.setup
    assert plan(built()).basis.setup.rules == "", "of the arms alone"


def test_what_only_people_read_of_a_rule_begins_no_new_evidence(built):
    rules = "[{at: /a, ignore: true, reason: REASON}]"
    first = plan(built(rules, KNOWN)).basis.setup
    again = plan(built(rules.replace("REASON", "another"), KNOWN.replace("why", "because").replace(
        "owner: tests", "owner: us").replace("T-1", "T-2"))).basis.setup
    assert again == first
    assert plan(built(rules.replace("/a", "/b"), KNOWN)).basis.setup != first
    assert plan(built(rules, KNOWN.replace("2%", "3%"))).basis.setup != first


def test_credentials_of_the_mirror_begin_new_evidence(built, tmp_path):
    drops = plan(built()).basis.setup
    file = tmp_path / "routes.yaml"
    file.write_text(file.read_text().replace("sample: 100%", "sample: 100%\n      credentials: pass"))
    assert plan(build(file)).basis.setup != drops


def test_a_rule_that_goes_from_one_operation_to_all_changes_the_digest(built):
    one, every = plan(built(own="[{at: /a, case: true}]")), plan(built("[{at: /a, case: true}]"))
    assert one.rules_of("read") != every.rules_of("read")
    assert one.basis.setup != every.basis.setup


@pytest.mark.parametrize(("rules", "code"), [
    ("[{at: /a}]", "bad_rule"), ("[{at: /a, case: true, space: true}]", "bad_rule"),
    ("[{at: /a, ignore: true}]", "bad_rule"), ("[{at: /a, case: true, kind: value}]", "bad_rule"),
    ("[{at: a, case: true}]", "bad_pattern"), ("[{at: /entry/0, case: true}]", "bad_pattern"),
    ("[{at: /a, volatil: instant}]", "unknown_plugin"), ("[{at: /a, volatile: instnt}]", "bad_value"),
    ("[{at: /a, tolerance: {absolute: -1}}]", "bad_option"),
    ("[{at: /a, tolerance: {ulp: 1, absolut: 1}}]", "unknown_key"),
    ("[{at: /a, case: true}, {at: /a, case: true}]", "duplicate"), ("[{case: true}]", "missing"),
    ("[{at: /a, severity: bad}]", "bad_value"), ("[{at: /a, keys: no}]", "bad_value"),
    ("[{at: /a, list: []}]", "bad_value"), ("[{at: /a, defaults: true}]", "bad_value"),
    ("[{at: /@status/200, severity: minor}]", "bad_pattern"),
    ("[{at: /@status/200-204/x, severity: minor}]", "bad_pattern"),
])
def test_what_is_no_rule_is_told_at_its_line(built, rules, code):
    assert told(built, rules=rules)[0] == (code, 17)


@pytest.mark.parametrize("rule", [
    "at: /@status/200-204, volatile: int", "at: /@status, list: ordered", "at: /@status, reveal: true",
    "at: /@status, keys: data", "at: /@status, crosswalk: Patient", "at: /@body, space: true",
    "at: /@coding, case: true",
    "at: /@syntax, list: ordered", "at: /@body/x, ignore: true, reason: r", "at: /@syntax/x, severity: minor",
    "at: /@header/location, list: ordered", "at: /@header/location, keys: names", "at: /@header, volatile: url",
    "at: /@header/Location, volatile: url", "at: /@header/date, volatile: opaque",
    "at: /@header/etag, volatile: opaque",
    "at: /@header/x-request-id, ignore: true, reason: r", "at: /@trailer/Via, severity: minor",
    "at: /@header/content-encoding, ignore: true, reason: r", "at: /@header/link/next/x, host: true",
    "at: /@header/last-modified, reveal: true", "at: /@header/location, severity: minor, kind: value",
    "at: /a, ignore: true, kind: header, reason: r", "at: /@status, severity: minor, kind: body",
    "at: /@body, ignore: true, kind: syntax, reason: r",
])
def test_a_rule_that_can_have_no_effect_is_a_problem_and_not_a_surprise(built, rule):
    assert told(built, rules=f"[{{{rule}}}]") == [("no_effect", 17)]


@pytest.mark.parametrize("rule", [
    "at: /@header/location, host: true", "at: /@header/content-disposition/filename, volatile: opaque",
    "at: /@header/etag, severity: major", "at: /@header/etag, ignore: true, reason: r, kind: header",
    "at: /@header/location, crosswalk: reference", "at: /@header/x-total, reveal: true",
    "at: /@header, defaults: false",
    "at: /@header/*, host: true", "at: /@trailer/grpc-status, severity: critical", "at: /@syntax, defaults: false",
    "at: /@syntax, ignore: true, reason: r, kind: syntax", "at: /@body, severity: critical",
    "at: /@context/x, case: true",
    "at: /@graph, list: ordered", "at: /**/x, severity: minor, kind: header", "at: /a, severity: minor, kind: missing",
])
def test_a_rule_that_has_an_effect_is_none(built, rule):
    built(f"[{{{rule}}}]")


@pytest.mark.parametrize("said", ["at: /@status/200-404, shape: integer", "at: /@header/date", "at: /x, kind: body"])
def test_a_declared_difference_that_can_have_no_effect_is_a_problem(built, said):
    known = f"[{{id: K, {said}, reason: r, owner: o, expires: 2030-12-31}}]"
    assert told(built, known=known) == [("no_effect", 18)]


def test_what_is_known_needs_an_owner_a_reason_and_an_end(built):
    codes = told(built, known="[{id: K-1, at: /x}]")
    assert codes == [("missing", 18)] * 3
    assert told(built, known="[{id: K, at: /x, reason: r, owner: o, expires: soon}]") == [("bad_value", 18)]
    assert told(built, known="[{id: K, at: /x, reason: r, owner: o, expires: 2026-12-32}]") == [("bad_value", 18)]


@pytest.mark.parametrize("rule", [
    "{at: /**, ignore: true, reason: r}", '{at: "", ignore: true, reason: r}', "{at: /*/*, volatile: opaque}",
    "{at: /a/*, volatile: opaque}", "{at: /**/identifier, ignore: true, reason: r}",
    "{at: /entry, ignore: true, reason: r}", "{at: /@status/200-404, ignore: true, reason: r}",
    "{at: /@status, ignore: true, reason: r}", "{at: /**, keys: names}",
])
def test_a_rule_that_says_too_much_is_warned_of(built, rule):
    [warning] = built(f"[{rule}]").warnings
    assert (warning.code, warning.place.line) == ("broad_rule", 17)


# --- crosswalk ---

CROSSWALK = """
version: 1
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}}}
capabilities:
  results:
    owner: tests
    operations: {{read: {{path: /results/x}}}}
    legacy: legacy
    modern: legacy
    stage: shadow
    shadow:
      sample: 100%
      crosswalk: {classes}
      rules: {rules}
default: {{upstream: legacy}}
"""


@pytest.fixture
def crossed(tmp_path):
    def make(classes="{Patient: {seed: pairs.csv}}", rules="[{at: /id, crosswalk: Patient}]", seed=None):
        if seed is not None:
            (tmp_path / "pairs.csv").write_text(seed)
        file = tmp_path / "routes.yaml"
        file.write_text(CROSSWALK.format(classes=classes, rules=rules))
        return build(file)

    return make


def test_classes_and_their_seeds_become_part_of_the_rules(crossed, tmp_path):
    configuration = crossed(seed="class,legacy,modern\nPatient,1,a\n")
    [found] = plan(configuration).rules.classes
    assert (found.name, found.learn, found.seed) == ("Patient", True, str(tmp_path / "pairs.csv"))
    assert tmp_path / "pairs.csv" in configuration.files, "it is watched"
    [rule] = plan(configuration).rules.rules
    assert (rule.id, rule.crosswalk) == ("crosswalk /id", "Patient")


def test_another_seed_is_another_configuration_and_other_rules(crossed):
    one, same, other = (crossed(seed=f"class,legacy,modern\nPatient,1,{to}\n") for to in "aab")
    assert (one.digest, one.revision) == (same.digest, same.revision)
    assert one.digest != other.digest
    assert plan(one).basis.setup == plan(same).basis.setup != plan(other).basis.setup


@pytest.mark.parametrize(("seed", "code", "line"), [
    (None, "no_file", 13), ("class,legacy,modern\nOrder,1,a\n", "bad_crosswalk", 13),
    ("class,legacy,modern\nPatient,1,a\nPatient,1,b\n", "bad_seed", 3), ("nothing", "bad_seed", 1),
])
def test_faults_of_a_seed_are_told_at_their_lines_and_the_seed_is_still_watched(crossed, tmp_path, seed, code, line):
    with pytest.raises(Invalid) as invalid:
        crossed(seed=seed)
    assert [(one.code, one.place.line) for one in invalid.value.problems] == [(code, line)]
    assert tmp_path / "pairs.csv" in invalid.value.files


@pytest.mark.parametrize(("classes", "rules", "code"), [
    ("{Patient: {}}", "[]", "unused"), ("{}", "[{at: /**/id, crosswalk: resource}]", "unused"),
])
def test_what_crosswalk_says_in_vain_is_warned_of(crossed, classes, rules, code):
    assert [one.code for one in crossed(classes, rules).warnings] == [code]


def test_a_class_has_no_reserved_name(crossed):
    with pytest.raises(Invalid) as invalid:
        crossed("{reference: {}}")
    assert [one.code for one in invalid.value.problems] == ["bad_crosswalk"]


def test_the_header_that_says_the_build_is_no_difference(built):
    found = plan(built(gate="{build: X-Clinic-Build}", own="[{at: /y, reveal: true}]"))
    for operation in ("read", "list"):
        compiled = found.rules_of(operation).compiled(0.0)
        assert compiled.hides("header", ("@header", "x-clinic-build")) == "default build header"
        assert compiled.hides("header", ("@header", "x-clinic")) is None
