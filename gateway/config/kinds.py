"""The kinds of text that routes.yaml holds, and their values: durations, sizes, shares, templates, conditions.

Each kind is a pydantic type whose JSON Schema describes the text, for editors, and whose error has a code of its own.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from gateway import units
from gateway.config.notations import respelt
from shadow.compare.patterns import PathPattern
from shadow.compare.places import check
from shadow.compare.severity import is_status

_FIELD_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_STICKY = r"client_ip|(claim|header|cookie|query|path):.+"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
_SEEN = r"address:.+|principal:[^:]+:.+|claim:[^=]+=.+"
# What a URI reference may hold (RFC 3986 section 2), so that nothing ends it in a Link field.
_REFERENCE = r"([A-Za-z][A-Za-z0-9+.-]*:|/)[!#-;=?-Z\[\]_a-z~]+"


def _text(pattern: str) -> Any:
    return Annotated[str, Field(pattern=f"^(?:{pattern})$")]


def _matching(pattern: str, code: str, message: str) -> BeforeValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: object) -> object:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise PydanticCustomError(code, message)
        return value

    return BeforeValidator(check, json_schema_input_type=_text(pattern))


def _duration(*, zero: bool) -> Callable[[object], float]:
    def read(value: object) -> float:
        seconds = units.duration(value) if isinstance(value, str) else None
        if seconds is None:
            raise PydanticCustomError("bad_duration", "wants a duration: 250ms, 5s, 2m or 1h")
        if not seconds and not zero:
            raise PydanticCustomError("bad_duration", "wants a duration longer than 0s")
        return seconds

    return read


def _size(value: object) -> int:
    size = units.size(value) if isinstance(value, str) else None
    if size is None:
        raise PydanticCustomError("bad_size", "wants a size: 100B, 64KiB, 10MiB or 1GiB")
    return size


def _share(value: object) -> int:
    share = units.share(value) if isinstance(value, str) else None
    if share is None:
        raise PydanticCustomError("bad_share", "wants a share from 0% to 100%: 25%, 0.5% (the sign is part of it)")
    return share


Duration = Annotated[float, BeforeValidator(_duration(zero=True), json_schema_input_type=_text(units.DURATION))]
"""Seconds."""
PositiveDuration = Annotated[
    float, BeforeValidator(_duration(zero=False), json_schema_input_type=_text(units.DURATION))]
"""Seconds, more than 0."""
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=_text(units.SIZE))]
"""Bytes."""
Share = Annotated[int, BeforeValidator(_share, json_schema_input_type=_text(units.SHARE))]
"""Ten-thousandths."""

Name = Annotated[str, _matching(_NAME, "bad_name", "a name is 1 to 64 letters, digits, dots, dashes, underscores")]
HeaderName = Annotated[str, _matching(_FIELD_NAME, "bad_value", "wants the name of a header field")]
Via = Annotated[str, _matching(f"({_FIELD_NAME})?", "bad_value", 'wants a name without spaces, or "" for none')]
_VERSIONS = "1.0", "1.1", "1.2", "1.3"


def _tls_version(value: object) -> object:
    # Without quotes it is a number in YAML, and means the same.
    text = str(value) if isinstance(value, float) else value
    if text not in _VERSIONS:
        raise PydanticCustomError("bad_value", f"wants a version of TLS: {', '.join(_VERSIONS)}")
    return text


TlsVersion = Annotated[Literal["1.0", "1.1", "1.2", "1.3"], BeforeValidator(_tls_version)]
HostRule = Annotated[str, _matching(r"[A-Za-z0-9._~:\[\]-]+", "bad_value", "wants keep, upstream or a host to send")]
Sticky = Annotated[str, _matching(
    _STICKY, "bad_sticky", "wants claim:NAME, header:NAME, cookie:NAME, query:NAME, path:NAME or client_ip")]
CookieName = Annotated[str, _matching(
    r"[!#-)+\--:<>-~]+\*?|\*", "bad_value", 'wants the name of a cookie, or its beginning and "*": "ASPSESSIONID*"')]
CookieDomain = Annotated[str, _matching(
    r"\.?[A-Za-z0-9._-]+|\*", "bad_value", 'wants a domain, or "*" for any: legacy.example')]
NewDomain = Annotated[str, _matching(
    r"(\.?[A-Za-z0-9._-]+)?", "bad_value", 'wants a domain, or "" for the client\'s host alone')]
CookiePath = Annotated[str, _matching(
    r"/[!-:<-~]*", "bad_value", "wants a path that begins with /, without a semicolon")]
UpstreamName = Annotated[str, _matching(
    r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", "bad_value",
    "wants a host, or a host and a port: legacy:8443")]
Viewer = Annotated[str, _matching(r"%?[^\s%:]{1,64}", "bad_value", 'wants the name of a user, or of a group: "%staff"')]
Holder = Annotated[str, _matching(
    rf"%?[^\s%:]{{1,64}}|token:{_NAME}", "bad_value", 'wants a user, a group ("%staff"), or "token:NAME"')]
OriginPath = Annotated[str, _matching(r"/[!-~]*", "bad_value", "wants a path that begins with /")]


def _method(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_FIELD_NAME, value, re.ASCII):
        raise PydanticCustomError("bad_method", "wants a method, or a list of methods")
    if value != value.upper():
        raise PydanticCustomError("bad_method", "method names are case-sensitive: write it in capitals")
    if value == "CONNECT":
        raise PydanticCustomError("unreachable", "CONNECT never gets here: the gateway is not a forward proxy")
    return value


Method = Annotated[str, BeforeValidator(_method, json_schema_input_type=_text("[A-Z0-9!#$%&'*+.^_`|~-]+"))]


def _one_or_more(value: object) -> object:
    if value == []:
        raise PydanticCustomError("bad_method", "wants at least one method; leave it out for any")
    return value if isinstance(value, list) else [value]


Methods = Annotated[list[Method], BeforeValidator(_one_or_more, json_schema_input_type=Method | list[Method])]

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)(\*?)\}", re.ASCII)
_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*", re.ASCII)


def _template(value: object) -> object:
    if wrong := template_fault(value):
        # What was meant by a path in the notation of another program, unless that is no template either.
        meant = respelt(value) if isinstance(value, str) and value else ""
        context = {"meant": f'"{meant}"'} if meant not in ("", value) and not template_fault(meant) else None
        raise PydanticCustomError("bad_template", wrong, context)
    return value


def template_fault(value: object) -> str:
    """What is wrong with a path template; "" if nothing is."""
    if not isinstance(value, str) or not value.startswith("/"):
        return "wants a path template that begins with /"
    if "?" in value or "#" in value:
        return "a path template ends before the query: write conditions under `query`"
    parts, names = value.split("/")[1:], []
    for number, part in enumerate(parts, 1):
        found = _PARAMETER.fullmatch(part)
        if found is None and ("{" in part or "}" in part):
            return "a parameter is a whole segment, {name}, or {name*} at the end"
        if found is None and not _LITERAL.fullmatch(part):
            return "a path holds ASCII without spaces: percent-encode the rest, as UTF-8"
        if found is not None:
            names.append(found[1])
            if found[2] and number < len(parts):
                return "{name*} takes all that is left, so it is the last segment"
    return "two parameters have one name" if len(set(names)) < len(names) else ""


Template = Annotated[str, BeforeValidator(_template, json_schema_input_type=_text("/[^?#]*"))]


def _wanted(value: object) -> object:
    if value is True:
        return None
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", 'wants text in quotes, or true for "is there"')
    return value


Wanted = Annotated[str | None, BeforeValidator(_wanted, json_schema_input_type=str | bool)]
"""The value that a condition asks for, or None for "is there"."""


def _places(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("bad_pattern", "wants a JSON Pointer, in which * and ** may stand: /entry/*/resource")
    try:
        check(value)
    except ValueError as error:
        raise PydanticCustomError("bad_pattern", str(error)) from None
    pattern = PathPattern.parse(value) if value.startswith("/") else PathPattern()
    if pattern[:1] == ("@status",) and not is_status(pattern[1:]):
        raise PydanticCustomError("bad_pattern", "wants legacy's status and modern's: /@status/200-204")
    return value


Places = Annotated[str, BeforeValidator(_places, json_schema_input_type=_text("(/.*)?|[A-Z][A-Z0-9]{2}.*"))]
"""A place of shadow.compare.places."""


def _moment(value: object) -> object:
    wrong = PydanticCustomError("bad_value", "wants a date, or a time with its zone: 2027-03-01, 2027-03-01T06:00:00Z")
    if not isinstance(value, str) or re.fullmatch(_MOMENT, value, re.ASCII) is None:
        raise wrong
    try:
        found = datetime.fromisoformat(value)
        seconds = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
        datetime.fromtimestamp(seconds, UTC)  # the zone may have moved it out of the calendar
    except (ValueError, OverflowError):
        raise wrong from None
    if seconds < 0:
        raise wrong
    return seconds


Moment = Annotated[int, BeforeValidator(_moment, json_schema_input_type=_text(_MOMENT))]
"""Seconds since 1970. A date stands for its first moment, UTC."""
Reference = Annotated[str, _matching(_REFERENCE, "bad_value", "wants a URL, or a path that begins with /")]


def _seen(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(_SEEN, value, re.ASCII) is not None:
        kind, _, rest = value.partition(":")
        if kind != "address":
            return value
        try:
            ip_network(rest)
        except ValueError as error:
            if "host bits" in str(error):
                raise PydanticCustomError(
                    "bad_value", "this network has bits of a host: write its first address") from None
        else:
            return value
    raise PydanticCustomError("bad_value", "wants address:10.0.0.0/8, principal:apikey:NAME or claim:NAME=VALUE")


Seen = Annotated[str, BeforeValidator(_seen, json_schema_input_type=_text(_SEEN))]
"""Who may see which arm answered."""
