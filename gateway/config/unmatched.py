"""Finds what the schema accepts and no request matches: a path, a method or a value in the notation of another program.
Pure.

Each function returns a text for people, with what to write instead; "" if nothing is odd.
"""

import difflib
import re
from collections.abc import Iterable

from gateway.config.notations import respelt
from gateway.reading import segments

# The registered ones (RFC 9110 section 16.1.1) that end at a service, and those of Exchange and UPnP.
_METHODS = """
    ACL BASELINE-CONTROL BCOPY BDELETE BIND BMOVE BPROPFIND BPROPPATCH CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK
    LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE M-SEARCH NOTIFY OPTIONS ORDERPATCH PATCH POLL
    POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SUBSCRIBE TRACE UNBIND UNCHECKOUT UNLINK UNLOCK
    UNSUBSCRIBE UPDATE UPDATEREDIRECTREF VERSION-CONTROL"""
METHODS = frozenset(_METHODS.split())
# An item of a list, as JSONPath and XPath write it. A condition, as in [@system=LN], is none.
_INDEX = re.compile(r"\[(?:[0-9]+|\*|)\]")
_OUTSIDE = ("@status", "@header", "@trailer", "@coding", "@syntax", "@body")
_ANY = frozenset({"*", "ANY", "ALL", "ALWAYS", ".*"})
_SEVERAL = re.compile(r"[|+*]")
_WILD = frozenset({"*", "**", ".*", ".+", "(.*)"})
_STARRED = re.compile(r"\.[*+]|(?<=[^*])\*\Z|\A\^|\A\*(?=[^*])")
# In these a star is a value of its own (RFC 9110 sections 12.5, 13.1), and FHIR has _include=* and _elements=*.
_READABLE = (".yaml", ".yml", ".json")
_SHOWN = 5
_STAR_COUNTS = re.compile(r"(?i)accept.*|if-.*|_.*|vary|origin")


def of_path(path: str) -> str:
    """Why no request, or none that was meant, has a path of this template."""
    meant = respelt(path)
    if meant != path:
        odd = next(one for one, other in zip(segments(path), segments(meant), strict=False) if one != other)
        return (f'"{odd}" stands for itself here, and only a path with these characters matches: write "{meant}"'
                f'{_literally(odd)}')
    *parts, last = segments(path)
    kept = [one for one in parts if one and one[0] != ";"]
    if len(kept) < len(parts):
        odd = "//" if "" in parts else "/;…/"
        return f'no request has this path, since "{odd}" is read as "/": write "/{"/".join([*kept, last])}"'
    return ""


def _literally(segment: str) -> str:
    for sign in "*:(":
        if sign in segment:
            return f', or for the character itself "%{ord(sign):02X}"'
    return ""


def of_method(method: str) -> str:
    """Why no client sends this method."""
    if method in _ANY:
        return f'"{method}" is a method of this name here: leave `method` out for any'
    several = [one for one in _SEVERAL.split(method) if one]
    if len(several) > 1:
        return f'"{method}" is one method here: write [{", ".join(several)}]'
    near = difflib.get_close_matches(method, METHODS, n=1, cutoff=0.6) if method not in METHODS else []
    return f'no client is known to send "{method}"; did you mean "{near[0]}"?' if near else ""


def of_value(name: str, value: str | None) -> str:
    """Why no field or parameter `name` has this value."""
    if value is None or _STAR_COUNTS.fullmatch(name):
        return ""
    if value in _WILD:
        return f'"{value}" is compared as text: write true for "is there"'
    if _STARRED.search(value):
        return f'"{value}" is compared as text, with no wildcards: write the whole value, or true for "is there"'
    return ""


def of_name(name: str) -> str:
    """Why no header field has this name."""
    return f'"{name}" is the name of one field here, with no wildcards: write it out' if "*" in name else ""


def of_place(at: str) -> str:
    """Why nothing in an answer is at this place of a rule. `at` is a place as rules name it."""
    if not at.startswith("/"):
        return ""
    steps = _INDEX.sub("/*", at).replace("//", "/").split("/")[1:]
    meant = "/" + "/".join("*" if one in ("#", "-") else one for one in steps if one)
    if meant != at:
        return f'nothing is at this place: write "{meant}" (* is any item of a list)'
    first = steps[0]
    near = difflib.get_close_matches(first, _OUTSIDE, n=1, cutoff=0.85) if first not in _OUTSIDE else []
    return f'nothing is at this place; did you mean "{at.replace(first, near[0], 1)}"?' if near else ""


def of_glob(pattern: str, folder: str, names: Iterable[str] | None) -> str:
    """Why an `include` matches no file. `names` are the files in `folder`, where the pattern's first wildcard is; None
    if there is no such folder."""
    if names is None:
        return f"no file matches: there is no folder {folder}"
    if "**" in pattern:
        return f'no file matches: "**" is one folder here; write "{pattern.replace("**", "*")}" for the files in it'
    there = sorted(one for one in names if one.endswith(_READABLE))[:_SHOWN]
    return f"no file matches; {folder} has {', '.join(there)}" if there else "no file matches"
