"""Reads the values of header fields: what is compared of them, part by part, and what may be shown.

A field's value is a set of parts, each with a name: a parameter, a directive, a cookie, a link's relation. "" names the
value itself. So order, spaces, case and repetitions count only where they mean something, and a rule can name a part.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from adapters.message import Headers
from shadow.compare.difference import shape
from shadow.compare.names import shown as name_shown

KNOWN_MEDIA = frozenset({
    "application/json", "application/fhir+json", "application/problem+json", "application/hal+json",
    "application/xml", "application/fhir+xml", "application/soap+xml", "text/xml", "text/html", "text/plain",
    "text/csv", "text/json", "application/x-ndjson", "application/fhir+ndjson", "application/pdf",
    "application/octet-stream", "application/dicom", "application/dicom+json", "application/dicom+xml", "image/png",
    "image/jpeg", "multipart/related", "multipart/mixed", "x-application/hl7-v2+er7",
})
KNOWN_CHARSETS = frozenset({"utf-8", "iso-8859-1", "iso-8859-15", "us-ascii", "windows-1252", "utf-16"})
KNOWN_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "ntlm", "dpop"})
# RFC 9111 section 5.2.2, RFC 5861, RFC 8246.
DIRECTIVES = frozenset({
    "max-age", "s-maxage", "no-cache", "no-store", "no-transform", "must-revalidate", "must-understand", "private",
    "proxy-revalidate", "public", "immutable", "stale-while-revalidate", "stale-if-error",
})
ATTRIBUTES = frozenset({"expires", "max-age", "domain", "path", "secure", "httponly", "samesite", "partitioned"})
SAME_SITE = frozenset({"strict", "lax", "none"})
COOKIES = frozenset({
    "jsessionid", "phpsessid", "asp.net_sessionid", "sessionid", "session_id", "session", "sid", "connect.sid", "token",
    "access_token", "refresh_token", "csrftoken", "csrf_token", "xsrf-token", "auth", "lang", "locale", "route",
})
PARAMETERS = frozenset({"charset", "fhirversion", "profile", "type", "version", "q", "filename", "name", "boundary"})
DISPOSITIONS = frozenset({"inline", "attachment", "form-data"})


class Media(NamedTuple):
    """A media type and its parameters (RFC 9110 section 8.3), their names and the charset in lower case."""

    name: str
    parameters: dict[str, str]


class Said(NamedTuple):
    """What a field says. `parts` are its parts by name, each with its values, in an order of no meaning unless it has
    one. `shown` is what may be shown of it: no value that may identify a person. `whole` is the text itself."""

    parts: dict[str, tuple[str, ...]]
    shown: str
    whole: str


_Read: TypeAlias = tuple[dict[str, tuple[str, ...]], str]
_Reader: TypeAlias = Callable[[Sequence[str]], _Read]


def media(headers: Headers) -> Media | None:
    """The media type of a body; None if the head has none, or several that differ, of which clients take one or the
    other."""
    values = [value.decode("latin-1") for value in headers.get_all(b"content-type")]
    if not values:
        return None
    first, *others = map(_media, _apart(values))
    return None if any(one != first for one in others) else first


def is_json(name: str) -> bool:
    return name in ("application/json", "text/json", "text/x-json") or name.endswith("+json")


def said(name: str, values: Sequence[str]) -> Said:
    """What the fields of one `name` (in lower case) say. `values` are theirs, in order, at least one."""
    whole = ", ".join(values)
    reader = _READERS.get(name)
    if reader is None:
        return Said({"": (whole,)}, str(shape(whole)), whole)
    parts, text = reader(values)
    return Said(parts, text, whole)


def written(name: str, values: Sequence[bytes]) -> str:
    """What the fields of one name say, as one text: equal for two that say the same."""
    return _joined(said(name, [value.decode("latin-1") for value in values]).parts)


# --- readers, by field ---

# What is between commas that stand in no quotes.
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"|")+')


def _apart(values: Sequence[str]) -> list[str]:
    """The values of several fields of one name, and of those that a proxy has made one of (RFC 9110 section 5.3)."""
    return [one.strip() for value in values for one in (_ELEMENT.findall(value) if "," in value else [value])] or [""]


def _together(found: Sequence[_Read]) -> _Read:
    """What values say that stand in one head though only one is expected. The first is read in parts, and each other
    one counts as a whole: clients go by the first, by the last, or by none."""
    (parts, _), *others = found
    if others:
        parts = {**parts, "": (*parts.get("", ()), *(_joined(one) for one, _ in others))}
    return parts, ", ".join(text for _, text in found)


def _joined(parts: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{part}={one}" if part else one for part, every in sorted(parts.items()) for one in every)


def _once(reader: Callable[[str], _Read], *, listed: bool = False) -> _Reader:
    """The reader of a field that a head has once at most. In one that is `listed`, a comma stands between two."""
    return lambda values: _together([reader(one) for one in (_apart(values) if listed else values)])


_PARAMETER = re.compile(r""";\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)|;\s*([^\s;="]*)\s*""")
_ESCAPED = re.compile(r"\\(.)")
_VERSION = re.compile(r"[0-9.]{1,8}", re.ASCII)
_VERSIONS = frozenset({"fhirversion", "version", "q"})


def _parameters(text: str) -> list[tuple[str, str]]:
    """The parameters after a value, with their names in lower case, and quotes taken off (RFC 9110 section 5.6.6)."""
    found = []
    for match in _PARAMETER.finditer(text):
        name, value = match[1] or match[3] or "", (match[2] or "").strip()
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1] if len(value) > 1 else "")
        if name:
            found.append((name.lower(), value))
    return found


def _media(value: str) -> Media:
    name, semicolon, rest = value.partition(";")
    # Of two parameters with one name the first counts: parsers differ, and none should send that.
    parameters = dict(reversed(_parameters(semicolon + rest)))
    if "charset" in parameters:
        parameters["charset"] = parameters["charset"].lower()
    return Media(name.strip().lower(), parameters)


# A boundary and the name of the first part are made for one answer. JSON has no charset: RFC 8259 section 11.
_OF_THE_ANSWER = frozenset({"boundary", "start"})


def _content_type(value: str) -> _Read:
    name, parameters = _media(value)
    parameters = {key: one.lower() for key, one in sorted(parameters.items())
                  if key not in _OF_THE_ANSWER and not (key == "charset" and is_json(name))}
    text = name if name in KNOWN_MEDIA else f"other media type({len(name)})"
    for key, one in parameters.items():
        value = one if key in _VERSIONS and _VERSION.fullmatch(one) else \
            (one if one in KNOWN_CHARSETS else "other") if key == "charset" else str(shape(one))
        text += f";{key if key in PARAMETERS else f'other parameter({len(key)})'}={value}"
    return {"": (name,), **{key: (one,) for key, one in parameters.items()}}, text


def _grouped(parts: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(found) for name, found in parts.items()}


# A challenge begins with its scheme; what has a "=" behind its name is a parameter of the one before (RFC 9110 section
# 11.6.1).
_SCHEME = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*$|\s+(?![\s=]))")


def _schemes(values: Sequence[str]) -> _Read:
    """How the client may authenticate. Realms and nonces are the server's own."""
    found = {scheme[1].lower() for one in _apart(values) if (scheme := _SCHEME.match(one))}
    return dict.fromkeys(found, ("",)), _list(
        one if one in KNOWN_SCHEMES else f"other scheme({len(one)})" for one in found)


def _directives(values: Sequence[str]) -> _Read:
    """Cache-Control. Order, spaces and case of directives have no meaning (RFC 9111 section 5.2)."""
    parts: dict[str, list[str]] = {}
    texts = []
    for part in ",".join(values).lower().split(","):
        name, _, value = (one.strip() for one in part.partition("="))
        value = value.strip('"')
        if name:
            seconds = f"={value[:12]}" if value.isascii() and value.isdigit() else ""
            parts.setdefault(name, []).append(value)
            texts.append(name + seconds if name in DIRECTIVES else f"other directive({len(name)})")
    return _grouped(parts), _list(dict.fromkeys(texts))


def _cookies(values: Sequence[str]) -> _Read:
    """Set-Cookie (RFC 6265bis section 4.1): names, whether they are set or emptied, and attributes. Values are the
    server's own, and times of expiry are relative to now, so both are left out."""
    parts: dict[str, list[str]] = {}
    texts = []
    for cookie in values:
        head, *rest = cookie.split(";")
        name, _, value = (one.strip() for one in head.partition("="))
        attributes = sorted(_attribute(one) for one in rest if one.strip())
        parts.setdefault(name, []).append("; ".join(["set" if value else "empty", *(one for one, _ in attributes)]))
        shown_as = name if name.lower() in COOKIES else f"other cookie({len(name)})"
        texts.append("; ".join([shown_as, *(shown for _, shown in attributes)]))
    return _grouped({name: sorted(found) for name, found in parts.items()}), _list(texts)


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = (one.strip() for one in text.partition("="))
    name = name.lower()
    shown_as = name if name in ATTRIBUTES else f"other attribute({len(name)})"
    if name in ("expires", "max-age"):
        return name, shown_as
    return f"{name}={value.lower()}", f"{shown_as}={value.lower()}" if value.lower() in SAME_SITE else shown_as


def _tokens(values: Sequence[str]) -> _Read:
    """A list of names without order or case, such as Vary, Allow and Access-Control-Allow-Headers."""
    found = dict.fromkeys(one.strip().lower() for one in ",".join(values).split(",") if one.strip())
    return dict.fromkeys(found, ("",)), _list(map(name_shown, found))


def _policies(values: Sequence[str]) -> _Read:
    """Content-Security-Policy: each of several policies holds, and they are not one (CSP3 section 8.1)."""
    return _together([_policy(one) for one in ",".join(values).split(",")])


def _policy(value: str) -> _Read:
    """One policy: directives between semicolons, of which the first of a name counts. Words of a directive have no
    order. Nonces are made for one answer."""
    parts: dict[str, tuple[str, ...]] = {}
    for part in value.split(";"):
        name, *words = part.split() or [""]
        if name:
            words = ["'nonce-'" if word.startswith("'nonce-") else word for word in words]
            parts.setdefault(name.lower(), tuple(sorted(set(words))))
    return parts, _list(map(name_shown, parts))


def _transport(values: Sequence[str]) -> _Read:
    """Strict-Transport-Security (RFC 6797 section 6.1)."""
    return _directives([value.replace(";", ",") for value in values])


def _disposition(value: str) -> _Read:
    """Content-Disposition (RFC 6266). The name of the file counts as browsers take it: `filename*` before `filename`,
    and without its path."""
    name, semicolon, rest = value.partition(";")
    name = name.strip().lower()
    parameters = dict(reversed(_parameters(semicolon + rest)))
    if (coded := parameters.pop("filename*", "")).count("'") >= 2:
        charset, _, text = coded.split("'", 2)
        try:
            parameters["filename"] = unquote(text, charset or "utf-8", "strict")
        except (LookupError, UnicodeDecodeError):
            parameters["filename"] = coded
    text = name if name in DISPOSITIONS else f"other disposition({len(name)})"
    for key, one in sorted(parameters.items()):
        text += f";{key if key in PARAMETERS else f'other parameter({len(key)})'}={shape(one)}"
    return {"": (name,), **{key: (one,) for key, one in parameters.items()}}, text


# There is only one way to match each sign, so that what is no list of links is found out in time.
_LINK = re.compile(r"""
    \s*(?:<([^>]*)>|([^\s<>;,"]+))
    ((?:\s*;\s*[^\s;,="]+(?:\s*=(?:\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+(?:\s+[^\s;,"]+)*))?)?)*)
    \s*(?:,|$)""", re.VERBOSE)


def _links(values: Sequence[str]) -> _Read:
    """Link (RFC 8288): the targets of each relation, also of those without brackets, which some servers write. A list
    that is not written as one is compared as text."""
    text, at = ", ".join(values), 0
    parts: dict[str, list[str]] = {}
    shown: list[str] = []
    while at < len(text):
        match = _LINK.match(text, at)
        if match is None:
            return {"": (text,)}, str(shape(text))
        target, parameters = match[1] or match[2] or "", _parameters(match[3])
        relation = " ".join(sorted(dict(reversed(parameters)).get("rel", "").lower().split()))
        others = ";".join(f"{key}={one}" for key, one in sorted(parameters) if key != "rel")
        parts.setdefault(relation, []).append(target)
        if others:
            parts.setdefault(f"{relation};", []).append(others)
        shown.append(f"{name_shown(relation)}={shape(target)}")
        at = match.end()
    return _grouped(parts), _list(shown)


def _presence(_: str | Sequence[str]) -> _Read:
    """Fields whose value is the server's own: only whether there is one counts."""
    return {"": ("present",)}, "present"


_DATE = re.compile(r"[A-Za-z]{3,9},? [0-9]{2}[ -][A-Za-z]{3}[ -][0-9]{2,4} [0-9:]{8} GMT", re.ASCII)


def _moment(value: str) -> _Read:
    """Expires and Retry-After: a date is relative to now. Any other value is one by itself: "0" has expired."""
    if _DATE.fullmatch(value):
        return {"": ("date",)}, "date"
    return {"": (value,)}, str(shape(value))


_SHOWN = 20
"""Parts of a field that are shown at most."""


def _list(texts: Iterable[str]) -> str:
    # Sorted by the text that is shown: the order of the compared values could reveal something about them.
    every = sorted(texts)
    return ", ".join(every if len(every) <= _SHOWN else [*every[:_SHOWN], f"{len(every) - _SHOWN} more"])


PRESENCE = frozenset({
    "etag", "last-modified", "content-md5", "digest", "content-digest", "repr-digest", "signature", "signature-input",
    "authentication-info"})
"""Fields of which only the presence counts: their values are the server's own (RFC 9110 sections 8.8.2 and 8.8.3), or
follow from the body's bytes."""

_READERS: dict[str, _Reader] = {
    **dict.fromkeys(PRESENCE, _presence), **dict.fromkeys(("etag", "last-modified", "content-md5"), _once(_presence)),
    "content-type": _once(_content_type, listed=True), "www-authenticate": _schemes,
    "cache-control": _directives, "set-cookie": _cookies, "content-disposition": _once(_disposition), "link": _links,
    "expires": _once(_moment), "retry-after": _once(_moment), "content-security-policy": _policies,
    "content-security-policy-report-only": _policies, "strict-transport-security": _transport,
    **dict.fromkeys((
        "vary", "allow", "accept-patch", "accept-post", "accept-ranges", "content-language", "pragma",
        "access-control-allow-headers", "access-control-allow-methods", "access-control-expose-headers",
    ), _tokens),
}
