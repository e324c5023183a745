r"""HL7 v2 (ER7) as a tree, by each message's own delimiters and escapes (HL7 v2.9 chapter 2, sections 2.5 to 2.7 and
2.10).

A message is an element: its segments are lists by name, and a segment has inside it the segments that belong to it, as
`adapters.trees.hl7_structures` says: {"PID": [{"f3": […], "OBR": [{"f4": […], "OBX": […], "#order": […]}]}]}. Of a
message type that is not known, all segments are one list, in order. A file, a batch, or more than one message is an
element whose messages are called "message".

A field is a list of repetitions. A repetition has components "c1", "c2" …; each is text, or an object of subcomponents
"s1", "s2" … if there are several. Empty values are left out, so trailing delimiters mean nothing. The value '""', which
tells the receiver to delete, is kept. In a text, a backslash is written twice, and escapes that only format it (\H\,
\.br\, \X0D\) stay as they are.
"""

import re
from collections.abc import Iterable, Iterator

from adapters.document import DocumentError, Path, Tree, get
from adapters.trees.er7 import Reader, decoded, encoded, line
from adapters.trees.hl7_structures import BATCH, FLAT, MESSAGE, Group, Structure, structure
from adapters.trees.order import ORDER, children
from adapters.trees.sharing import Known, shared

_HEADS = frozenset({"MSH", "FHS", "BHS"})
_BATCH_LEVEL = _HEADS | {"BTS", "FTS"}
_FIELD = re.compile(r"f[0-9]+", re.ASCII)


def tree(body: bytes, charset: str | None = None, seen: dict[str, Tree] | None = None) -> Tree:
    """The tree of a message or a batch, without its MLLP framing. `seen` has what was read already: parts that are
    equal become one object, so such trees must not be changed; without it each part is its own. Raises DocumentError:
    "syntax" or "encoding"."""
    lines = decoded(body, charset)
    heads = [at for at, line in enumerate(lines) if line[:3] in _BATCH_LEVEL]
    if not heads or heads[0]:
        raise DocumentError("syntax")
    if heads == [0] and lines[0].startswith("MSH"):
        return _message(lines, seen)
    batch = _Nest(BATCH, seen)
    reader = None
    for at, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        if lines[at].startswith("MSH"):
            batch.add(MESSAGE, _message(lines[at:end], seen))
            continue
        reader = Reader(lines[at], seen) if lines[at][:3] in _HEADS else reader
        if reader is None or end > at + 1:
            raise DocumentError("syntax")
        batch.add(*reader.segment(lines[at]))
    return batch.root


def _message(lines: list[str], seen: dict[str, Tree] | None) -> Tree:
    reader = Reader(lines[0], seen)
    name, head = reader.segment(lines[0])
    nest = _Nest(_structure(head), seen)
    nest.add(name, head)
    for one in lines[1:]:
        nest.add(*reader.segment(one))
    nest.end()
    return nest.root


def _structure(head: Tree) -> Structure:
    """The structure that MSH-9 names."""
    kind = [get(head, Path(("f9", 0, part)), "") for part in ("c1", "c2", "c3")]
    code, trigger, name = (one if isinstance(one, str) else "" for one in kind)
    return structure(code, trigger, name)


class _Open:
    """A segment that may still get segments inside it. `more` are such as its structure does not name; `order` is None
    until it has any."""

    __slots__ = ("inner", "more", "order", "segment", "siblings")

    def __init__(self, group: Group, segment: Tree, siblings: list[Tree]) -> None:
        self.inner = group.inner
        self.more: dict[str, Group] = {}
        self.segment = segment
        self.siblings = siblings
        self.order: list[str] | None = None

    def begin(self) -> list[str]:
        """The order of what is inside, of which there is none yet. The segment becomes a copy, since the same object
        may stand elsewhere too."""
        self.segment = self.siblings[-1] = dict(self.segment)
        self.order = self.segment[ORDER] = []
        return self.order


class _Nest:
    """Puts segments into those that they belong to. `root` is the element that holds them all. With `seen`, those that
    hold the same become one object once they are closed."""

    __slots__ = ("_anywhere", "_open", "_same", "root")

    def __init__(self, structure: Structure, seen: dict[str, Tree] | None) -> None:
        self._anywhere = structure.anywhere
        self._same: Known | None = None if seen is None else seen.setdefault("same", {})
        self._open = [_Open(structure.root, {}, [{}])]
        self._open[0].begin()
        self.root: Tree = self._open[0].segment

    def add(self, name: str, segment: Tree) -> None:
        """Add the next segment."""
        opened = self._open
        at = opened[-1]
        group = at.inner.get(name)
        if group is None:
            group = self._close(name)
            at = opened[-1]
        order = at.begin() if at.order is None else at.order
        inside = at.segment
        leads = self._leads(group, order, inside) if group.leads else ()
        order.append(name)
        siblings = inside.get(name)
        if siblings is None:
            siblings = inside[name] = [segment]
        else:
            siblings.append(segment)
        if group.inner:
            at = _Open(group, segment, siblings)
            opened.append(at)
            for lead, one in leads:
                (at.begin() if at.order is None else at.order).append(lead)
                at.segment.setdefault(lead, []).append(one)

    def _leads(self, group: Group, order: list[str], inside: Tree) -> list[tuple[str, Tree]]:
        """The segments right before one that belong to it, taken out of what is there."""
        found = []
        while order and order[-1] in group.leads:
            lead = order.pop()
            found.append((lead, inside[lead].pop()))
            if not inside[lead]:
                del inside[lead]
        return found[::-1]

    def _close(self, name: str) -> Group:
        """Close the segments that a segment of this name cannot stand in. Returns what it may hold itself."""
        for depth in range(len(self._open) - 1, -1, -1):
            one = self._open[depth]
            group = one.inner.get(name) or one.more.get(name)
            if group is not None:
                self._share(depth)
                del self._open[depth + 1:]
                return group
        # Nothing open may hold it, so it stays where it is, and so will the next one of its name.
        group = self._anywhere.get(name)
        if group is None:
            return FLAT.root
        self._open[-1].more[name] = group
        return group

    def end(self) -> None:
        """Close all segments."""
        self._share(0)
        del self._open[1:]

    def _share(self, depth: int) -> None:
        """Look up the segments that are open below a depth, the innermost first."""
        if self._same is not None:
            for at in range(len(self._open) - 1, depth, -1):
                one = self._open[at]
                if one.order is not None:
                    one.siblings[-1] = shared(self._same, one.segment)


# --- trees to bytes ---

def write(tree: Tree, charset: str | None = None) -> bytes:
    """The message or batch of this tree, with the usual delimiters: each MSH first, then the other segments in the
    tree's order. Raises DocumentError: "encoding", or "syntax" if there is no MSH."""
    if not isinstance(tree, dict) or not tree.keys() & {"MSH", "FHS", "BHS", MESSAGE}:
        raise DocumentError("syntax")
    try:
        if "MSH" in tree:
            return encoded(_message_lines(tree), charset)
        return encoded(list(_lines(children(tree, _holds), BATCH.root, BATCH)), charset)
    except (ValueError, AttributeError, TypeError, LookupError):
        raise DocumentError("syntax") from None


def _message_lines(message: Tree) -> list[str]:
    if not message.get("MSH"):
        raise DocumentError("syntax")
    known = _structure(message["MSH"][0])
    return sorted(_lines(children(message, _holds), known.root, known), key=lambda line: not line.startswith("MSH"))


def _lines(found: Iterable[tuple[str, Tree]], group: Group, known: Structure) -> Iterator[str]:
    """The lines of the segments that a group holds, and of what is inside them."""
    for name, one in found:
        if name == MESSAGE:
            yield from _message_lines(one)
            continue
        own = group.inner.get(name) or known.anywhere.get(name) or FLAT.root
        inside = list(children(one, _holds))
        # Those that lead a group come before the segment that names it.
        led = next((at for at, (lead, _) in enumerate(inside) if lead not in own.leads), len(inside))
        yield from _lines(inside[:led], own, known)
        yield line(name, {key: field for key, field in one.items() if not _holds(key) and key != ORDER})
        yield from _lines(inside[led:], own, known)


def _holds(name: str) -> bool:
    return _FIELD.fullmatch(name) is None
