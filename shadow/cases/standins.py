"""Stand-ins for values: invented values of the same type, length and format class. Equal values have equal stand-ins.

A text is split into runs of letters and digits. The pattern of a run (which places are digits, which are letters) is
its *make*. The n-th run of one make is replaced by the n-th stand-in of that make, so a stand-in reveals no more of its
run than its length, and which places are digits and capitals. Dates and times are all shifted by the same number of
days and minutes, which a secret decides: they stay dates, in the same order and as far apart as before.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from adapters.document import Number, Tree

# No hexadecimal digits, and no letters of "http", "ftp", "urn" or of an instant's T and Z, so that no stand-in becomes
# a UUID, a URL or a time by mistake.
_LETTERS = "ghijklmoqsvwxy"
_HEX = "abcdef"
_DIGITS = "1234567890"
# Each has two bytes in UTF-8 and one in Latin-1, so it is never longer than the character that it replaces.
_OTHERS = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ"

_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
_COMPACT = r"(?:[0-9]{14}|[0-9]{12}|[0-9]{8})"
_FRACTION = r"(?:\.[0-9]+)?"
_PIECES = re.compile(
    rf"(?P<uuid>(?<![0-9A-Za-z]){_UUID}(?![0-9A-Za-z]))"
    rf"|(?P<time>(?<![0-9A-Za-z]){_TIME}{_FRACTION}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?(?![0-9A-Za-z]))"
    rf"|(?P<compact>(?<![0-9A-Za-z.]){_COMPACT}{_FRACTION}(?:[+-][0-9]{{4}})?(?![0-9A-Za-z]))"
    rf"|(?P<run>[0-9A-Za-z]+)|(?P<other>[^\x00-\x7f\s]+)")
# The date or time, the fraction of a second, and the zone, which stays as it is.
_PARTS = re.compile(rf"({_TIME}|{_COMPACT})({_FRACTION})(.*)")
_RUN = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f\s]+")
_DIGIT_RUN = re.compile(r"[0-9]+")
_SCHEME = re.compile(r"(?:https?|urn|ftp|mailto):", re.IGNORECASE)
_MANTISSA = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_LEXEME = re.compile(r"[+-]?[0-9]*\.[0-9]+")
_COMPACT_FORMS: Mapping[int, str] = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class Standins:
    """Stand-ins for all values of some documents. Equal values have one stand-in; unequal values never share one."""

    def __init__(self, texts: Iterable[str], secret: bytes) -> None:
        """`texts` are all values: no stand-in equals a run of one of them, as long as other stand-ins are left.
        `secret` decides by how much times are shifted."""
        self._taken: dict[str, set[str]] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._tried: dict[str, int] = {}
        self._originals: set[str] = set()
        days: set[str] = set()
        for text in texts:
            pieces = _PIECES.findall(text)
            self._originals.update(piece.lower() for groups in pieces for piece in groups if piece)
            self._originals.update(digits.replace(".", "").strip("0") for digits in _MANTISSA.findall(text))
            days.update(one[:length] for groups in pieces for one in groups for length in (8, 10))
        self._shift = _drawn(secret, days)

    def of(self, value: Tree) -> Tree:
        """The stand-in for a scalar. True, false and null reveal nothing by themselves, and stay."""
        if isinstance(value, Number):
            return Number(self._number(value))
        return self.text(value) if isinstance(value, str) else value

    def text(self, value: str) -> str:
        """The stand-in for a text."""
        if _LEXEME.fullmatch(value):
            return self._number(value)
        scheme = _SCHEME.match(value)
        start = scheme.end() if scheme is not None else 0
        return value[:start] + _PIECES.sub(self._piece, value[start:])

    def _piece(self, found: re.Match[str]) -> str:
        text = found[0]
        if found.lastgroup in ("time", "compact") and (parts := _PARTS.fullmatch(text)):
            when, fraction, zone = parts.groups()
            if (moved := _moved(when, self._shift)) is not None:
                return f"{moved}{self._runs(fraction)}{zone}"
            # It looks like a time, but no calendar has it: "2024-02-31".
            return f"{_DIGIT_RUN.sub(self._found, when)}{self._runs(fraction)}{zone}"
        return self._run(text, "h") if found.lastgroup == "uuid" else self._runs(text)

    def _runs(self, text: str) -> str:
        return _RUN.sub(self._found, text)

    def _found(self, run: re.Match[str]) -> str:
        return self._run(run[0], "a")

    def _run(self, text: str, letters: str) -> str:
        """The stand-in for a run. It is made in small letters; capitals are put back where they were."""
        lower = text.lower() if text.isascii() else text
        make = "".join("o" if not one.isascii() else "0" if one.isdigit() else letters if one.isalpha() else one
                       for one in lower)
        made = zip(text, self._made(lower, make), strict=True)
        return "".join(to.upper() if one.isascii() and one.isupper() else to for one, to in made)

    def _number(self, lexeme: str) -> str:
        """The stand-in for a number. Only its significant digits are replaced, so that 1.0 and 1.00 stay one number."""
        mantissa = _MANTISSA.search(lexeme)
        if mantissa is None:
            return lexeme
        digits = mantissa[0].replace(".", "")
        significant = digits.strip("0")
        if not significant:
            return lexeme
        make = "1" if len(significant) == 1 else f"1{'0' * (len(significant) - 2)}1"
        start = digits.index(significant)
        fresh = iter(digits[:start] + self._made(significant, make) + digits[start + len(significant):])
        return lexeme[:mantissa.start()] + re.sub("[0-9]", lambda _: next(fresh), mantissa[0]) + lexeme[mantissa.end():]

    def _made(self, original: str, make: str) -> str:
        """The stand-in for a run: the first of its make that is neither taken nor an original; if there is none,
        any that is free."""
        known = self._known.get((make, original))
        if known is not None:
            return known
        taken = self._taken.setdefault(make, set())
        size = _size(make)
        at = self._tried.get(make, 0)
        while at < size and (one := _nth(make, at)) in self._originals:
            at += 1
        self._tried[make] = at + 1
        if at >= size:
            free = (one for at in range(size) if (one := _nth(make, at)) not in taken and one != original)
            one = next(free, original)
        taken.add(one)
        self._known[make, original] = one
        return one


_ALPHABETS = {"0": _DIGITS, "1": _DIGITS[:9], "a": _LETTERS, "h": _HEX, "o": _OTHERS}


def _size(make: str) -> int:
    size = 1
    for place in make:
        size *= len(_ALPHABETS.get(place, "-"))
    return size


def _nth(make: str, number: int) -> str:
    made = []
    for place in reversed(make):
        alphabet = _ALPHABETS.get(place, place)
        number, digit = divmod(number, len(alphabet))
        made.append(alphabet[digit])
    return "".join(reversed(made))


def _drawn(secret: bytes, days: set[str]) -> timedelta:
    """A shift back by 2 to 20 years and some minutes, which moves none of these days to another one of them."""
    first = int.from_bytes(secret[:8])
    for number in range(first, first + 1_000):
        shift = timedelta(days=-(730 + number % 6_575), minutes=-(number // 6_575 % 1_440))
        if days.isdisjoint(_moved(day, shift) for day in days):
            break
    return shift


def _moved(text: str, shift: timedelta) -> str | None:
    """A date, or a date and time, moved by `shift`; None if the text is neither."""
    form = _COMPACT_FORMS.get(len(text)) if text.isdigit() else None
    try:
        if form is not None:
            moved = datetime.strptime(text, form)
            moved = _plus(moved, shift if len(text) > 8 else timedelta(days=shift.days))
            return f"{moved:{form}}".rjust(len(text), "0")
        if not re.fullmatch(_TIME, text):
            return None
        moved = datetime.fromisoformat(text)
        if len(text) == 10:
            return _plus(moved, timedelta(days=shift.days)).isoformat()[:10]
        return _plus(moved, shift).isoformat(sep=text[10])[:len(text)]
    except ValueError:
        return None


def _plus(moment: datetime, shift: timedelta) -> datetime:
    """The moment moved by `shift`, or the other way if that would leave the calendar, as for "0001-01-01"."""
    try:
        return moment + shift
    except OverflowError:
        return moment - shift
