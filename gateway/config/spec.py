"""routes.yaml as written: what may stand where. What it amounts to is compile's.

Defaults are written as a person would write them, since editors show them from the JSON Schema.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from gateway.config.kinds import (
    Duration,
    HeaderName,
    HostRule,
    Methods,
    Name,
    OriginPath,
    Places,
    PositiveDuration,
    Share,
    Size,
    Sticky,
    Template,
    Via,
    Viewer,
    Wanted,
)
from gateway.reading import PRESETS
from gateway.stage import Stage


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


def written(default: str | list[str], description: str | None = None, *, alias: str | None = None) -> Any:
    """A field whose default is the text that a person would write."""
    return Field(default, description=description, alias=alias)


class EdgeLimits(_Strict):
    """What the data port takes of one request, and of all together."""

    target: Size = written("16KiB", "the request target")
    head: Size = written("64KiB", "the whole head")
    fields: int = Field(default=100, ge=1, description="header fields")
    body: Size = written("0B", "the body; 0B for no bound but the capability's")
    trailer: Size = written("16KiB", "the trailer section")
    connections: int | None = Field(
        default=None, ge=1, description="open connections of one worker; left out: 20,000, or as many as there are "
        "file descriptors for")
    memory: Size = written("256MiB", "what one worker holds for its clients; 0B for no bound")


class EdgeTimeouts(_Strict):
    """How long the data port waits for a client."""

    head: PositiveDuration = written("10s", "from a request's first byte to the end of its head")
    idle: PositiveDuration = written("75s", "between two requests of one connection")
    body_grace: PositiveDuration = written("10s", "before `body_rate` is asked for")


class Drain(_Strict):
    """What happens on SIGTERM."""

    delay: Duration = written("500ms", "how long to go on accepting with readiness off")
    grace: Duration = written("30s", "how long calls in flight may then take")


class ServerTls(_Strict):
    """TLS on the data port, where `figway serve` is given a certificate."""

    cbc: bool = Field(default=False, description="offer CBC suites of TLS 1.2 too, for clients that know no other")


class Server(_Strict):
    """The data port."""

    trusted_hops: int = Field(default=0, ge=0, le=32, description="proxies in front that are believed about the client")
    trusted_fields: Literal["x-forwarded", "forwarded"] = Field(
        default="x-forwarded", description="in which fields those proxies tell of the client; others are not believed")
    forwarded: Literal["x-forwarded", "forwarded", "both", "off"] = Field(
        default="x-forwarded", description="which forwarding fields upstreams get")
    via: Via = written("figway", "our name in Via; empty for none")
    ambiguous_paths: bool = Field(default=False, description='let paths with "..", "%2e" or a backslash through')
    limits: EdgeLimits = Field(default_factory=EdgeLimits)
    timeouts: EdgeTimeouts = Field(default_factory=EdgeTimeouts)
    body_rate: Size = written("100B", "bytes a second that a request body must bring")
    drain: Drain = Field(default_factory=Drain)
    tls: ServerTls = Field(default_factory=ServerTls)


class Capture(_Strict):
    """Where mismatches are sealed, whole, and who may view them."""

    path: str = Field(default="figway.sealed", min_length=1, description="the file, relative to this one")
    retention: PositiveDuration = written("72h", "after which a record is destroyed")
    records: int = Field(default=1000, ge=1, description="kept at most; the oldest goes first")
    size: Size = written("256MiB", "of all records; the oldest goes first")
    views: dict[Name, list[Viewer]] = Field(
        default_factory=dict, description='a role → the users and "%groups" who may view in it; nobody else may')


class Lane(_Strict):
    """The bounds of all shadow work of one worker; and where its keys, and what is sealed by them, are kept."""

    queue: int = Field(default=1000, ge=1, description="mirrors that wait")
    memory: Size = written("64MiB", "bytes of their bodies")
    concurrency: int = Field(default=8, ge=1, description="mirrors asked at once")
    drain: Duration = written("5s", "to finish what waits when the worker stops")
    custody: str | None = Field(
        default=None, min_length=1, description="the file of keys, holds and the trail; left out: beside the store's")
    capture: Capture | None = Field(default=None, description="where mismatches are sealed; capabilities say how many")


class UpstreamTimeouts(_Strict):
    """How long an upstream may take."""

    connect: PositiveDuration = written("2s")
    first_byte: PositiveDuration = written("30s", "from the request's last byte to the response head")
    between_bytes: PositiveDuration = written("30s", "between two pieces of a body")
    total: Duration = written("0s", "everything; 0s for no bound")


class Pool(_Strict):
    """Connections to one endpoint."""

    connections: int = Field(default=256, ge=1)
    pending: int = Field(default=1024, ge=0, description="requests that wait for a connection")
    idle: Duration = written("55s", "how long an unused connection is kept")
    age: Duration = written("0s", "after which a connection is not used again; 0s for no bound")
    bound: int = Field(default=1024, ge=1, description="connections that belong to one client each (NTLM, Negotiate)")
    streams: int | None = Field(
        default=None, ge=1, description="tunnels, event streams, and calls at their client's pace: they leave the pool")
    per_client: Share = written("50%", "of connections, pending and streams: what one client address may take")

    @field_validator("per_client")
    @classmethod
    def _some(cls, share: int) -> int:
        if share == 0:
            raise PydanticCustomError("bad_value", "wants more than 0%")
        return share


class Tls(_Strict):
    """TLS to an upstream. Files are PEM, relative to this file."""

    ca: str | None = Field(default=None, description="the only roots to trust; left out: the system's")
    cert: str | None = Field(default=None, description="shown for mutual TLS, with `key`")
    key: str | None = None
    server_name: str | None = Field(default=None, description="asked for and checked in place of the host's name")
    verify: bool = True


class Health(_Strict):
    """An active check: GET `path`, over and over."""

    path: OriginPath
    every: PositiveDuration = written("5s")
    timeout: PositiveDuration = written("2s")
    unhealthy: int = Field(default=3, ge=1, description="failures in a row that take an endpoint out")
    healthy: int = Field(default=2, ge=1, description="successes in a row that bring it back")
    status: int | None = Field(default=None, ge=100, le=599, description="the only one that is well; else < 500")


class Ejection(_Strict):
    """Leaves an endpoint out for a while after failed calls."""

    failures: int = Field(default=5, ge=0, description="failed calls in a row; 0 switches it off")
    seconds: PositiveDuration = written("10s", alias="for")


class Paths(_Strict):
    """How an upstream reads paths: which spellings are one path to it. Left out: it is not known, and where it could
    matter for a policy or a stage, other spellings are refused."""

    case: Literal["exact", "any"] | None = Field(default=None, description="letters of either case")
    trailing_slash: Literal["exact", "same"] | None = Field(default=None, description="a slash at the path's end")
    trailing_dot: Literal["exact", "same"] | None = Field(
        default=None, description="dots, blanks and control characters at a segment's end")
    encoded_slash: Literal["exact", "separator"] | None = Field(
        default=None, description='"%2F", "%5C" and "%3B" beside what they stand for')
    double_encoding: Literal["exact", "decoded"] | None = Field(
        default=None, description="what is still encoded after decoding once")


def _no_preset(value: object) -> object:
    if isinstance(value, str):
        if value not in PRESETS:
            raise PydanticCustomError("bad_value", f"wants {', '.join(PRESETS)}, or a map")
        return PRESETS[value]._asdict()
    if not isinstance(value, dict):
        raise PydanticCustomError("wrong_type", f"wants {', '.join(PRESETS)}, or a map")
    return value


PathsOrPreset = Annotated[Paths, BeforeValidator(
    _no_preset, json_schema_input_type=Literal["exact", "iis", "tomcat", "nginx"] | Paths)]


class Upstream(_Strict):
    """A service that is called: one `url`, or several `endpoints` that answer alike."""

    url: str | None = Field(default=None, description="http://host:port, https://host:port or unix:///path")
    endpoints: list[str] | None = Field(default=None, min_length=1)
    host: HostRule = written("keep", "the Host sent: keep (the client's), upstream, or a value")
    timeouts: UpstreamTimeouts = Field(default_factory=UpstreamTimeouts)
    pool: Pool = Field(default_factory=Pool)
    tls: Tls | None = None
    health: Health | None = None
    ejection: Ejection = Field(default_factory=Ejection)
    resolve: PositiveDuration = written("30s", "after which a name is looked up anew")
    paths: PathsOrPreset | None = Field(default=None, description="how it reads paths: a preset, or a map")


def _one_plugin(value: object) -> object:
    if not isinstance(value, dict) or len(value) != 1:
        raise PydanticCustomError("wrong_type", "wants one plugin: its name, and a map of its options")
    if not isinstance(next(iter(value.values())), dict):
        raise PydanticCustomError("wrong_type", "wants a map of options after the plugin's name: {} for none")
    return value


_OneEntry = Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)]
Plugin = Annotated[dict[str, dict[str, Any]], BeforeValidator(_one_plugin, json_schema_input_type=_OneEntry)]
"""An entry point's name → its options, which the plugin itself declares."""


_KINDS = Literal[
    "status", "header", "coding", "syntax", "body", "missing", "extra", "moved", "type", "value", "precision"]


_Keys = Annotated[list[str], Field(min_length=1)]


class Rule(BaseModel):
    """What counts as no difference at some places, or how much one matters. Beside what is named here, a normaliser's
    name with its options: one behaviour a rule."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, validate_default=True)

    at: Places = Field(description="a JSON Pointer; * is any one step, ** any number of them")
    id: str | None = Field(default=None, min_length=1, max_length=100, description="what it counts under")
    reason: str | None = Field(default=None, min_length=1, description="why; `ignore` needs one")
    kind: _KINDS | None = Field(default=None, description="narrows `ignore` and `severity`")
    list: Literal["auto", "ordered", "multiset"] | _Keys | None = Field(
        default=None, description="how items of this list find each other; a list of paths: by these keys")
    ignore: Literal[True] | None = Field(default=None, description="hides all that differs here and below")
    severity: Literal["critical", "major", "minor"] | None = Field(default=None, description="of what differs")
    crosswalk: Name | None = Field(
        default=None, description="identifiers stand here: of this class, or `reference`, or `resource`")
    keys: Literal["data", "names"] | None = Field(
        default=None, description="what the names of this object's members are; left out: it is guessed")
    reveal: Literal[True] | None = Field(default=None, description="show values in clear: of codes, never of people")
    defaults: Literal[False] | None = Field(default=None, description="here and below no rule is there by default")


class Known(_Strict):
    """A difference that was declared beforehand."""

    id: Name = Field(description="what it counts under")
    at: Places = Field(description="where, and below")
    kind: _KINDS | None = Field(default=None, description="of this kind only")
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1, description="who sees to it")
    ticket: str | None = Field(default=None, min_length=1)
    expires: date = Field(description="the last day, UTC")
    max_rate: Share = written("100%", "of an operation's compared exchanges; where it is more, this is a mismatch")


class Crosswalk(_Strict):
    """Identifiers of one class, which legacy and modern may word otherwise."""

    seed: str | None = Field(default=None, description="a CSV file of known pairs, relative to this file")
    learn: bool = Field(default=True, description="whether pairs that are not known yet are learnt")


class RulesFile(_Strict):
    """A file of rules alone: `figway compare --rules`."""

    rules: list[Rule] = Field(default_factory=list)
    known_differences: list[Known] = Field(default_factory=list)
    crosswalk: dict[Name, Crosswalk] = Field(default_factory=dict)


class Operation(_Strict):
    """One match: all conditions that are given must hold."""

    method: Methods | None = Field(default=None, description="one or several; left out: any")
    path: Template | None = Field(default=None, description='a template: /patients/{id}, /files/{rest*}; left out: any')
    header: dict[HeaderName, Wanted] = Field(default_factory=dict, description="a value, or true for present")
    query: dict[str, Wanted] = Field(default_factory=dict, description="a value, or true for present")
    safe: bool | None = Field(default=None, description="whether asking changes nothing; left out: by the method")
    rules: list[Rule] = Field(default_factory=list, description="how its answers are compared, before `shadow.rules`")


class Arm(_Strict):
    """An upstream with the adapter that speaks its format."""

    upstream: str
    adapter: Plugin | None = None


def _short_arm(value: object) -> object:
    return {"upstream": value} if isinstance(value, str) else value


ArmOrName = Annotated[Arm, BeforeValidator(_short_arm, json_schema_input_type=str | Arm)]


class Split(_Strict):
    """Which calls go to modern in canary."""

    percent: Share
    sticky: list[Sticky] = Field(min_length=1, description="where the key is looked for, in order")
    group: str | None = Field(default=None, min_length=1, description="capabilities of one group move a key together")
    salt: str | None = Field(default=None, min_length=1, description="left out: the group, else the capability's name")
    on_missing: Literal["legacy", "modern", "random"] = Field(default="legacy", description="where there is no key")
    fallback_after: PositiveDuration | None = Field(
        default=None, description="how long modern may take before legacy answers; left out: by legacy's own times")


class Recheck(_Strict):
    """Asking both arms again about a mismatch: what settles was a lag, not a defect."""

    after: list[PositiveDuration] = written(["2s", "30s"], "since the mismatch was found; an empty list for never")
    budget: Share = written("5%", "the most of the exchanges of which this is done")

    @field_validator("after")
    @classmethod
    def _ascending(cls, after: list[float]) -> list[float]:
        if sorted(set(after)) != after:
            raise PydanticCustomError("bad_value", "wants waits that become longer")
        return after


class Gate(_Strict):
    """When a capability counts as safe to flip."""

    limit: Share = written("0.1%", "of the exchanges may differ, and on as many may modern fail")
    confidence: Share = written("95%", "how sure of that to be, however often one looks")
    minimum: int = Field(default=100, ge=1, description="effective exchanges of each operation that is mirrored")
    stratum_minimum: int = Field(default=10, ge=0, description="effective exchanges of each stratum that was seen")
    excluded: Share = written("5%", "the most of the eligible exchanges that may be left out, but for sampling")
    build: HeaderName | None = Field(default=None, description="the response header in which arms tell their build")

    @field_validator("limit", "confidence")
    @classmethod
    def _inside(cls, share: int) -> int:
        if not 0 < share < 10_000:
            raise PydanticCustomError("bad_value", "wants more than 0% and less than 100%")
        return share


class Shadow(_Strict):
    """How a capability is mirrored."""

    sample: Share
    max_body: Size = written("1MiB", "kept of each body")
    deadline: PositiveDuration = written("30s", "for the mirrored call")
    credentials: Literal["drop", "pass"] = Field(default="drop", description="whether the mirror carries the client's")
    recheck: Recheck = Field(default_factory=Recheck)
    rules: list[Rule] = Field(default_factory=list, description="how answers are compared; the first that fits decides")
    known_differences: list[Known] = Field(default_factory=list, description="differences declared beforehand")
    crosswalk: dict[Name, Crosswalk] = Field(
        default_factory=dict, description="classes of identifiers, held one-to-one where rules say `crosswalk`")
    parameters: list[str] = Field(
        default_factory=list, description="names of query and form parameters that reports may show")
    noise: Share = written("2%", "of the exchanges: legacy is asked again after modern, to tell noise from difference")
    gate: Gate = Field(default_factory=Gate)
    capture: Share = written("0%", "of the mismatches that are sealed, whole: see `shadow.capture` of the file")


class Limits(_Strict):
    """What a capability takes."""

    body: Size = written("0B", "a request body; 0B for no bound")
    buffer: Size = written("8MiB", "a body that must be held whole: by an adapter, or for a fallback")


class Capability(_Strict):
    """A business function that migrates as one."""

    owner: str = Field(min_length=1)
    operations: dict[Name, Operation] = Field(min_length=1)
    legacy: ArmOrName | None = None
    modern: ArmOrName | None = None
    stage: Stage
    writes: Literal["legacy", "canary", "modern", "retired"] | None = Field(
        default=None, description="the stage of writes; left out: legacy. Must be said in modern and retired")
    split: Split | None = None
    shadow: Shadow | None = None
    policies: list[str] = Field(default_factory=list)
    limits: Limits = Field(default_factory=Limits)
    upgrade: bool = Field(default=True, description="whether connections may be upgraded (WebSocket)")


class Default(_Strict):
    """Where everything goes that matches nothing: the legacy service, as it always was."""

    upstream: str
    policies: list[str] | None = Field(
        default=None, description="left out: none; must be said, as [] for none, where any capability has policies")


def _memory() -> dict[str, dict[str, Any]]:
    return {"memory": {}}


class Routes(_Strict):
    """A whole routes.yaml."""

    version: Literal[1]
    include: list[str] = Field(default_factory=list, description="files and globs, relative to this file")
    server: Server = Field(default_factory=Server)
    store: Plugin = Field(default_factory=_memory, description="where comparisons are remembered")
    shadow: Lane = Field(default_factory=Lane)
    upstreams: dict[Name, Upstream]
    policies: dict[Name, Plugin] = Field(default_factory=dict)
    capabilities: dict[Name, Capability] = Field(default_factory=dict)
    default: Default


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of routes.yaml, for editors."""
    schema = Routes.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Figway routes.yaml"}
