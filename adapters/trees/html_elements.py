"""Which elements and attributes of an HTML page say something, and what is done at a tag (WHATWG's HTML standard)."""

import re
from typing import NamedTuple

from adapters.document import Tree
from adapters.trees.tags import RAW, Tag

# What is not read: programs, appearance, and content for browsers that cannot show the rest.
UNREAD = frozenset({"style", "noscript", "noembed", "noframes", "link", "col", "colgroup"})
DATA = frozenset({"application/json", "application/ld+json", "application/fhir+json", "text/plain", "text/csv"})
# Elements without content (section 13.1.2).
VOID = frozenset({"area", "base", "br", "embed", "hr", "img", "input", "meta", "param", "source", "track", "wbr"})
# Where text stands decides what it says.
_STRUCTURE = frozenset({"table", "tr", "td", "ul", "ol", "li", "dl", "dt", "dd", "form", "fieldset", "optgroup",
                        "option", "datalist", "details", "dialog", "meta", "base"})
BOXES = frozenset({"input", "img", "button", "textarea", "select", "meter", "progress", "iframe", "video", "audio",
                    "embed", "object", "svg", "math", "area", "map", "param", "source", "track"})
MARKS = frozenset({"a", "sup", "sub", "del", "s", "ins", "q"})
_KEPT = _STRUCTURE | BOXES | MARKS
_SAME = {"th": "td", "menu": "ul", "strike": "s"}
# Elements that are part of a line. Any other one that is not kept begins a new block.
INLINE = frozenset({
    "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "kbd", "label", "mark", "rp", "rt",
    "ruby", "samp", "small", "span", "strong", "time", "tt", "u", "var", "wbr", "tbody", "thead", "tfoot",
})
# Attributes whose values are read anywhere, and those of the elements that are kept.
_ANYWHERE = frozenset({
    "title", "alt", "hidden", "href", "src", "dir", "aria-label", "aria-description", "aria-checked", "aria-selected",
    "aria-pressed", "aria-invalid", "aria-valuenow", "aria-valuetext"})
_READ = _ANYWHERE | {
    "value", "checked", "selected", "action", "formaction", "type", "method", "formmethod", "disabled", "readonly",
    "multiple", "placeholder", "colspan", "rowspan", "label", "start", "reversed", "data", "open", "min", "max",
    "poster", "srcdoc", "content", "enctype", "formenctype", "accept-charset", "required", "pattern", "step",
    "minlength", "maxlength", "form", "list", "low", "high", "optimum", "srcset", "usemap", "shape", "coords",
    "download"}
# What some elements say beside: a moment, and a value for machines.
_OWN = {"time": _ANYWHERE | {"datetime"}, "data": _ANYWHERE | {"value"}}
_NAMED_THEMSELVES = frozenset({"map", "param"})
_FLAGS = frozenset({"hidden", "checked", "selected", "disabled", "readonly", "multiple", "reversed", "open",
                    "required"})
_URLS = frozenset({"href", "src", "action", "formaction", "data", "poster"})
_WORDS = frozenset({"type", "method", "formmethod", "enctype", "formenctype", "dir"})
_USUAL = frozenset({("input", "type", "text"), ("button", "type", "submit"), ("form", "method", "get"),
                    ("td", "colspan", "1"), ("td", "rowspan", "1"), ("html", "dir", "ltr"), ("body", "dir", "ltr"),
                    ("form", "enctype", "application/x-www-form-urlencoded")})
CONTROLS = frozenset({"input", "select", "textarea", "button"})
"""Elements that are called by their names."""
_NOT_DRAWN = frozenset({"class", "style", "id"})
_SPECIAL = frozenset({"template", "plaintext", "pre", "svg", "math"})
# The start of one of these ends the first ones, up to an element that holds them (section 13.1.2.4).
ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    name: (frozenset(ended.split()), frozenset(up_to.split())) for name, ended, up_to in (
        ("li", "li", "ul ol"), ("dt", "dt dd", "dl"), ("dd", "dt dd", "dl"), ("tr", "tr", "table"),
        ("td", "td", "tr table"), ("tbody", "tr", "table"), ("thead", "tr", "table"), ("tfoot", "tr", "table"),
        ("option", "option", "select datalist"), ("optgroup", "optgroup option", "select"), ("a", "a", "td table"),
        ("button", "button", "td table"), ("p", "p", "td table"))}
# An end tag ends no element outside of these (section 13.2.4.2).
BARRIERS: dict[str, frozenset[str]] = {
    "table": frozenset(), "tr": frozenset({"table"}), "td": frozenset({"tr", "table"}), "form": frozenset()}
BARRIER = frozenset({"td", "table"})

_NAMED = re.compile(r"[\w.:$-]+")

Element = tuple[str, Tree, bool]
"""An element inside another one: its name, its node, and whether it is part of a line."""

Item = str | Element
"""What an element holds."""

_SHADOW = frozenset({"shadowrootmode", "shadowroot"})

BREAK = "\ud802"
"""The text that begins a new block. No page has it."""


class Plan(NamedTuple):
    """What is done at a tag. `special` tags need a closer look. Of the others, an end tag is `end`; a start tag begins
    an element with these attributes, called `child`, which ends with `close` and may be part of a line (`mark`); or is
    no more than an `item`, or nothing. Elements that cannot hold it are ended first, unless the innermost one is
    `within`."""

    tag: Tag
    name: str
    special: bool
    end: bool = False
    child: str = ""
    node: Tree = None
    close: str = ""
    mark: bool = False
    item: Item | None = None
    within: frozenset[str] | None = None


def name_of(tag: Tag) -> str:
    """The name of an element. Some that are read alike have one."""
    return _SAME.get(tag.name, tag.name)


def is_kept(name: str) -> bool:
    """Whether there is an element for each tag of this name, and not only for those with certain attributes."""
    return name in _KEPT


def is_shown(template: Tag) -> bool:
    """Whether a template is shown where it stands: the declarative shadow tree of its element (section 4.12.3)."""
    return not _SHADOW.isdisjoint(template.attributes)


def own(item: Item) -> Item:
    """The item, with a node of its own."""
    return item if isinstance(item, str) else (item[0], dict(item[1]), item[2])


def plan(tag: Tag) -> Plan:
    """The plan for a tag, where no drawing, no `pre` and no element that is kept for its attributes is open."""
    name = name_of(tag)
    if tag.name in RAW or name in _SPECIAL:
        return Plan(tag, name, special=True)
    if tag.end:
        kept = name in _KEPT
        return Plan(tag, name, special=name == "br", end=kept, item=None if kept or name in INLINE else BREAK)
    node = attributes(name, tag)
    if node is None:
        return Plan(tag, name, special=name in ENDS, item=None if name in INLINE | UNREAD else BREAK)
    child = called(name, tag)
    if name in VOID:
        return Plan(tag, name, special=False, item=(child, node, False))
    within = ENDS[name][1] if name in ENDS else None
    return Plan(tag, name, special=name not in _KEPT, child=child, node=node, close=f"</{tag.name}>",
                mark=name in MARKS, within=within)


def attributes(name: str, tag: Tag) -> Tree:
    """The attributes of an element that are read; None if it is not kept."""
    if name not in _KEPT:
        read = _OWN.get(name, _ANYWHERE) if name not in UNREAD else frozenset()
    elif name != "meta" or tag.attributes.get("http-equiv", "").strip().lower() == "refresh":
        read = _READ
    else:
        read = frozenset()
    node: dict[str, Tree] = {}
    for key, value in tag.attributes.items():
        if key not in read:
            continue
        if key in _FLAGS:
            value = ""
        elif key in _URLS:
            value = value.strip()
        elif key in _WORDS:
            value = value.lower()
        if (name, key, value) not in _USUAL:
            node[f"@{key}"] = value
    if (named := tag.attributes.get("name")) and (
            name in _NAMED_THEMSELVES or (name in CONTROLS and called(name, tag) == name)):
        node["@name"] = named
    return node if node or (name in _KEPT and name not in ("meta", "base", "map")) else None


def drawn(tag: Tag) -> Tree:
    """The attributes of an element of a drawing."""
    return {f"@{key}": value for key, value in tag.attributes.items()
            if key not in _NOT_DRAWN and not key.startswith("xmlns")}


def called(name: str, tag: Tag) -> str:
    """The name of an element as a child."""
    named = tag.attributes.get("name", "") if name in CONTROLS else ""
    return f"{name}[@name='{named}']" if _NAMED.fullmatch(named) is not None else name
