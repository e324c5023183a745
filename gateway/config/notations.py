"""Path templates in the notations of other programs, and how they are written here. Pure.

Express and Rails write "/patients/:id", nginx and regular expressions "/patients/.*", shells "/patients/*", Flask
"/patients/<int:id>", ASP.NET "/patients/{id:int}" and "/files/{**rest}", Go "/files/{rest...}".
"""

import re
from urllib.parse import urlsplit

_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
# A group of a regular expression that holds no slash. `[^/]` is one character to us: see _NO_SLASH.
_GROUP = r"\((?:\?:)?[^()/]*\)"
_REST = re.compile(
    rf"\{{(?:\*{{1,2}}(?P<a>{_WORD})|(?P<b>{_WORD})(?:\.\.\.|:path|:\.[*+]|:\*))\}}|<path:(?P<c>{_WORD})>|\*{{1,2}}(?P<d>{_WORD})"
    rf"|:(?P<e>{_WORD})(?:\*|\+|\(\.[*+]\))|\[\.\.\.(?P<f>{_WORD})\]|\*{{1,2}}|\(?\.[*+]\)?", re.ASCII)
_ONE = re.compile(
    rf"\{{\{{(?P<a>{_WORD})\}}\}}|\{{(?P<b>{_WORD})(?:[:?=][^{{}}]*)?\}}|<(?:[^<>:]*:)?(?P<c>{_WORD})>"
    rf"|:(?P<d>{_WORD})(?:{_GROUP})?\??|\(\?P?<(?P<e>{_WORD})>[^()]*\)|\[(?P<f>{_WORD})\]"
    rf"|\((?:\?:)?[^()/]*[\\.*+|\0\[][^()/]*\)|(?:\\[dw]|\[[^\[\]]+\])(?:[*+]|\{{\d+(?:,\d*)?\}})?", re.ASCII)
_OURS = re.compile(rf"\{{{_WORD}\*?\}}", re.ASCII)
_INSIDE = re.compile(
    rf"\{{(?P<a>{_WORD})(?:[:?=][^{{}}]*)?\}}|:(?P<b>{_WORD})|<(?:[^<>:]*:)?(?P<c>{_WORD})>|\*|\.\*", re.ASCII)
_NO_SLASH = "\x00"


def respelt(path: str) -> str:
    """The template that was probably meant; the same text if it is in no notation that is known here."""
    if "://" in path and (parts := urlsplit(path)).scheme in ("http", "https"):
        path = parts.path or "/"
    bare = path.lstrip("~^ ")
    anchored = bare != path or "\\" in bare or "(" in bare
    bare = bare.removesuffix("$") if anchored else bare
    bare = bare if bare.startswith("/") else f"/{bare}"
    parts_of = bare.replace("[^/]", _NO_SLASH).split("/")[1:]
    names: list[str] = []
    found = [_segment(part, number == len(parts_of), names) for number, part in enumerate(parts_of, 1)]
    return "/" + "/".join(found)


def _segment(part: str, last: bool, names: list[str]) -> str:
    if part.startswith(_NO_SLASH) and part.strip(_NO_SLASH) in ("", "*", "+"):
        return _named("id", False, names)
    if _OURS.fullmatch(part):
        return _named(part.strip("{}*"), part.endswith("*}") and last, names)
    for pattern, is_rest in ((_REST, True), (_ONE, False)):
        if whole := pattern.fullmatch(part):
            given = next(filter(None, whole.groupdict().values()), "")
            return _named(given or ("rest" if is_rest and last else "id"), is_rest and last, names)
    if inside := _INSIDE.search(part):
        # A parameter is a whole segment: "{id}.json", "a-:id", "*.png".
        given = next(filter(None, inside.groupdict().values()), "")
        return part if _is_verb(part, inside) else _named(given or "name", False, names)
    return part


def _is_verb(part: str, inside: "re.Match[str]") -> bool:
    """Whether a colon begins a verb at the end of a plain segment, "documents:search": Google's interfaces do so."""
    return inside["b"] is not None and inside.start() > 0 and inside.end() == len(part) and "{" not in part


def _named(name: str, rest: bool, names: list[str]) -> str:
    """A parameter of this name, or of the next one that is free."""
    free, number = name, 2
    while free in names:
        free, number = f"{name}{number}", number + 1
    names.append(free)
    return f"{{{free}*}}" if rest else f"{{{free}}}"
