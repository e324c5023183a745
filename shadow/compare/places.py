"""How places in a document are written, by the form of the document: as the people who work with it write them. Pure.

- JSON, NDJSON, text: a JSON Pointer (RFC 6901), `/entry/0/code`.
- HL7 v2: segments inside each other, the field, its component and subcomponent, `PID/OBR[2]/OBX-5.1`.
- XML, HTML: a path of elements, `/Envelope/Body/Patient/Name[2]/@use`. An element stands for its text too; pieces of
  text among other children are `text()`.

There, indexes begin with 1, and the first one's is left out. Rules name places the same way, without indexes. In them,
a condition may choose among segments or elements of one name, `OBX[@3.1=718-7]-5`, `/Envelope/Body/Code[@system=LN]`,
and a segment without others before it is meant wherever it is.

Rules may also name a place by a JSON Pointer into the tree (`/PID/*/f3`, `/Patient/*/name/*/@value`).
"""

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import getitem

from adapters.document import Tree
from adapters.trees.html_elements import CONTROLS
from adapters.trees.order import ORDER, TEXT
from adapters.trees.xml import PREFIXES
from shadow.compare.names import MASKED, Step
from shadow.compare.patterns import Condition, PathPattern

_PART = re.compile(r"[fcs]([0-9]+)", re.ASCII)
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)
_HL7_STEP = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[@([^=\]]+)=([^\]]*)\])?", re.ASCII)
_HL7_PLACE = re.compile(rf"({_HL7_STEP.pattern}(?:/{_HL7_STEP.pattern})*)(?:-([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?)?",
                        re.ASCII)
_HL7_KEY = re.compile(r"([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?", re.ASCII)
_XML_STEP = re.compile(r"""([^/\[\]]+)\[([^=\]]+)=(?:"([^"]*)"|'([^']*)'|([^\]]*))\]""")
_XML_STEPS = re.compile(r"""/((?:[^/\[]|\[[^\]]*\])*)""")
_CLARK = re.compile(r"@\{([^}]*)\}(.*)", re.DOTALL)


def is_child(form: str, name: str) -> bool:
    """Whether a member of this name, in an element of this form, has children."""
    return form in ("xml", "html") or (form == "hl7v2" and _PART.fullmatch(name) is None)


# --- from a place to its text ---

def spelled(form: str, steps: Sequence[Step], side: int) -> str:
    """The place that steps lead to, in legacy's document (`side` 0) or in modern's (1)."""
    own = [step[side] if isinstance(step, tuple) else step for step in steps]
    if form == "hl7v2":
        return "".join(_segments(own))
    if form in ("xml", "html"):
        return "".join(_elements(own))
    return "".join(f"/{step}" for step in own)


def _segments(steps: Sequence[str | int]) -> Iterator[str]:
    for at, step in enumerate(steps):
        if isinstance(step, int):
            if step:
                yield f"[{step + 1}]"
        elif (part := _PART.fullmatch(step)) is not None:
            yield f"{'-' if step[0] == 'f' else '.'}{part[1]}"
        else:
            yield f"/{step}" if at else step


def _elements(steps: Sequence[str | int]) -> Iterator[str]:
    for at, step in enumerate(steps):
        if isinstance(step, int):
            if step:
                yield f"[{step + 1}]"
        elif step != TEXT:
            yield f"/{step}"
        elif at + 1 < len(steps):
            yield "/text()"


def is_below(path: str, above: str) -> bool:
    """Whether one index-free path leads on from another one."""
    return path.startswith(above) and path[len(above):][:1] in (("/",) if path[:1] == "/" else ("/", "-", "."))


# --- from a text to what stands there ---

_STEP = re.compile(r"(?P<name>[^\[]*)(?:\[(?P<index>[0-9]+)\])?")
_FIELD = re.compile(r"-(?P<field>[0-9]+)(?:\[(?P<index>[0-9]+)\])?(?P<parts>(?:\.[0-9]+)*)\Z")


def values_at(form: str, tree: Tree, path: str) -> Iterator[Tree]:
    """Every value that may stand at a place of a tree: an element and its text are one place, and names may be masked.
    """
    if form == "hl7v2":
        field = _FIELD.search(path)
        for node in _held(tree, path[:field.start()].split("/") if field else path.split("/")):
            steps: list[str | int] = []
            if field:
                parts = field["parts"].split(".")[1:]
                steps = [f"f{field['field']}", int(field["index"] or 1) - 1,
                         *(f"{letter}{part}" for letter, part in zip("cs", parts, strict=False))]
            yield from (_at(node, steps[:end]) for end in ({1, 2} if len(steps) == 2 else {len(steps)}))
    elif form in ("xml", "html"):
        for node in _held(tree, path.split("/")[1:]):
            yield node
            yield _at(node, [TEXT])
    else:
        yield from _pointed(tree, path)


def _at(node: Tree, steps: Sequence[str | int]) -> Tree:
    try:
        return reduce(getitem, steps, node)
    except (LookupError, TypeError):
        return None


def _held(tree: Tree, steps: Sequence[str]) -> list[Tree]:
    """What stands at these steps of segments or elements."""
    nodes = [tree]
    for step in steps:
        found = _STEP.fullmatch(step)
        name, index = (found["name"], int(found["index"] or 1) - 1) if found else ("", 0)
        name = TEXT if name == "text()" else name
        inside = [value for node in nodes if isinstance(node, dict) for key, value in node.items()
                  if name in (key, MASKED) and key != ORDER]
        nodes = [one[index] if isinstance(one, list) else one for one in inside
                 if not isinstance(one, list) or index < len(one)]
    return nodes


def _pointed(tree: Tree, path: str) -> Iterator[Tree]:
    """What a pointer that masks names, and does not escape a slash in them, may stand for."""
    stack: list[tuple[Tree, str]] = [(tree, path)]
    while stack:
        node, rest = stack.pop()
        if not rest:
            yield node
        elif isinstance(node, dict):
            step = f"/{MASKED}"
            for name, value in reversed(node.items()):
                for text in {f"/{name}", step}:
                    if rest.startswith(text) and rest[len(text):len(text) + 1] in ("", "/"):
                        stack.append((value, rest[len(text):]))
        elif isinstance(node, list):
            index, slash, below = rest[1:].partition("/")
            if index.isdecimal() and int(index) < len(node):
                stack.append((node[int(index)], slash + below))


# --- from the text of a rule to patterns ---

VALUE, LIST, ELEMENT, BELOW = "value", "list", "element", "below"
"""What a rule is about at the place that it names: the text there; the list of those of one name there; the element
itself; or all that is there and below."""


def check(at: str) -> None:
    """Raise ValueError, whose message quotes nothing, if this names no place in any form."""
    if _HL7_PLACE.fullmatch(at) is None:
        PathPattern.parse(at)


def form_of(at: str) -> str:
    """The form whose places are written like this: "hl7v2", or "json", whose pointers are read in all forms."""
    return "json" if at.startswith("/") or not at else "hl7v2"


def patterns(at: str, form: str, about: str) -> list[PathPattern]:
    """The patterns of a rule's place in trees of a form ("" for what is in no document); none if it names no place
    there."""
    if form_of(at) == "hl7v2":
        return _of_segments(at, about) if form == "hl7v2" else []
    if form not in ("hl7v2", "xml", "html") or at.startswith("/@"):
        return [_ended(PathPattern.parse(at), about)]
    return _of_pointer(at, about) if form == "hl7v2" else _of_elements(at, form, about)


def keys(fields: Sequence[Sequence[str | int]], form: str) -> tuple[tuple[str | int, ...], ...]:
    """The paths of a `list` rule's keys in the items of a tree: 3.1 in a segment, Name or Name/@id in an element."""
    if form == "hl7v2":
        return tuple(_hl7_key(path) for path in fields)
    return tuple(_xml_key(path) for path in fields) if form in ("xml", "html") else tuple(map(tuple, fields))


def _ended(pattern: PathPattern, about: str) -> PathPattern:
    return PathPattern((*pattern, "**")) if about == BELOW else pattern


def _of_segments(at: str, about: str) -> list[PathPattern]:
    found = _HL7_PLACE.fullmatch(at)
    if found is None:
        return []
    tokens: list[str] = ["**"]
    for name, where, value in _HL7_STEP.findall(found[1]):
        tokens += [name, "*"]
        if where:
            key = _HL7_KEY.fullmatch(where)
            if key is None:
                return []
            tokens.append(Condition.of(_numbered(*key.groups()), value))
    field, component, part = found.groups()[-3:]
    if field is None:
        tokens = tokens[:-1] if about == LIST and tokens[-1] == "*" else tokens
        return [_ended(PathPattern(tokens), about)]
    tokens.append(f"f{field}")
    if component is not None:
        tokens += ["*", f"c{component}"]
    if part is not None:
        tokens.append(f"s{part}")
    return [PathPattern((*tokens, "**") if about in (BELOW, VALUE) else tokens)]


def _numbered(field: str, component: str | None, part: str | None) -> tuple[str | int, ...]:
    return (f"f{field}", 0, f"c{component or 1}", *((f"s{part}",) if part else ()))


def _hl7_key(path: Sequence[str | int]) -> tuple[str | int, ...]:
    key = _HL7_KEY.fullmatch(str(path[0])) if len(path) == 1 else None
    return tuple(path) if key is None else _numbered(*key.groups())


def _of_pointer(at: str, about: str) -> list[PathPattern]:
    """A pointer into a message. Releases before this one had fewer segments inside others, so there may be some between
    those that it names."""
    tokens: list[str] = []
    for token in PathPattern.parse(at):
        if _SEGMENT.fullmatch(token) and tokens[-1:] != ["**"]:
            tokens.append("**")
        tokens.append(token)
    return [_ended(PathPattern(tokens), about)]


def _of_elements(at: str, form: str, about: str) -> list[PathPattern]:
    tokens: list[str] = []
    steps = [step.replace("~1", "/").replace("~0", "~") for step in _XML_STEPS.findall(at)]
    ended = ""
    for number, step in enumerate(steps, 1):
        where = _XML_STEP.fullmatch(step)
        name, inside, value = where.groups()[:3] if where is not None else (step, "", "")
        value = value or (where[4] or where[5] or "" if where is not None else "")
        if form == "html" and inside == "@name" and name in CONTROLS:
            # The name of a control is part of what it is called.
            name, inside = "*" if value == "*" else f"{name}[@name='{value}']", ""
        ended = ""
        if name == "text()":
            tokens += [TEXT, "**"]
        elif name in ("*", "**") or name[:1] in "@#":
            clark = _CLARK.fullmatch(name)
            tokens.append(f"@{PREFIXES[clark[1]]}:{clark[2]}" if clark and clark[1] in PREFIXES else name)
        else:
            tokens.append(name)
            ended = name
            if inside or (number < len(steps) and steps[number] != "*"):
                tokens.append("*")
        if inside:
            tokens.append(Condition.of(_xml_key(inside.split("/")), value))
    if about in (BELOW, LIST) or not ended:
        return [_ended(PathPattern(tokens), about)]
    element = [*tokens, "*"] if tokens[-1] == ended else tokens
    if about == ELEMENT:
        return [PathPattern(element)]
    # The text of an element. FHIR's XML has it in an attribute (R4 section 2.6.3).
    return [PathPattern((*element, TEXT, "**")), PathPattern((*element, "@value"))]


def _xml_key(path: Sequence[str | int]) -> tuple[str | int, ...]:
    """The way to a text in an element: "Name" or "Name/@id", or as it is if it has indexes."""
    if any(isinstance(step, int) for step in path):
        return tuple(path)
    found: list[str | int] = []
    for step in path:
        found += [step] if isinstance(step, int) or step[:1] in "@#" else [step, 0]
    return tuple(found) if isinstance(found[-1], str) else (*found, TEXT)
