"""routes.yaml is read strictly: every problem is told at once, each at its own line and column."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from adapters.message import Headers, Request
from gateway.config.compile import build
from gateway.config.problem import Invalid
from gateway.config.sealing import Sealed
from gateway.config.spec import json_schema
from gateway.edges.settings import EdgeSettings
from gateway.plugins import PluginError
from gateway.reading import PRESETS
from gateway.stage import Stage
from gateway.transports.settings import UpstreamSettings
from shadow.sealed.base import Bounds
from shadow.settings import LaneSettings
from tests.backends.pki import Authority

SMALLEST = """\
version: 1
upstreams:
  old: {url: "http://127.0.0.1:1"}
default: {upstream: old}
"""

TWO = """\
version: 1
upstreams:
  old: {url: "http://127.0.0.1:1"}
  new: {url: "http://127.0.0.1:2"}
default: {upstream: old, policies: []}
"""


@dataclass(frozen=True)
class Inner:
    file: Path | None = None
    every: int = 1


@dataclass(frozen=True)
class Options:
    key: str = ""
    number: int = 0
    share: float = 0.0
    on: bool = False
    file: Path = Path("default.pem")
    inner: Inner = Inner()
    names: tuple[str, ...] = ()
    either: str | float = ""


class Policy:
    """A policy that refuses to be built with key "bad"."""

    Options = Options
    credentials = (b"x-gate",)

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options = name, options
        if options.key.startswith("bad"):
            raise ValueError(f"key: is bad ({options.key})")
        if options.number == 13:
            raise ZeroDivisionError
        if options.number == 14:
            self.credentials = None

    async def close(self) -> None: ...


class Adapter:
    """An adapter that translates `read` only."""

    @dataclass(frozen=True)
    class Options:
        mapping: Path | None = None

    def __init__(self, options: Any) -> None:
        self.options = options

    def operations(self) -> frozenset[str]:
        return frozenset({"read"})


class Store:
    @dataclass(frozen=True)
    class Options:
        path: Path = Path("x.db")
        labels: dict[str, str] = field(default_factory=dict)


class Fileless:
    @dataclass(frozen=True)
    class Options:
        pass


PLUGINS = {("figway.policies", "gate"): Policy, ("figway.adapters", "soap"): Adapter,
           ("figway.stores", "memory"): Store, ("figway.stores", "disk"): Store,
           ("figway.stores", "none"): Fileless}


def find(group, name):
    if (group, name) not in PLUGINS:
        raise PluginError(f'no {group.removeprefix("figway.")} plugin "{name}"')
    return PLUGINS[group, name]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files below a folder that is the working directory, so that places read "routes.yaml:1:1"."""
    monkeypatch.chdir(tmp_path)

    def write(text, **more):
        for name, content in {"routes.yaml": text, **more}.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return Path("routes.yaml")

    return write


@pytest.fixture
def built(write):
    def built(text, *, previous=None, environ=None, files=None):
        return build(write(text, **(files or {})), previous, environ=environ or {}, find=find)

    return built


@pytest.fixture
def problems(built):
    """The problems of a text, as they are printed."""

    def problems(text, **more):
        with pytest.raises(Invalid) as caught:
            built(text, **more)
        return [str(problem) for problem in caught.value.problems]

    return problems


# --- what is right ---------------------------------------------------------------------------------------------------


def test_the_smallest_file_gets_every_default(built):
    configuration = built(SMALLEST)
    assert configuration.edge == EdgeSettings()
    assert configuration.lane == LaneSettings()
    assert configuration.store[0] == "memory"
    assert configuration.upstreams["old"].settings == UpstreamSettings("old", ("http://127.0.0.1:1",))
    assert configuration.table.match(Request("GET", b"/x", Headers())).target.capability.name == "_default"
    assert configuration.warnings == ()


def test_everything_that_can_be_said_is_heard(built, tmp_path):
    Authority(tmp_path, "ca")
    configuration = built("""\
        version: 1
        server:
          trusted_hops: 2
          trusted_fields: forwarded
          forwarded: off
          via: ""
          ambiguous_paths: true
          limits: {target: 1KiB, head: 2KiB, fields: 3, body: 4MiB, trailer: 5B, connections: 6}
          timeouts: {head: 1s, idle: 2m, body_grace: 3s}
          body_rate: 7B
          drain: {delay: 8s, grace: 1h}
        store: {disk: {path: s.db}}
        shadow: {queue: 1, memory: 2MiB, concurrency: 3, drain: 250ms}
        upstreams:
          old:
            endpoints: [http://a:1, https://b, "unix:///run/x.sock", "http://[::1]:5/"]
            host: upstream
            timeouts: {connect: 1s, first_byte: 2s, between_bytes: 3s, total: 4s}
            pool: {connections: 1, pending: 2, idle: 3s, age: 4s}
            tls: {ca: ca.pem, server_name: x, verify: false}
            health: {path: /h, every: 1s, timeout: 1.5s, unhealthy: 3, healthy: 4, status: 204}
            ejection: {failures: 1, for: 2s}
            resolve: 9s
          new: {url: "http://n:1"}
        policies:
          gated: {gate: {key: k}}
        capabilities:
          results:
            owner: lab
            operations:
              read: {method: [GET, HEAD], path: "/r/{id}", header: {X-A: b}, query: {q: true}, safe: false}
            legacy: {upstream: old, adapter: {soap: {mapping: m.yaml}}}
            modern: new
            stage: canary
            writes: canary
            split: {percent: 12.5%, sticky: [client_ip], group: g, on_missing: random}
            shadow: {sample: 0.5%, max_body: 2KiB, deadline: 3s, credentials: pass}
            policies: [gated]
            limits: {body: 1GiB, buffer: 10B}
            upgrade: false
        default: {upstream: new, policies: [gated]}
        """)
    assert configuration.edge == EdgeSettings(
        target=1024, head=2048, fields=3, body=4 << 20, trailer=5, connections=6, head_timeout=1, idle_timeout=120,
        body_grace=3, body_rate=7, trusted_hops=2, trusted_fields="forwarded", forwarded="off", via="",
        ambiguous_paths=True, drain_delay=8, drain_grace=3600,
        read=frozenset({b"x-a", b"x-gate"}))
    assert configuration.lane == LaneSettings(1, 2 << 20, 3, 0.25)
    assert configuration.store == ("disk", Store.Options(Path("s.db")))
    upstream = configuration.upstreams["old"].settings
    assert upstream.endpoints == ("http://a:1", "https://b", "unix:///run/x.sock", "http://[::1]:5")
    assert (upstream.tls.ca, upstream.health.status, upstream.ejection.seconds) == ("ca.pem", 204, 2)
    capability = configuration.table.capabilities["results"]
    assert capability.split.share == 1250
    assert capability.split.salt == "g"
    assert (capability.shadow.sample, capability.shadow.max_body, capability.shadow.pass_credentials) == (
        0.005, 2048, True)
    assert (capability.reads, capability.writes, capability.upgrade) == (Stage.CANARY, Stage.CANARY, False)
    assert (capability.body_limit, capability.buffer_limit) == (1 << 30, 10)
    assert capability.operations[0].headers == (("X-A", "b"),)
    assert capability.operations[0].query == (("q", None),)
    assert capability.operations[0].place == "routes.yaml:31"
    assert capability.policies == configuration.table.default.policies == (configuration.policies["gated"],)


def test_the_demo_s_own_file_is_valid():
    build(Path(__file__).parents[2] / "routes.yaml", environ={})


# --- the schema ------------------------------------------------------------------------------------------------------

BAD_VALUES = [
    # where, what is written, the problem's column, message and code
    ("server: {trusted_hops: on}", 24, 'wants a whole number, not "on" [wrong_type]'),
    ("server: {trusted_hops: 010}", 24, 'wants a whole number, and "010" is read as 8s by some and as 10s by others: '
                                        "write it without the leading zero [wrong_type]"),
    ("server: {trusted_hops: 12:30}", 24, 'wants a whole number, not "12:30" [wrong_type]'),
    ('server: {trusted_hops: "1"}', 24, "wants a whole number: write 1 without quotes [wrong_type]"),
    ("server: {trusted_hops: -1}", 24, "must be at least 0 [bad_value]"),
    ("server: {ambiguous_paths: no}", 27, 'wants true or false: "no" is text in YAML 1.2, write false [wrong_type]'),
    ("server: {ambiguous_paths: 1}", 27, 'wants true or false, not "1" [wrong_type]'),
    ("server: {forwarded: forwardd}", 21,
     'wants x-forwarded, forwarded, both or off; did you mean "forwarded"? [bad_value]'),
    ("server: {body_rate: 100}", 21, 'wants a size: 100B, 64KiB, 10MiB or 1GiB, not "100" [bad_size]'),
    ("server: {body_rate: 1KB}", 21, 'wants a size: 100B, 64KiB, 10MiB or 1GiB, not "1KB" [bad_size]'),
    ("server: {drain: {grace: 30}}", 25, 'wants a duration: 250ms, 5s, 2m or 1h, not "30" [bad_duration]'),
    ("server: {drain: {grace: 12:30}}", 25, 'wants a duration: 250ms, 5s, 2m or 1h, not "12:30" [bad_duration]'),
    ("server: {timeouts: {idle: 0s}}", 27, 'wants a duration longer than 0s, not "0s" [bad_duration]'),
    ("server: [1]", 9, "wants a map [wrong_type]"),
    ("server:", 8, "wants a map [wrong_type]"),
    ("serer: {}", 1, 'unknown key "serer"; did you mean "server"? [unknown_key]'),
    ("server: {limits: {heads: 1KiB}}", 19, 'unknown key "heads"; did you mean "head"? [unknown_key]'),
    ("store: disk", 8, 'wants one plugin: its name, and a map of its options, not "disk" [wrong_type]'),
    ("store: {dusk: {}}", 9, 'no stores plugin "dusk" [unknown_plugin]'),
    ("include: x.yaml", 10, 'wants a list, not "x.yaml" [wrong_type]'),
    ("policies: {-x: {gate: {}}}", 12, 'a name is 1 to 64 letters, digits, dots, dashes, underscores [bad_name]'),
]


@pytest.mark.parametrize(("line", "col", "message"), BAD_VALUES, ids=[row[0] for row in BAD_VALUES])
def test_a_value_that_does_not_fit_is_told_of_at_its_place(problems, line, col, message):
    assert problems(f"{SMALLEST}{line}\n") == [f"routes.yaml:5:{col}: {message}"]


def test_what_is_missing_is_told_of_at_its_owner(problems):
    assert problems("version: 2\n") == [
        'routes.yaml:1:1: "default" is missing [missing]',
        'routes.yaml:1:1: "upstreams" is missing [missing]',
        'routes.yaml:1:10: wants 1 [bad_value]',
    ]
    assert problems(SMALLEST + "capabilities:\n  one:\n    stage: legacy\n") == [
        'routes.yaml:6:3: "operations" is missing [missing]',
        'routes.yaml:6:3: "owner" is missing [missing]',
    ]


def test_every_problem_is_told_at_once_whatever_its_kind(problems):
    assert problems(TWO + dedent("""\
        servr: {}
        capabilities:
          one:
            owner: x
            operations: {read: {path: /a, mehtod: GET}, list: {path: b}, other: {path: /a}}
            legacy: odl
            stage: canry
            policies: [nobody]
          two:
            operations: {read: {path: /a}}
            legacy: {upstream: neww, adapter: {sop: {}}}
            stage: shadow
        """)) == [
        'routes.yaml:6:1: unknown key "servr"; did you mean "server"? [unknown_key]',
        'routes.yaml:10:35: unknown key "mehtod"; did you mean "method"? [unknown_key]',
        'routes.yaml:10:62: wants a path template that begins with /, not "b"; did you mean "/b"? [bad_template]',
        'routes.yaml:10:66: one.other and one.read at routes.yaml:10 fit the same requests, '
        'and neither is more specific [overlap]',
        'routes.yaml:11:13: no upstream "odl"; did you mean "old"? [unknown_upstream]',
        "routes.yaml:12:12: wants legacy, shadow, canary, verify, modern or retired; "
        'did you mean "canary"? [bad_value]',
        'routes.yaml:13:16: no policy "nobody" [unknown_policy]',
        'routes.yaml:14:3: "owner" is missing [missing]',
        'routes.yaml:15:18: two.read and one.read at routes.yaml:10 fit the same requests, '
        'and neither is more specific [overlap]',
        'routes.yaml:16:24: no upstream "neww"; did you mean "new"? [unknown_upstream]',
        'routes.yaml:16:40: no adapters plugin "sop" [unknown_plugin]',
        'routes.yaml:17:5: a modern arm is needed from here on [needs_modern]',
        'routes.yaml:17:5: shadow needs `shadow`, with a `sample` [needs_shadow]',
    ]


def test_the_json_schema_describes_the_text_that_people_write():
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    drain = schema["$defs"]["Drain"]["properties"]["grace"]
    assert (drain["type"], drain["default"]) == ("string", "30s")
    assert "ms|s|m|h" in drain["pattern"]
    assert "%" in schema["$defs"]["Split"]["properties"]["percent"]["pattern"]
    assert {"type": "string"} in schema["$defs"]["Capability"]["properties"]["legacy"]["anyOf"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)


# --- plugins ---------------------------------------------------------------------------------------------------------

GATED = """\
version: 1
upstreams:
  old: {url: "http://127.0.0.1:1"}
default: {upstream: old, policies: [gated]}
policies:
  gated:
    gate:
"""

BAD_OPTIONS = [
    ("kye: x", 'routes.yaml:8:7: unknown key "kye"; did you mean "key"? [unknown_key]'),
    ("inner: {evry: 1}", 'routes.yaml:8:15: unknown key "evry"; did you mean "every"? [unknown_key]'),
    ('number: "1"', "routes.yaml:8:15: wants a whole number [wrong_type]"),
    ("on: yes", "routes.yaml:8:11: wants true or false [wrong_type]"),
    ("key: 1", "routes.yaml:8:12: wants text [wrong_type]"),
    ("either: [x]", "routes.yaml:8:15: wants text or wants a number [wrong_type]"),
    ("key: bad", "routes.yaml:8:7: key: is bad (bad) [bad_option]"),
    ("number: 13", 'routes.yaml:8:7: plugin "gate" failed: ZeroDivisionError [plugin_failed]'),
    ("number: 14", 'routes.yaml:8:7: plugin "gate" does not say which fields hold its credentials [plugin_failed]'),
]


@pytest.mark.parametrize(("line", "message"), BAD_OPTIONS, ids=[row[0] for row in BAD_OPTIONS])
def test_a_plugin_s_options_are_held_against_what_it_declares(problems, line, message):
    assert problems(f"{GATED}      {line}\n") == [message]


def test_relative_paths_in_options_start_at_the_file_that_they_stand_in(built):
    configuration = built(
        SMALLEST.replace("old}", "old, policies: [gated]}") + "include: [d/*.yaml]\n",
        files={"d__p.yaml": "policies: {gated: {gate: {inner: {file: a.pem}, names: [x, y], either: 1}}}\n"})
    options = configuration.policies["gated"].options
    assert options == Options(file=Path("d/default.pem"), inner=Inner(Path("d/a.pem")), names=("x", "y"), either=1)


# --- upstreams -------------------------------------------------------------------------------------------------------

BAD_UPSTREAMS = [
    ("{}", 8, "needs `url` or `endpoints` [bad_upstream]"),
    ('{url: "http://a", endpoints: ["http://b"]}', 8, "has both `url` and `endpoints` [bad_upstream]"),
    ('{url: "http://a/path"}', 14, "a URL ends after its port here: requests bring their own path and query [bad_url]"),
    ('{url: "http://a?q"}', 14, "a URL ends after its port here: requests bring their own path and query [bad_url]"),
    ('{url: "ftp://a"}', 14, "wants http://host:port, https://host:port or unix:///path [bad_url]"),
    ('{url: "http://u:secret@a"}', 14,
     "a URL with a user or a password: they are not sent, and would be shown [bad_url]"),
    ('{url: "http://a:99999"}', 14, "not a URL with a valid host and port [bad_url]"),
    ('{url: "http://"}', 14, "not a URL with a valid host and port [bad_url]"),
    ('{url: "http://a..b:80"}', 14, "not a URL with a valid host and port [bad_url]"),
    ('{url: "http://' + "a" * 64 + '.x"}', 14, "not a URL with a valid host and port [bad_url]"),
    ('{url: "unix://run/x"}', 14, "wants unix:///path [bad_url]"),
    ('{endpoints: ["http://a", "http://a/"]}', 33, "this endpoint is there already [bad_url]"),
    ('{url: "https://a", tls: {ca: none.pem}}', 37, "there is no such file (ca of tls) [no_file]"),
    ('{url: "https://a", tls: {key: routes.yaml}}', 27, "`cert` and `key` go together [bad_upstream]"),
    ('{url: "http://a", hots: keep}', 26, 'unknown key "hots"; did you mean "host"? [unknown_key]'),
]


@pytest.mark.parametrize(("written", "col", "message"), BAD_UPSTREAMS, ids=[row[0] for row in BAD_UPSTREAMS])
def test_an_upstream_that_cannot_be_called_is_told_of(problems, written, col, message):
    text = f"version: 1\ndefault: {{upstream: old}}\nupstreams:\n  old: {written}\n"
    assert problems(text) == [f"routes.yaml:4:{col}: {message}"]


# --- capabilities ----------------------------------------------------------------------------------------------------


def capability(**keys):
    keys = {"owner": "x", "operations": '{read: {method: GET, path: "/a/{id}"}}', "legacy": "old", **keys}
    return TWO + "capabilities:\n  one:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items() if value)


SPLIT = "{percent: 25%, sticky: [client_ip]}"
BAD_STAGES = [
    ({"stage": "shadow", "shadow": "{sample: 1%}"}, "11:5: a modern arm is needed from here on [needs_modern]"),
    ({"stage": "legacy", "writes": "modern"}, "12:5: a modern arm is needed from here on [needs_modern]"),
    ({"stage": "shadow", "modern": "new"}, "11:5: shadow needs `shadow`, with a `sample` [needs_shadow]"),
    ({"stage": "verify", "modern": "new"}, "11:5: verify needs `shadow`, with a `sample` [needs_shadow]"),
    ({"stage": "canary", "modern": "new"}, "11:5: canary needs a `split`: there is no implicit share [needs_split]"),
    ({"stage": "legacy", "writes": "canary", "modern": "new"},
     "12:5: canary needs a `split`: there is no implicit share [needs_split]"),
    ({"stage": "modern", "modern": "new"},
     "11:5: `writes` must be said where the stage is modern [needs_writes]"),
    ({"stage": "retired", "modern": "new", "legacy": ""},
     "10:5: `writes` must be said where the stage is retired [needs_writes]"),
    ({"stage": "retired", "writes": "retired", "modern": "new"},
     "10:5: a retired capability has no legacy arm left [retired]"),
    ({"stage": "retired", "writes": "modern", "modern": "new", "legacy": ""},
     "11:5: reads and writes are retired together [retired]"),
    ({"stage": "modern", "writes": "retired", "modern": "new"},
     "12:5: reads and writes are retired together [retired]"),
    ({"stage": "modern", "writes": "modern", "modern": "new", "legacy": ""},
     "10:5: a legacy arm is needed until the stage is retired [needs_legacy]"),
    ({"stage": "legacy", "writes": "shadow"}, '12:13: wants legacy, canary, modern or retired [bad_value]'),
    ({"stage": "legacy", "split": "{sticky: [client_ip]}"}, '12:5: "percent" is missing [missing]'),
    ({"stage": "legacy", "split": "{percent: 1%}"}, '12:5: "sticky" is missing [missing]'),
    ({"stage": "legacy", "split": "{percent: 1%, sticky: []}"},
     "12:34: must not be empty [bad_value]"),
    ({"stage": "legacy", "shadow": "{sample: 1%, recheck: {after: [2s, 1s]}}"},
     "12:43: wants waits that become longer [bad_value]"),
    ({"stage": "legacy", "shadow": "{sample: 1%, recheck: {after: [0s]}}"},
     '12:44: wants a duration longer than 0s, not "0s" [bad_duration]'),
    ({"stage": "legacy", "shadow": "{sample: 1%, noise: 2}"},
     '12:33: wants a share from 0% to 100%: 25%, 0.5% (the sign is part of it), not "2" [bad_share]'),
    ({"stage": "legacy", "split": "{percent: 25, sticky: [client_ip]}"},
     '12:22: wants a share from 0% to 100%: 25%, 0.5% (the sign is part of it), not "25" [bad_share]'),
    ({"stage": "legacy", "split": "{percent: 1%, sticky: [claims:sub]}"},
     "12:35: wants claim:NAME, header:NAME, cookie:NAME, query:NAME, path:NAME or client_ip, "
     'not "claims:sub" [bad_sticky]'),
    ({"stage": "legacy", "split": "{percent: 1%, sticky: [path:ids]}"},
     '12:35: no operation has this parameter; did you mean "id"? [bad_sticky]'),
    ({"stage": "legacy", "shadow": "{deadline: 1s}"}, '12:5: "sample" is missing [missing]'),
    ({"stage": "legacy", "legacy": "{upstream: old, adapter: {soap: {}}}", "operations": "{raed: {path: /x}}"},
     '9:18: the legacy arm\'s adapter "soap" has no operation "raed"; did you mean "read"? [unknown_operation]'),
    ({"stage": "legacy", "policies": "[a, a]"}, "12:16: no policy \"a\" [unknown_policy]"),
]


@pytest.mark.parametrize(("keys", "message"), BAD_STAGES, ids=[str(row[0]) for row in BAD_STAGES])
def test_what_a_stage_needs_is_asked_for(problems, keys, message):
    assert problems(capability(**keys))[0] == f"routes.yaml:{message}"


def test_where_capabilities_have_policies_the_default_must_say_its_own(problems, built):
    guarded = TWO.replace(", policies: []", "") + (
        "policies: {p: {gate: {key: k}}}\ncapabilities:\n"
        "  one: {owner: x, operations: {read: {path: /a}}, legacy: old, stage: legacy, policies: [p]}\n")
    assert problems(guarded) == [
        "routes.yaml:5:10: capabilities have policies, so say here which ones all other requests meet; for none, write "
        "`default: {upstream: old, policies: []}` [needs_policies]"]
    for said in ("policies: []", "policies: [p]"):
        assert built(guarded.replace("default: {upstream: old", f"default: {{upstream: old, {said}")).revision
    assert built(guarded.replace("policies: [p]", "policies: []")).revision


def test_both_arms_must_read_paths_alike(problems, built):
    text = capability(modern="new", stage="legacy")
    one = text.replace('1:1"', '1:1", paths: iis')
    assert problems(one) == [
        'routes.yaml:11:5: upstreams "old" and "new" do not say the same of how they read paths: both arms need the '
        "same `paths` [paths_differ]"]
    spelt = "{case: any, trailing_slash: same, trailing_dot: same, encoded_slash: separator, double_encoding: exact}"
    assert built(one.replace('1:2"', f'1:2", paths: {spelt}')).upstreams["old"].settings.paths == PRESETS["iis"]
    assert problems(one.replace("iis", "apache"))[0].startswith(
        "routes.yaml:3:43: wants exact, iis, tomcat, nginx, or a map")
    assert problems(one.replace("iis", "[iis]")) == [
        "routes.yaml:3:43: wants exact, iis, tomcat, nginx, or a map [wrong_type]"]
    assert "wants exact or any" in problems(one.replace("iis", "{case: some}"))[0]


def test_operations_that_differ_by_spelling_alone_are_warned_of(built):
    text = TWO + "policies: {p: {gate: {key: k}}}\ncapabilities:\n" + "".join(
        f"  {name}: {{owner: x, operations: {{read: {{path: {path}}}}}, legacy: old, stage: legacy, {more}}}\n"
        for name, path, more in (("one", "/a", "policies: [p]"), ("two", "/A/", "policies: []")))
    [warning] = [str(one) for one in built(text).warnings if one.code == "alike"]
    assert "one.read and two.read at routes.yaml:9 differ in spelling alone, yet other" in warning


BAD_OPERATIONS = [
    ("{path: a}", 'wants a path template that begins with /, not "a"; did you mean "/a"? [bad_template]'),
    ('{path: "/a?b"}', "a path template ends before the query: write conditions under `query`"),
    ('{path: "/{id}.json"}', "a parameter is a whole segment, {name}, or {name*} at the end"),
    ('{path: "/{}"}', "a parameter is a whole segment, {name}, or {name*} at the end"),
    ('{path: "/{a*}/b"}', "{name*} takes all that is left, so it is the last segment"),
    ('{path: "/{a}/{a}"}', "two parameters have one name"),
    ('{path: "/ä"}', "a path holds ASCII without spaces: percent-encode the rest, as UTF-8"),
    ('{path: "/a/../b"}', "unreachable: such paths are refused while `ambiguous_paths` is false [unreachable]"),
    ("{method: get}", "method names are case-sensitive: write it in capitals"),
    ("{method: [GET, CONNECT]}", "CONNECT never gets here: the gateway is not a forward proxy"),
    ("{method: []}", "wants at least one method; leave it out for any"),
    ("{header: {X-A: 1}}", 'wants text in quotes, or true for "is there", not "1" [wrong_type]'),
    ('{header: {"X A": x}}', "wants the name of a header field"),
    ("{header: {X-A: x, x-a: y}}", '"x-a" is there already, in another case [duplicate_key]'),
]


@pytest.mark.parametrize(("written", "message"), BAD_OPERATIONS, ids=[row[0] for row in BAD_OPERATIONS])
def test_an_operation_that_can_match_nothing_is_told_of(problems, written, message):
    [problem] = problems(capability(operations=f"{{read: {written}}}", stage="legacy"))
    assert message in problem
    assert problem.startswith("routes.yaml:9:")


TIES = [
    ("{path: /a}", "{path: /a}"),
    ('{path: "/{x}/b"}', '{path: "/a/{y}"}'),
    ('{path: "/a/{x}"}', '{path: "/a/{y}"}'),
    ('{path: "/a/{x*}"}', '{path: "/a/{y*}"}'),
    ("{path: /a%41}", "{path: /aA}"),
    ("{method: GET}", "{method: [POST, GET]}"),
    ("{path: /a, header: {X-A: b}}", "{path: /a, header: {x-a: b}}"),
    ("{path: /a, header: {X-A: b}}", "{path: /a, header: {X-B: b}}"),
    ("{path: /a, header: {X-A: b}}", "{path: /a, header: {X-A: true}}"),
    ("{path: /a, query: {q: b}}", "{path: /a, query: {r: b}}"),
]
APART = [
    ("{path: /a}", '{path: "/{x}"}'),
    ('{path: "/{x}/b"}', '{path: "/aa/{y}"}'),
    ("{method: GET}", "{method: POST}"),
    ("{path: /a, header: {X-A: b}}", "{path: /a, header: {X-A: c}}"),
    ("{path: /a, header: {X-A: b}}", "{path: /a, query: {q: b}}"),
    ("{path: /a, query: {q: b}}", "{path: /a, query: {q: c}}"),
    ("{path: /a}", "{path: /a, method: GET}"),
    ('{path: "/a/{x}"}', '{path: "/a/{x*}"}'),
    ("{}", "{path: /a}"),
]


@pytest.mark.parametrize(("one", "other"), TIES)
def test_a_tie_is_a_problem_that_names_both_lines(problems, one, other):
    assert problems(capability(operations=f"\n      a: {one}\n      b: {other}", stage="legacy")) == [
        "routes.yaml:11:7: one.b and one.a at routes.yaml:10 fit the same requests, and neither is more specific "
        "[overlap]"]


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_differs_in_rank_or_condition_is_no_tie(built, one, other):
    built(capability(operations=f"{{a: {one}, b: {other}}}", stage="legacy"))


def test_capabilities_of_one_group_have_one_salt(problems, built):
    def text(first, second):
        split = "percent: 5%, sticky: [client_ip], group: g"
        return TWO + "capabilities:\n" + "".join(
            f"  {name}: {{owner: x, operations: {{r: {{path: /{name}}}}}, legacy: old, modern: new, stage: canary, "
            f"split: {{{split}{salt}}}}}\n" for name, salt in (("a", first), ("b", second)))

    assert {one.split.salt for one in built(text("", ", salt: g")).table.capabilities.values()} == {"g"}
    [problem] = problems(text("", ", salt: h"))
    assert 'group "g" has another salt in a at routes.yaml:7: one group moves a key together [group_salt]' in problem
    assert problem.startswith("routes.yaml:8:")


def test_what_is_odd_but_no_fault_is_a_warning(built):
    configuration = built(TWO + "policies: {p: {gate: {}}}\nshadow: {memory: 1MiB}\n" + dedent("""\
        capabilities:
          one:
            owner: x
            operations: {read: {path: /a}}
            legacy: old
            stage: legacy
            split: {percent: 1%, sticky: [claim:sub]}
            shadow: {sample: 1%, max_body: 1MiB}
        """))
    assert [str(one).removeprefix("routes.yaml:") for one in configuration.warnings] == [
        '4:3: upstream "new" is never used [unused]',
        '6:12: policy "p" is never used [unused]',
        "14:35: there are no claims without a policy that verifies them [unused]",
        "15:26: two bodies of this size do not fit into the lane's `memory`: such mirrors are dropped [lane_memory]",
    ]
    assert list(configuration.upstreams) == ["old"]


@pytest.mark.parametrize(("server", "warned"), [
    ("{trusted_hops: 1}", ["10"]), ("{via: x, trusted_hops: 2, forwarded: forwarded}", ["18"]),
    ("{trusted_hops: 0}", []), ("{trusted_hops: 1, trusted_fields: x-forwarded}", []),
    ("{trusted_fields: forwarded, trusted_hops: 1}", []), ("{}", []),
])
def test_trust_without_a_word_on_its_fields_is_a_warning(built, server, warned):
    warnings = built(SMALLEST + f"server: {server}\n").warnings
    assert [(str(one.place.col), one.code) for one in warnings] == [(col, "trusted_fields") for col in warned]
    assert all("write `trusted_fields: x-forwarded`, or `trusted_fields: forwarded`" in one.message for one in warnings)


# --- reload ----------------------------------------------------------------------------------------------------------


def test_a_reload_keeps_what_has_not_changed_and_names_what_goes(built):
    text = TWO.replace("policies: []", "policies: [p, q]") + (
        "policies:\n  p: {gate: {key: k}}\n  q: {gate: {key: l}}\n"
        "capabilities: {c: {owner: x, operations: {r: {path: /a}}, legacy: new, stage: legacy}}\n")
    first = built(text)
    second = built(text.replace(":1\"", ":3\"").replace("key: l", "key: m"), previous=first)
    assert second.upstreams["new"] is first.upstreams["new"]
    assert second.policies["p"] is first.policies["p"]
    assert second.replaces(first) == ([first.upstreams["old"]], [first.policies["q"]])
    assert second.table.capabilities["c"].legacy.upstream is first.upstreams["new"]
    assert first.revision != second.revision
    assert built(text, previous=second).revision == first.revision


def test_the_revision_tells_nothing_of_secrets_but_the_digest_notices_them(built):
    text = GATED + '      key: "${KEY}"\n'
    first, second = (built(text, environ={"KEY": key}) for key in ("one", "two"))
    assert first.revision == second.revision
    assert first.digest != second.digest


ARMS = TWO + """\
capabilities:
  one:
    owner: x
    operations: {read: {path: /a}}
    legacy: old
    modern: {upstream: new, adapter: {soap: {mapping: "${FILE}"}}}
    stage: shadow
    shadow: {sample: 100%}
"""


@pytest.mark.parametrize(("was", "now"), [
    ("new: {url: ", "new: {host: upstream, url: "), ("new: {url: ", "new: {tls: {server_name: x}, url: "),
    ("legacy: old", "legacy: new"), ("legacy: old", "legacy: {upstream: old, adapter: {soap: {}}}"),
    ('mapping: "${FILE}"', "mapping: b"), ('{soap: {mapping: "${FILE}"}}', "{soap: {}}"),
    ("new: {url: ", "new: {timeouts: {total: 2s}, url: "),
    ("stage: shadow", "limits: {buffer: 1KiB}\n    stage: shadow"),
])
def test_arms_that_are_elsewhere_or_read_otherwise_begin_evidence_anew(built, was, now):
    assert was in ARMS
    assert arms(built(ARMS, environ={"FILE": "a"})) != arms(built(ARMS.replace(was, now), environ={"FILE": "a"}))


PLAIN = ARMS.replace('{upstream: new, adapter: {soap: {mapping: "${FILE}"}}}', "new")


@pytest.mark.parametrize(("was", "now"), [
    ("{path: /a}", '{path: "/{any}"}'), ("{path: /a}", "{path: /a, method: POST, safe: true}"),
    ("{path: /a}", "{path: /a, query: {q: true}}"), ("{path: /a}", "{path: /a, header: {X: b}}"),
    ("read: {path: /a}", "read: {path: /a}, more: {path: /b}"),
    ("capabilities:", "server: {forwarded: both}\ncapabilities:"),
    ("capabilities:", "server: {via: other}\ncapabilities:"),
    ("capabilities:", "server: {trusted_hops: 1, trusted_fields: forwarded}\ncapabilities:"),
])
def test_other_requests_and_requests_that_are_sent_otherwise_begin_evidence_anew(built, was, now):
    assert was in PLAIN
    assert arms(built(PLAIN)) != arms(built(PLAIN.replace(was, now, 1)))


@pytest.mark.parametrize(("was", "now"), [
    ("stage: shadow", "stage: verify"), ("100%", "50%"), ("old: {url: ", "old: {timeouts: {first_byte: 5s}, url: "),
    ("read: {path: /a}", "read: {path: /a}, add: {path: /a, method: POST}"),
    ("{path: /a}", "{path: /a, noise: 2%}"), ("new: {url: ", "new: {pool: {connections: 5}, url: "),
    ("stage: shadow", "limits: {buffer: 1KiB}\n    stage: shadow"),
])
def test_what_says_nothing_of_the_arms_leaves_evidence_as_it_is(built, was, now):
    assert was in PLAIN
    assert arms(built(PLAIN)) == arms(built(PLAIN.replace(was, now, 1)))


def test_where_arms_are_is_noticed_where_it_is_substituted_and_what_may_be_a_secret_is_not(built):
    text = ARMS.replace("legacy: old", "legacy: far").replace("upstreams:", 'upstreams:\n  far: {url: "${URL}"}', 1)
    one, other, secret = (arms(built(text, environ={"URL": f"http://{host}:1", "FILE": file}))
                          for host, file in (("a", "a"), ("b", "a"), ("a", "b")))
    assert one == secret != other


def arms(configuration):
    """What evidence on the capability rests on, as configured."""
    return configuration.table.capabilities["one"].shadow.basis.setup


# --- sealed capture ---------------------------------------------------------------------------------------------------

CAPTURING = TWO + """\
store: {disk: {path: s.db}}
shadow: {SHADOW}
policies: {gated: {gate: {key: k}}}
capabilities:
  one:
    owner: x
    operations: {read: {path: /a}}
    legacy: old
    modern: new
    stage: shadow
    policies: [gated]
    shadow: {sample: 100%, capture: 12.5%}
"""


def capturing(shadow):
    return CAPTURING.replace("SHADOW", shadow)


def test_sealed_capture_is_off_unless_it_is_asked_for(built):
    configuration = built(capturing("drain: 5s").replace(", capture: 12.5%", ""))
    assert configuration.sealed is None
    assert configuration.custody == Path("s.db.custody")
    assert configuration.table.capabilities["one"].shadow.sealing.share == 0


def test_what_is_said_of_sealed_capture_is_heard(built):
    configuration = built(capturing(
        'capture: {path: x.sealed, retention: 2h, records: 3, size: 4KiB, views: {jury: [anna, "%staff"], none: []}}'))
    assert configuration.sealed == Sealed(
        Path("x.sealed"), Bounds(7200, 3, 4096), {"jury": frozenset({"anna", "%staff"}), "none": frozenset()})
    sealing = configuration.table.capabilities["one"].shadow.sealing
    assert sealing.share == 0.125
    assert sealing.secrets > {b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"x-gate"}
    assert configuration.warnings == ()


def test_sealed_capture_has_defaults_that_show_nothing_to_anybody(built):
    configuration = built(capturing("capture: {}"))
    assert configuration.sealed == Sealed(Path("figway.sealed"), Bounds(72 * 3600, 1000, 256 << 20), {})
    assert [str(warning) for warning in configuration.warnings] == [
        "routes.yaml:7:10: without `views` nobody may view sealed records [no_views]"]


@pytest.mark.parametrize(("shadow", "problem"), [
    ("drain: 5s", "routes.yaml:17:28: no file for sealed records is configured: write "
                  "`shadow: {capture: {path: figway.sealed}}` at the top of the file [needs_capture]"),
    ("capture: {path: s.db}", "routes.yaml:7:26: this file is the store's: name another [same_file]"),
    ("capture: {path: s.db.custody}", "routes.yaml:7:26: this file is the custody's: name another [same_file]"),
    ("capture: {path: k, views: {a: [b]}}, custody: k",
     "routes.yaml:7:26: this file is the custody's: name another [same_file]"),
    ('capture: {views: {a: ["b c"]}}',
     'routes.yaml:7:32: wants the name of a user, or of a group: "%staff", not "b c" [bad_value]'),
    ("capture: {retention: 0s}", 'routes.yaml:7:31: wants a duration longer than 0s, not "0s" [bad_duration]'),
    ("capture: {views: {a b: [c]}}",
     "routes.yaml:7:28: a name is 1 to 64 letters, digits, dots, dashes, underscores [bad_name]"),
])
def test_what_is_wrong_of_sealed_capture_is_told(problems, shadow, problem):
    assert problems(capturing(shadow)) == [problem]


def test_what_seals_needs_keys_that_outlive_the_gateway(problems, built):
    memory = capturing("capture: {views: {a: [b]}}").replace("store: {disk: {path: s.db}}", "store: {none: {}}")
    assert problems(memory) == [
        "routes.yaml:7:10: keys in the gateway's memory are lost when it stops, and with them all sealed "
        "records: name a file in `shadow.custody` [needs_custody]"]
    built(memory.replace("shadow: {", "shadow: {custody: keys, ", 1))
