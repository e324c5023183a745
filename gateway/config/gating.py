"""The schema of `shadow.gate` and of what a person declares for it, and what it is compiled to: Criteria."""

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.config.kinds import Duration, HeaderName, Name, PositiveDuration, Share
from gateway.config.strict import Strict, written
from shadow.evidence.criteria import Accepted, Criteria, Hours, Lag, Signature
from shadow.settings import Slower

_LOCALTIME = Path("/etc/localtime")
_WHOLE = 10_000
_OFF = "off"


def _some(share: int) -> int:
    if not share:
        raise PydanticCustomError("bad_value", "wants more than 0%")
    return share


class ExpectLag(Strict):
    """A lag that a person expects of an operation: modern may be wrong on first answer if it is right soon after."""

    within: PositiveDuration = Field(description="how soon modern must be right; `recheck.after` must ask by then")
    max_rate: Share = Field(description="of the operation's effective exchanges; above it, they count as wrong")
    owner: str = Field(min_length=1, description="who is responsible for it")
    expires: date = Field(description="the last day, UTC")
    why: str = Field(min_length=1)


class Accept(Strict):
    """A reason for which exchanges may be left out after modern had answered. Without it they count as wrong."""

    reason: str = Field(min_length=1, max_length=100, description="as reports show it: syntax, comparer_slow, unstable")
    max_rate: Share = Field(description="of all effective exchanges; above it, they count as wrong")
    why: str = Field(min_length=1)
    owner: str = Field(min_length=1, description="who is responsible for it")
    expires: date = Field(description="the last day, UTC")


class Sign(Strict):
    """A person answers for what too few exchanges can show, for a step to few clients."""

    up_to: Share = Field(description="the largest share of clients that it is for")
    by: str = Field(min_length=1, description="who signs")
    until: date = Field(description="the last day, UTC")
    why: str = Field(min_length=1)

    _share = field_validator("up_to")(_some)


class Calendar(Strict):
    """When exchanges must have been compared."""

    days: int = Field(default=3, ge=0, le=14, description="on so many days")
    hours: int = Field(default=12, ge=0, le=24, description="at so many hours of the day, as far as clients use them")
    weekend: bool = Field(default=True, description="on a weekend day too, if clients have any")
    zone: str | None = Field(default=None, description="the time zone; left out: the machine's")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and _zone(zone) is None:
            raise PydanticCustomError("bad_value", "wants the name of a time zone: Europe/Berlin, UTC")
        return zone


class Group(Strict):
    """How those who ask are told apart: by one of a header field, a claim and a parameter of the path."""

    header: HeaderName | None = Field(default=None, description="by a header field")
    claim: str | None = Field(default=None, min_length=1, description="by a claim of the principal")
    path: str | None = Field(default=None, min_length=1, description="by a parameter of the path")

    @model_validator(mode="after")
    def _one(self) -> "Group":
        if sum(one is not None for one in (self.header, self.claim, self.path)) != 1:
            raise PydanticCustomError("bad_value", "wants one of header, claim and path")
        return self

    @property
    def source(self) -> tuple[str, str]:
        """The kind of the source, as shadow.plan.ShadowPlan has it, and its name."""
        if self.path is not None:
            return "parameter", self.path
        return ("claim", self.claim) if self.claim is not None else ("header", (self.header or "").lower())


def _no_calendar(value: object) -> object:
    if value == _OFF:
        return None
    if not isinstance(value, dict | Calendar):
        raise PydanticCustomError("wrong_type", "wants off, or a map")
    return value


CalendarOrOff = Annotated[Calendar | None, BeforeValidator(
    _no_calendar, json_schema_input_type=Literal["off"] | Calendar)]


class Slow(Strict):
    """When modern counts as slower than legacy over one request: past `ratio` times legacy's time and `plus`."""

    ratio: float = Field(default=1.2, ge=1, le=1000, description="how many times as long as legacy modern may take")
    plus: Duration = written("5ms", "and how much longer")


def _no_slower(value: object) -> object:
    if value == _OFF:
        return None
    if not isinstance(value, dict | Slow):
        raise PydanticCustomError("wrong_type", "wants off, or a map")
    return value


SlowOrOff = Annotated[Slow | None, BeforeValidator(_no_slower, json_schema_input_type=Literal["off"] | Slow)]


class Gate(Strict):
    """When a capability counts as safe to flip."""

    limit: Share = written("0.1%", "the share of exchanges that may differ; modern may fail on as many")
    critical_limit: Share = written("0.01%", "the share of all requests that a step may expose to critical differences")
    confidence: Share = written("95%", "how certain this must be; it holds however often the verdict is read")
    minimum: int = Field(default=100, ge=1, description="effective exchanges needed of each mirrored operation")
    stratum_minimum: int = Field(default=10, ge=0, description="effective exchanges needed of each stratum seen")
    excluded: Share = written("5%", "the largest share of eligible exchanges that may be left out, sampling aside")
    build: HeaderName | None = Field(default=None, description="the response header in which arms report their build")
    calendar: CalendarOrOff = Field(
        default_factory=Calendar, description="when exchanges must have been compared; off: at any time")
    across_builds: bool = Field(
        default=False, description="whether days and hours count over modern's builds of the last 14 days")
    accept: list[Accept] = Field(
        default_factory=list, description="reasons for which exchanges may be left out after modern had answered")
    groups: dict[Name, Group] = Field(
        default_factory=dict, description="groups of those who ask, none of which may be above the limit by itself")
    sign: Sign | None = Field(default=None, description="a signature for a step to few clients")
    slower: SlowOrOff = Field(
        default_factory=Slow, description="when modern counts as slower over one request; off: never")

    @field_validator("limit", "confidence", "critical_limit")
    @classmethod
    def _inside(cls, share: int) -> int:
        if not 0 < share < _WHOLE:
            raise PydanticCustomError("bad_value", "wants more than 0% and less than 100%")
        return share


def criteria(gate: Gate, lags: Mapping[str, ExpectLag]) -> Criteria:
    """The criteria of a gate as written, with the lags that are declared, by operation."""
    sign, calendar = gate.sign, gate.calendar
    return Criteria(
        limit=gate.limit / _WHOLE, critical_limit=gate.critical_limit / _WHOLE, confidence=gate.confidence / _WHOLE,
        minimum=gate.minimum, stratum_minimum=gate.stratum_minimum, excluded=gate.excluded / _WHOLE,
        lags=tuple(Lag(name, one.within, one.max_rate / _WHOLE, one.owner, one.why, end_of(one.expires))
                   for name, one in lags.items()),
        accepted=tuple(Accepted(one.reason, one.max_rate / _WHOLE, one.owner, one.why, end_of(one.expires))
                       for one in gate.accept),
        sign=None if sign is None else Signature(sign.up_to / _WHOLE, sign.by, sign.why, end_of(sign.until)),
        calendar=None if calendar is None else Hours(
            calendar.days, calendar.hours, calendar.weekend, _zone(calendar.zone or _machine()) or UTC),
        across_builds=gate.across_builds,
        slower=None if gate.slower is None else Slower(gate.slower.ratio, gate.slower.plus),
    )


def end_of(day: date) -> float:
    """The end of a day in UTC, in seconds since 1970."""
    return datetime.combine(day, time.max, UTC).timestamp()


def _zone(name: str) -> tzinfo | None:
    """A time zone by its name; None if there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _machine() -> str:
    """The name of this machine's time zone: that of TZ, else that which /etc/localtime links to, else UTC."""
    if named := os.environ.get("TZ", "").removeprefix(":"):
        return named
    _, found, name = str(_LOCALTIME.resolve()).partition("/zoneinfo/")
    return name if found else "UTC"
