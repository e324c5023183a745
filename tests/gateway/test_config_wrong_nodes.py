"""Any value of a valid file, replaced by any other: decoding ends, and what is wrong has its place.

A file that is read for ever is caught by the time that a test has; what is counted here is the rounds.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import spec
from gateway.config.compile import build
from gateway.config.decode import Repair, Schema, Steps, decode
from gateway.config.nodes import parse
from gateway.config.problem import Findings, Invalid
from tests.gateway.test_config import find

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "routes.yaml"

FULL = """\
version: 1
include: []
server:
  trusted_hops: 2
  forwarded: off
  via: ""
  ambiguous_paths: true
  limits: {target: 1KiB, head: 2KiB, fields: 3, body: 4MiB, trailer: 5B, connections: 6}
  timeouts: {head: 1s, idle: 2m, body_grace: 3s}
  body_rate: 7B
  drain: {delay: 8s, grace: 1h}
store: {disk: {path: s.db, labels: {a: b}}}
shadow:
  queue: 1
  memory: 2MiB
  concurrency: 3
  drain: 250ms
  custody: keys.db
  capture: {path: sealed.db, retention: 1h, records: 3, size: 1MiB, views: {doctor: ["%ward", ann]}}
upstreams:
  old:
    endpoints: [http://a:1, https://b, "unix:///run/x.sock"]
    host: upstream
    timeouts: {connect: 1s, first_byte: 2s, between_bytes: 3s, total: 4s}
    pool: {connections: 1, pending: 2, idle: 3s, age: 4s}
    tls: {server_name: x, verify: false}
    health: {path: /h, every: 1s, timeout: 1.5s, unhealthy: 3, healthy: 4, status: 204}
    ejection: {failures: 1, for: 2s}
    resolve: 9s
  new: {url: "http://n:1"}
policies:
  gated: {gate: {key: k, number: 3, share: 0.5, on: true, file: x, inner: {file: y, every: 3}, names: [a], either: 1.5}}
capabilities:
  results:
    owner: lab
    operations:
      read: {method: [GET, HEAD], path: "/r/{id}", header: {X-A: b}, query: {q: true}, safe: false,
             rules: [{at: /x, ignore: true, kind: value, reason: none of ours, id: one}],
             expect_lag: {within: 5s, max_rate: 2%, owner: o, expires: 2030-01-01, why: w}}
    legacy: {upstream: old, adapter: {soap: {mapping: m.yaml}}}
    modern: new
    stage: canary
    writes: canary
    split: {percent: 12.5%, sticky: [client_ip], group: g, salt: s, on_missing: random}
    shadow:
      sample: 0.5%
      max_body: 2KiB
      deadline: 3s
      credentials: pass
      recheck: {after: [1s, 2s], budget: 4%}
      rules:
        - {at: /a, list: [id, name]}
        - {at: /b, list: multiset}
        - {at: /c, severity: critical}
        - {at: /d, crosswalk: patient}
        - {at: /e, keys: names}
        - {at: /f, reveal: true}
        - {at: /g, defaults: false}
      known_differences:
        - {id: k1, at: /k, kind: value, reason: r, owner: o, ticket: t, expires: 2030-01-01, max_rate: 3%}
      crosswalk: {patient: {learn: true}}
      parameters: [q]
      noise: 1%
      gate:
        limit: 0.2%
        critical_limit: 0.3%
        confidence: 90%
        minimum: 3
        stratum_minimum: 4
        excluded: 6%
        build: X-Build
        calendar: {days: 2, hours: 5, weekend: false, zone: UTC}
        slower: {ratio: 1.5, plus: 20ms}
        across_builds: true
        accept: [{reason: syntax, max_rate: 1%, why: w, owner: o, expires: 2030-01-01}]
        groups: {facility: {header: X-Facility}}
        sign: {up_to: 1%, by: b, until: 2030-01-01, why: w}
      capture: 10%
    policies: [gated]
    limits: {body: 1GiB, buffer: 10B}
    upgrade: false
default: {upstream: new, policies: [gated]}
"""

KINDS: list[Any] = [None, [], {}, "word", 0]
WRONG: list[Any] = [*KINDS, [None], ["word"], {"a": None}, {"a b": {}}, {"upstream": {}}, "", -1, True, 1.5]
# Rounds of decoding. Each takes away what the one before it left wrong, from the inside out: a file is as deep as this.
ROUNDS = 12


def _paths(data: Any, here: Steps = ()) -> Iterator[Steps]:
    yield here
    for step, inner in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _paths(inner, (*here, step))


def _replaced(data: Any, changes: list[tuple[Steps, Any]]) -> Any:
    """A copy with those values replaced that are there by then."""
    top = {"top": deepcopy(data)}
    for path, value in changes:
        held: Any = top
        try:
            for step in ("top", *path)[:-1]:
                held = held[step]
            last = ("top", *path)[-1]
            held[last]  # there at all?
            held[last] = deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue  # it went with what is around it
    return top["top"]


def _plain(text: str) -> Any:
    root = parse(text, Path("x"), lambda written, place: (written, False), Findings())
    assert root is not None
    return root.data()


FILES: Mapping[str, Any] = {"demo": _plain(DEMO.read_text()), "full": _plain(FULL)}
PATHS = {name: list(_paths(data)) for name, data in FILES.items()}


class Counting(Schema[spec.Routes]):
    """Counts how often it is asked."""

    rounds = 0

    def validate(self, data: Any) -> spec.Routes:
        """See Schema."""
        self.rounds += 1
        assert self.rounds <= ROUNDS, "decoding goes on and on"
        return super().validate(data)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What is told of data that is written as a file: the problems, [] where it is valid."""
    path = tmp_path_factory.mktemp("wrong") / "routes.yaml"

    def told(name, changes):
        path.write_text(json.dumps(_replaced(FILES[name], changes)))
        try:
            build(path, environ={}, **({"find": find} if name == "full" else {}))
        except Invalid as invalid:
            found = invalid.problems
        else:
            return []
        assert found, "refused, and nothing says why"
        for problem in found:
            assert problem.place.file == path
            assert problem.place.line == 1
            assert 1 <= problem.place.col <= path.stat().st_size
            assert problem.message
        return found

    return told


@pytest.mark.parametrize("name", FILES)
def test_the_files_to_begin_with_are_valid(told, name):
    assert told(name, []) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("wrong", KINDS, ids=json.dumps)
def test_any_value_may_be_another_and_what_is_wrong_has_a_place(told, name, wrong):
    # Values deep within options, many alike, are tried by chance below.
    for path in PATHS[name]:
        if len(path) <= 5:
            told(name, [(path, wrong)])


@given(st.data())
def test_several_values_may_be_others_at_once(told, data):
    name = data.draw(st.sampled_from(sorted(FILES)))
    change = st.tuples(st.sampled_from(PATHS[name]), st.sampled_from(WRONG))
    told(name, data.draw(st.lists(change, min_size=1, max_size=5)))


@pytest.mark.parametrize("written", ["{}", "null", "[]", "[a]", "word", '{"b ad": {}}', "{a: null}", "{a: [], b: {}}"])
def test_operations_that_are_none_are_one_problem_at_their_place(tmp_path, written):
    path = tmp_path / "routes.yaml"
    path.write_text("version: 1\nupstreams: {a: {url: 'http://h:1'}}\ndefault: {upstream: a}\ncapabilities:\n"
                    f"  x: {{owner: me, legacy: a, stage: legacy, operations: {written}}}\n")
    with pytest.raises(Invalid) as caught:
        build(path)
    [problem] = caught.value.problems
    assert problem.place.line == 5
    assert problem.place.col >= 56


def test_two_faults_in_one_part_take_away_that_part_alone(tmp_path):
    path = tmp_path / "routes.yaml"
    path.write_text("""\
version: 1
upstreams: {a: {url: 'http://h:1', host: 3, resolve: 3}}
default: {upstream: a}
capabilities:
  x: {owner: me, legacy: nobody, stage: legacy, operations: {read: {method: get, path: x}}}
""")
    with pytest.raises(Invalid) as caught:
        build(path)
    assert [(one.place.line, one.code) for one in caught.value.problems] == [
        (2, "bad_value"), (2, "bad_duration"), (5, "unknown_upstream"), (5, "bad_method"), (5, "bad_template")]


@given(st.data())
def test_decoding_takes_as_many_rounds_as_a_file_is_deep_whatever_may_be_cut(data):
    """Whatever a repair says of where to cut and of what to put there, even if it is as wrong."""
    steps = st.sampled_from(["*", "capabilities", "upstreams", "default", "operations", "results", "version"])
    stubs = data.draw(st.dictionaries(st.lists(steps, min_size=1, max_size=4).map(tuple), st.sampled_from(WRONG)))
    depth = data.draw(st.integers(0, 6))
    change = st.tuples(st.sampled_from(PATHS["full"]), st.sampled_from(WRONG))
    written = _replaced(FILES["full"], data.draw(st.lists(change, max_size=3)))
    findings = Findings()
    root = parse(json.dumps(written), Path("x"), lambda text, place: (text, False), findings)
    assert root is not None
    decoded = decode(Counting.of_model(spec.Routes), root, findings, Repair(lambda path: depth, stubs))
    assert decoded.value is not None or findings.problems
