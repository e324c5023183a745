"""Every operation of one configuration, found by its path: the part of the route table that no flip changes.

A Route is one operation made ready for matching, PathRoutes are those of one path template, and Paths holds them all.
Routes name operations and capabilities by number, so that a table can put other stages behind the same numbers.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from adapters.message import Request
from gateway.capability import Capability, Operation, rank
from gateway.conditions import ByField, Conditions, conditions, loose_query
from gateway.reading import Fold, canonical, folded, read, segments
from gateway.trie import Template, Trie

MAX_VALUES = 8
"""The most values that a request may have for a field that tells operations apart. No real request has more."""
DEFAULT_OWNER = -1
"""The number of the default route's capability; the others count from 0."""


class PathRoutes:
    """The routes of one path template, by method."""

    __slots__ = ("any", "asked", "every", "methods", "queried", "rank", "routes", "template")

    def __init__(self, template: Template, rank: tuple[int, ...]) -> None:
        self.template = template
        self.rank = rank
        self.routes: list[Route] = []
        self.methods: dict[str, ByField[Route]] = {}
        self.any = self.every = ByField[Route]([])
        # The routes with a condition on a query parameter, and the names of those parameters.
        self.queried: list[Route] = []
        self.asked: frozenset[bytes] = frozenset()

    def seal(self) -> None:
        """Sort and index the routes, once all of them are added."""
        self.routes.sort(key=lambda route: route.rank, reverse=True)
        wanted = [route.operation.methods for route in self.routes]
        self.every = ByField(self.routes)
        self.queried = [route for route in self.routes if any(field.kind == "query" for field, _ in route.conditions)]
        self.asked = frozenset(field.name for route in self.routes for field, _ in route.conditions
                               if field.kind == "query")
        self.any = ByField([route for route, methods in zip(self.routes, wanted, strict=True) if not methods])
        for method in frozenset().union(*wanted):
            self.methods[method] = ByField([route for route, methods in zip(self.routes, wanted, strict=True)
                                            if not methods or method in methods])

    def best(self, request: Request) -> "Route | None":
        """The most specific route that fits the request, whose path is known to fit."""
        for route in self.methods.get(request.method, self.any).possible(request):
            if not route.conditions or route.accepts(request):
                return route
        return None

    def folded(self, fold: Fold) -> Template:
        """The template, as a server reads it that folds paths in these dimensions."""
        parts, path = list[bytes | None](), self.routes[0].operation.path or "/{*}"
        for part in segments(path):
            if not part.startswith("{"):
                parts += folded(part, fold)
            elif not part.endswith("*}"):
                parts.append(None)
        return Template(tuple(parts), path.endswith("*}"))

    def owners(self) -> set[int]:
        """The numbers of the capabilities that have a route here."""
        return {route.owner for route in self.routes}

    def valued(self) -> bool:
        """Whether a condition requires a value: a request with several values of that field may fit another route."""
        return any(wanted is not None for route in self.routes for _, wanted in route.conditions)

    def meant(self, request: Request) -> "Iterator[Route | None]":
        """The routes that a request may mean, whatever its method. Yields None if it has too many values to say."""
        for route in self.every.possible(request):
            if route.accepts(request):
                yield route
        yield from self.read_loosely(request)

    def read_loosely(self, request: Request) -> "Iterator[Route | None]":
        """The routes that do not fit the query as written, but may fit it as some lenient servers read it. Yields None
        if it has too many values to say."""
        query = loose_query(request.query, self.asked) if self.asked and request.query else None
        if query is None:
            return
        if any(len(values) > MAX_VALUES for values in query.values()):
            yield None
            return
        for route in self.queried:
            if (all(field.may_hold(wanted, request, query) for field, wanted in route.conditions)
                    and not route.accepts(request)):
                yield route


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One operation, as the table holds it. `number` is its own, `owner` its capability's. `names` are the template's
    parameters, `at` the positions of their values among the path's segments. `tail` is where the value of a last
    parameter begins that takes the whole rest of the path; 0 if there is none."""

    rank: tuple[int, ...]
    number: int
    owner: int
    operation: Operation
    names: tuple[str, ...]
    conditions: Conditions
    siblings: PathRoutes
    at: tuple[int, ...] = ()
    tail: int = 0

    def accepts(self, request: Request) -> bool:
        """Whether the conditions hold. Path and method are known to fit."""
        for field, wanted in self.conditions:  # noqa: SIM110 - a generator costs as much as the rest
            if not field.holds(wanted, request):
                return False
        return True

    def captures(self, parts: list[bytes]) -> tuple[bytes, ...]:
        """The parameters' values in a path that fits, given as its segments. For a route with parameters only."""
        captures = [parts[at] for at in self.at]
        if self.tail:
            captures.append(b"/".join(parts[self.tail:]))
        return tuple(captures)

    def why_not(self, request: Request) -> str:
        """Why this route, whose path fits, is not the one that the request matches."""
        methods = self.operation.methods
        if methods and request.method not in methods:
            return f"method is not {' or '.join(sorted(methods))}"
        for field, wanted in self.conditions:
            if not field.holds(wanted, request):
                missing = "has another value" if field.values(request) else "is missing"
                return f"{field.kind} {field.name.decode()} {missing}"
        return "less specific"


class Paths:
    """The routes of several capabilities by path. `exact` and `templates` hold those whose upstreams read paths as they
    are written, which is usual; `others` holds the rest, by how their upstreams fold paths."""

    def __init__(self, capabilities: Sequence[Capability]) -> None:
        self.routes: list[Route] = []
        self.by_owner: list[list[Route]] = [[] for _ in capabilities]
        self.every: list[PathRoutes] = []
        self.exact: dict[bytes, PathRoutes] = {}
        self.templates: Trie[PathRoutes] = Trie()
        self.others: dict[Fold, Trie[PathRoutes]] = {}
        self._survey: Survey | None = None
        for owner, capability in enumerate(capabilities):
            for operation in capability.operations:
                self._add(owner, operation, capability.reading.same)
        for one in self.every:
            one.seal()

    def survey(self, leniences: Sequence[Fold]) -> "Survey":
        """The Survey of these paths, made once. `leniences` say how far each capability's upstreams may fold paths, in
        the order of the capabilities, with the default route's last."""
        if self._survey is None:
            self._survey = Survey(self.every, leniences)
        return self._survey

    def _add(self, owner: int, operation: Operation, fold: Fold) -> None:
        path = operation.path if operation.path is not None else "/{*}"
        if "{" not in path:
            path = canonical(path.encode()).decode()
        names, at, parts, tail = list[str](), list[int](), list[bytes | None](), False
        for part in segments(path):
            if not part.startswith("{"):
                plain = canonical(part.encode())
                parts += read(b"/" + plain, fold)[1][1:] if fold else [plain]
                continue
            name = part.strip("{}*")
            names += [name] if name else []
            tail = part.endswith("*}")
            if not tail:
                parts.append(None)
                at.append(len(parts))
        template, ranked = Template(tuple(parts), tail), rank(operation)
        siblings = self._at(template, fold, ranked[:6])
        route = Route(ranked, len(self.routes), owner, operation, tuple(names),
                      conditions(operation.headers, operation.query), siblings, tuple(at),
                      len(parts) + 1 if tail else 0)
        self.routes.append(route)
        self.by_owner[owner].append(route)
        siblings.routes.append(route)

    def _at(self, template: Template, fold: Fold, rank: tuple[int, ...]) -> PathRoutes:
        """The routes of a template among those whose upstreams fold paths so; made if there are none yet."""
        found: PathRoutes | None
        if not fold and not template.tail and None not in template.parts:
            path = b"/".join([b"", *(part or b"" for part in template.parts)])
            found = self.exact.get(path)
            if found is None:
                found = self.exact[path] = PathRoutes(template, rank)
                self.every.append(found)
            return found
        there = (self.others.setdefault(fold, Trie()) if fold else self.templates).at(template)
        if not there:
            there.append(PathRoutes(template, rank))
            self.every.append(there[0])
        return there[0]


class Survey:
    """Finds the routes that a server may take a request for if it reads paths more leniently than we do.

    `wide` finds them for a request, by how far the server may fold paths. Most requests need no look-up there: `near`
    says for which routes it could find anything.
    """

    def __init__(self, every: Sequence[PathRoutes], leniences: Sequence[Fold]) -> None:
        self.wide: dict[Fold, Trie[PathRoutes]] = {one: Trie() for one in leniences}
        for fold, trie in self.wide.items():
            for one in every:
                trie.at(one.folded(fold)).append(one)
        # Paths with the same rivals are kept together: there are many paths, but few different sets of rivals.
        self._groups: dict[frozenset[tuple[int, int]] | None, list[PathRoutes]] = {}
        for one in every:
            self._groups.setdefault(self._rivals(one, leniences), []).append(one)

    def _rivals(self, mine: PathRoutes, leniences: Sequence[Fold]) -> frozenset[tuple[int, int]] | None:
        """Pairs of capabilities: for a plain path that fits `mine`, the one that we find, and one that some server may
        take the request for. None if there are too many to say."""
        owners, valued = mine.owners(), mine.valued()
        others = {*owners, DEFAULT_OWNER} if valued else set[int]()
        for fold in {leniences[owner] for owner in owners}:
            overlapping = self.wide[fold].overlapping(mine.folded(fold))
            if overlapping is None:
                return None
            for other in overlapping:
                hidden = not valued and other.rank < mine.rank and other.template.covers(mine.template)
                if other is not mine and not hidden:
                    others |= other.owners()
        return frozenset((one, other) for one in owners for other in others if one != other)

    def near(self, unlike: Callable[[int, int], bool], changed: set[int] | None) -> Iterable[tuple[Route, bool]]:
        """For each route, whether a plain path that fits it needs a second look. With `changed`, only for the routes
        for which these capabilities decide that. `unlike` says whether it matters that a request of the second
        capability is taken for one of the first."""
        for rivals, paths in self._groups.items():
            if changed is not None and (rivals is None or not any(changed.intersection(pair) for pair in rivals)):
                continue
            near = rivals is None or any(unlike(one, other) for one, other in rivals)
            for one in paths:
                for route in one.routes:
                    yield route, near
