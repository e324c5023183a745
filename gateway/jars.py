"""Cookies that are an arm's own: clients keep them in a jar, under other names, so that no other arm gets them. Pure.

Services behind one host share a browser's cookies. If two of them set JSESSIONID, each takes the other's session away,
and each is sent the other's. So a cookie "JSESSIONID" of the jar "legacy" is "legacy~JSESSIONID" for clients. The name
keeps a prefix such as "__Host-" in front, since browsers hold a cookie to what its prefix promises (RFC 6265bis section
4.1.3). Values and attributes stay as they are.

Clients may still hold cookies under their plain names, from before an arm had a jar. A jar that `adopts` gets such a
cookie as long as the client has none of that name from the jar. When the arm sets the cookie anew, or deletes it, the
plain one is deleted too: it would else come back after a logout. If several jars adopt it, it stays: whose it is, is
not known.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.message import Headers

_COOKIE, _SET = b"cookie", b"set-cookie"
_MARK = b"~"
_PREFIX = re.compile(rb"(?i)__(?:host-http|http|host|secure)-")
_BLANKS = b" \t"
_EXPIRY = frozenset({b"expires", b"max-age"})
_GONE = b"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"

NONE: frozenset[bytes] = frozenset()
"""No cookies."""


class Renamed(Headers):
    """The fields of an answer whose cookies were renamed. `said` are those that the arm has said."""

    __slots__ = ("said",)
    said: Headers


def as_said(headers: Headers) -> Headers:
    """The fields with the names of cookies that the arm used."""
    return headers.said if isinstance(headers, Renamed) else headers


@dataclass(frozen=True, slots=True)
class Jar:
    """The cookies of an arm. `own` are their names, or beginnings of names with a "*" after them; if it is empty, the
    arm has no jar, and is only kept from seeing the cookies of others. `clears` says that it alone adopts, so that it
    may delete plain cookies. `jars` are the names of all jars.
    """

    name: str
    own: tuple[str, ...] = ()
    adopts: bool = False
    clears: bool = True
    jars: frozenset[bytes] = frozenset()

    def shown(self, name: str) -> str:
        """The name that clients see of the arm's cookie `name`."""
        return self._shown(name.encode()).decode()

    def owns(self, name: bytes) -> bool:
        """Whether a cookie of this name is the arm's own. Case does not matter: some servers ignore it in cookies."""
        text = name.decode("latin-1").lower()
        return any(text.startswith(one[:-1].lower()) if one.endswith("*") else text == one.lower()
                   for one in self.own)

    def meets(self, other: "Jar") -> bool:
        """Whether some name is of this jar and of another one."""
        return any(self.owns(one.rstrip("*").encode()) for one in other.own) or any(
            other.owns(one.rstrip("*").encode()) for one in self.own)

    def opened(self, headers: Headers) -> tuple[Headers, frozenset[bytes]]:
        """A request's fields as the arm gets them: its own cookies with their plain names, and none of other jars. And
        the names of its own cookies that the client holds under the plain name too, if the jar is to clear those."""
        found = [self._sorted(value) if name.lower() == _COOKIE else [] for name, value in headers]
        pieces = [one for several in found for one in several]
        mine = {one.name for one in pieces if one.mine}
        plain = frozenset(one.name for one in pieces if one.plain)
        if not plain and not any(one.mine or one.foreign for one in pieces):
            return headers, NONE
        opened = Headers()
        for (name, value), several in zip(headers, found, strict=True):
            if several:
                kept = [one.piece for one in several
                        if not one.foreign and not (one.plain and (not self.adopts or one.name in mine))]
                if not kept:
                    continue
                value = b";".join(kept)
                if several[0].piece is not kept[0]:
                    value = value.lstrip(_BLANKS)
            opened.append((name, value))
        return opened, (plain if self.adopts and self.clears else NONE)

    def _sorted(self, value: bytes) -> "list[_Piece]":
        """The pieces of a Cookie field's value, one for each cookie, and what they are to the arm."""
        pieces = []
        for piece in value.split(b";"):
            before, equals, after = piece.partition(b"=")
            name = before.strip(_BLANKS)
            prefix, jar, plain = _taken_apart(name) if equals else (b"", b"", name)
            if jar and jar in self.jars:
                own = prefix + plain
                if jar == self.name.encode() and self.owns(own):
                    blank = before[:len(before) - len(before.lstrip(_BLANKS))]
                    pieces.append(_Piece(b"%b%b=%b" % (blank, own, after), own, mine=True))
                else:
                    pieces.append(_Piece(piece, name, foreign=True))
            else:
                pieces.append(_Piece(piece, name, plain=bool(equals) and self.owns(name)))
        return pieces

    def kept(self, headers: Headers, plain: frozenset[bytes]) -> Headers:
        """An answer's fields as the client gets them. `plain` are the names that `opened` has found."""
        if not self.own or not any(name.lower() == _SET for name in headers.names):
            return headers
        renamed, changed = Renamed(), False
        for name, value in headers:
            cookie, equals, rest = value.partition(b"=")
            key = cookie.strip(_BLANKS)
            if name.lower() != _SET or not equals or b";" in cookie or not self.owns(key):
                renamed.append((name, value))
                continue
            changed = True
            renamed.append((name, b"%b=%b" % (self._shown(key), rest)))
            if key in plain:
                renamed.append((name, _deleted(key, rest)))
        if not changed:
            return headers
        renamed.said = headers
        return renamed

    def _shown(self, name: bytes) -> bytes:
        prefix = _PREFIX.match(name)
        at = prefix.end() if prefix is not None else 0
        return name[:at] + self.name.encode() + _MARK + name[at:]


@dataclass(slots=True)
class _Piece:
    """One cookie of a request: its text, and the name by which its arm knows it. It is `mine` if it comes from the jar,
    `foreign` if from another one, and `plain` if the client holds it under a plain name that is the arm's own."""

    piece: bytes
    name: bytes
    mine: bool = False
    foreign: bool = False
    plain: bool = False


def _taken_apart(name: bytes) -> tuple[bytes, bytes, bytes]:
    """(the prefix, the jar, the rest) of a cookie's name. The jar is empty if there is none."""
    prefix = _PREFIX.match(name)
    at = prefix.end() if prefix is not None else 0
    jar, mark, rest = name[at:].partition(_MARK)
    return (name[:at], jar, rest) if mark else (name[:at], b"", name[at:])


def _deleted(name: bytes, rest: bytes) -> bytes:
    """A Set-Cookie that deletes the cookie `name`. `rest` is what stands behind the "=" where it is set: a cookie is
    known by its attributes, such as its path, too (RFC 6265bis section 5.7)."""
    attributes = rest.split(b";")[1:]
    return b"%b=%b%b" % (name, b"".join(b";" + one for one in _without_expiry(attributes)), _GONE)


def _without_expiry(attributes: Iterable[bytes]) -> list[bytes]:
    return [one for one in attributes if one.partition(b"=")[0].strip(_BLANKS).lower() not in _EXPIRY]
