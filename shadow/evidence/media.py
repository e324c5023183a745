"""Folds media types to some ten kinds, and says how a request asked: by which method and for which kind. Pure.

There is no bound to the media types that clients and services write, and a Stratum must be one of few.
"""

from functools import lru_cache

from adapters.message import Request
from shadow.preconditions import PRECONDITIONS

_HEAD = "HEAD"
_RANGE = "range"
_CONDITIONAL = "conditional"
_FIELDS = {b"range": _RANGE, **dict.fromkeys(PRECONDITIONS, _CONDITIONAL)}
_MOST = 16


def how_asked(request: Request) -> str:
    """How a request asked, if not by a plain GET or POST for anything: of "HEAD", "range", "conditional" and the kind
    of media that it asked for those that apply, with spaces between."""
    headers = request.headers
    how, accepts = _said(request.method == _HEAD, headers.names)
    for at in accepts:
        if wanted := kind_wanted(headers[at][1]):
            return f"{how} {wanted}" if how else wanted
    return how


@lru_cache(maxsize=512)
def _said(is_head: bool, names: tuple[bytes, ...]) -> tuple[str, tuple[int, ...]]:
    """What a method and fields of these names say, and the places of the Accept fields. Most requests have the names of
    one before."""
    lower = [name.lower() for name in names]
    found = {_FIELDS[name] for name in lower if name in _FIELDS} | ({_HEAD} if is_head else set())
    how = " ".join(one for one in (_HEAD, _RANGE, _CONDITIONAL) if one in found)
    return how, tuple(at for at, name in enumerate(lower) if name == b"accept")


@lru_cache(maxsize=1024)
def kind_wanted(accept: bytes) -> str:
    """The kind of media that an Accept field asks for most (RFC 9110 section 12.5.1); "" if that is any."""
    best, most = "", 0.0
    for part in accept.split(b",")[:_MOST]:
        media, *parameters = part.split(b";")
        weight = 1.0
        for parameter in parameters:
            name, _, text = parameter.partition(b"=")
            if name.strip().lower() == b"q":
                try:
                    weight = float(text)
                except ValueError:
                    weight = 0.0
        if weight > most:
            best, most = _folded(media), weight
    return best


@lru_cache(maxsize=1024)
def kind_of(content_type: bytes) -> str:
    """The kind of media that a Content-Type field names: "json", "xml", "fhir+json", "fhir+xml", "hl7v2", "html",
    "text", "pdf", "image" or "binary"; "" if it names none."""
    return _folded(content_type.partition(b";")[0])


def _folded(media: bytes) -> str:
    main, _, sub = media.strip(b" \t").lower().partition(b"/")
    if not main or main == b"*" or (main == b"application" and sub == b"*"):
        return ""
    if main == b"image":
        return "image"
    if b"hl7" in sub:
        return "hl7v2"
    if b"html" in sub:
        return "html"
    for form in ("json", "xml"):
        if form.encode() in sub:
            return f"fhir+{form}" if b"fhir" in sub else form
    if main == b"text":
        return "text"
    return "pdf" if sub == b"pdf" else "binary"
