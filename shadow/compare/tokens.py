"""Tokens stand for values that are not kept: keyed digests, 24 hexadecimal digits long. Pure.

Within one epoch, and at places of one class, two tokens are equal if their values are. Without the epoch's key
nothing else can be learnt from them.
"""

import hashlib
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from adapters.document import Number, Tree

TOKEN = 12
"""Bytes of a token. At 96 bits, two of a billion values share a token with a probability of less than one in 10¹⁰."""

# RFC 2104 section 2: the bytes of a block of SHA-256, and what the key is combined with.
_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def token(key: bytes, place: str, value: Tree) -> str:
    """The token of a scalar at a class of places ("/entry/*/code"). "" if there is no key, for null, and for a
    container. Equal numbers have the same token, however they are written."""
    if isinstance(value, Number):
        text = f"number {canonical(value)}"
    elif isinstance(value, str):
        text = f"string {value}"
    elif isinstance(value, bool):
        text = f"boolean {value}"
    else:
        return ""
    return _token(key, f"value\0{place}\0{text}")


def of_names(key: bytes, names: list[str]) -> str:
    """The token of the member names that a path masks. "" if it masks none, or if there is no key."""
    return _token(key, "\0".join(("names", *names))) if names else ""


def crosswalk_place(name: str, arm: str) -> str:
    """The class of places, for `token`, of a crosswalk's identifiers: those of class `name`, as an arm writes them."""
    return f"crosswalk/{name}/{arm}"


def _token(key: bytes, text: str) -> str:
    # Digests of subjects, made with the same key, begin with a capability's name, which is never empty. The leading
    # zero byte keeps the two kinds apart.
    return mac(key, b"\0" + text.encode("utf-8", "surrogatepass")).hex() if key else ""


def mac(key: bytes, message: bytes) -> bytes:
    """The first TOKEN bytes of a message's HMAC-SHA-256 (RFC 2104)."""
    inner, outer = _prepared(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()[:TOKEN]


# To prepare a key takes longer than the rest. After a pause, when none of it is in the processor's caches, it takes
# longer than all else that the lane does for a mirror. Few keys are kept: one that is destroyed soon makes way. Two
# hashes, as RFC 2104 puts it, take half as long as the objects of the module `hmac`.
@lru_cache(maxsize=8)
def _prepared(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The inner and the outer hash of an HMAC, begun with the key."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def canonical(number: str) -> str:
    """The text of a number (RFC 8259 section 6) in one spelling: equal for equal numbers, however they are written."""
    sign = "-" if number[:1] == "-" else ""
    whole, _, fraction = number[len(sign):].partition(".")
    exponent = -len(fraction)
    text = whole + fraction
    if not text.isdecimal():
        try:
            _, digits, power = Decimal(number).as_tuple()
        except InvalidOperation:  # an exponent past what Decimal holds
            return number
        if not isinstance(power, int):
            return "0"
        text, exponent = "".join(map(str, digits)), power
    text = text.lstrip("0")
    short = text.rstrip("0")
    return f"{sign}{short}e{exponent + len(text) - len(short)}" if short else "0"
