"""The model: a Capability, the two services that it migrates between (its Arms), and its kinds of request (Operations).

These are plain values, compiled from routes.yaml and never changed. RouteTable (gateway/routing.py) finds them for
requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from adapters.base import Adapter
from adapters.message import Request
from gateway.call import Call
from gateway.courtesy import Courtesy
from gateway.front import Front
from gateway.policies.base import Policy
from gateway.reading import UNSAID, Fold, Reading, canonical, segments
from gateway.stage import Roles, Stage, roles
from gateway.transports.base import Transport
from shadow.evidence.criteria import UNDECLARED, Criteria
from shadow.plan import ShadowPlan
from shadow.report.report import Profile

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DEFAULT = "_default"
_NO_PARAMS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """An upstream with its adapter. `name` is "legacy" or "modern". `front` changes what clients see of it; None: they
    see it as it is."""

    name: str
    upstream: Transport
    adapter: Adapter | None = None
    front: Front | None = None

    @property
    def own_cookies(self) -> tuple[str, ...]:
        """The names of the cookies that no other arm sees."""
        return self.front.jar.own if self.front is not None and self.front.jar is not None else ()

    @property
    def adopts(self) -> bool:
        """Whether the arm gets cookies that clients hold under plain names."""
        return self.front is not None and self.front.jar is not None and self.front.jar.adopts

    def shown_cookie(self, name: str) -> str:
        """The name under which clients hold the arm's cookie `name`."""
        jar = self.front.jar if self.front is not None else None
        return jar.shown(name) if jar is not None and jar.owns(name.encode()) else name


@dataclass(frozen=True, slots=True)
class Split:
    """Which calls go to modern in canary: bucket = SHA-256(salt ":" key) mod 10,000 < `share` (in 1/10,000).

    `sticky` lists the sources of the key, in order: "claim:sub", "header:X-Tenant", "cookie:session",
    "query:patient", "path:id", "client_ip". `on_missing` decides for a call that has none of them ("legacy", "modern",
    "random"). Capabilities in one group share a salt, so that with equal shares a key moves in all of them together.
    `fallback_after` is how many seconds modern may take before legacy answers; 0: gateway.fallback.Pace decides.
    """

    share: int
    sticky: tuple[str, ...]
    salt: str
    on_missing: str = "legacy"
    fallback_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request in a capability. All given conditions must match; an empty one matches anything.

    `path` is a template such as "/patients/{id}" (a last segment "{rest*}" matches the whole rest) or None;
    a header or query condition is (name, value), value None for any value. `place` is "file:line" for messages.
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
            # HEAD asks for GET's answer without its body (RFC 9110 section 9.3.2), so GET's policies apply to it.
            object.__setattr__(self, "methods", self.methods | {"HEAD"})

    def is_safe(self, method: str) -> bool:
        """Whether a call changes nothing: as declared, else by its method (RFC 9110 section 9.2.1)."""
        return method in SAFE_METHODS if self.safe is None else self.safe


@dataclass(frozen=True, slots=True, eq=False)
class Capability:
    """A business function that migrates as one: the unit of stage, flip and report.

    `reads` and `writes` are the stages of safe and unsafe operations. In bytes, `buffer_limit` bounds a body that an
    adapter or a fallback must hold whole, and `body_limit` (0 for none) any request body. `withheld` are the
    lower-case names of the fields from which its policies take credentials. `passes_credentials` says whether a mirror
    carries credentials. `reading` is how its upstreams read paths, as configured; `lenience` are the dimensions in
    which they may take two spellings for the same path. `courtesy` is what is said of it in its answers, None for
    nothing.
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
    courtesy: Courtesy | None = None
    _read_roles: Roles = field(init=False, repr=False)
    _write_roles: Roles = field(init=False, repr=False)
    _read_stage: str = field(init=False, repr=False)
    _write_stage: str = field(init=False, repr=False)
    withheld: frozenset[bytes] = field(init=False, repr=False)
    passes_credentials: bool = field(init=False, repr=False)
    reading: Reading = field(init=False, repr=False)
    lenience: Fold = field(init=False, repr=False)
    admits: frozenset[int] = field(init=False, repr=False)
    _reads_from: object = field(init=False, repr=False)
    _writes_to: object = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Looked up once here instead of for every call: an enum's members are slow to hash and to print.
        object.__setattr__(self, "_read_roles", roles(self.reads, safe=True))
        object.__setattr__(self, "_write_roles", roles(self.writes, safe=False))
        object.__setattr__(self, "_read_stage", self.reads.value)
        object.__setattr__(self, "_write_stage", self.writes.value)
        object.__setattr__(self, "withheld", frozenset().union(*(policy.credentials for policy in self.policies)))
        object.__setattr__(self, "passes_credentials", self.shadow is not None and self.shadow.pass_credentials)
        # An adapter makes its own paths, so only arms without one count. If they differ, the configuration is refused.
        plain = (arm for arm in (self.legacy, self.modern) if arm is not None and arm.adapter is None)
        object.__setattr__(self, "reading", next((arm.upstream.settings.paths for arm in plain), UNSAID))
        object.__setattr__(self, "lenience", self.reading.possible)
        object.__setattr__(self, "admits", frozenset(map(id, self.policies)))
        object.__setattr__(self, "_reads_from", self._answers(self._read_roles))
        object.__setattr__(self, "_writes_to", self._answers(self._write_roles))

    def _answers(self, roles: Roles) -> object:
        legacy, modern = ((arm.upstream.name, arm.adapter) if arm is not None else None
                          for arm in (self.legacy, self.modern))
        return (self.split, legacy, modern) if roles.serve == "split" else legacy if roles.serve == "legacy" else modern

    @property
    def stands(self) -> tuple[Stage, Stage, int]:
        """The stage of reads, that of writes, and the share of the split (0 without one)."""
        return self.reads, self.writes, self.split.share if self.split is not None else 0

    def at(self, reads: Stage, writes: Stage, share: int | None = None) -> "Capability":
        """This capability at other stages, and with another share of its split. Raises ValueError if it lacks an arm or
        the split that they need."""
        for stage, who in ((reads, roles(reads, safe=True)), (writes, roles(writes, safe=False))):
            needs = {"legacy": [self.legacy], "modern": [self.modern]}.get(
                who.serve, [self.legacy, self.modern, self.split])
            if None in needs:
                raise ValueError(f"{self.name} lacks an arm or a split that the stage {stage} needs")
        split = self.split
        if split is not None and share is not None:
            split = replace(split, share=share)
        return replace(self, reads=reads, writes=writes, split=split)

    def unlike(self, other: "Capability") -> bool:
        """Whether a call of `other` that is handled as one of this could miss a policy, or get another arm's answer."""
        return not other.admits <= self.admits or (
            (self._reads_from, self._writes_to) != (other._reads_from, other._writes_to))

    def answered_by(self, *, safe: bool) -> object:
        """A value that says who answers safe or unsafe calls. Capabilities with equal values answer alike."""
        return self._reads_from if safe else self._writes_to

    def roles(self, *, safe: bool) -> Roles:
        """Who serves and who is mirrored for a safe or an unsafe call."""
        return self._read_roles if safe else self._write_roles

    def criteria(self) -> Criteria:
        """The criteria for a safe flip. Every safe operation is mirrored, and must have been compared."""
        criteria = self.shadow.criteria if self.shadow is not None else UNDECLARED
        safe = {one.name for one in self.operations if any(map(one.is_safe, one.methods or ("GET",)))}
        return replace(criteria, owner=self.owner,
                       operations=tuple(one.name for one in self.operations if one.name in safe),
                       unmirrored=tuple(one.name for one in self.operations if one.name not in safe))

    def profile(self) -> Profile:
        """What reports show of this capability beside its criteria."""
        return Profile(self.owner, self._read_stage, self.shadow is not None and self._read_roles.mirror)

    def stage(self, *, safe: bool) -> str:
        """The name of the stage that a safe or an unsafe call is in."""
        return self._read_stage if safe else self._write_stage


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An operation with its capability, as a table finds it. `names` are the parameters of its path."""

    capability: Capability
    operation: Operation
    names: tuple[str, ...] = ()

    def is_safe(self, method: str) -> bool:
        """See Operation."""
        return self.operation.is_safe(method)

    def unlike(self, other: "Target", method: str, *, preflight: bool = False) -> bool:
        """Whether a call of `other` with this method that is handled as one of this would miss a policy, or get another
        arm's answer. Any arm may answer a browser's `preflight`."""
        mine, theirs = self.capability, other.capability
        if mine is theirs:
            return self.is_safe(method) != other.is_safe(method) and (
                mine.answered_by(safe=True) != mine.answered_by(safe=False))
        return not theirs.admits <= mine.admits or (not preflight and (
            mine.answered_by(safe=self.is_safe(method)) != theirs.answered_by(safe=other.is_safe(method))))


@dataclass(slots=True)
class Match:
    """The operation that a request matches. `captures` are the values of the path's parameters in canonical form: as
    received, except that characters that need no percent-encoding are decoded."""

    target: Target
    captures: tuple[bytes, ...] = ()

    def call(self, request: Request, client: str) -> Call:
        """The call that a request of `client` makes. It has the path's parameters only if something reads them."""
        capability, operation = self.target.capability, self.target.operation
        reads = self.captures and (capability.policies or capability.split is not None)
        return Call(request, capability.name, operation.name, operation.is_safe(request.method), client,
                    self.params() if reads else _NO_PARAMS)

    def params(self) -> Mapping[str, str]:
        """The parameters by name, decoded."""
        return {name: unquote(value.decode("latin-1")) for name, value in
                zip(self.target.names, self.captures, strict=True)}


def rank(operation: Operation) -> tuple[int, ...]:
    """How specific an operation is: the greatest rank wins. Two operations that overlap with equal rank are a problem
    of the configuration."""
    parts = segments(operation.path) if operation.path else []
    literal = [canonical(part.encode()) for part in parts if not part.startswith("{")]
    tail = bool(parts) and parts[-1].endswith("*}")
    exact = operation.path is not None and len(literal) == len(parts)
    return (
        int(exact), int(operation.path is not None), len(parts) - tail, len(literal), int(not tail),
        sum(map(len, literal)), int(bool(operation.methods)), len(operation.headers), len(operation.query),
    )
