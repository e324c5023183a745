"""The schema of an upstream in routes.yaml: where it is, how it is reached, and how it is understood."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from gateway.config.kinds import (
    CookieDomain,
    CookiePath,
    Duration,
    HostRule,
    NewDomain,
    OriginPath,
    PositiveDuration,
    Share,
    TlsVersion,
    UpstreamName,
)
from gateway.config.strict import Strict, written
from gateway.reading import PRESETS


class Strength(Strict):
    """The least that TLS must be."""

    min_version: TlsVersion | None = Field(default=None, description="the oldest version of TLS; left out: 1.2")
    ciphers: str | None = Field(
        default=None, min_length=1, max_length=1000,
        description="the suites of TLS 1.2 and before, in OpenSSL's notation; left out: safe ones")
    security_level: int | None = Field(
        default=None, ge=0, le=5, description="OpenSSL's security level; left out: its default, 2")


class UpstreamTimeouts(Strict):
    """How long an upstream may take."""

    connect: PositiveDuration = written("2s")
    first_byte: PositiveDuration = written("30s", "from the request's last byte to the response head")
    between_bytes: PositiveDuration = written("30s", "between two pieces of a body")
    total: Duration = written("0s", "the whole call; 0s for no limit")


class Pool(Strict):
    """Connections to one endpoint."""

    connections: int = Field(default=256, ge=1)
    pending: int = Field(default=1024, ge=0, description="requests that wait for a connection")
    idle: Duration = written("55s", "how long an unused connection is kept")
    age: Duration = written("0s", "after which a connection is not used again; 0s for no limit")
    bound: int = Field(default=1024, ge=1, description="connections that belong to one client each (NTLM, Negotiate)")
    streams: int | None = Field(
        default=None, ge=1,
        description="the most calls outside the pool: tunnels, event streams, and transfers held up by slow clients")
    per_client: Share = written("50%", "the share of connections, pending and streams that one client address may use")

    @field_validator("per_client")
    @classmethod
    def _some(cls, share: int) -> int:
        if share == 0:
            raise PydanticCustomError("bad_value", "wants more than 0%")
        return share


class Tls(Strength):
    """TLS to an upstream. Files are PEM, relative to this file."""

    ca: str | None = Field(default=None, description="the only root certificates to trust; left out: the system's")
    cert: str | None = Field(default=None, description="the client certificate for mutual TLS, with `key`")
    key: str | None = None
    server_name: str | None = Field(
        default=None, description="the name to ask for and verify instead of the URL's host")
    verify: bool = True


class Health(Strict):
    """An active check: GET `path` at regular intervals."""

    path: OriginPath
    every: PositiveDuration = written("5s")
    timeout: PositiveDuration = written("2s")
    unhealthy: int = Field(default=3, ge=1, description="failures in a row that take an endpoint out of use")
    healthy: int = Field(default=2, ge=1, description="successes in a row that bring it back")
    status: int | None = Field(
        default=None, ge=100, le=599, description="the only status that counts as healthy; left out: any below 500")


class Ejection(Strict):
    """Takes an endpoint out of use for a while after failed calls."""

    failures: int = Field(default=5, ge=0, description="failed calls in a row; 0 switches ejection off")
    seconds: PositiveDuration = written("10s", alias="for")


class Paths(Strict):
    """How an upstream reads paths: which spellings it takes for the same path. A key that is left out is unknown: then
    other spellings are refused where they could reach another policy or stage."""

    case: Literal["exact", "any"] | None = Field(default=None, description="upper and lower case letters")
    trailing_slash: Literal["exact", "same"] | None = Field(default=None, description="a slash at the path's end")
    trailing_dot: Literal["exact", "same"] | None = Field(
        default=None, description="dots, blanks and control characters at a segment's end")
    encoded_slash: Literal["exact", "separator"] | None = Field(
        default=None, description='"%2F", "%5C" and "%3B", and the characters that they encode')
    double_encoding: Literal["exact", "decoded"] | None = Field(
        default=None, description="characters that are still encoded after decoding once")


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


def _domains(value: object) -> object:
    if value is None or isinstance(value, bool):
        return {} if value else None
    if not isinstance(value, dict) or not value:
        raise PydanticCustomError("wrong_type", "wants true, or a map of domains to what they become")
    return value


Domains = Annotated[dict[CookieDomain, NewDomain] | None, BeforeValidator(
    _domains, json_schema_input_type=bool | dict[CookieDomain, NewDomain])]
"""True is an empty map here."""


class Rewrite(Strict):
    """Where answers that name the upstream name the client's host instead."""

    location: bool = Field(default=False, description="in Location, Content-Location, Refresh and Link")
    names: list[UpstreamName] = Field(
        default_factory=list, description="other names of the upstream than its endpoints and its `host`")
    cookie_domain: Domains = Field(
        default=None, description="in the domains of cookies: true, or a map of domains to what they become")
    cookie_path: dict[CookiePath, CookiePath] = Field(
        default_factory=dict, description="beginnings of cookies' paths, and what they become")


class Upstream(Strict):
    """A service that the gateway calls: one `url`, or several `endpoints` that give the same answers."""

    url: str | None = Field(default=None, description="http://host:port, https://host:port or unix:///path")
    endpoints: list[str] | None = Field(default=None, min_length=1)
    host: HostRule = written("keep", "the Host sent: keep (the client's), upstream, or a value")
    timeouts: UpstreamTimeouts = Field(default_factory=UpstreamTimeouts)
    pool: Pool = Field(default_factory=Pool)
    tls: Tls | None = None
    health: Health | None = None
    ejection: Ejection = Field(default_factory=Ejection)
    resolve: PositiveDuration = written("30s", "after which a host name is looked up again")
    paths: PathsOrPreset | None = Field(default=None, description="how it reads paths: a preset, or a map")
    strict: bool = Field(default=False, description="refuse answers that break HTTP/1.1, even in a harmless way")
    raw_targets: Literal["pass", "encode", "refuse"] = Field(
        default="pass", description="bytes beyond ASCII in request targets: passed on, percent-encoded, or refused")
    rewrite: Rewrite | None = Field(default=None, description="what becomes of its own name in its answers")
