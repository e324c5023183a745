"""Turns JSON bodies into trees and back without loss: Number, Path, parse, dump, walk, get, replace.

A tree is made of dict, list, str, bool, None and Number. A Number keeps the digits as written, so 1, 1.0 and 1.00, or
2^64 and 2^64 + 1, stay different: in FHIR the precision of a decimal has meaning. Bodies that JSON does not define
clearly (RFC 8259 sections 4, 6 and 8: repeated names, byte order marks, NaN, other encodings) are refused, with a
reason. Nothing here recurses in Python, so only the body's size limits how deep it may be nested.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import accumulate
from json.encoder import encode_basestring
from typing import Any, NamedTuple, NoReturn, TypeAlias

_BLANK = " \t\n\r"
_SPACE = re.compile(f"[{_BLANK}]*")


class DocumentError(ValueError):
    """A body is not a document. `reason` is one of: empty, bom, encoding, duplicate_key, constant
    (NaN, Infinity), syntax. It never quotes the body."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Number(str):
    """A JSON number as it was written. It equals only a Number of the same spelling, not the text "1" or the int 1."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"Number({str(self)!r})"


Tree: TypeAlias = Any
"""dict[str, Tree] | list[Tree] | str | Number | bool | None. It is Any because a type checker cannot follow a path."""


class Path(tuple[str | int, ...]):
    """The place of a value in a tree: member names (str) and list indexes (int), outermost first."""

    __slots__ = ()

    def __str__(self) -> str:
        """The path as a JSON Pointer (RFC 6901): "" is the root; "~" and "/" in names are escaped."""
        return "".join(f"/{escape(token)}" for token in self)

    @classmethod
    def parse(cls, pointer: str) -> "Path":
        """The path that a JSON Pointer spells. Tokens that RFC 6901 section 4 allows as indexes become ints; in an
        object, `get` also takes an int as a name. Raises ValueError for a bad pointer."""
        if pointer and not pointer.startswith("/"):
            raise ValueError("a JSON Pointer is empty or starts with a slash")
        if re.search(r"~(?![01])", pointer):
            raise ValueError('a JSON Pointer has "~" only in "~0" and "~1"')
        tokens = (token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])
        return cls(int(token) if re.fullmatch(r"0|[1-9][0-9]*", token, re.ASCII) else token for token in tokens)


def escape(token: str | int) -> str:
    """One token of a JSON Pointer (RFC 6901 section 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def parse(body: bytes) -> Tree:
    """The tree of a JSON body (RFC 8259, UTF-8). Whatever the bytes are, it raises nothing but DocumentError."""
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DocumentError("bom")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise DocumentError("encoding") from None
    if not text.strip(_BLANK):
        raise DocumentError("empty")
    return _parsed(text, _members, [])


class Lenient(NamedTuple):
    """A tree, and the members that it lacks because another one of their name came after them, in order."""

    tree: Tree
    dropped: list[tuple[str, Tree]]


def parse_text(text: str) -> Lenient:
    """The tree of a JSON text. Of members with one name the last counts, as in most parsers (RFC 8259 section 4).
    Raises DocumentError: "empty", "constant" or "syntax"."""
    if not text.strip(_BLANK):
        raise DocumentError("empty")
    try:
        return Lenient(_parsed(text, _members, []), [])
    except DocumentError as error:
        if error.reason != "duplicate_key":
            raise
    dropped: list[tuple[str, Tree]] = []

    def members(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
        made = dict(pairs)
        if len(made) != len(pairs):
            last = {name: at for at, (name, _) in enumerate(pairs)}
            dropped.extend(pair for at, pair in enumerate(pairs) if last[pair[0]] != at)
        return made

    return Lenient(_parsed(text, members, dropped), dropped)


_Members: TypeAlias = Callable[[list[tuple[str, Tree]]], dict[str, Tree]]


def _parsed(text: str, members: _Members, dropped: list[tuple[str, Tree]]) -> Tree:
    """The tree of a text. `members` makes objects, and may add to `dropped`."""
    decoder = _DECODER if members is _members else _decoder(members)
    try:
        return decoder.decode(text)
    except RecursionError:
        dropped.clear()
        return _parse_deep(text, decoder, members)
    except json.JSONDecodeError:
        raise DocumentError("syntax") from None


def _members(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DocumentError("duplicate_key")
    return members


def _constant(_: str) -> NoReturn:
    raise DocumentError("constant")


def _decoder(members: _Members) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=members, parse_float=Number, parse_int=Number, parse_constant=_constant)


_DECODER = _decoder(_members)


def _parse_deep(text: str, decoder: json.JSONDecoder, members: _Members) -> Tree:
    """Parse as the decoder does, but with an explicit stack: for bodies nested deeper than the interpreter's stack."""
    # One entry for each open container: its closer, and its items (an object's names and values in turn).
    stack: list[tuple[str, list[Tree]]] = []
    value: Tree
    at = _skip(text, 0)
    while True:
        opener = text[at:at + 1]
        if opener in ("{", "["):
            closer = "}" if opener == "{" else "]"
            at = _skip(text, at + 1)
            if text[at:at + 1] != closer:
                stack.append((closer, []))
                if closer == "}":
                    at = _name(text, at, stack[-1][1], decoder)
                continue
            value = {} if closer == "}" else []
            at += 1
        else:
            value, at = _scalar(text, at, decoder)
        while stack:
            closer, items = stack[-1]
            items.append(value)
            at = _skip(text, at)
            after = text[at:at + 1]
            if after == ",":
                at = _skip(text, at + 1)
                if closer == "}":
                    at = _name(text, at, items, decoder)
                break
            if after != closer:
                raise DocumentError("syntax")
            stack.pop()
            at += 1
            value = items if closer == "]" else members(list(zip(items[::2], items[1::2], strict=True)))
        else:
            if _skip(text, at) != len(text):
                raise DocumentError("syntax")
            return value


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _name(text: str, at: int, items: list[Tree], decoder: json.JSONDecoder) -> int:
    """Read `"name" :` into `items`. Returns the offset where its value starts."""
    if text[at:at + 1] != '"':
        raise DocumentError("syntax")
    name, at = _scalar(text, at, decoder)
    items.append(name)
    at = _skip(text, at)
    if text[at:at + 1] != ":":
        raise DocumentError("syntax")
    return _skip(text, at + 1)


def _scalar(text: str, at: int, decoder: json.JSONDecoder) -> tuple[Tree, int]:
    try:
        return decoder.raw_decode(text, at)
    except json.JSONDecodeError:
        raise DocumentError("syntax") from None


def dump(tree: Tree) -> bytes:
    """The JSON body of a tree: compact, in UTF-8, with numbers as they were written. An int is written as a Number.

    Raises TypeError for a value that no tree can hold, and DocumentError("encoding") for a string that UTF-8 cannot
    encode.
    """
    parts: list[str] = []
    stack: list[tuple[bool, Tree]] = [(False, tree)]
    while stack:
        written, node = stack.pop()
        if written:
            parts.append(node)
        elif isinstance(node, dict):
            stack.append((True, "}"))
            for name, value in reversed(node.items()):
                stack += (False, value), (True, f",{encode_basestring(name)}:")
            if node:
                stack[-1] = (True, stack[-1][1][1:])
            parts.append("{")
        elif isinstance(node, list):
            stack.append((True, "]"))
            for value in reversed(node):
                stack += (False, value), (True, ",")
            if node:
                stack.pop()
            parts.append("[")
        else:
            parts.append(_lexeme(node))
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise DocumentError("encoding") from None


def _lexeme(scalar: Tree) -> str:
    if scalar is None:
        return "null"
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    if isinstance(scalar, Number | int):
        return str(scalar)
    if isinstance(scalar, str):
        return encode_basestring(scalar)
    raise TypeError(f"a tree holds no {type(scalar).__name__}")


def walk(tree: Tree) -> Iterator[tuple[Path, Tree]]:
    """Every leaf (a scalar or an empty container) with its path, in document order."""
    stack: list[tuple[Path, Tree]] = [(Path(), tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict) and node:
            stack += [(Path((*path, name)), value) for name, value in reversed(node.items())]
        elif isinstance(node, list) and node:
            stack += [(Path((*path, index)), node[index]) for index in reversed(range(len(node)))]
        else:
            yield path, node


def _child(node: Tree, token: str | int) -> Tree:
    """The child of a node by its name or index. Raises LookupError if there is none."""
    if isinstance(node, dict):
        return node[str(token)]
    if isinstance(node, list) and isinstance(token, int) and token >= 0:
        return node[token]
    raise LookupError


def get(tree: Tree, path: Path, default: Tree = None) -> Tree:
    """The value at `path`, or `default` if there is none. An int token can also name an object's member."""
    try:
        return reduce(_child, path, tree)
    except LookupError:
        return default


def replace(tree: Tree, path: Path, value: Tree) -> Tree:
    """A tree with `value` at `path`. The old tree does not change. The new tree shares what is not on the path with it.

    The last token may be a new name, or the index after a list's last. Raises LookupError for any other gap.
    """
    if not path:
        return value
    parents = list(accumulate(path[:-1], _child, initial=tree))
    for parent, token in zip(reversed(parents), reversed(path), strict=True):
        if isinstance(parent, dict):
            value = {**parent, str(token): value}
        elif isinstance(parent, list) and isinstance(token, int) and 0 <= token <= len(parent):
            value = [*parent[:token], value, *parent[token + 1:]]
        else:
            raise LookupError("the path leads through something that has no such child")
    return value
