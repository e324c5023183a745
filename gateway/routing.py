"""What a request is: RouteTable.match finds its capability and operation. Immutable, swapped whole.

The most specific match wins: an exact path before the longest template, then a method, then most header
conditions, then most query conditions. Paths are matched in one canonical form (percent-encoded unreserved
characters decoded, RFC 3986 section 6.2.2.2), so that no spelling of a path escapes its policies; what is
forwarded stays as it came. The trie makes matching independent of the number of operations.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from adapters.base import Adapter
from adapters.message import Request
from gateway.policies.base import Policy
from gateway.stage import Roles, Stage, roles
from gateway.upstreams.upstream import Upstream

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DEFAULT = "_default"


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """An upstream with its adapter. `name` is "legacy" or "modern"."""

    name: str
    upstream: Upstream
    adapter: Adapter | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Which calls go to modern in canary: bucket = SHA-256(salt ":" key) mod 10,000 < `share` (in 1/10,000).

    `sticky` lists where the key is looked for, in order: "claim:sub", "header:X-Tenant", "cookie:session",
    "query:patient", "path:id", "client_ip". Where none is there, `on_missing` ("legacy", "modern", "random").
    Capabilities in one cohort group have one salt, and so move a key together.
    """

    share: int
    sticky: tuple[str, ...]
    salt: str
    on_missing: str = "legacy"


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """How a capability is mirrored: `sample` is a share (0 to 1), `max_body` bytes kept of each body."""

    sample: float
    max_body: int = 1 << 20
    deadline: float = 30.0
    pass_credentials: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One match inside a capability. An empty condition matches anything; all that are given must hold.

    `path` is a template such as "/patients/{id}" (a last segment "{rest*}" takes all that is left) or None;
    a header or query condition is (name, value), value None for "is there". `place` is "file:line" for messages.
    """

    name: str
    path: str | None = None
    methods: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str | None], ...] = ()
    query: tuple[tuple[str, str | None], ...] = ()
    safe: bool | None = None
    place: str = ""

    def is_safe(self, method: str) -> bool:
        """Whether asking this changes nothing: as declared, else by the method (RFC 9110 section 9.2.1)."""
        return method in SAFE_METHODS if self.safe is None else self.safe


@dataclass(frozen=True, slots=True, eq=False)
class Capability:
    """A business function that migrates as one: the unit of stage, flip and report.

    `reads` and `writes` are the stages of safe and unsafe operations. `buffer_limit` bounds a body that an
    adapter or a fallback must hold whole; `body_limit` (bytes, 0 for none) any request body.
    """

    name: str
    owner: str
    operations: tuple[Operation, ...]
    legacy: Arm | None
    modern: Arm | None = None
    reads: Stage = Stage.LEGACY
    writes: Stage = Stage.LEGACY
    split: Split | None = None
    shadow: ShadowPlan | None = None
    policies: tuple[Policy, ...] = ()
    buffer_limit: int = 8 << 20
    body_limit: int = 0
    upgrade: bool = True
    place: str = ""

    def roles(self, *, safe: bool) -> Roles:
        """Who serves and who is mirrored for a safe or an unsafe call."""
        return roles(self.reads if safe else self.writes, safe=safe)

    def stage(self, *, safe: bool) -> Stage:
        """The stage that a safe or an unsafe call is in."""
        return self.reads if safe else self.writes


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An operation of a capability, as the table knows it: one object for the table's whole life."""

    capability: Capability
    operation: Operation
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Match:
    """What a request was found to be. `captures` are the template's parameters, percent-encoded as received."""

    target: Target
    captures: tuple[bytes, ...] = ()

    def params(self) -> Mapping[str, str]:
        """The parameters by name, decoded."""
        return {name: unquote(value.decode("latin-1")) for name, value in
                zip(self.target.names, self.captures, strict=True)}


class _Node:
    __slots__ = ("children", "leaves", "param", "tail")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node] = {}
        self.param: _Node | None = None
        self.leaves: list[_Leaf] = []
        self.tail: list[_Leaf] = []


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    rank: tuple[int, ...]
    target: Target
    methods: frozenset[str]
    headers: tuple[tuple[bytes, bytes | None], ...]
    query: tuple[tuple[bytes, bytes | None], ...]
    found: Match | None

    def accepts(self, request: Request) -> bool:
        if self.methods and request.method not in self.methods:
            return False
        for name, wanted in self.headers:
            values = request.headers.get_all(name)
            if not values or (wanted is not None and wanted not in values):
                return False
        return not self.query or _query_holds(self.query, request.query)


_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _decode_unreserved(found: re.Match[bytes]) -> bytes:
    byte = int(found[1], 16)
    return bytes((byte,)) if byte in _UNRESERVED else found[0].upper()


def canonical(path: bytes) -> bytes:
    """The path with every percent-encoded unreserved character decoded (RFC 3986 section 6.2.2.2)."""
    return _ENCODED.sub(_decode_unreserved, path) if b"%" in path else path


def _query_holds(conditions: Iterable[tuple[bytes, bytes | None]], query: bytes) -> bool:
    given: dict[bytes, list[bytes]] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        given.setdefault(unquote_to_bytes(name), []).append(unquote_to_bytes(value))
    return all(name in given and (wanted is None or wanted in given[name]) for name, wanted in conditions)


def segments(template: str) -> list[str]:
    """The template's segments: "/patients/{id}" → ["patients", "{id}"]."""
    return template.split("/")[1:]


def rank(operation: Operation) -> tuple[int, ...]:
    """How specific an operation is; the greatest wins. Two that overlap must not be equal (a Problem says so)."""
    parts = segments(operation.path) if operation.path else []
    literal = [part for part in parts if not part.startswith("{")]
    tail = bool(parts) and parts[-1].endswith("*}")
    exact = operation.path is not None and len(literal) == len(parts)
    return (
        int(exact), int(operation.path is not None), len(parts) - tail, len(literal), int(not tail),
        sum(map(len, literal)), int(bool(operation.methods)), len(operation.headers), len(operation.query),
    )


@dataclass(slots=True)
class Candidate:
    """One operation that a request was held against, for `explain`: it won, or `why` not."""

    target: Target
    won: bool
    why: str = ""


class RouteTable:
    """Every capability of one configuration. Nothing in it changes: a reload and a flip build a new one."""

    __slots__ = ("_default", "_root", "capabilities", "default", "revision")

    def __init__(self, capabilities: Iterable[Capability], default: Capability, revision: str = "") -> None:
        self.capabilities: dict[str, Capability] = {one.name: one for one in capabilities}
        self.default = default
        self.revision = revision
        self._default = Match(Target(default, default.operations[0]))
        self._root = _Node()
        for capability in self.capabilities.values():
            for operation in capability.operations:
                self._add(capability, operation)

    def _add(self, capability: Capability, operation: Operation) -> None:
        node, names = self._root, []
        parts = segments(operation.path) if operation.path else ["{*}"]
        tail = False
        for part in parts:
            if part.startswith("{"):
                names.append(part.strip("{}*"))
                if part.endswith("*}"):
                    tail = True
                    break
                node.param = node = node.param or _Node()
            else:
                node = node.children.setdefault(canonical(part.encode()), _Node())
        if operation.path is None:
            names = []
        target = Target(capability, operation, tuple(names))
        leaf = _Leaf(
            rank(operation), target, operation.methods,
            tuple((name.lower().encode("latin-1"), None if value is None else value.encode())
                  for name, value in operation.headers),
            tuple((name.encode(), None if value is None else value.encode()) for name, value in operation.query),
            None if names else Match(target),
        )
        leaves = node.tail if tail else node.leaves
        leaves.append(leaf)
        leaves.sort(key=lambda one: one.rank, reverse=True)

    def match(self, request: Request) -> Match:
        """The most specific operation that the request fits, or the default route. Sends nothing, logs nothing."""
        path = canonical(request.path)
        best: _Leaf | None = None
        captures: tuple[bytes, ...] = ()
        for leaf, taken in _walk(self._root, path.split(b"/"), 1, ()):
            if (best is None or leaf.rank > best.rank) and leaf.accepts(request):
                best, captures = leaf, taken
        if best is None:
            return self._default
        return best.found or Match(best.target, captures)

    def explain(self, request: Request) -> list[Candidate]:
        """Every operation of the table whose path fits, the winner first, with why the others lost."""
        winner = self.match(request).target
        found = [Candidate(winner, won=True)]
        for leaf, _ in _walk(self._root, canonical(request.path).split(b"/"), 1, ()):
            if leaf.target is not winner:
                found.append(Candidate(leaf.target, won=False, why=_why_not(leaf, request)))
        return found


def _why_not(leaf: _Leaf, request: Request) -> str:
    if leaf.methods and request.method not in leaf.methods:
        return f"method is not {' or '.join(sorted(leaf.methods))}"
    for name, wanted in leaf.headers:
        if not request.headers.get_all(name):
            return f"header {name.decode()} is missing"
        if wanted is not None and wanted not in request.headers.get_all(name):
            return f"header {name.decode()} has another value"
    for condition in leaf.query:
        if not _query_holds((condition,), request.query):
            return f"query {condition[0].decode()} does not hold"
    return "less specific"


def _walk(
    node: _Node, parts: list[bytes], at: int, taken: tuple[bytes, ...]
) -> Iterable[tuple[_Leaf, tuple[bytes, ...]]]:
    """Every leaf whose path fits, literal segments before parameters before tails."""
    if at == len(parts):
        for leaf in node.leaves:
            yield leaf, taken
    else:
        part = parts[at]
        child = node.children.get(part)
        if child is not None:
            yield from _walk(child, parts, at + 1, taken)
        if node.param is not None and part:
            yield from _walk(node.param, parts, at + 1, (*taken, part))
    if node.tail:
        rest = b"/".join(parts[at:])
        for leaf in node.tail:
            yield leaf, ((*taken, rest) if leaf.target.names else ())
