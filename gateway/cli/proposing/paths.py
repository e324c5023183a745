"""Makes path templates out of the paths that clients ask: what looks like an identifier becomes a parameter.

A segment stays a word if a description names it, or if it is plain and asked often. What is asked by few could be the
name of a person, so it is never written to a file: it becomes a parameter, or is left out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from gateway.ambiguity import is_ambiguous
from gateway.cli.proposing.naming import is_generic
from gateway.config.unmatched import METHODS
from gateway.reading import canonical, segments

FEW = 3
"""A word that is asked fewer times than this is left out."""

_MOST_NODES = 50_000
_MOST_HOSTS = 1000
_MOST_SEGMENTS = 24
_LONGEST = 48
# More words than this at one place, each asked rarely, are identifiers; so are many more, however often.
_MANY, _TOO_MANY, _RARELY = 12, 40, 5
_PLAIN = re.compile(r"[A-Za-z$_~@][A-Za-z0-9._~$-]*", re.ASCII)
# What follows these is a name or a number of somebody, however often it is asked: `by-name`, `findByMrn`, `surname`.
_ANNOUNCES = re.compile(r"(?:.*[-_.])?[Bb][Yy](?:[-_.A-Z].*)?|.*[a-z]By[A-Z].*"
                        r"|(?i:.*names?|(?:.*[-_.])?(?:mrn|ssn|e?-?mails?|phones?|logins?))", re.ASCII | re.DOTALL)
_NUMBERED = re.compile(r"[A-Za-z][A-Za-z._-]{2,}[0-9]{1,2}(?:\.[A-Za-z]+)?", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F-]{8,}", re.ASCII)
# Words that stand beside identifiers, in FHIR (R4 section 3.1.0) and elsewhere.
_COMMON_WORDS = """
    _search _history search find query count list new create edit update delete export import metadata status health
    current latest all me self summary details history content file files download upload print preview version"""
_WORDS = frozenset(_COMMON_WORDS.split())
_STATIC = re.compile(
    r"(?i)\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|woff2?|ttf|eot|webp|bmp)\Z", re.ASCII)


@dataclass(slots=True)
class End:
    """What is known of one method at one template. `answered`: requests that legacy did not refuse as unknown. `name`
    and `group` are those of a description; "" where none says it."""

    count: int = 0
    answered: int = 0
    described: bool = False
    name: str = ""
    group: str = ""

    def add(self, other: "End") -> None:
        """Add up two that turned out to be one."""
        self.count += other.count
        self.answered += other.answered
        self.described |= other.described
        self.name, self.group = self.name or other.name, self.group or other.group


@dataclass(slots=True)
class _Node:
    words: dict[str, "_Node"] = field(default_factory=dict)
    param: "_Node | None" = None
    param_name: str = ""
    tail: bool = False
    count: int = 0
    described: bool = False
    ends: dict[str, End] = field(default_factory=dict)

    def merge(self, other: "_Node") -> None:
        self.count += other.count
        self.described |= other.described
        self.tail |= other.tail
        for method, end in other.ends.items():
            self.ends.setdefault(method, End()).add(end)
        for word, node in other.words.items():
            self.words.setdefault(word, _Node()).merge(node)
        if other.param is not None:
            self.param = self.param or _Node()
            self.param.merge(other.param)


class Paths:
    """Collects requests and described operations. Its memory is bounded, whatever is asked."""

    def __init__(self, *, any_case: bool = False) -> None:
        """With `any_case`, two spellings that differ in case are one word, as IIS reads them."""
        self._root = _Node()
        self._nodes = 1
        self._any_case = any_case
        self.left_out: Counter[str] = Counter()
        self.hosts: Counter[str] = Counter()
        self.requests = 0

    def describe(self, method: str, template: str, name: str = "", group: str = "") -> None:
        """Add an operation that a service describes. `template` is one of routes.yaml's."""
        node = self._root
        node.described = True
        for part in segments(template):
            if part.startswith("{"):
                node.param = node.param or _Node()
                node.param_name = node.param_name or part.strip("{}*")
                node.param.tail |= part.endswith("*}")
                node = node.param
            else:
                word = canonical(part.encode()).decode()
                node = node.words.setdefault(word.lower() if self._any_case else word, _Node())
            node.described = True
        node.ends.setdefault(method, End()).add(End(described=True, name=name, group=group))

    def ask(self, method: str, target: str, status: int = 0, host: str = "") -> None:
        """Add a request. `target` is as sent; of its query nothing is kept. `status` is legacy's answer, 0 if that is
        not known; `host` is what the client asked for, "" if that is not."""
        self.requests += 1
        if host and (host in self.hosts or len(self.hosts) < _MOST_HOSTS):
            self.hosts[host] += 1
        path = target.partition("?")[0].partition("#")[0]
        raw = path.encode("latin-1", "replace")
        if method == "OPTIONS" or not path.startswith("/"):
            self.left_out["preflight" if method == "OPTIONS" else "odd"] += 1
        elif method not in METHODS or is_ambiguous(raw):
            self.left_out["odd"] += 1
        elif _STATIC.search(path):
            self.left_out["static"] += 1
        else:
            # HEAD is GET without the body, and an operation for GET takes it.
            self._add("GET" if method == "HEAD" else method, canonical(raw).decode("latin-1"), status)

    def _add(self, method: str, path: str, status: int) -> None:
        parts = path.split("/")[1:]
        if len(parts) > _MOST_SEGMENTS:
            self.left_out["odd"] += 1
            return
        node = self._root
        node.count += 1
        announced = False
        for part in parts:
            if node.tail:
                break
            node = self._next(node, part, announced)
            node.count += 1
            announced = _ANNOUNCES.fullmatch(part) is not None
        end = node.ends.setdefault(method, End())
        end.count += 1
        end.answered += status not in (400, 404, 405, 410, 501)

    def _next(self, node: _Node, part: str, announced: bool) -> _Node:
        word = part.lower() if self._any_case else part
        if (known := node.words.get(word)) is not None:
            return known
        is_value = not is_word(part) or (announced and part.lower() not in _WORDS)
        if (part and is_value) or self._nodes >= _MOST_NODES or (node.param is not None and node.described):
            if node.param is None:
                node.param = _Node()
                self._nodes += 1
            return node.param
        self._nodes += 1
        return node.words.setdefault(word, _Node())

    def operations(self) -> Iterator[tuple[str, str, End]]:
        """(method, template, what is known of it) for everything that is to be proposed."""
        _fold(self._root, True)
        yield from self._below(self._root, "", [])

    def _below(self, node: _Node, path: str, names: list[str]) -> Iterator[tuple[str, str, End]]:
        for method, end in sorted(node.ends.items()):
            if end.described or end.answered:
                yield method, path or "/", end
            else:
                self.left_out["unknown"] += end.count
        for word, below in sorted(node.words.items()):
            if below.described or below.count >= FEW:
                yield from self._below(below, f"{path}/{word}", names)
            else:
                self.left_out["rare"] += below.count
        if node.param is not None:
            name = node.param_name or _name(path, names)
            while name in names:
                name += "_id"
            tail = "*" if node.param.tail else ""
            yield from self._below(node.param, f"{path}/{{{name}{tail}}}", [*names, name])


def is_word(segment: str) -> bool:
    """Whether a segment of a path may be a word rather than an identifier."""
    if is_generic(segment):
        return not segment.isdigit()
    if len(segment) > _LONGEST or not _PLAIN.fullmatch(segment):
        return False
    if not any(one.isdigit() for one in segment):
        return not (_HEX.fullmatch(segment) and len(segment) >= 16)
    return _NUMBERED.fullmatch(segment) is not None


def _fold(node: _Node, top: bool) -> None:
    """Turn words that are identifiers into the parameter of their place, from the top down."""
    words = {word: below for word, below in node.words.items()
             if word and not below.described and word.lower() not in _WORDS and word[0] not in "_$"}
    counts = [below.count for below in words.values()]
    rare = len(words) > _MANY and median(counts) <= _RARELY
    beside = node.param.count if node.param is not None else 0
    for word, below in words.items():
        if (len(words) > _TOO_MANY and not top) or (rare and below.count <= _RARELY) or beside >= _RARELY * below.count:
            del node.words[word]
            node.param = node.param or _Node()
            node.param.merge(below)
    for below in (*node.words.values(), *([node.param] if node.param is not None else ())):
        _fold(below, False)


def _name(path: str, names: list[str]) -> str:
    """The name of a parameter: `id`, and for a further one after the word before it."""
    if not names:
        return "id"
    before = re.sub(r"\W", "_", path.rpartition("/")[2].strip("{}*"), flags=re.ASCII).lower().strip("_")
    single = before[:-3] + "y" if before.endswith("ies") else before.removesuffix("s")
    return f"{single}_id" if single and not single[0].isdigit() else "id"
