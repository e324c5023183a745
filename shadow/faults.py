"""Faults of SOAP: an answer of status 500 that says no to the client, and no failure of the server.

SOAP 1.1 sends every fault with status 500, also "no such patient" (section 6.2; WS-I Basic Profile 1.1, R1126). Its
code tells them apart (SOAP 1.1 section 4.4.1, SOAP 1.2 part 1 section 5.4.6): `Server` or `Receiver` says that the
server failed, unless a `detail` says what it has found; every other code says something about the question. Pure.
"""

import re

from adapters.message import Headers

_FIRST = 1 << 16
"""Bytes that are looked at: a fault stands first in its envelope's body."""

_NAME = rb"(?:[\w.-]+:)?"
_FAULT = re.compile(rb"<" + _NAME + rb"Fault[\s>]")
_CODE = re.compile(rb"<" + _NAME + rb"(?:faultcode|Value)(?:\s[^>]*)?>\s*" + _NAME + rb"([\w-]+)")
_DETAIL = re.compile(rb"<" + _NAME + rb"[dD]etail(?:\s[^>]*)?>\s*<")
_FAILED = frozenset({b"server", b"receiver"})


def says_no(headers: Headers, body: bytes) -> bool:
    """Whether an answer of status 500 is a fault of SOAP by which the server says no. `body` is without a coding; where
    it has one, nothing is known, and the answer is a failure."""
    if b"xml" not in (headers.get(b"content-type") or b"").lower():
        return False
    first = body[:_FIRST]
    found = _FAULT.search(first)
    code = _CODE.search(first, found.end()) if found is not None else None
    if code is None:
        return False
    return code[1].lower() not in _FAILED or _DETAIL.search(first, code.end()) is not None
