"""Tokens: what stands for a value where the value is not kept. Two of one epoch are equal where their values are, at
places of one class; nothing else can be told of them without the epoch's key. Pure.
"""

import hmac
from decimal import Decimal, InvalidOperation

from adapters.document import Number, Tree

TOKEN = 12
"""Bytes of a token: 96 bits, so that among a billion values two are hardly ever taken for one."""


def token(key: bytes, place: str, value: Tree) -> str:
    """24 hexadecimal digits for a scalar at places of a class ("/entry/*/code"); empty where there is no key, for
    null, and for what is no scalar. Numbers are the same however they are written."""
    if isinstance(value, Number):
        told = f"number {_canonical(value)}"
    elif isinstance(value, str):
        told = f"string {value}"
    elif isinstance(value, bool):
        told = f"boolean {value}"
    else:
        return ""
    return _token(key, f"value\0{place}\0{told}")


def of_names(key: bytes, names: list[str]) -> str:
    """The same for the member names that a path does not show; empty where it shows all."""
    return _token(key, "\0".join(("names", *names))) if names else ""


def bound(name: str, arm: str) -> str:
    """The class of places that a class of identifiers stands at in one arm's answers: what tokens of pairs are of."""
    return f"crosswalk/{name}/{arm}"


def _token(key: bytes, text: str) -> str:
    # A capability's name comes first in what subjects are told apart by, and is never empty.
    message = b"\0" + text.encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")[:TOKEN].hex() if key else ""


def _canonical(number: Number) -> str:
    try:
        sign, digits, exponent = Decimal(number).as_tuple()
    except InvalidOperation:  # an exponent past what Decimal holds
        return str(number)
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    if not short or not isinstance(exponent, int):
        return "0"
    return f"{'-' if sign else ''}{short}e{exponent + len(text) - len(short)}"
