"""Compares two heads: only the header fields that change what a client does with an answer."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from adapters.message import Headers
from shadow.compare.difference import ABSENT, Difference, Shape, shape

KNOWN_MEDIA = frozenset({
    "application/json", "application/fhir+json", "application/problem+json", "application/hal+json",
    "application/xml", "application/fhir+xml", "application/soap+xml", "text/xml", "text/html", "text/plain",
    "text/csv", "application/x-ndjson", "application/fhir+ndjson", "application/pdf", "application/octet-stream",
    "application/dicom", "image/png", "image/jpeg", "x-application/hl7-v2+er7",
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

# The fields that are compared here, and the content coding, without which equal bytes may be unequal bodies.
_COMPARED = frozenset({b"content-type", b"content-encoding", b"location", b"etag", b"www-authenticate", b"set-cookie",
                       b"cache-control"})


def media(headers: Headers) -> tuple[str, str] | None:
    """Media type and charset, in lower case (RFC 9110 section 8.3). JSON has no charset: RFC 8259 section 11."""
    value = headers.get(b"content-type")
    if value is None:
        return None
    name, *parameters = (part.strip() for part in value.decode("latin-1").lower().split(";"))
    charsets = (part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset="))
    return name, "" if is_json(name) else next(charsets, "")


def is_json(name: str) -> bool:
    return name == "application/json" or name.endswith("+json")


def same(old: Headers, new: Headers) -> bool:
    """Whether two heads are equal, byte for byte, in all fields that are compared. Cheap enough for the event loop."""
    return old == new or compared(old) == compared(new)


def compared(headers: Headers) -> Headers:
    """The fields that are compared, sorted by lower-case name. Fields of one name keep their order, which matters
    (RFC 9110 section 5.3)."""
    kept = Headers([(name.lower(), value) for name, value in headers if name.lower() in _COMPARED])
    kept.sort(key=itemgetter(0))
    return kept


def differences(old: Headers, new: Headers) -> Iterator[Difference]:
    """The differences, by field. Fields are compared part by part. Only parts that identify no person are shown."""
    before, after = media(old), media(new)
    if before != after:
        # This field decides how the client parses the body.
        yield _header("content-type", before and _shown_media(*before), after and _shown_media(*after))
    places = old.get_all(b"location"), new.get_all(b"location")
    if places[0] != places[1]:
        # This field decides where the client goes next.
        yield _header("location", *(place and str(shape(place[0].decode("latin-1"))) for place in places))
    tags = [headers.get(b"etag") is not None for headers in (old, new)]
    if tags[0] != tags[1]:
        # This field decides whether the client can ask conditionally. The tag is opaque (RFC 9110 section 8.8.3).
        yield _header("etag", *("present" if tag else None for tag in tags))
    # These decide how the client authenticates (realms and nonces are the server's own), what it keeps, and how long.
    for name, parts in _IN_PARTS:
        one, other = (parts([value.decode("latin-1") for value in headers.get_all(name.encode())])
                      for headers in (old, new))
        if one != other:
            # Sorted by the text that is shown: the order of the compared values could reveal something about them.
            yield _header(name, *(", ".join(sorted(text for _, text in found)) for found in (one, other)))


def _header(name: str, old: object, new: object) -> Difference:
    legacy, modern = (Shape(str(value)) if value else ABSENT for value in (old, new))
    return Difference("header", name, legacy, modern)


def _shown_media(name: str, charset: str) -> str:
    name = name if name in KNOWN_MEDIA else f"other media type({len(name)})"
    return f"{name};charset={charset if charset in KNOWN_CHARSETS else 'other'}" if charset else name


_Parts = list[tuple[str, str]]
"""For each part of a field: the value that is compared, and the text that is shown of it."""


def _schemes(values: Sequence[str]) -> _Parts:
    found = {value.lower().partition(" ")[0] for value in values}
    return sorted((one, one if one in KNOWN_SCHEMES else f"other scheme({len(one)})") for one in found)


def _directives(values: Sequence[str]) -> _Parts:
    """The parts of Cache-Control. Order, spaces and case of directives have no meaning (RFC 9111 section 5.2)."""
    found = set()
    for part in ",".join(values).lower().split(","):
        name, _, value = (one.strip() for one in part.partition("="))
        value = value.strip('"')
        if name:
            seconds = f"={value[:12]}" if value.isascii() and value.isdigit() else ""
            found.add((f"{name}={value}",
                       name + seconds if name in DIRECTIVES else f"other directive({len(name)})"))
    return sorted(found)


def _cookies(values: Sequence[str]) -> _Parts:
    """The parts of Set-Cookie (RFC 6265bis section 4.1): name, whether it is set or emptied, and attributes. Values are
    the server's own, and times of expiry are relative to now, so both are left out."""
    found = []
    for cookie in values:
        head, *rest = cookie.split(";")
        name, _, value = (one.strip() for one in head.partition("="))
        attributes = sorted(_attribute(one) for one in rest if one.strip())
        compared = [name, "set" if value else "empty", *(one for one, _ in attributes)]
        shown_as = name if name.lower() in COOKIES else f"other cookie({len(name)})"
        found.append(("\n".join(compared), "; ".join([shown_as, *(shown for _, shown in attributes)])))
    return sorted(found)


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = (one.strip() for one in text.partition("="))
    name = name.lower()
    shown_as = name if name in ATTRIBUTES else f"other attribute({len(name)})"
    if name in ("expires", "max-age"):
        return name, shown_as
    return f"{name}={value.lower()}", f"{shown_as}={value.lower()}" if value.lower() in SAME_SITE else shown_as


_IN_PARTS: tuple[tuple[str, Callable[[Sequence[str]], _Parts]], ...] = (
    ("www-authenticate", _schemes), ("cache-control", _directives), ("set-cookie", _cookies))
