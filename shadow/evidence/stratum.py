"""What kind of exchange a pair is (Stratum), and whom it asks about (Subject), without a value of either.

An exchange that was left out (LeftOut) has both too, as far as they are known without modern's answer.

A thousand polls of one resource say hardly more than one of them, so evidence counts an exchange only if its
operation, parameter shape, subject and hour are new together. The subject is what the request names: its path, the
values of its query and its form. It is kept as HMAC-SHA-256 under the epoch's key, and for hours only.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from adapters.message import Request
from shadow.compare.pair import Pair
from shadow.compare.parameters import shown
from shadow.compare.resources import TYPES
from shadow.compare.tokens import TOKEN, mac
from shadow.evidence.epoch import Epoch
from shadow.evidence.media import how_asked, kind_of
from shadow.observation import Observation

STRATA = 200
"""Strata kept of each capability. Further ones count under their operation and status class alone."""

LARGEST = 63
"""The size of bodies that were too large to be kept."""

HOUR = 3600
"""Seconds in which a subject counts once."""

OTHER = "(other)"
"""The resource of a stratum that found no room in the table of strata."""


class Stratum(NamedTuple):
    """A kind of exchange, without any value: its operation, legacy's status class ("2xx", or empty if legacy failed;
    "304" or "412" if an arm answered so to a condition of the client, so that no bodies were compared), its resource
    type ("Patient", or else the kind of media, such as "json"), as its shape the names of its parameters
    ("date,patient"), and how it was `asked` ("HEAD conditional json": see evidence.media)."""

    operation: str
    status: str
    resource: str
    shape: str
    asked: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.operation, self.status, self.resource, self.shape and f"?{self.shape}",
                                          self.asked and f"({self.asked})") if part)


class LeftOut(NamedTuple):
    """What is known of an exchange that was left out: its request, what legacy said if it has answered, when it was
    asked (seconds since 1970), the names of parameters that may be shown, and the `size` of legacy's body (see
    `size_of`)."""

    request: Request
    control: Observation | None
    at: float
    declared: frozenset[str] = frozenset()
    size: int = -1


class Subject(NamedTuple):
    """One exchange, as evidence counts it. Two tokens are equal if capability, epoch, operation, parameter shape, how
    it was asked, legacy's status class, subject and `hour` (hours since 1970) are; they show nothing else. `token` is
    empty if there is no key."""

    stratum: Stratum
    token: bytes
    hour: int


# FHIR servers write the type first, as the examples of the specification do. Otherwise the media type is used.
_RESOURCE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Z][A-Za-z]{1,39})"')
_FORM = b"application/x-www-form-urlencoded"

# These change how an answer looks, or bypass a cache, and name no subject: else "?_=1", "?_=2" … would each count.
_NO_SUBJECT = frozenset({
    b"_", b"_count", b"_elements", b"_format", b"_pretty", b"_summary", b"_total", b"_ts", b"cb", b"nocache", b"ts",
    b"timestamp",
})


def subject(pair: Pair, key: bytes, epoch: Epoch, declared: frozenset[str] = frozenset()) -> Subject:
    """The stratum and the token of a pair. `key` is that of the epoch, or empty. `declared` are the names of parameters
    that may be shown. It is cheap enough for the event loop."""
    return _subject(pair.capability, pair.operation, pair.request, pair.control, pair.condition, pair.at, key, epoch,
                    declared)


def subject_left_out(capability: str, operation: str, left_out: LeftOut, key: bytes, epoch: Epoch) -> Subject:
    """The same of an exchange that was left out. Its status is "" if legacy has not answered."""
    request, control, at, declared, _ = left_out
    condition = control.status if control is not None and control.status in (304, 412) else 0
    return _subject(capability, operation, request, control, condition, at, key, epoch, declared)


def _subject(
    capability: str, operation: str, request: Request, control: Observation | None, condition: int, at: float,
    key: bytes, epoch: Epoch, declared: frozenset[str],
) -> Subject:
    # Nine arguments, since a value that holds them would have to be made for each mirror: that would take nearly a
    # tenth of the time that all of this takes.
    path, _, query = request.target.partition(b"?")
    shape, named, rest = _parameters(query, request, declared, key) if query or request.body else ("", b"", b"")
    hour = int(at) // HOUR
    # A request target cannot hold a NUL (the edge refuses it), so no part can be taken for another.
    asked, kind = how_asked(request), b""
    message = b"\0".join((_place(capability, operation, shape, asked, hour, epoch), path, named, rest))
    if control is None or control.failure is not None or control.broke:
        # If legacy gave no answer, or one that it failed, there is no kind of answer to cover.
        stratum = _stratum(operation, "", "", shape, asked)
        # A subject that legacy failed on proves nothing, and does not take the place of its next answer.
        kind = b"0" if control is not None and control.broke else b""
    elif condition:
        # It has a token of its own: it must not stand for an exchange whose bodies are compared.
        stratum = _stratum(operation, str(condition), "", shape, asked)
        message += b"\0%d" % condition
    else:
        status = control.status // 100
        stratum = _stratum(operation, f"{status}xx", _resource(control), shape, asked)
        if status != 2:
            # A subject that is found, and gone later, proves something of both. Both count, or none.
            kind = b"%d" % status
    return Subject(stratum, mac(key, message) + kind if key else b"", hour)


@lru_cache(maxsize=4096)
def _place(capability: str, operation: str, shape: str, asked: str, hour: int, epoch: Epoch) -> bytes:
    return "\0".join((capability, operation, shape, asked, str(hour), *epoch.stored)).encode()


_stratum = lru_cache(maxsize=4096)(Stratum)


def size_of(control: Observation) -> int:
    """The size of an answer's body, as the number of bits of its length; LARGEST if it was too large to be kept, and -1
    if the answer failed otherwise."""
    if control.failure is not None:
        return LARGEST if control.failure.kind == "oversize" else -1
    if control.digest is not None:
        return control.digest.size.bit_length()
    return len(control.body).bit_length() if control.complete else LARGEST


@lru_cache(maxsize=128)
def share(halvings: int) -> bytes:
    """The bound below which tokens count where there are too many subjects: as tokens are digests, those of one in
    2 ** `halvings` subjects are below it, whatever these subjects are."""
    return (1 << (8 * TOKEN - halvings)).to_bytes(TOKEN) if halvings else b"\xff" * (TOKEN + 2)


def placed(stratum: Stratum, known: Collection[Stratum]) -> Stratum:
    """The stratum that an exchange counts under: its own if that is `known` or finds room, else that of all others."""
    if stratum in known or len(known) < STRATA:
        return stratum
    return stratum._replace(resource=OTHER, shape="", asked="")


def _parameters(
    query: bytes, request: Request, declared: frozenset[str], key: bytes
) -> tuple[str, bytes, bytes]:
    """The shape of the query and of a form, the fields of both that name a subject, and a body that is no form."""
    fields, rest = query.split(b"&") if query else [], request.body
    if rest and (request.headers.get(b"content-type") or b"").lower().startswith(_FORM):
        fields, rest = fields + rest.split(b"&"), b""
    fields.sort()
    # A field without "=" may be a value itself, so "?Meier" is masked.
    names = [field.partition(b"=")[0] if b"=" in field else field and b"{" for field in fields]
    if not _NO_SUBJECT.isdisjoint(names):
        fields = [field for field, name in zip(fields, names, strict=True) if name not in _NO_SUBJECT]
    return _shape(tuple(names), declared, key), b"&".join(fields), rest


@lru_cache(maxsize=4096)
def _shape(names: tuple[bytes, ...], declared: frozenset[str], key: bytes) -> str:
    return shown({name.decode("latin-1") for name in names if name}, declared, key)


def _resource(observation: Observation) -> str:
    if (found := _RESOURCE.match(observation.body)) and (name := found[1].decode()) in TYPES:
        return name
    return kind_of(observation.headers.get(b"content-type") or b"")
