"""What a request is: RouteTable.match finds its capability and operation. Immutable, swapped whole.

The most specific match wins: an exact path before the longest template, then a method, then most header
conditions, then most query conditions. Paths are matched in one canonical form, so that no spelling of a path
escapes its policies; what is forwarded stays as it came.

Matching costs the same for ten operations and for ten thousand: exact paths are one dictionary look-up, templates
a descent by segment, and where many operations share one path (SOAP tells them apart by a header) the method and
the most telling condition are looked up too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, unquote_to_bytes

from adapters.base import Adapter
from adapters.message import Request
from gateway.policies.base import Policy
from gateway.stage import Roles, Stage, roles
from gateway.upstreams.upstream import Upstream
from shadow.evidence import UNDECLARED, Criteria
from shadow.rules import NONE, Rules
from shadow.settings import NEVER, UNSEALED, Recheck, Sealing
from shadow.stratum import Basis

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
    Capabilities in one cohort group have one salt, and so move a key together. `fallback_after` is how many seconds
    modern may take before legacy answers; 0: as gateway.fallback.Pace says.
    """

    share: int
    sticky: tuple[str, ...]
    salt: str
    on_missing: str = "legacy"
    fallback_after: float = 0.0


# What a mirror leaves out unless the capability passes credentials; and what each arm would judge by tags of its own.
_CREDENTIALS = (b"authorization", b"cookie", b"proxy-authorization", b"x-api-key")
_NOT_MIRRORED = frozenset({b"expect", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since"})


@dataclass(frozen=True, slots=True)
class ShadowPlan:
    """How a capability is mirrored: `sample` is a share (0 to 1), `max_body` bytes kept of each body; `recheck` says
    when both arms are asked again about a mismatch, `noise` (0 to 1) how often legacy is asked twice, `sealing` which
    mismatches are kept whole.
    `criteria` are what it must meet to be safe (its operations left out), on evidence that rests on `basis`."""

    sample: float
    max_body: int = 1 << 20
    deadline: float = 30.0
    pass_credentials: bool = False
    recheck: Recheck = NEVER
    criteria: Criteria = UNDECLARED
    basis: Basis = field(default_factory=Basis)
    rules: Rules = NONE
    own: Mapping[str, Rules] = field(default_factory=dict)
    noise: float = 0.0
    sealing: Sealing = UNSEALED

    def rules_of(self, operation: str) -> Rules:
        """How answers of an operation are compared: by rules of its `own`, where it has them, and all others."""
        return self.own.get(operation, self.rules)


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

    def __post_init__(self) -> None:
        if "GET" in self.methods:
            # HEAD asks what GET answers (RFC 9110 section 9.3.2): it must not slip past GET's policies.
            object.__setattr__(self, "methods", self.methods | {"HEAD"})

    def is_safe(self, method: str) -> bool:
        """Whether asking this changes nothing: as declared, else by the method (RFC 9110 section 9.2.1)."""
        return method in SAFE_METHODS if self.safe is None else self.safe


@dataclass(frozen=True, slots=True, eq=False)
class Capability:
    """A business function that migrates as one: the unit of stage, flip and report.

    `reads` and `writes` are the stages of safe and unsafe operations. `buffer_limit` bounds a body that an
    adapter or a fallback must hold whole; `body_limit` (bytes, 0 for none) any request body. `withheld` are the
    lower-case names of the request fields that a mirror leaves out.
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
    _read_roles: Roles = field(init=False, repr=False)
    _write_roles: Roles = field(init=False, repr=False)
    _read_stage: str = field(init=False, repr=False)
    _write_stage: str = field(init=False, repr=False)
    withheld: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Looked up once here and not for every call: an enum's members are slow to hash and to print.
        object.__setattr__(self, "_read_roles", roles(self.reads, safe=True))
        object.__setattr__(self, "_write_roles", roles(self.writes, safe=False))
        object.__setattr__(self, "_read_stage", self.reads.value)
        object.__setattr__(self, "_write_stage", self.writes.value)
        passes = self.shadow is not None and self.shadow.pass_credentials
        credentials = () if passes else (_CREDENTIALS, *(policy.credentials for policy in self.policies))
        object.__setattr__(self, "withheld", _NOT_MIRRORED.union(*credentials))

    def roles(self, *, safe: bool) -> Roles:
        """Who serves and who is mirrored for a safe or an unsafe call."""
        return self._read_roles if safe else self._write_roles

    def criteria(self) -> Criteria:
        """When it counts as safe to flip: every operation that is mirrored, which is every safe one, must be seen."""
        criteria = self.shadow.criteria if self.shadow is not None else UNDECLARED
        safe = {one.name for one in self.operations if any(map(one.is_safe, one.methods or ("GET",)))}
        return replace(criteria, operations=tuple(one.name for one in self.operations if one.name in safe),
                       unmirrored=tuple(one.name for one in self.operations if one.name not in safe))

    def stage(self, *, safe: bool) -> str:
        """The name of the stage that a safe or an unsafe call is in."""
        return self._read_stage if safe else self._write_stage


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An operation of a capability, as the table knows it: one object for the table's whole life."""

    capability: Capability
    operation: Operation
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Match:
    """What a request was found to be. `captures` are the template's parameters, percent-encoded as received
    but for the characters that need no encoding."""

    target: Target
    captures: tuple[bytes, ...] = ()

    def params(self) -> Mapping[str, str]:
        """The parameters by name, decoded."""
        return {name: unquote(value.decode("latin-1")) for name, value in
                zip(self.target.names, self.captures, strict=True)}


# What a path may hold unencoded: pchar and "/" (RFC 3986 section 3.3). That goes beyond the unreserved characters
# of section 6.2.2.2 because services decode the rest just as well: "/Patient/%24everything" is "/Patient/$everything".
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"
_DECODED = frozenset(_PLAIN) - {ord("/"), ord(";")}
_ODD = re.compile(rb"%([0-9A-Fa-f]{2})|[^" + re.escape(_PLAIN) + rb"%]")
# What many servers overlook: empty segments (of which ";a" leaves one), and what a segment says after ";".
_OVERLOOKED = re.compile(rb"/(?=(?:;[^/]*)?/)|;[^/]*")


def _one_spelling(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return b"%%%02X" % ord(found[0])
    byte = int(found[1], 16)
    return bytes((byte,)) if byte in _DECODED else found[0].upper()


def canonical(path: bytes) -> bytes:
    """The path in the one spelling that matching knows: decoded where no encoding is needed, else encoded in
    upper case. An encoded "/", ";" or "%" stays encoded."""
    if b"//" in path or b";" in path:
        path = _OVERLOOKED.sub(b"", path)
    return _ODD.sub(_one_spelling, path) if path.translate(None, _PLAIN) else path


def segments(template: str) -> list[str]:
    """The template's segments: "/patients/{id}" → ["patients", "{id}"]."""
    return template.split("/")[1:]


def rank(operation: Operation) -> tuple[int, ...]:
    """How specific an operation is; the greatest wins. Two that overlap must not be equal (a Problem says so)."""
    parts = segments(operation.path) if operation.path else []
    literal = [canonical(part.encode()) for part in parts if not part.startswith("{")]
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


@dataclass(frozen=True, slots=True)
class _Field:
    """A place in a request that a condition looks at: a header field (lower-case name) or a query parameter."""

    kind: str
    name: bytes

    def values(self, request: Request) -> list[bytes]:
        if self.kind == "header":
            return request.headers.get_all(self.name)
        return query_values(request.query, self.name)

    def holds(self, wanted: bytes | None, request: Request) -> bool:
        values = self.values(request)
        if wanted is None or wanted in values:
            return bool(values)
        # A media type is the same with and without parameters (charset …), unless the condition names them.
        return (self.name == b"content-type" and b";" not in wanted
                and any(value.partition(b";")[0].strip().lower() == wanted.lower() for value in values))


def query_values(query: bytes, name: bytes) -> list[bytes]:
    """The values of one query parameter, decoded as a form is (application/x-www-form-urlencoded)."""
    found = []
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if key == name or unquote_to_bytes(key.replace(b"+", b" ")) == name:
            found.append(unquote_to_bytes(value.replace(b"+", b" ")))
    return found


_Conditions = tuple[tuple[_Field, bytes | None], ...]


def _conditions(operation: Operation) -> _Conditions:
    return tuple(
        (_Field(kind, name), None if value is None else value.encode())
        for kind, pairs in (("header", operation.headers), ("query", operation.query))
        for name, value in ((name.lower().encode() if kind == "header" else name.encode(), value)
                            for name, value in pairs)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """One operation in the table. `at` are the places of its parameters among the path's segments; `tail` is
    where the last one, that takes all that is left, begins (0: there is none)."""

    rank: tuple[int, ...]
    target: Target
    conditions: _Conditions
    at: tuple[int, ...] = ()
    tail: int = 0

    def accepts(self, request: Request) -> bool:
        """Whether the conditions hold; path and method have been looked up."""
        for field_, wanted in self.conditions:  # noqa: SIM110 - a generator costs as much as the rest
            if not field_.holds(wanted, request):
                return False
        return True

    def found(self, parts: list[bytes]) -> Match:
        captures = [parts[at] for at in self.at]
        if self.tail and self.target.names:
            captures.append(b"/".join(parts[self.tail:]))
        return Match(self.target, tuple(captures))


class _Told:
    """Operations of one path and method, best first, told apart by the field that most of them have a value for."""

    __slots__ = ("by_value", "leaves", "others", "telling")

    def __init__(self, leaves: list[_Leaf]) -> None:
        self.leaves = tuple(leaves)
        self.telling: _Field | None = None
        self.others: tuple[_Leaf, ...] = self.leaves
        self.by_value: dict[bytes, tuple[_Leaf, ...]] = {}
        # Content-Type has more than one spelling of a value, so it is not looked up.
        common = Counter(field_ for leaf in leaves for field_, wanted in leaf.conditions
                         if wanted is not None and field_.name != b"content-type").most_common(1)
        if common and common[0][1] > 1:
            self.telling = telling = common[0][0]
            wants = [(leaf, dict(leaf.conditions).get(telling)) for leaf in leaves]
            self.others = tuple(leaf for leaf, wanted in wants if wanted is None)
            for value in {wanted for _, wanted in wants if wanted is not None}:
                self.by_value[value] = tuple(leaf for leaf, wanted in wants if wanted is None or wanted == value)

    def possible(self, request: Request) -> tuple[_Leaf, ...]:
        """The operations that the telling field leaves, best first."""
        if self.telling is None:
            return self.leaves
        values = self.telling.values(request)
        # A field that is repeated may satisfy several operations: they are all tried.
        return self.leaves if len(values) > 1 else self.by_value.get(values[0], self.others) if values else self.others


class _Place:
    """The operations of one path template, by method."""

    __slots__ = ("any", "leaves", "methods")

    def __init__(self) -> None:
        self.leaves: list[_Leaf] = []
        self.methods: dict[str, _Told] = {}
        self.any = _Told([])

    def seal(self) -> None:
        self.leaves.sort(key=lambda leaf: leaf.rank, reverse=True)
        wanted = [leaf.target.operation.methods for leaf in self.leaves]
        self.any = _Told([leaf for leaf, methods in zip(self.leaves, wanted, strict=True) if not methods])
        for method in frozenset().union(*wanted):
            self.methods[method] = _Told([leaf for leaf, methods in zip(self.leaves, wanted, strict=True)
                                          if not methods or method in methods])

    def best(self, request: Request) -> _Leaf | None:
        for leaf in self.methods.get(request.method, self.any).possible(request):
            if not leaf.conditions or leaf.accepts(request):
                return leaf
        return None


class _Node:
    __slots__ = ("children", "here", "param", "tail")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node] = {}
        self.param: _Node | None = None
        self.here: _Place | None = None
        self.tail: _Place | None = None


class RouteTable:
    """Every capability of one configuration. Nothing in it changes: a reload and a flip build a new one."""

    __slots__ = ("_default", "_exact", "_root", "capabilities", "default", "revision")

    def __init__(self, capabilities: Iterable[Capability], default: Capability, revision: str = "") -> None:
        self.capabilities: dict[str, Capability] = {one.name: one for one in capabilities}
        self.default = default
        self.revision = revision
        self._default = Match(Target(default, default.operations[0]))
        self._exact: dict[bytes, _Place] = {}
        self._root = _Node()
        places: dict[int, _Place] = {}
        for capability in self.capabilities.values():
            for operation in capability.operations:
                place = self._add(capability, operation)
                places[id(place)] = place
        for place in places.values():
            place.seal()

    def _add(self, capability: Capability, operation: Operation) -> _Place:
        conditions = _conditions(operation)
        if operation.path is None:
            target = Target(capability, operation)
            place = self._root.tail = self._root.tail or _Place()
            place.leaves.append(_Leaf(rank(operation), target, conditions, tail=1))
            return place
        if "{" not in operation.path:
            place = self._exact.setdefault(canonical(operation.path.encode()), _Place())
            place.leaves.append(_Leaf(rank(operation), Target(capability, operation), conditions))
            return place
        node, names, at, tail = self._root, [], [], 0
        for number, part in enumerate(segments(operation.path), 1):
            if not part.startswith("{"):
                node = node.children.setdefault(canonical(part.encode()), _Node())
                continue
            names.append(part.strip("{}*"))
            if part.endswith("*}"):
                tail = number
                break
            at.append(number)
            node.param = node = node.param or _Node()
        if tail:
            place = node.tail = node.tail or _Place()
        else:
            place = node.here = node.here or _Place()
        target = Target(capability, operation, tuple(names))
        place.leaves.append(_Leaf(rank(operation), target, conditions, tuple(at), tail))
        return place

    def match(self, request: Request) -> Match:
        """The most specific operation that the request fits, or the default route. Sends nothing, logs nothing."""
        path = canonical(request.path)
        place = self._exact.get(path)
        if place is not None:
            # Nothing is more specific than an exact path.
            best = place.best(request)
            if best is not None:
                return Match(best.target)
        best = None
        parts = path.split(b"/")
        for place in self._fitting(parts):
            leaf = place.best(request)
            if leaf is not None and (best is None or leaf.rank > best.rank):
                best = leaf
        return self._default if best is None else best.found(parts)

    def explain(self, request: Request) -> list[Candidate]:
        """Every operation of the table whose path fits, the winner first, with why the others lost."""
        winner = self.match(request).target
        found = [Candidate(winner, won=True)]
        for leaf in self._considered(canonical(request.path)):
            if leaf.target is not winner:
                found.append(Candidate(leaf.target, won=False, why=_why_not(leaf, request)))
        return found

    def _considered(self, path: bytes) -> Iterator[_Leaf]:
        if path in self._exact:
            yield from self._exact[path].leaves
        for place in self._fitting(path.split(b"/")):
            yield from place.leaves

    def _fitting(self, parts: list[bytes]) -> list[_Place]:
        """Every place with parameters whose template fits. One descent, unless a literal and a parameter both fit."""
        found: list[_Place] = []
        node, at, last = self._root, 1, len(parts)
        forks: list[tuple[_Node, int]] = []
        while True:
            if node.tail is not None:
                found.append(node.tail)
            if at < last:
                part = parts[at]
                at += 1
                child = node.children.get(part)
                param = node.param if part else None
                if child is not None:
                    if param is not None:
                        forks.append((param, at))
                    node = child
                    continue
                if param is not None:
                    node = param
                    continue
            elif node.here is not None:
                found.append(node.here)
            if not forks:
                return found
            node, at = forks.pop()


def _why_not(leaf: _Leaf, request: Request) -> str:
    methods = leaf.target.operation.methods
    if methods and request.method not in methods:
        return f"method is not {' or '.join(sorted(methods))}"
    for field_, wanted in leaf.conditions:
        if not field_.holds(wanted, request):
            missing = "has another value" if field_.values(request) else "is missing"
            return f"{field_.kind} {field_.name.decode()} {missing}"
    return "less specific"
