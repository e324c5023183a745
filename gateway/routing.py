"""What a request is: RouteTable.match finds its capability and operation. Immutable, swapped whole.

The most specific match wins: an exact path before the longest template, then a method, then most header
conditions, then most query conditions. Paths are matched in one canonical form, and in the further ways in which an
upstream says that it reads them; what is forwarded stays as it came.

No spelling escapes its policies. What some server could take for an operation that the exact match is not, by another
spelling of the path (gateway/reading.py) or by ignoring the method, is refused where that operation has policies which
would not be asked, or where another arm answers it: see RouteTable.match. Most requests need no second look-up to
know: each place of the table knows whether any other is that near.

Matching costs the same for ten operations and for ten thousand: exact paths are one dictionary look-up, templates
a descent by segment, and where many operations share one path (SOAP tells them apart by a header) the method and
the most telling condition are looked up too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.message import Headers, Request
from gateway.capability import Capability, Match, Operation, Target, rank
from gateway.conditions import Conditions, Told, conditions, loose_query, query_values
from gateway.reading import MAX_DOUBTS, Fold, canonical, folded, folded_path, read, segments, spellings
from gateway.trie import Template, Trie

# A field that tells operations apart and has more values than this is no request that anybody means.
_MAX_VALUES = 8


@dataclass(slots=True)
class Candidate:
    """One operation that a request was held against, for `explain`: it won, or `why` not."""

    target: Target
    won: bool
    why: str = ""


class _Place:
    """The operations of one path template, by method. `near` tells that a path which fits it may be another place's
    for some server, or that one request may ask for two of its own operations."""

    __slots__ = ("any", "asked", "every", "leaves", "methods", "near", "queried", "rank", "template")

    def __init__(self, template: Template, rank: tuple[int, ...]) -> None:
        self.template = template
        self.rank = rank
        self.near = False
        self.leaves: list[_Leaf] = []
        self.methods: dict[str, Told[_Leaf]] = {}
        self.any = self.every = Told[_Leaf]([])
        # Those that ask for a query parameter, and what they ask for.
        self.queried: list[_Leaf] = []
        self.asked: frozenset[bytes] = frozenset()

    def seal(self) -> None:
        self.leaves.sort(key=lambda leaf: leaf.rank, reverse=True)
        wanted = [leaf.target.operation.methods for leaf in self.leaves]
        self.every = Told(self.leaves)
        self.queried = [leaf for leaf in self.leaves if any(field_.kind == "query" for field_, _ in leaf.conditions)]
        self.asked = frozenset(field_.name for leaf in self.leaves for field_, _ in leaf.conditions
                               if field_.kind == "query")
        self.any = Told([leaf for leaf, methods in zip(self.leaves, wanted, strict=True) if not methods])
        for method in frozenset().union(*wanted):
            self.methods[method] = Told([leaf for leaf, methods in zip(self.leaves, wanted, strict=True)
                                         if not methods or method in methods])

    def best(self, request: Request) -> "_Leaf | None":
        for leaf in self.methods.get(request.method, self.any).possible(request):
            if not leaf.conditions or leaf.accepts(request):
                return leaf
        return None

    def folded(self, fold: Fold) -> Template:
        """Its template as servers may read it that fold so."""
        parts, path = list[bytes | None](), self.leaves[0].target.operation.path or "/{*}"
        for part in segments(path):
            if not part.startswith("{"):
                parts += folded(part, fold)
            elif not part.endswith("*}"):
                parts.append(None)
        return Template(tuple(parts), path.endswith("*}"))

    def capabilities(self) -> set[Capability]:
        return {leaf.target.capability for leaf in self.leaves}

    def meant(self, request: Request) -> Iterator[Target | None]:
        """Its operations that a request may mean whatever its method."""
        for leaf in self.every.possible(request):
            if leaf.accepts(request):
                yield leaf.target
        yield from self.read_loosely(request)

    def read_loosely(self, request: Request) -> Iterator[Target | None]:
        """Those whose query it may hold for some servers, and by its letters does not; None where it holds too much."""
        query = loose_query(request.query, self.asked) if self.asked and request.query else None
        if query is None:
            return
        if any(len(values) > _MAX_VALUES for values in query.values()):
            yield None
            return
        for leaf in self.queried:
            if (all(field_.may_hold(wanted, request, query) for field_, wanted in leaf.conditions)
                    and not leaf.accepts(request)):
                yield leaf.target


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """One operation in the table. `at` are the places of its parameters among the path's segments; `tail` is
    where the last one, that takes all that is left, begins (0: there is none)."""

    rank: tuple[int, ...]
    target: Target
    conditions: Conditions
    place: _Place
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


class Ambiguous(Exception):
    """A request that some server may take for another: `code` is a row of gateway.errors.CODES, `match` what it is by
    its letters, `other` what it may be taken for (None where there is too much doubt to say)."""

    def __init__(self, code: str, match: Match, other: Target | None) -> None:
        super().__init__(code)
        self.code = code
        self.match = match
        self.other = other

    @property
    def detail(self) -> str:
        """Why, for the client: it holds nothing of the request."""
        return _DETAILS[self.code]


_DETAILS = {
    "ambiguous_path": "Other policies or another service would answer a path that some servers read alike, or another "
                      "method on this one. Send the path as it is documented, and a method that it has",
    "ambiguous_method": "The request names two methods, and for the other one other policies or another service "
                        "would answer",
}


class RouteTable:
    """Every capability of one configuration. Nothing in it changes: a reload and a flip build a new one."""

    __slots__ = ("_apart", "_default", "_exact", "_others", "_templates", "_wide", "capabilities", "default",
                 "revision")

    def __init__(self, capabilities: Iterable[Capability], default: Capability, revision: str = "") -> None:
        self.capabilities: dict[str, Capability] = {one.name: one for one in capabilities}
        self.default = default
        self.revision = revision
        self._default = Match(Target(default, default.operations[0]))
        # Where the upstreams fold nothing themselves, which is the rule: exact paths, and templates.
        self._exact: dict[bytes, _Place] = {}
        self._templates: Trie[_Place] = Trie()
        # Where they do: by what they fold.
        self._others: dict[Fold, Trie[_Place]] = {}
        places: dict[int, _Place] = {}
        for capability in self.capabilities.values():
            for operation in capability.operations:
                place = self._add(capability, operation)
                places[id(place)] = place
        for place in places.values():
            place.seal()
        # Whether there is anything to slip by: no two spellings matter where all is answered alike.
        every = self.capabilities.values()
        self._apart = any(default.unlike(one) or one.unlike(default) for one in every)
        self._wide: dict[Fold, Trie[_Place]] = {}
        if self._apart:
            self._wide = {one.lenience: Trie() for one in (default, *every)}
            for fold, trie in self._wide.items():
                for place in places.values():
                    trie.at(place.folded(fold)).append(place)
            for place in places.values():
                place.near = self._is_near(place)

    def _add(self, capability: Capability, operation: Operation) -> _Place:
        path, fold = operation.path if operation.path is not None else "/{*}", capability.reading.same
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
        place = self._place(template, fold, ranked[:6])
        place.leaves.append(_Leaf(ranked, Target(capability, operation, tuple(names)),
                                  conditions(operation.headers, operation.query), place, tuple(at),
                                  len(parts) + 1 if tail else 0))
        return place

    def _place(self, template: Template, fold: Fold, rank: tuple[int, ...]) -> _Place:
        """The place of a template among those that are read so."""
        if not fold and not template.tail and None not in template.parts:
            path = b"/".join([b"", *(part or b"" for part in template.parts)])
            return self._exact.setdefault(path, _Place(template, rank))
        there = (self._others.setdefault(fold, Trie()) if fold else self._templates).at(template)
        if not there:
            there.append(_Place(template, rank))
        return there[0]

    def _is_near(self, place: _Place) -> bool:
        """Whether a path of nothing but plain segments that fits `place` needs a second look."""
        mine = place.capabilities()
        # Where a field's value decides, a request that has several may be another's.
        valued = any(wanted is not None for leaf in place.leaves for _, wanted in leaf.conditions)
        if valued and any(one.unlike(other) for one in mine for other in (*mine, self.default)):
            return True
        for fold in {capability.lenience for capability in mine}:
            overlapping = self._wide[fold].overlapping(place.folded(fold))
            if overlapping is None:
                return True
            for other in overlapping:
                hidden = not valued and other.rank < place.rank and other.template.covers(place.template)
                if other is not place and not hidden and any(
                        one.unlike(theirs) for one in mine for theirs in other.capabilities()):
                    return True
        return False

    def match(self, request: Request, overrides: Iterable[bytes] = ()) -> Match:
        """The most specific operation that the request fits, or the default route. Sends nothing, logs nothing.

        `overrides` are methods that a server may take in the request's place. Raises Ambiguous where some server may
        take the request for another, which a policy would be asked about that is not asked about this, or which
        another arm would answer.
        """
        if not self.capabilities:
            return self._default
        whole = request.path
        path = canonical(whole)
        best, parts = self._best(request, path)
        match = self._default if best is None else best.found(parts)
        if self._apart and (best is None or best.place.near or path is not whole or not _is_simple(path)):
            other = self._other(request, path, best)
            if other is not match.target:
                raise Ambiguous("ambiguous_path", match, other)
        if overrides or b"_method" in request.target or b"%" in request.target:
            self._hold_to(request, match, overrides)
        return match

    def _best(self, request: Request, path: bytes) -> tuple[_Leaf | None, list[bytes]]:
        """The most specific operation that fits, and the path's parts as its parameters take them."""
        best: _Leaf | None = None
        place = self._exact.get(path)
        if place is not None:
            # Nothing is more specific than an exact path.
            best = place.best(request)
            if best is not None and not self._others:
                return best, []
        found = parts = path.split(b"/")
        for place in self._fitting(parts) if best is None else ():
            leaf = place.best(request)
            if leaf is not None and (best is None or leaf.rank > best.rank):
                best = leaf
        for fold, trie in self._others.items():
            shown, keys = read(path, fold)
            for place in trie.fitting(keys):
                leaf = place.best(request)
                if leaf is not None and (best is None or leaf.rank > best.rank):
                    best, found = leaf, shown
        return best, found

    def _other(self, request: Request, path: bytes, best: _Leaf | None) -> Target | None:
        """What some server may take the request for, whatever its method, if that has a policy or an arm that the
        best match has not; else the best match's target. None where the path leaves too much doubt."""
        mine = self._default.target if best is None else best.target
        met = self._met(request.path, mine.capability, None if best is None else best.place)
        if met is None:
            return None
        fits: set[int] | None = None
        for place, still in met:
            if best is not None and place is best.place:
                continue
            if best is not None and still and place.rank < best.place.rank:
                # What fits by its letters too, and less well, is no other reading.
                fits = fits if fits is not None else {id(one) for one in self._fitting_at_all(path)}
                if id(place) in fits:
                    continue
            for other in place.meant(request):
                if other is None or mine.unlike(other, request.method, preflight=_is_preflight(request)):
                    return other
        for target in () if best is None else self._by_one_value(request, path, best):
            if target is None or mine.unlike(target, request.method, preflight=_is_preflight(request)):
                return target
        return mine

    def _by_one_value(self, request: Request, path: bytes, best: _Leaf) -> Iterator[Target | None]:
        """What the request is to who reads the first of a field's several values, the last, or any other; None where
        it has too many. Its place's operations, too, that it may be to who reads queries leniently."""
        yield from best.place.read_loosely(request)
        for field_, wanted in best.conditions:
            values = field_.any_values(request) if wanted is not None else ()
            if len(values) > _MAX_VALUES:
                yield None
            elif len(values) > 1:
                for value in values:
                    leaf = self._best(field_.alone(value, request), path)[0]
                    yield self._default.target if leaf is None else leaf.target

    def _met(self, path: bytes, asked: Capability, best: _Place | None) -> list[tuple[_Place, bool]] | None:
        """Every place that a path, as received, may mean to the server that is asked, each with whether the `best` one
        fits it still; None where it could be anything."""
        fold = asked.lenience
        trie = self._wide[fold]
        if canonical(path) is path and _is_simple(path):
            return [(place, True) for place in trie.fitting((path.lower() if "case" in fold else path).split(b"/"))]
        ways = spellings(path, fold, asked.reading.same)
        if any(way.doubts > MAX_DOUBTS for way in ways):
            return None
        found = []
        for way in ways:
            still = best is not None and best.folded(fold).always_fits(way)
            found += [(place, still) for place in trie.met(way)]
        return found

    def _hold_to(self, request: Request, match: Match, overrides: Iterable[bytes]) -> None:
        """Raises Ambiguous where the request, taken for one with another method, would be another operation's."""
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
                # A write that is taken for a read here would be mirrored, and asked again.
                raise Ambiguous("ambiguous_method", match, other)

    def folded(self, path: bytes) -> str:
        """What a path, as received, comes to where the server that it goes to is as lenient as it may be."""
        best = self._best(Request("GET", path, Headers()), canonical(path))[0]
        target = self._default.target if best is None else best.target
        return folded_path(path, target.capability.lenience)

    def alike(self) -> Iterator[tuple[Target, Target]]:
        """Operations that no server could be trusted to tell apart by their paths, and that are not answered alike:
        every request to either is refused."""
        for trie in self._wide.values():
            for one, other in trie.doubled():
                for first, second in ((first, second) for first in one.leaves for second in other.leaves):
                    mine, theirs = first.target.capability, second.target.capability
                    if mine.unlike(theirs) or theirs.unlike(mine):
                        yield first.target, second.target
                        break

    def explain(self, request: Request) -> list[Candidate]:
        """Every operation of the table whose path fits, the winner first, with why the others lost."""
        path = canonical(request.path)
        best, _ = self._best(request, path)
        winner = self._default.target if best is None else best.target
        found = [Candidate(winner, won=True)]
        for place in self._fitting_at_all(path):
            for leaf in place.leaves:
                if leaf.target is not winner:
                    found.append(Candidate(leaf.target, won=False, why=_why_not(leaf, request)))
        return found

    def _fitting_at_all(self, path: bytes) -> list[_Place]:
        """Every place whose template fits the path, as each upstream reads it."""
        exact = [self._exact[path]] if path in self._exact else []
        others = [place for fold, trie in self._others.items() for place in trie.fitting(read(path, fold)[1])]
        return [*exact, *self._fitting(path.split(b"/")), *others]

    def _fitting(self, parts: list[bytes]) -> list[_Place]:
        return self._templates.fitting(parts)


def _is_preflight(request: Request) -> bool:
    """Whether a browser asks what a page of another origin may ask."""
    return request.method == "OPTIONS" and request.headers.get(b"access-control-request-method") is not None


def _is_simple(path: bytes) -> bool:
    """Whether a path in canonical form, as it was received, has no more than letters to fold."""
    return path[-1:] not in (b"/", b".") and b"./" not in path and b"%" not in path


def _why_not(leaf: _Leaf, request: Request) -> str:
    methods = leaf.target.operation.methods
    if methods and request.method not in methods:
        return f"method is not {' or '.join(sorted(methods))}"
    for field_, wanted in leaf.conditions:
        if not field_.holds(wanted, request):
            missing = "has another value" if field_.values(request) else "is missing"
            return f"{field_.kind} {field_.name.decode()} {missing}"
    return "less specific"
