"""The schema of routes.yaml: which keys it may have, and their types and defaults. `compile` turns it into a table.

Defaults are written as a person would write them, because editors show them from the JSON Schema.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from gateway.config.controlling import Control
from gateway.config.courtesy import Deprecation
from gateway.config.gating import ExpectLag, Gate
from gateway.config.kinds import (
    CookieName,
    Duration,
    HeaderName,
    Methods,
    Name,
    Places,
    PositiveDuration,
    Seen,
    Share,
    Size,
    Sticky,
    Template,
    Via,
    Viewer,
    Wanted,
)
from gateway.config.strict import Strict, written
from gateway.config.upstream_spec import Strength, Upstream
from gateway.stage import Stage


class EdgeLimits(Strict):
    """The limits of the data port: for one request, and for all connections together."""

    target: Size = written("16KiB", "the request target")
    head: Size = written("64KiB", "the whole head")
    fields: int = Field(default=100, ge=1, description="header fields")
    body: Size = written("0B", "the body; 0B: only the capability's limit applies")
    trailer: Size = written("16KiB", "the trailer section")
    connections: int | None = Field(
        default=None, ge=1, description="open connections of one worker; left out: 20,000, or fewer if there are too "
        "few file descriptors")
    memory: Size = written("256MiB", "what one worker holds for its clients; 0B for no limit")


class EdgeTimeouts(Strict):
    """How long the data port waits for a client."""

    head: PositiveDuration = written("10s", "from a request's first byte to the end of its head")
    idle: PositiveDuration = written("75s", "between two requests of one connection")
    body_grace: PositiveDuration = written("10s", "before `body_rate` applies to a request body")


class Drain(Strict):
    """What happens on SIGTERM."""

    delay: Duration = written("500ms", "how long the worker still accepts connections after readiness went off")
    grace: Duration = written("30s", "how long calls in flight may take after that")


class ServerTls(Strength):
    """TLS on the data port, if `figway serve` has a certificate."""

    cbc: bool = Field(default=False, description="also offer CBC suites of TLS 1.2, for clients that have no others")


class Server(Strict):
    """The data port."""

    trusted_hops: int = Field(
        default=0, ge=0, le=32, description="how many proxies in front are trusted to report the client's address")
    trusted_fields: Literal["x-forwarded", "forwarded"] = Field(
        default="x-forwarded", description="the fields in which those proxies report the client; others are ignored")
    forwarded: Literal["x-forwarded", "forwarded", "both", "off"] = Field(
        default="x-forwarded", description="which forwarding fields upstreams get")
    via: Via = written("figway", "the gateway's name in Via; empty for none")
    ambiguous_paths: bool = Field(default=False, description='let paths with "..", "%2e" or a backslash through')
    half_close: bool = Field(
        default=False, description="answer a client of HTTP/1.1 that ends its side after its request")
    limits: EdgeLimits = Field(default_factory=EdgeLimits)
    timeouts: EdgeTimeouts = Field(default_factory=EdgeTimeouts)
    body_rate: Size = written("100B", "the slowest that a request body may arrive, per second")
    drain: Drain = Field(default_factory=Drain)
    insight: list[Seen] = Field(
        default_factory=list, description="who may see which arm answered, and how long it took; left out: nobody")
    tls: ServerTls = Field(default_factory=ServerTls)


class Capture(Strict):
    """Where whole mismatches are sealed (stored encrypted), and who may view them."""

    path: str = Field(default="figway.sealed", min_length=1, description="the file, relative to this one")
    retention: PositiveDuration = written("72h", "after which a record is destroyed")
    records: int = Field(default=1000, ge=1, description="the most records kept; the oldest is dropped first")
    size: Size = written("256MiB", "the most that all records may take; the oldest is dropped first")
    views: dict[Name, list[Viewer]] = Field(
        default_factory=dict, description='role → the users and "%groups" that may view records in this role')


class Lane(Strict):
    """The limits of all shadow work of one worker, and the files of its keys and of sealed mismatches."""

    queue: int = Field(default=1000, ge=1, description="the most mirrors that wait")
    memory: Size = written("64MiB", "the most that the bodies of mirrors may take")
    concurrency: int = Field(default=8, ge=1, description="the most mirrors sent at the same time")
    drain: Duration = written("5s", "how long a stopping worker may take to finish the waiting mirrors")
    custody: str | None = Field(
        default=None, min_length=1,
        description="the file of keys, legal holds and the audit trail; left out: beside the store's file")
    capture: Capture | None = Field(
        default=None, description="where mismatches are sealed; each capability sets its share with `capture`")


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
    "status", "header", "trailer", "coding", "syntax", "body", "missing", "extra", "moved", "type", "value",
    "precision"]


_Keys = Annotated[list[str], Field(min_length=1)]


class Rule(BaseModel):
    """How answers are compared at some places. A rule has one behaviour: one of the keys here, or a normaliser's name
    with its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, validate_default=True)

    at: Places = Field(description="a place as reports show it; * is any one step, ** any number of them")
    id: str | None = Field(default=None, min_length=1, max_length=100, description="its name in reports")
    reason: str | None = Field(default=None, min_length=1, description="why; `ignore` needs one")
    kind: _KINDS | None = Field(default=None, description="narrows `ignore` and `severity`")
    list: Literal["auto", "ordered", "multiset", "all"] | _Keys | None = Field(
        default=None, description="how items of both lists are paired; a list of paths: by these keys; "
                                  "all: the children of an element may be in any order")
    ignore: Literal[True] | None = Field(default=None, description="hides every difference here and below")
    severity: Literal["critical", "major", "minor"] | None = Field(default=None, description="of differences here")
    crosswalk: Name | None = Field(
        default=None, description="the values are identifiers: of this class, or `reference`, or `resource`")
    keys: Literal["data", "names"] | None = Field(
        default=None, description="whether the names of this object's members are data or names; left out: guessed")
    reveal: Literal[True] | None = Field(default=None, description="show values in clear: for codes, never for people")
    defaults: Literal[False] | None = Field(default=None, description="switch the built-in rules off, here and below")


class Known(Strict):
    """A difference that a team has declared: it is counted, but is no mismatch until it expires."""

    id: Name = Field(description="its name in reports")
    at: Places = Field(description="the places; everything below is included")
    kind: _KINDS | None = Field(default=None, description="only differences of this kind")
    shape: str | None = Field(
        default=None, min_length=1, description='only values that both have this shape: "string instant", integer')
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1, description="who is responsible for it")
    ticket: str | None = Field(default=None, min_length=1)
    expires: date = Field(description="the last day, UTC")
    max_rate: Share = written("100%", "of an operation's compared exchanges; above it, the difference is a mismatch")


class Crosswalk(Strict):
    """A class of identifiers: legacy and modern may use different ones for the same record."""

    seed: str | None = Field(default=None, description="a CSV file of known pairs, relative to this file")
    learn: bool = Field(default=True, description="whether new pairs are learnt from traffic")


class RulesFile(Strict):
    """A file that holds only rules, for `figway compare --rules`."""

    rules: list[Rule] = Field(default_factory=list)
    known_differences: list[Known] = Field(default_factory=list)
    crosswalk: dict[Name, Crosswalk] = Field(default_factory=dict)


class OperationRecheck(Strict):
    """Whether legacy is asked again about a mismatch of one operation."""

    legacy: bool


class Operation(Strict):
    """One kind of request: all given conditions must match."""

    method: Methods | None = Field(default=None, description="one or several; left out: any")
    path: Template | None = Field(default=None, description='a template: /patients/{id}, /files/{rest*}; left out: any')
    header: dict[HeaderName, Wanted] = Field(default_factory=dict, description="a value, or true for present")
    query: dict[str, Wanted] = Field(default_factory=dict, description="a value, or true for present")
    safe: bool | None = Field(default=None, description="whether the request changes nothing; left out: by the method")
    rules: list[Rule] = Field(default_factory=list, description="how its answers are compared, before `shadow.rules`")
    noise: Share | None = Field(default=None, description="in place of `shadow.noise`")
    recheck: OperationRecheck | None = Field(default=None, description="in place of `shadow.recheck.legacy`")
    expect_lag: ExpectLag | None = Field(
        default=None, description="modern may be wrong on first answer if it is right soon after")


class Cookies(Strict):
    """The cookies that belong to one upstream alone: clients keep them under other names."""

    own: list[CookieName] = Field(min_length=1, description='their names; "ASPSESSIONID*": all that begin so; "*": all')
    jar: Name | None = Field(
        default=None, description="upstreams of one jar have these cookies in common; left out: the upstream's name")
    adopt: bool | None = Field(
        default=None, description="whether it gets the cookies that clients hold under these plain names, from before; "
        "left out: a legacy arm does, another does not")


class Arm(Strict):
    """An upstream with the adapter that speaks its format."""

    upstream: str
    adapter: Plugin | None = None
    cookies: Cookies | None = Field(
        default=None, description="the cookies of its upstream that no other may see; one arm of the upstream says it")


def _short_arm(value: object) -> object:
    return {"upstream": value} if isinstance(value, str) else value


ArmOrName = Annotated[Arm, BeforeValidator(_short_arm, json_schema_input_type=str | Arm)]


class Split(Strict):
    """Which calls go to modern in canary."""

    percent: Share
    sticky: list[Sticky] = Field(min_length=1, description="where to look for a request's key, in this order")
    group: str | None = Field(default=None, min_length=1, description="capabilities of one group move a key together")
    salt: str | None = Field(
        default=None, min_length=1, description="mixed into the key; left out: the group, or the capability's name")
    on_missing: Literal["legacy", "modern", "random"] = Field(default="legacy", description="the arm without a key")
    fallback_after: PositiveDuration | None = Field(
        default=None, description="how long modern may take before legacy answers; left out: from legacy's own times")


class Recheck(Strict):
    """Asking again about a mismatch: if modern then says what legacy has said, it was a lag and not a defect."""

    after: list[PositiveDuration] = written(["2s", "30s"], "times after the mismatch was found; an empty list: never")
    budget: Share = written("5%", "the largest share of exchanges that are rechecked")
    legacy: bool | None = Field(default=None, description="whether legacy is asked again too; left out: no, but yes if "
                                "`recheck` says anything else, as before")

    @field_validator("after")
    @classmethod
    def _ascending(cls, after: list[float]) -> list[float]:
        if sorted(set(after)) != after:
            raise PydanticCustomError("bad_value", "wants waits that become longer")
        return after


class Shadow(Strict):
    """How a capability is mirrored."""

    sample: Share
    max_body: Size = written("1MiB", "the most that is kept of each body")
    deadline: PositiveDuration = written("30s", "for the mirrored call")
    credentials: Literal["drop", "pass"] = Field(default="drop", description="whether the mirror carries the client's")
    recheck: Recheck = Field(default_factory=Recheck)
    rules: list[Rule] = Field(default_factory=list, description="how answers are compared; the first that fits decides")
    known_differences: list[Known] = Field(default_factory=list, description="differences declared beforehand")
    crosswalk: dict[Name, Crosswalk] = Field(
        default_factory=dict, description="classes of identifiers, held one-to-one where rules say `crosswalk`")
    parameters: list[str] = Field(
        default_factory=list, description="names of query and form parameters that reports may show")
    described_by: list[str] = Field(
        default_factory=list, description="files that name the parameters: OpenAPI documents, CapabilityStatements")
    noise: Share = written("0%", "the share of exchanges where legacy is asked again after modern, to measure noise")
    gate: Gate = Field(default_factory=Gate)
    capture: Share = written("0%", "the share of mismatches that are sealed whole, in the file of `shadow.capture`")


class Limits(Strict):
    """The limits of a capability."""

    body: Size = written("0B", "the largest request body; 0B for no limit")
    buffer: Size = written("8MiB", "the largest body that is held whole, for an adapter or a fallback")


class Capability(Strict):
    """A business function that migrates as one."""

    owner: str = Field(min_length=1)
    operations: dict[Name, Operation] = Field(min_length=1)
    legacy: ArmOrName | None = None
    modern: ArmOrName | None = None
    stage: Stage
    writes: Literal["legacy", "canary", "modern", "retired"] | None = Field(
        default=None, description="the stage of writes; left out: legacy. Required in modern and retired")
    split: Split | None = None
    shadow: Shadow | None = None
    policies: list[str] = Field(default_factory=list)
    limits: Limits = Field(default_factory=Limits)
    upgrade: bool = Field(default=True, description="whether connections may be upgraded (WebSocket)")
    deprecation: Deprecation | None = Field(default=None, description="tells clients that it will go away")


class Default(Strict):
    """Where requests go that match no capability: usually the legacy service."""

    upstream: str
    policies: list[str] | None = Field(
        default=None, description="left out: none; required ([] for none) if any capability has policies")


def _memory() -> dict[str, dict[str, Any]]:
    return {"memory": {}}


class Routes(Strict):
    """A whole routes.yaml."""

    version: Literal[1]
    include: list[str] = Field(default_factory=list, description="files and globs, relative to this file")
    server: Server = Field(default_factory=Server)
    store: Plugin = Field(default_factory=_memory, description="where comparisons are remembered")
    shadow: Lane = Field(default_factory=Lane)
    control: Control | None = Field(default=None, description="who may flip; left out: whoever may open the socket")
    upstreams: dict[Name, Upstream]
    policies: dict[Name, Plugin] = Field(default_factory=dict)
    capabilities: dict[Name, Capability] = Field(default_factory=dict)
    default: Default


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of routes.yaml, for editors."""
    schema = Routes.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Figway routes.yaml"}
