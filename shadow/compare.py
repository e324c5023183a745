"""Pair → Comparison with exactly one Outcome. Pure, total and picklable: any bytes on both arms give an outcome.

The ladder: failures → status → chosen headers → content coding taken off → equal bytes → equal trees. A status of
another class explains a different body, so there the body is not looked at. Where just one arm's body cannot be
read, that is a difference; where neither can, there is nothing to compare; neither is ever a match.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from adapters.document import DocumentError, Tree, parse
from adapters.message import Headers
from shadow.diff import ABSENT, Difference, DiffError, Severity, Shape, Signature, diff, shape
from shadow.observation import Observation, Pair

VERSION = "2"
"""Counts up whenever a pair may be judged otherwise than before: evidence then starts anew."""

MAX_DECODED = 16 << 20
"""Bytes that a body may have once its content coding is off."""

MAX_CODINGS = 4
MAX_MEMBERS = 100


class Outcome(StrEnum):
    """The one class that an eligible exchange falls into. The reasons beside it say which of its kind."""

    MATCH = "match"
    MATCH_NORMALISED = "match_normalised"
    """The same but for what rules take off both sides first."""
    KNOWN_DIFFERENCE = "known_difference"
    """All that differs was declared beforehand; the reason is the declaration's id."""
    MISMATCH = "mismatch"
    UNSTABLE = "unstable"
    """Legacy, asked twice, disagrees with itself where modern differs."""
    TRANSIENT = "transient"
    """They differed, and agreed when both were asked again."""
    CANDIDATE_ERROR = "candidate_error"
    """Modern failed where legacy answered; the reason is the Failure's kind."""
    NOT_COMPARABLE = "not_comparable"
    """Both were asked, but nothing can be said: legacy failed, a body is over a bound, none of both can be read."""
    SHED = "shed"
    """Meant to be compared, and given up: no room, no time, the comparer lost."""
    SKIPPED = "skipped"
    """Left out on purpose, before it came to the lane: not sampled, too large, the client gone."""


class Tally(NamedTuple):
    """What exchanges are counted by. `reason` is "" or one of a few fixed words."""

    capability: str
    operation: str
    outcome: Outcome
    reason: str = ""


class Drift(NamedTuple):
    """One kind of difference at one index-free path, in an exchange of which legacy was asked twice: whether `modern`
    differed there from legacy's first answer, and whether `legacy`'s second one did. `plain` tells that no more than
    a value drifted, at a place that no list is above."""

    kind: str
    path: str
    modern: bool
    legacy: bool
    plain: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The judgement on one pair. It holds shapes, never values. `at` is in seconds since the epoch; `hidden` tells,
    by the rule's id, how many differences each rule took away; `reproduced` are the signatures, of its differences,
    that were there again each time that both arms were asked again; `drifts` are there where legacy was asked twice."""

    tally: Tally
    trace_id: str
    at: float
    differences: tuple[Difference, ...] = ()
    hidden: tuple[tuple[str, int], ...] = ()
    reproduced: tuple[Signature, ...] = ()
    drifts: tuple[Drift, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """The worst of its differences; None where it has none."""
        return min((found.severity for found in self.differences), key=_RANKS.index, default=None)


_RANKS = tuple(Severity)


class _Incomparable(Exception):
    """Ends a comparison with NOT_COMPARABLE. Does not leave this module."""


def identical(pair: Pair) -> bool:
    """Whether both arms said the same, byte for byte, in all that is compared. Cheap enough for the event loop."""
    old, new = pair.control, pair.candidate
    return (
        old.failure is None and new.failure is None and old.complete and new.complete
        and old.status == new.status and old.body == new.body
        and all(old.headers.get_all(name) == new.headers.get_all(name) for name in _COMPARED)
    )


def compare(pair: Pair) -> Comparison:
    """The judgement on a pair. Raises nothing."""
    found: list[Difference] = []
    outcome, reason = _failed(pair)
    if outcome is None:
        try:
            found.extend(_differences(pair.control, pair.candidate))
            outcome = Outcome.MISMATCH if found else Outcome.MATCH
        except _Incomparable as error:
            # What was found before stands.
            outcome, reason = (Outcome.MISMATCH, "") if found else (Outcome.NOT_COMPARABLE, str(error))
    return Comparison(Tally(pair.capability, pair.operation, outcome, reason), pair.trace_id, pair.at, tuple(found))


def _failed(pair: Pair) -> tuple[Outcome | None, str]:
    """The outcome and its reason where an arm gave no whole answer."""
    if kind := _unusable(pair.control):
        return Outcome.NOT_COMPARABLE, f"legacy_{kind}"
    if kind := _unusable(pair.candidate):
        # What ended because the client went away says nothing about the candidate.
        return Outcome.NOT_COMPARABLE if kind == "cancelled" else Outcome.CANDIDATE_ERROR, kind
    return None, ""


def _unusable(observation: Observation) -> str:
    if observation.failure is not None:
        return observation.failure.kind
    return "" if observation.complete else "oversize"


def _differences(old: Observation, new: Observation) -> Iterator[Difference]:
    if old.status != new.status:
        yield Difference("status", "", Shape(str(old.status)), Shape(str(new.status)))
        if old.status // 100 != new.status // 100:
            return
    yield from _headers(old.headers, new.headers)
    yield from _bodies(old, new)


# --- headers: those that change what a client does with the answer, and no others ---

_KNOWN_MEDIA = frozenset({
    "application/json", "application/fhir+json", "application/problem+json", "application/hal+json",
    "application/xml", "application/fhir+xml", "application/soap+xml", "text/xml", "text/html", "text/plain",
    "text/csv", "application/x-ndjson", "application/fhir+ndjson", "application/pdf", "application/octet-stream",
    "application/dicom", "image/png", "image/jpeg", "x-application/hl7-v2+er7",
})
_KNOWN_CHARSETS = frozenset({"utf-8", "iso-8859-1", "iso-8859-15", "us-ascii", "windows-1252", "utf-16"})
_KNOWN_SCHEMES = frozenset({"basic", "bearer", "digest", "negotiate", "ntlm", "dpop"})

# Looked at by `identical`: what `_headers` compares, and the coding without which equal bytes are not equal bodies.
_COMPARED = (b"content-type", b"content-encoding", b"location", b"etag", b"www-authenticate")


def _headers(old: Headers, new: Headers) -> Iterator[Difference]:
    before, after = _media(old), _media(new)
    if before != after:
        # How the client parses the body.
        yield _header("content-type", before and _shown_media(*before), after and _shown_media(*after))
    places = old.get_all(b"location"), new.get_all(b"location")
    if places[0] != places[1]:
        # Where it goes next.
        yield _header("location", *(place and str(shape(place[0].decode("latin-1"))) for place in places))
    tags = [headers.get(b"etag") is not None for headers in (old, new)]
    if tags[0] != tags[1]:
        # Whether it can ask conditionally; the tag itself is opaque (RFC 9110 section 8.8.3).
        yield _header("etag", *("present" if tag else None for tag in tags))
    schemes = _schemes(old), _schemes(new)
    if schemes[0] != schemes[1]:
        # How it must prove who it is; realms and nonces are the server's affair.
        yield _header("www-authenticate", *(scheme and " ".join(scheme) for scheme in schemes))


def _header(name: str, old: object, new: object) -> Difference:
    legacy, modern = (Shape(str(value)) if value else ABSENT for value in (old, new))
    return Difference("header", name, legacy, modern)


def _media(headers: Headers) -> tuple[str, str] | None:
    """Media type and charset, in lower case (RFC 9110 section 8.3). JSON has no charset: RFC 8259 section 11."""
    value = headers.get(b"content-type")
    if value is None:
        return None
    media, *parameters = (part.strip() for part in value.decode("latin-1").lower().split(";"))
    charsets = (part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset="))
    return media, "" if _is_json(media) else next(charsets, "")


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")


def _shown_media(media: str, charset: str) -> str:
    media = media if media in _KNOWN_MEDIA else f"other media type({len(media)})"
    return f"{media};charset={charset if charset in _KNOWN_CHARSETS else 'other'}" if charset else media


def _schemes(headers: Headers) -> list[str]:
    found = {value.decode("latin-1").lower().partition(" ")[0] for value in headers.get_all(b"www-authenticate")}
    return sorted(scheme if scheme in _KNOWN_SCHEMES else f"other scheme({len(scheme)})" for scheme in found)


# --- bodies ---

def _bodies(old: Observation, new: Observation) -> Iterator[Difference]:
    if old.body == new.body and old.headers.get_all(b"content-encoding") == new.headers.get_all(b"content-encoding"):
        return
    before, after = _decoded(old), _decoded(new)
    if before is None and after is None:
        raise _Incomparable("coding")
    if before is None or after is None:
        legacy, modern = (Shape("corrupt" if body is None else "decoded") for body in (before, after))
        yield Difference("coding", "", legacy, modern)
    elif before == after:
        return
    elif not before or not after:
        legacy, modern = (Shape("bytes", len(body)) if body else ABSENT for body in (before, after))
        yield Difference("body", "", legacy, modern)
    elif all(media is not None and _is_json(media[0]) for media in map(_media, (old.headers, new.headers))):
        yield from _documents(before, after)
    else:
        yield Difference("body", "", Shape("bytes", len(before)), Shape("bytes", len(after)))


def _documents(before: bytes, after: bytes) -> Iterator[Difference]:
    old, new = _read(before), _read(after)
    unreadable = [isinstance(one, DocumentError) for one in (old, new)]
    if all(unreadable):
        raise _Incomparable("syntax")
    if any(unreadable):
        legacy, modern = (
            Shape("invalid", form=one.reason) if isinstance(one, DocumentError) else shape(one) for one in (old, new)
        )
        yield Difference("syntax", "", legacy, modern)
        return
    try:
        yield from diff(old, new).differences
    except DiffError as error:
        raise _Incomparable(error.reason) from None


def _read(body: bytes) -> Tree:
    """The body's tree, or the DocumentError that it is none."""
    try:
        return parse(body)
    except DocumentError as error:
        return error


def _decoded(observation: Observation) -> bytes | None:
    """The body with its content coding off (RFC 9110 section 8.4.1), or None where it is corrupt."""
    body = observation.body
    codings = b",".join(observation.headers.get_all(b"content-encoding")).decode("latin-1").lower().split(",")
    if len(codings) > MAX_CODINGS:
        raise _Incomparable("unknown_coding")
    for coding in reversed([coding.strip() for coding in codings]):
        if not body or coding in ("", "identity"):
            continue
        try:
            if coding in ("gzip", "x-gzip"):
                body = _inflate(body, 31)
            elif coding == "deflate":
                # "deflate" is the zlib format, but some servers send it bare. The header tells: RFC 1950 section 2.2.
                bare = body[0] & 15 != 8 or int.from_bytes(body[:2]) % 31 != 0
                body = _inflate(body, -15 if bare else 15)
            else:
                raise _Incomparable("unknown_coding")
        except zlib.error:
            return None
    return body


def _inflate(body: bytes, window: int) -> bytes:
    """Raises zlib.error where the body is corrupt or ends early."""
    whole: list[bytes] = []
    room = MAX_DECODED
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        whole.append(stream.decompress(body, room + 1))
        room -= len(whole[-1])
        if room < 0:
            raise _Incomparable("too_large")
        if not stream.eof:
            raise zlib.error("the stream ends early")
        body = stream.unused_data if window == 31 else b""  # gzip members may follow each other: RFC 1952 section 2.2
        if not body:
            return b"".join(whole)
    raise _Incomparable("too_large")
