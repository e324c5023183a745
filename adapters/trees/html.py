"""An HTML page as what a person reads and does with it: its text in order, in the tables, lists and forms where it
stands, and the values of links, images and controls. Other markup, scripts and styles are left out.

Elements are as in `adapters.trees.xml`. There is one for each table, row, cell, list, item, form and control, for what
changes the meaning of text (`a`, `sup`, `sub`, `del` …), for what is in a drawing, and for any other element with an
attribute that is read, such as `title`. White space is collapsed, except in `pre` and `textarea`. Each other block,
such as a paragraph, begins a new text. A control that has a name is called by it: "input[@name='dose']".

No markup is dropped at any depth: libxml2 drops what is nested deeper than 256 elements, or 2,048 at most, so it does
not read pages here. A page that ends within a tag or a comment cannot be read.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from html import escape, unescape

from adapters import charsets
from adapters.document import DocumentError, Tree
from adapters.trees import html_elements as elements
from adapters.trees import tags
from adapters.trees.html_elements import BARRIER, BARRIERS, BOXES, BREAK, ENDS, INLINE, MARKS, UNREAD, VOID
from adapters.trees.order import ORDER, TEXT, children
from adapters.trees.sharing import Known, shared

_CHARSET = re.compile(rb"""<meta[^>]*?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
# White space that is kept, until the rest has been collapsed. No text has such signs.
_KEPT = chr(0xD800) + chr(0xD801)
_KEEP, _SHOW = str.maketrans(" \t\n", _KEPT + BREAK), str.maketrans(_KEPT, " \t")

_CELL = re.compile(r"(\s*)(<t[dh]\b[^<>]*>[^<]*)</t[dh]>")

_ROWS = frozenset({"tr", "td", "li"})
"""Elements of which a page may have many."""

_LONGEST = 4096
"""Characters of a tag, and of an element, up to which it is looked up among those that were read before. A search for
its end goes no further, or it would go over the rest of the page for each tag."""

_PLANS = 4096
"""Tags that are kept to be looked up, at most."""


def tree(body: bytes, charset: str | None = None, seen: dict[str, Tree] | None = None) -> Tree:
    """The page. `seen` has what was read already: elements that hold the same become one object, so such trees must
    not be changed; without it each element is its own. Raises DocumentError: "syntax" or "encoding"."""
    return _Page(_text(body, charset), seen).read()


def _text(body: bytes, charset: str | None) -> str:
    """The text, in the encoding of a byte order mark, of the media type, of a `meta` near the beginning, or UTF-8."""
    declared = _CHARSET.search(body[:1024])
    text = charsets.read(body, charset or (declared[1].decode() if declared is not None else None)).text
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


class _Open:
    """An element whose end has not come: its tag, its name as a child, what is known of it, what it holds so far, and
    where it starts. `nested` counts elements of its tag inside it that are not kept."""

    __slots__ = ("inside", "name", "nested", "node", "start", "tag")

    def __init__(self, tag: str, name: str, node: Tree, start: int) -> None:
        self.tag = tag
        self.name = name
        self.node = node
        self.start = start
        self.inside: list[elements.Item] = []
        self.nested = 0


class _Page:
    """One page being read."""

    __slots__ = ("_depths", "_drawn", "_odd", "_open", "_plans", "_pre", "_same", "_seen", "_text")

    def __init__(self, text: str, seen: dict[str, Tree] | None) -> None:
        self._text = text
        self._same: Known | None = None if seen is None else seen.setdefault("same", {})
        self._seen: dict[str, elements.Element] | None = None if seen is None else seen.setdefault("elements", {})
        self._plans: dict[str, elements.Plan] = {} if seen is None else seen.setdefault("plans", {})
        self._open = [_Open("", "", {}, 0)]
        # Where the open elements of each tag are among them, so that none has to be looked for.
        self._depths: defaultdict[str, list[int]] = defaultdict(list)
        # How many of these are open: `pre`, drawings, and elements that are kept for their attributes.
        self._pre = 0
        self._drawn = 0
        self._odd = 0

    def read(self) -> Tree:
        """The tree of the page. Raises DocumentError("syntax")."""
        text, opened, plans, at = self._text, self._open, self._plans, 0
        while True:
            start = text.find("<", at)
            if start != at and (said := text[at:start] if start > at else text[at:]):
                opened[-1].inside.append(self._said(said) if self._pre or "&" in said else said)
            if start < 0:
                break
            # What was a whole tag up to the next ">" before is one again.
            at = text.find(">", start, start + _LONGEST) + 1
            plan = plans.get(text[start:at])
            if plan is None:
                found = tags.USUAL.match(text, start)
                if found is None:
                    at = self._unusual(start)
                    continue
                at = found.end()
                plan = self._planned(found)
            inside = opened[-1]
            if plan.special or self._pre or self._drawn or self._odd:
                at = self._slowly(plan.name, plan.tag, start, at)
            elif plan.item is not None:
                inside.inside.append(plan.item if self._seen is not None else elements.own(plan.item))
            elif plan.end:
                if inside.tag == plan.name:
                    self._close(start)
                else:
                    self._ended(plan.name, start)
                at = self._past_cells(at)
            elif plan.node is not None:
                if plan.within is not None and inside.tag not in plan.within:
                    self._close_up(plan.name)
                at = self._past_cells(self._opened(plan, start, at))
        while len(opened) > 1:
            self._close()
        _fill(opened[0].node, opened[0].inside)
        return opened[0].node

    def _past_cells(self, at: int) -> int:
        """Add the cells of a row, from `at` on, that hold a text and were read before: most cells are such, and so they
        take a third of the time. Returns where to read on."""
        row = self._open[-1]
        if row.tag != "tr" or self._seen is None:
            return at
        while (found := _CELL.match(self._text, at)) is not None:
            space, written = found.groups()
            known = self._seen.get(written)
            if known is None:
                break
            if space:
                row.inside.append(space)
            row.inside.append(known)
            at = found.end()
        return at

    def _planned(self, found: re.Match[str]) -> elements.Plan:
        plan = elements.plan(tags.usual(found))
        if isinstance(plan.item, tuple):
            name, node, mark = plan.item
            plan = plan._replace(item=(name, self._shared(node), mark))
        if len(self._plans) < _PLANS and len(found[0]) <= _LONGEST:
            self._plans[found[0]] = plan
        return plan

    def _shared(self, node: Tree) -> Tree:
        return node if self._same is None else shared(self._same, node)

    def _said(self, text: str) -> str:
        text = unescape(text)
        return text.translate(_KEEP) if self._pre else text

    def _opened(self, plan: elements.Plan, start: int, at: int) -> int:
        """Begin an element whose start tag ends at `at`. One that holds only text, or was read before, is added as a
        whole. Returns where to read on."""
        text = self._text
        above = self._open[-1].inside
        end = text.find("<", at)
        whole = end >= 0 and text.startswith(plan.close, end)
        written = ""
        if self._seen is not None and (whole or plan.name in _ROWS):
            last = end if whole else text.find(plan.close, at, start + _LONGEST)
            written = text[start:last] if 0 < last - start <= _LONGEST else ""
            known = self._seen.get(written)
            if known is not None:
                above.append(known)
                return last + len(plan.close)
        if not whole:
            self._push(_Open(plan.name, plan.child, dict(plan.node), start))
            return at
        said = text[at:end]
        if "&" in said:
            said = unescape(said)
        node = dict(plan.node)
        words = said.split()
        if words:
            node[TEXT] = words[0] if len(words) == 1 else " ".join(words)
        item = plan.child, self._shared(node), plan.mark
        if plan.mark and said != said.strip():
            # White space at the edges of what is part of a line belongs to the line.
            above += [*([" "] if said[0].isspace() else []), item, *([" "] if said[-1].isspace() else [])]
        else:
            above.append(item)
            if written and self._seen is not None:
                self._seen[written] = item
        return end + len(plan.close)

    def _unusual(self, start: int) -> int:
        """Take a tag that is written in another way, or what is none. Returns where to read on."""
        tag, at = tags.odd(self._text, start)
        if tag is None:
            self._open[-1].inside.append("<")
        elif tag is not tags.COMMENT:
            at = self._slowly(elements.name_of(tag), tag, start, at)
        return at

    def _slowly(self, name: str, tag: tags.Tag, start: int, at: int) -> int:
        """Take any tag, which ends at `at`. Returns where to read on."""
        if tag.end and name != "br":
            self._ended(name, start)
            return at
        if name in ENDS:
            self._close_up(name)
        if self._odd and name not in INLINE | BOXES | MARKS:
            self._close_up("p")
        if tag.name in tags.RAW:
            content, at = tags.raw(self._text, tag.name, at)
            self._raw(name, tag, content)
            return tags.end(self._text, at)
        if name == "template" and not elements.is_shown(tag):
            return self._past_template(at)
        if name == "plaintext":
            self._pre += 1
            self._open[-1].inside.append(self._text[at:].translate(_KEEP))
            return len(self._text)
        self._drawn += name in ("svg", "math")
        node = elements.drawn(tag) if self._drawn else elements.attributes(name, tag)
        if node is not None:
            self._push(_Open(name, elements.called(name, tag), node, start))
            self._odd += not elements.is_kept(name)
            if name in VOID or (tag.closed and self._drawn):
                self._close()
            return at
        if name == "pre":
            self._pre += 1
            at += self._text.startswith("\n", at)
        if name not in INLINE and name not in UNREAD:
            self._open[-1].inside.append(BREAK)
        if depths := self._depths.get(name):
            self._open[depths[-1]].nested += 1
        return at

    def _push(self, one: _Open) -> None:
        self._depths[one.tag].append(len(self._open))
        self._open.append(one)

    def _innermost(self, names: Iterable[str]) -> int:
        """The depth of the innermost open element with one of these tags; 0 if there is none."""
        return max([depths[-1] for name in names if (depths := self._depths.get(name))], default=0)

    def _raw(self, name: str, tag: tags.Tag, content: str) -> None:
        """Take an element whose content is text."""
        inside = self._open[-1].inside
        kind = tag.attributes.get("type", "").strip().lower()
        node = elements.attributes(name, tag) or {}
        if name == "xmp":
            inside += BREAK, content.translate(_KEEP), BREAK
        elif name == "iframe":
            inside.append((name, self._shared(node), False))
        elif name in ("textarea", "title"):
            text = unescape(content)
            text = text.removeprefix("\n") if name == "textarea" else " ".join(text.split())
            inside.append((elements.called(name, tag), self._shared({**node, TEXT: text} if text else node), False))
        elif name == "script" and kind in elements.DATA:
            inside.append((name, self._shared({"@type": kind, TEXT: content}), False))

    def _past_template(self, at: int) -> int:
        """Where a template ends, which starts before `at`. It is shown only where a program copies it."""
        depth = 1
        while depth:
            start = self._text.find("<", at)
            if start < 0:
                raise DocumentError("syntax")
            found = tags.USUAL.match(self._text, start)
            tag, at = (tags.usual(found), found.end()) if found is not None else tags.odd(self._text, start)
            if tag is not None and tag.name in tags.RAW and not tag.end:
                at = tags.raw(self._text, tag.name, at)[1]
            elif tag is not None and tag.name == "template":
                depth += -1 if tag.end else 1
        return at

    def _ended(self, name: str, start: int) -> None:
        """Take an end tag, which starts at `start`."""
        depth = self._innermost((name,))
        one = self._open[depth]
        if depth and one.nested:
            one.nested -= 1
        elif depth and depth >= self._innermost(BARRIERS.get(name, BARRIER)):
            while len(self._open) > depth + 1:
                self._close()
            self._close(start)
            return
        if name == "pre":
            self._pre = max(0, self._pre - 1)
        if name not in INLINE and name not in UNREAD:
            self._open[-1].inside.append(BREAK)

    def _close_up(self, name: str) -> None:
        """Close the elements that the start of one of this name ends."""
        names, barrier = ENDS[name]
        depth = self._innermost(names)
        if depth and depth >= self._innermost(barrier):
            while len(self._open) > depth:
                self._close()

    def _close(self, end: int = -1) -> None:
        """Close the innermost element. Its end tag starts at `end`, if it has one."""
        one = self._open.pop()
        depths = self._depths[one.tag]
        depths.pop()
        if one.nested and depths:
            self._open[depths[-1]].nested += one.nested
        self._odd -= not elements.is_kept(one.tag) and not self._drawn
        mark = one.tag in MARKS or (one.tag in INLINE and not self._drawn)
        self._drawn -= one.tag in ("svg", "math")
        _fill(one.node, one.inside)
        item: elements.Element = one.name, self._shared(one.node), mark
        if one.tag in _ROWS and self._seen is not None and 0 <= end - one.start <= _LONGEST and not (
                self._pre or self._drawn or self._odd):
            item = self._seen.setdefault(self._text[one.start:end], item)
        above = self._open[-1].inside
        if mark and one.inside:
            # White space at the edges of what is part of a line belongs to the line.
            first, last = one.inside[0], one.inside[-1]
            if isinstance(first, str) and _is_gap(first[:1]):
                above.append(" ")
            above.append(item)
            if isinstance(last, str) and _is_gap(last[-1:]):
                above.append(" ")
        else:
            above.append(item)


def _fill(node: Tree, inside: list[elements.Item]) -> None:
    """Put texts and elements into an element."""
    if len(inside) == 1 and isinstance(one := inside[0], str) and BREAK not in one:
        if text := _shown(" ".join(one.split())):
            node[TEXT] = text
        return
    order: list[str] = []
    texts: list[str] = []
    run = ""
    before = False
    for one in inside:
        if isinstance(one, str):
            run += one
            continue
        name, child, mark = one
        if run:
            # At the edge of an element, white space means something only if both are parts of one line.
            if not run.isspace() or (before and mark):
                found = _lines(run, before, mark)
                texts += found
                order += [TEXT] * len(found)
            run = ""
        order.append(name)
        if name in node:
            node[name].append(child)
        else:
            node[name] = [child]
        before = mark
    if run:
        found = _lines(run, before, False)
        texts += found
        order += [TEXT] * len(found)
    if len(order) > len(texts) or len(texts) > 1:
        node[ORDER] = order
        if texts:
            node[TEXT] = texts
    elif texts:
        node[TEXT] = texts[0]


def _lines(run: str, before: bool, after: bool) -> list[str]:
    """The blocks of text in a run between two elements. `before` and `after` say whether these are part of its line."""
    found = [line for piece in run.split(BREAK) if (line := " ".join(piece.split()))]
    if not found:
        return [" "] if before and after else []
    if before and _is_gap(run[0]):
        found[0] = f" {found[0]}"
    if after and _is_gap(run[-1]):
        found[-1] += " "
    return list(map(_shown, found))


def _is_gap(sign: str) -> bool:
    return sign == BREAK or sign.isspace()


def _shown(text: str) -> str:
    """A text with the white space that was kept."""
    return text if text.isascii() else text.translate(_SHOW)


# --- trees to bytes ---

def write(tree: Tree, charset: str | None = None) -> bytes:
    """A page of this tree; without content it is still not empty. Raises DocumentError: "syntax" or "encoding"."""
    try:
        return ("".join(_written(tree)) or "<p>").encode(charset or "utf-8")
    except (LookupError, UnicodeEncodeError):
        raise DocumentError("encoding") from None
    except (ValueError, TypeError, AttributeError):
        raise DocumentError("syntax") from None


def _written(tree: Tree) -> Iterator[str]:
    stack: list[tuple[str, Tree]] = [("/", tree)]
    while stack:
        name, node = stack.pop()
        if not name:
            yield node
            continue
        if name != "/":
            yield _start(name, node)
        tag = name.partition("[")[0]
        inside = list(children(node, _holds))
        if tag not in VOID and name != "/":
            stack.append(("", f"</{tag}>"))
        for number in range(len(inside) - 1, -1, -1):
            child, value = inside[number]
            if child != TEXT:
                stack.append((child, value))
                continue
            text = value if tag == "script" else escape(value, quote=False)
            stack.append(("", f"<br>{text}" if number and inside[number - 1][0] == TEXT else text))


def _start(name: str, node: Tree) -> str:
    tag, _, rest = name.partition("[")
    named = f' name="{rest[7:-2]}"' if rest else ""
    refresh = ' http-equiv="refresh"' if tag == "meta" else ""
    attributes = "".join(f' {key[1:]}="{escape(value)}"' for key, value in node.items() if key[:1] == "@")
    return f"<{tag}{named}{refresh}{attributes}>"


def _holds(name: str) -> bool:
    return name[:1] not in ("@", "#") or name == TEXT
