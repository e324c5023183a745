"""Finds rules that can have no effect, since nothing is compared at their place in the way that they say. Pure."""

from shadow.compare.fields import PRESENCE
from shadow.compare.heads import varies
from shadow.compare.patterns import PathPattern

_WILD = ("*", "**")
_PLACES = {
    "@status": ("status",), "@header": ("header",), "@trailer": ("trailer",), "@coding": ("coding",),
    "@syntax": ("syntax",), "@body": ("body",),
}
"""The places outside of documents, and the kinds of differences there."""

_OUTSIDE = frozenset(kind for kinds in _PLACES.values() for kind in kinds)
_NOT_OF_FIELDS = frozenset({"list", "keys"})
_OF_ALL = frozenset({"ignore", "severity", "defaults"})


def why_not(pattern: PathPattern, what: str, kind: str = "", shape: str = "") -> str:
    """Why a rule can have no effect; "" if it can. `what` is its behaviour: "ignore", "severity" and so on, "known" for
    a declared difference, or the name of a normaliser. `kind` and `shape` narrow it."""
    first = pattern[0] if pattern else "**"
    if first in _WILD:
        return ""
    if first not in _PLACES:
        return f"a difference of the kind {kind} is at no place in a document" if kind in _OUTSIDE else ""
    if kind and kind not in _PLACES[first]:
        return f"at /{first} there is no difference of the kind {kind}"
    if first in ("@header", "@trailer"):
        return _at_field(pattern, "ignore" if what == "known" else what)
    if shape:
        return f"what differs at /{first} is no value, and has no shape"
    if what not in _OF_ALL and what != "known":
        return f"what differs at /{first} is no value: only ignore and severity have an effect there"
    if first != "@status" and len(pattern) > 1:
        return f"/{first} has no places inside"
    return ""


def _at_field(pattern: PathPattern, what: str) -> str:
    place, name = f"/{pattern[0]}", pattern[1] if len(pattern) > 1 else ""
    if what in _NOT_OF_FIELDS:
        return f"a field is no list and no object: {what} has no effect at {place}"
    if not name:
        return "" if what in _OF_ALL or what == "reveal" else f"name the field: {place}/location"
    if name in _WILD:
        return ""
    if name != name.lower():
        return f"names of fields are written in small letters: {place}/{name.lower()}"
    if varies(name.encode()) or name == "content-encoding":
        return f"the field {name} is not compared"
    if len(pattern) > 3:
        return "a part of a field has no places inside"
    normalises = what not in _OF_ALL and what != "reveal"
    if name in PRESENCE and (normalises or what == "reveal"):
        return f"of the field {name} only its presence is compared"
    return ""
