"""The route table: finds a request's capability and operation. It is immutable, and replaced as a whole.

The most specific match wins: an exact path before the longest template, then a method, then most header
conditions, then most query conditions. Paths are matched in one canonical form, and also as an upstream reads them, if
the configuration says how. The path is forwarded as it came.

No spelling of a path gets round a policy. A server may take a request for another operation than we do, because it
reads the path differently (gateway/reading.py) or ignores the method. Such a request is refused if that operation has
policies that would not be asked, or if another arm answers it: see RouteTable.match. Most requests need no second
look-up for this: the table knows for each route whether any other is near enough.

Matching costs the same for ten operations and for ten thousand: exact paths are one dictionary look-up, templates
a descent by segment, and if many operations share one path (SOAP tells them apart by a header), the method and
the most telling condition are looked up too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from adapters.message import Headers, Request
from gateway.capability import Capability, Match, Target
from gateway.conditions import query_values
from gateway.reading import MAX_DOUBTS, Fold, canonical, folded_path, read, spellings
from gateway.routes import DEFAULT_OWNER, MAX_VALUES, PathRoutes, Paths, Route
from gateway.stage import Stage
from gateway.trie import Trie


@dataclass(slots=True)
class Candidate:
    """One operation that a request was compared with, for `explain`: it won, or `why` it did not."""

    target: Target
    won: bool
    why: str = ""


class Ambiguous(Exception):
    """A request that some server may take for another: `code` is a row of gateway.errors.CODES, `match` is what the
    request is as written, `other` what it may be taken for (None if that is in too much doubt)."""

    def __init__(self, code: str, match: Match, other: Target | None) -> None:
        super().__init__(code)
        self.code = code
        self.match = match
        self.other = other

    @property
    def detail(self) -> str:
        """Why, for the client. It quotes nothing of the request."""
        return _DETAILS[self.code]


_DETAILS = {
    "ambiguous_path": "Some servers would read this path as another one, or expect another method for it, and then "
                      "other policies or another service would apply. Send the path and a method as documented",
    "ambiguous_method": "The request names two methods. For the other one, other policies or another service would "
                        "apply",
}


class RouteTable:
    """Every capability of one configuration with its stages. Nothing in it changes: a reload makes a new one, and a
    flip makes one that shares this one's paths."""

    __slots__ = ("_apart", "_default", "_exact", "_near", "_others", "_paths", "_targets", "_templates", "_wide",
                 "capabilities", "default", "revision")

    def __init__(
        self, capabilities: Iterable[Capability], default: Capability, revision: str = "",
        was: "RouteTable | None" = None,
    ) -> None:
        """`was` is a table of the same configuration that differs only in its stages."""
        self.capabilities: dict[str, Capability] = {one.name: one for one in capabilities}
        self.default = default
        self.revision = revision
        every = list(self.capabilities.values())
        self._default: Match = Match(Target(default, default.operations[0])) if was is None else was._default
        self._paths: Paths = Paths(every) if was is None else was._paths
        self._targets: list[Target] = [self._default.target] * len(self._paths.routes) \
            if was is None else was._targets.copy()
        paths, before = self._paths, [] if was is None else list(was.capabilities.values())
        changed = {owner for owner, one in enumerate(every) if not before or one is not before[owner]}
        for owner in changed:
            for route in paths.by_owner[owner]:
                self._targets[route.number] = Target(every[owner], route.operation, route.names)
        self._exact, self._templates, self._others = paths.exact, paths.templates, paths.others
        # Whether spelling matters at all: it does not if every request is admitted and answered alike.
        self._apart = any(default.unlike(one) or one.unlike(default) for one in every)
        self._wide: dict[Fold, Trie[PathRoutes]] = {}
        self._near: list[bool] = []
        if self._apart:
            survey = paths.survey([*(one.lenience for one in every), default.lenience])
            self._wide = survey.wide
            again = was is not None and was._apart
            self._near = was._near.copy() if was is not None and again else [False] * len(paths.routes)
            known: dict[tuple[int, int], bool] = {}

            def unlike(one: int, other: int) -> bool:
                if (one, other) not in known:
                    known[one, other] = every[one].unlike(default if other == DEFAULT_OWNER else every[other])
                return known[one, other]

            for route, near in survey.near(unlike, changed if again else None):
                self._near[route.number] = near

    def with_stages(self, stages: Mapping[str, tuple[Stage, Stage, int]]) -> "RouteTable":
        """This table with other stages, by capability: for reads, for writes, and the split's share. Unknown
        capabilities are ignored. The paths stay, so the time that this takes grows with the capabilities and not with
        their operations. Raises ValueError if a capability lacks the arm or the split that a stage needs."""
        changed = {one.name: one.at(*stages[one.name]) for one in self.capabilities.values()
                   if one.name in stages and stages[one.name] != one.stands}
        if not changed:
            return self
        return RouteTable([changed.get(name, one) for name, one in self.capabilities.items()], self.default,
                          self.revision, self)

    def is_served_by(self, name: str, arm: str) -> bool:
        """Whether an arm ("legacy", "modern") serves anything of a capability."""
        capability = self.capabilities.get(name, self.default)
        _, _, share = capability.stands
        for safe in (True, False):
            serve = capability.roles(safe=safe).serve
            if serve == arm or (serve == "split" and (share or arm == "legacy")):
                return True
        return False

    def match(self, request: Request, overrides: Iterable[bytes] = ()) -> Match:
        """The most specific operation that the request fits, or the default route. Sends nothing, logs nothing.

        `overrides` are methods that a server may use in place of the request's. Raises Ambiguous if some server may
        take the request for another operation that has a policy which would not be asked, or that another arm answers.
        """
        if not self.capabilities:
            return self._default
        whole = request.path
        path = canonical(whole)
        best, parts = self._best(request, path)
        match = self._default if best is None else Match(
            self._targets[best.number], best.captures(parts) if best.names else ())
        if self._apart and (best is None or self._near[best.number] or path is not whole or not _is_simple(path)):
            other = self._other(request, path, best)
            if other is not match.target:
                raise Ambiguous("ambiguous_path", match, other)
        if overrides or b"_method" in request.target or b"%" in request.target:
            self._hold_to(request, match, overrides)
        return match

    def _best(self, request: Request, path: bytes) -> tuple[Route | None, list[bytes]]:
        """The most specific operation that fits, and the path's parts as its parameters take them."""
        best: Route | None = None
        exact = self._exact.get(path)
        if exact is not None:
            # Nothing is more specific than an exact path.
            best = exact.best(request)
            if best is not None and not self._others:
                return best, []
        found = parts = path.split(b"/")
        for there in self._templates.fitting(parts) if best is None else ():
            route = there.best(request)
            if route is not None and (best is None or route.rank > best.rank):
                best = route
        for fold, trie in self._others.items():
            shown, keys = read(path, fold)
            for there in trie.fitting(keys):
                route = there.best(request)
                if route is not None and (best is None or route.rank > best.rank):
                    best, found = route, shown
        return best, found

    def _other(self, request: Request, path: bytes, best: Route | None) -> Target | None:
        """An operation that some server may take the request for, whatever its method, if its policies or its arm are
        not the best match's; else the best match's target. None if there is too much doubt."""
        mine = self._target(best)
        met = self._met(request.path, mine.capability, None if best is None else best.siblings)
        if met is None:
            return None
        fits: set[int] | None = None
        for there, still in met:
            if best is not None and there is best.siblings:
                continue
            if best is not None and still and there.rank < best.siblings.rank:
                # The path as written fits this template too, but less well: that is no other reading of it.
                fits = fits if fits is not None else {id(one) for one in self._fitting_at_all(path)}
                if id(there) in fits:
                    continue
            for route in there.meant(request):
                other = None if route is None else self._targets[route.number]
                if other is None or mine.unlike(other, request.method, preflight=_is_preflight(request)):
                    return other
        for target in () if best is None else self._by_one_value(request, path, best):
            if target is None or mine.unlike(target, request.method, preflight=_is_preflight(request)):
                return target
        return mine

    def _by_one_value(self, request: Request, path: bytes, best: Route) -> Iterator[Target | None]:
        """The operations that servers may find which read one of a field's several values, or which read queries
        leniently. Yields None if there are too many values."""
        for route in best.siblings.read_loosely(request):
            yield None if route is None else self._targets[route.number]
        for field, wanted in best.conditions:
            values = field.any_values(request) if wanted is not None else ()
            if len(values) > MAX_VALUES:
                yield None
            elif len(values) > 1:
                for value in values:
                    yield self._target(self._best(field.alone(value, request), path)[0])

    def _met(self, path: bytes, asked: Capability, best: PathRoutes | None) -> list[tuple[PathRoutes, bool]] | None:
        """Every template that a path, as received, may fit for the upstream that is asked, each with whether the `best`
        template fits that reading too. None if the path could be anything."""
        fold = asked.lenience
        trie = self._wide[fold]
        if canonical(path) is path and _is_simple(path):
            return [(there, True) for there in trie.fitting((path.lower() if "case" in fold else path).split(b"/"))]
        ways = spellings(path, fold, asked.reading.same)
        if any(way.doubts > MAX_DOUBTS for way in ways):
            return None
        found = []
        for way in ways:
            still = best is not None and best.folded(fold).always_fits(way)
            found += [(there, still) for there in trie.met(way)]
        return found

    def _hold_to(self, request: Request, match: Match, overrides: Iterable[bytes]) -> None:
        """Raise Ambiguous if a server that takes the method from `overrides`, or from `_method` in the query, takes the
        request for another operation."""
        target, method = match.target, request.method
        for named in {*overrides, *query_values(request.query, b"_method")}:
            taken = named.strip(b" \t").upper().decode("latin-1")
            if not taken or taken == method:
                continue
            try:
                other = self.match(Request(taken, request.path, request.headers)).target
            except Ambiguous as ambiguous:
                raise Ambiguous("ambiguous_method", match, ambiguous.other) from None
            now, then = target.is_safe(method), other.is_safe(taken)
            if target.unlike(other, method) or other.unlike(target, taken) or (now and not then):
                # Here it counts as a read, so it may be mirrored or sent again: that server would write again.
                raise Ambiguous("ambiguous_method", match, other)

    def folded(self, path: bytes) -> str:
        """A path, as received, folded as far as the upstream that it goes to may fold it."""
        best = self._best(Request("GET", path, Headers()), canonical(path))[0]
        return folded_path(path, self._target(best).capability.lenience)

    def alike(self) -> Iterator[tuple[Target, Target]]:
        """Pairs of operations whose paths some server may not tell apart, and that are not admitted and answered alike.
        Every request to either is refused."""
        for trie in self._wide.values():
            for one, other in trie.doubled():
                if (pair := self._unlike(one, other)) is not None:
                    yield pair

    def _unlike(self, one: PathRoutes, other: PathRoutes) -> tuple[Target, Target] | None:
        """The first two operations, one of each, that are not admitted and answered alike. These are loops because
        compiled code would make a whole list of a generator's pairs first."""
        for route in one.routes:
            first = self._targets[route.number]
            for beside in other.routes:
                second = self._targets[beside.number]
                if first.capability.unlike(second.capability) or second.capability.unlike(first.capability):
                    return first, second
        return None

    def explain(self, request: Request) -> list[Candidate]:
        """Every operation of the table whose path fits, the winner first, with why the others lost."""
        path = canonical(request.path)
        best, _ = self._best(request, path)
        found = [Candidate(self._target(best), won=True)]
        for there in self._fitting_at_all(path):
            found += [Candidate(self._targets[route.number], won=False, why=route.why_not(request))
                      for route in there.routes if route is not best]
        return found

    def _target(self, route: Route | None) -> Target:
        """A route's operation, or the default route's."""
        return self._default.target if route is None else self._targets[route.number]

    def _fitting_at_all(self, path: bytes) -> list[PathRoutes]:
        """All routes whose template fits the path, as each upstream reads it."""
        exact = [self._exact[path]] if path in self._exact else []
        others = [there for fold, trie in self._others.items() for there in trie.fitting(read(path, fold)[1])]
        return [*exact, *self._fitting(path.split(b"/")), *others]

    def _fitting(self, parts: list[bytes]) -> list[PathRoutes]:
        return self._templates.fitting(parts)


def _is_preflight(request: Request) -> bool:
    """Whether this is a CORS preflight: a browser asks what a page of another origin may send."""
    return request.method == "OPTIONS" and request.headers.get(b"access-control-request-method") is not None


def _is_simple(path: bytes) -> bool:
    """Whether a path that was received in canonical form has nothing to fold but the case of letters."""
    return path[-1:] not in (b"/", b".") and b"./" not in path and b"%" not in path
