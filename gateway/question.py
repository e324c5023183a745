"""What a mirror asks: the client's request, as an arm gets it that did not serve the client. Pure.

Left out are the credentials, unless the capability passes them, and the content codings that Figway could not take off
the answer. Legacy is asked without conditions: each arm has entity tags and times of its own, and legacy is to say what
modern's answer is held against. Modern is asked with them, since it is to show what it makes of them. A recheck of the
arm that served the client is the exception: it carries the client's credentials, which that arm has seen already.

If legacy has said that the client's copy is still good, modern is asked by a tag that nobody has given, or a time long
ago: it must give what there is. One that calls every copy good would else be right about those that are.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from adapters.message import Headers, Request
from gateway.capability import Match
from shadow.compare.codings import CODINGS
from shadow.credentials import is_credential, without_in_body, without_in_path, without_in_target
from shadow.preconditions import PRECONDITIONS

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_IF_RANGE = b"if-range"

_NOT_MODIFIED = 304
_LONG_AGO = b"Thu, 01 Jan 1970 00:00:00 GMT"
_TAGS = re.compile(rb'(?:W/)?"[^"]*"(?:[ \t]*,[ \t]*(?:W/)?"[^"]*")*')
_TAG = re.compile(rb'"([^"]*)"')
_NO_TAG = b"figway"
_OF_A_COPY = frozenset({b"if-none-match", b"if-modified-since"})

_CODINGS = b"accept-encoding"


class Question(NamedTuple):
    """The request for an arm, and the match with it, whose captures an adapter reads."""

    request: Request
    match: Match


def question(
    match: Match, original: Request, served: int, *, own: bool, plain: bool, conditions: bool = False,
) -> Question:
    """What to ask an arm about the client's request `original`, whose body is whole, and which was answered with the
    status `served`. `own` says that the arm is the one that answered the client: it gets the credentials. `plain` says
    that the arm has no adapter and the body no coding of its own, so that the request goes out as it is made here.
    `conditions` says that it is asked with those of the client."""
    capability = match.target.capability
    bare = not (own or capability.passes_credentials)
    target, headers, body = original.target, original.headers, original.body
    if bare:
        target = without_in_target(target)
        if target is not original.target:
            match = Match(match.target, tuple(map(without_in_path, match.captures)))
        if body:
            body = without_in_body(original)
    kept = _kept(headers.names, capability.withheld, bare, served == 206, conditions)
    if kept.fields is not None:
        headers = Headers([headers[at] for at in kept.fields])
    if kept.codings is not None and (value := _decodable(headers[kept.codings][1])) != headers[kept.codings][1]:
        headers = Headers(headers)
        headers[kept.codings] = b"Accept-Encoding", value
    if conditions and served == _NOT_MODIFIED:
        headers = Headers([*headers.without(_OF_A_COPY), *unmet(original.headers)])
    if body is not original.body:
        headers = headers.without((b"content-length",))
    if plain and (body or original.method in _WITH_BODY) and headers.get(b"content-length") is None:
        headers = Headers([*headers, (b"Content-Length", b"%d" % len(body))])
    elif headers is original.headers and not body and target is original.target:
        return Question(original, match)  # its lines are made already
    return Question(Request(original.method, target, headers, body), match)


def unmet(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Conditions of the kind that these fields have, If-None-Match and If-Modified-Since, such that an answer is wanted
    (RFC 9110 sections 13.1.2 and 13.1.3)."""
    found = []
    tags = b", ".join(headers.get_all(b"if-none-match"))
    if _TAGS.fullmatch(tags):  # "*" is met by whatever there is
        found.append((b"If-None-Match", _TAG.sub(_never_given, tags)))
    since = headers.get(b"if-modified-since")
    if since is not None and b" 1970 " not in since:  # a file of that day would be as old
        found.append((b"If-Modified-Since", _LONG_AGO))
    return found


def _never_given(tag: re.Match[bytes]) -> bytes:
    """A tag in the place of another. A server may read a number as a version, and refuse what is none."""
    text = tag[1]
    if not text.isdigit():
        return b'"%s"' % _NO_TAG
    number = b"8" * max(len(text), 9)
    return b'"%s"' % (number if text != number else number.replace(b"8", b"7"))


class _Kept(NamedTuple):
    """What a mirror carries of a request's fields: their places, or None for all; and where Accept-Encoding is then."""

    fields: tuple[int, ...] | None
    codings: int | None


@lru_cache(maxsize=512)
def _kept(
    names: tuple[bytes, ...], withheld: frozenset[bytes], bare: bool, partial: bool, conditions: bool,
) -> _Kept:
    """What is kept of fields of these `names`. Most requests have the names of one before."""
    lower = [name.lower() for name in names]
    left_out = frozenset({_IF_RANGE}) if conditions else PRECONDITIONS | {_IF_RANGE}
    if _IF_RANGE in lower and not partial:
        left_out |= {b"range"}  # the tag did not hold, so the client got the whole
    if bare:
        left_out |= withheld
    places = tuple(at for at, name in enumerate(lower) if name not in left_out and not (bare and is_credential(name)))
    rest = [lower[at] for at in places]
    return _Kept(None if len(places) == len(names) else places, rest.index(_CODINGS) if _CODINGS in rest else None)


@lru_cache(maxsize=256)
def _decodable(value: bytes) -> bytes:
    """A value of Accept-Encoding that names only codings which Figway can take off (RFC 9110 section 12.5.3)."""
    kept = [part.strip() for part in value.split(b",") if _is_decodable(part)]
    return value if len(kept) == value.count(b",") + 1 else b", ".join(kept) or b"identity"


def _is_decodable(part: bytes) -> bool:
    name, _, weight = part.decode("latin-1").replace(" ", "").lower().partition(";")
    # "*" allows any coding, unless its weight is 0: then it allows none.
    refuses = weight.rstrip("0").rstrip(".") in ("q=", "q=0")
    return name in CODINGS or (name == "*" and refuses)
