"""The most specific operation wins, whatever the table's size and whatever the spelling of the path."""

import re
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.admit import admit
from gateway.call import Call, Head
from gateway.capability import Arm, Capability, Operation, Split, rank
from gateway.cli.verbs.explain import explanation
from gateway.config.overlaps import Met, Ties
from gateway.config.problem import Place
from gateway.decide import decide
from gateway.reading import canonical
from gateway.routing import Ambiguous, RouteTable
from gateway.stage import Stage
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from shadow.plan import ShadowPlan

OLD = Arm("legacy", Upstream(UpstreamSettings("old", ("http://127.0.0.1:1",))))
NEW = Arm("modern", Upstream(UpstreamSettings("new", ("http://127.0.0.1:2",))))
DEFAULT = Capability("_default", "", (Operation("_default"),), OLD)


def table(*operations, **keys):
    return RouteTable([Capability("c", "x", operations, OLD, **keys)], DEFAULT)


def ask(method, target, *fields):
    return Request(method, target.encode(), Headers((name.encode(), value.encode()) for name, value in fields))


def operation(name, path=None, *methods, headers=(), query=()):
    return Operation(name, path, frozenset(methods), tuple(headers), tuple(query))


def winner(routes, request):
    return routes.match(request).target.operation.name


ORDER = [
    # the more specific first; every one fits GET /a/b?q=1 with X-A: 1 and X-B: 2
    operation("exact, method, header", "/a/b", "GET", headers=[("X-A", "1")]),
    operation("exact, method, query", "/a/b", "GET", query=[("q", None)]),
    operation("exact, method", "/a/b", "GET"),
    operation("exact, two headers", "/a/b", headers=[("X-A", "1"), ("x-b", None)]),
    operation("exact, header", "/a/b", headers=[("x-a", None)]),
    operation("exact", "/a/b"),
    operation("template", "/a/{x}"),
    operation("two parameters, method", "/{x}/{y}", "GET"),
    operation("two parameters", "/{x}/{y}"),
    operation("short tail", "/a/{x*}"),
    operation("tail", "/{x*}"),
    operation("no path, method", None, "GET"),
    operation("no path", None),
]


@pytest.mark.parametrize("at", range(len(ORDER)))
def test_the_more_specific_wins_over_all_below_it(at):
    request = ask("GET", "/a/b?q=1", ("X-A", "1"), ("X-B", "2"))
    assert winner(table(*reversed(ORDER[at:])), request) == ORDER[at].name


@pytest.mark.parametrize(("path", "target", "params"), [
    ("/a/{id}", "/a/1", {"id": "1"}),
    ("/a/{id}/b/{other}", "/a/x%2Fy/b/%C3%A4", {"id": "x/y", "other": "ä"}),
    ("/a/{rest*}", "/a/b/c", {"rest": "b/c"}),
    ("/a/{rest*}", "/a/", {"rest": ""}),
    ("/a/{rest*}", "/a", {"rest": ""}),
    ("/{a}/x/{rest*}", "/1/x/2/3", {"a": "1", "rest": "2/3"}),
    ("/a/{id}", "/a/1?id=2", {"id": "1"}),
    ("/a/b", "/a/b", {}),
    (None, "/any/thing", {}),
])
def test_parameters_are_captured_and_decoded(path, target, params):
    match = table(operation("o", path)).match(ask("GET", target))
    assert match.target.operation.name == "o"
    assert match.params() == params


@pytest.mark.parametrize(("path", "target"), [
    ("/a/{id}", "/a/"), ("/a/{id}", "/a"), ("/a/{id}", "/a/b/c"), ("/a", "/a/"), ("/a", "/A"), ("/a/{id}/b", "/a/1/c"),
])
def test_what_does_not_fit_goes_to_the_default(path, target):
    assert winner(table(operation("o", path)), ask("GET", target)) == "_default"


@pytest.mark.parametrize(("written", "target"), [
    ("/Patient/$everything", "/Patient/%24everything"), ("/a", "/%61"), ("/a:b", "/a%3ab"), ("/a%3Ab", "/a:b"),
    ("/%C3%A4", "/%c3%a4"), ("/%7C", "/|"), ("/a/b", "//a/b"), ("/a/b", "/a///b"), ("/a/b", "/a;x=1/b"),
    ("/a/b", "/a/b;x"), ("/a/b", "/;x/a/b"), ("/a/b", "/a/;x//;y/b"),
])
def test_no_spelling_of_a_path_escapes_its_operation(written, target):
    assert winner(table(operation("o", written)), ask("GET", target)) == "o"


@given(st.binary(max_size=20) | st.text("/;%3Bba", max_size=20).map(str.encode))
@example(b"%%330")
@example(b"%3%30")
def test_the_canonical_form_is_a_fixed_point_and_never_gains_a_segment(path):
    one = canonical(path)
    assert canonical(one) == one
    assert one.count(b"/") <= path.count(b"/")
    assert b"//" not in one
    assert re.fullmatch(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/%])*", one)


@pytest.mark.parametrize(("conditions", "fields", "query", "fits"), [
    ({"headers": [("SOAPAction", "x")]}, [("soapaction", "x")], "", True),
    ({"headers": [("SOAPAction", "x")]}, [("soapaction", "y")], "", False),
    ({"headers": [("X", None)]}, [], "", False),
    ({"headers": [("X", "b")]}, [("X", "a"), ("X", "b")], "", True),
    ({"headers": [("Content-Type", "text/xml")]}, [("Content-Type", "Text/XML; charset=utf-8")], "", True),
    ({"headers": [("Content-Type", "text/xml; a=b")]}, [("Content-Type", "text/xml")], "", False),
    ({"query": [("a", "1")]}, [], "a=1", True),
    ({"query": [("a", "1")]}, [], "a=2&a=1", True),
    ({"query": [("a b", "ü/")]}, [], "a+b=%C3%BC%2F", True),
    ({"query": [("a", None)]}, [], "b&a", True),
    ({"query": [("a", "1")]}, [], "b=1", False),
    ({"query": [("a", "1")], "headers": [("X", None)]}, [("X", "")], "a=1", True),
    ({"query": [("a", "1")], "headers": [("X", None)]}, [], "a=1", False),
])
def test_conditions_are_all_held_against_the_request(conditions, fields, query, fits):
    request = ask("GET", f"/a?{query}", *fields)
    assert winner(table(operation("o", "/a", **conditions)), request) == ("o" if fits else "_default")


def test_many_operations_of_one_path_are_told_apart_by_a_header():
    routes = table(*(operation(f"o{n}", "/soap", "POST", headers=[("SOAPAction", f"urn:{n}")]) for n in range(100)),
                   operation("other", "/soap", "POST"))
    assert winner(routes, ask("POST", "/soap", ("SOAPAction", "urn:42"))) == "o42"
    assert winner(routes, ask("POST", "/soap", ("SOAPAction", "urn:none"))) == "other"
    assert winner(routes, ask("POST", "/soap")) == "other"
    assert winner(routes, ask("POST", "/soap", ("SOAPAction", "x"), ("SOAPAction", "urn:7"))) == "o7"


# --- against a matcher that any reader believes ----------------------------------------------------------------------

SEGMENT = st.sampled_from(["a", "b", "bb", "{x}", "{y}"])
METHODS = ["GET", "POST", "PUT"]
FIELD = st.sampled_from([("X-A", "1"), ("X-A", "2"), ("X-A", None), ("X-B", "1"), ("X-B", None)])
PARAMETER = st.sampled_from([("q", "1"), ("q", "2"), ("q", None), ("r", "1")])


@st.composite
def operations(draw):
    parts = draw(st.lists(SEGMENT, min_size=1, max_size=4))
    names = iter(string.ascii_lowercase)
    parts = ["{" + next(names) + "}" if part.startswith("{") else part for part in parts]
    tail = draw(st.sampled_from([[], [], ["{t*}"]]))
    path = draw(st.sampled_from([None, "/" + "/".join(parts + tail), "/" + "/".join(parts + tail)]))
    return operation(
        "?", path, *draw(st.sets(st.sampled_from(METHODS), max_size=2)),
        headers=draw(st.lists(FIELD, max_size=2, unique_by=lambda one: one[0])),
        query=draw(st.lists(PARAMETER, max_size=2, unique_by=lambda one: one[0])))


@st.composite
def tables(draw):
    """Operations without ties, as the configuration would let through."""
    ties, kept = Ties(), []
    for number, one in enumerate(draw(st.lists(operations(), max_size=12))):
        one = Operation(f"o{number}", one.path, one.methods, one.headers, one.query)
        if ties.add(Met("c", one, Place("f"))) is None:
            kept.append(one)
    return kept


@st.composite
def requests(draw):
    path = "/" + "/".join(draw(st.lists(st.sampled_from(["a", "b", "bb", "c", "%61", ""]), min_size=1, max_size=5)))
    # A name once: q=1&q=2 fits two operations that want one of them each, which no configuration can tell apart.
    query = "&".join(draw(st.lists(st.sampled_from(["q=1", "q=2", "r=1", "q", "s=%31"]), max_size=2,
                                   unique_by=lambda one: one[0])))
    fields = draw(st.lists(st.sampled_from([("x-a", "1"), ("X-A", "2"), ("X-B", "1"), ("Cookie", "s=1")]), max_size=2,
                           unique_by=lambda one: one[0].lower()))
    return ask(draw(st.sampled_from([*METHODS, "HEAD"])), f"{path}?{query}" if query else path, *fields)


def naive_fits(one, request):
    path = re.sub("/+", "/", request.path.decode().replace("%61", "a"))
    if one.path is not None:
        pattern = re.sub(r"\\\{\w\\\}", "[^/]+", re.escape(one.path))
        pattern = re.sub(r"/\\\{\w\\\*\\\}", "(?:/.*)?", pattern)
        if not re.fullmatch(pattern, path):
            return False
    # HEAD asks what GET answers.
    if one.methods and ("GET" if request.method == "HEAD" else request.method) not in one.methods:
        return False
    fields = {name.decode().lower(): value.decode() for name, value in request.headers}
    for name, value in one.headers:
        if name.lower() not in fields or value not in (None, fields[name.lower()]):
            return False
    pairs = [pair.partition("=")[::2] for pair in request.query.decode().split("&")]
    return all(any(key == name and value in (None, found) for key, found in pairs) for name, value in one.query)


@settings(max_examples=300, deadline=None)
@given(tables(), requests())
@pytest.mark.slow
def test_the_table_finds_what_a_walk_over_all_operations_finds(kept, request):
    best = max((one for one in kept if naive_fits(one, request)), key=rank, default=None)
    assert winner(table(*kept), request) == (best.name if best else "_default")


CAPABILITIES = st.fixed_dictionaries({
    "reads": st.sampled_from([one for one in Stage if one != Stage.RETIRED]),
    "writes": st.sampled_from([Stage.LEGACY, Stage.CANARY, Stage.MODERN]),
    "split": st.builds(Split, st.sampled_from([0, 1, 5000, 10_000]), st.sampled_from([
        ("header:X-A",), ("query:q", "client_ip"), ("path:a",), ("cookie:s",), ("claim:sub",)]), st.text(max_size=3),
        st.sampled_from(["legacy", "modern", "random"])),
    "shadow": st.builds(ShadowPlan, st.sampled_from([0.0, 0.5, 1.0])),
})


@settings(max_examples=300, deadline=None)
@given(tables(), requests(), CAPABILITIES, st.floats(0, 1, exclude_max=True))
@pytest.mark.slow
def test_explain_says_what_is_decided(kept, request, keys, roll):
    routes = table(*kept, modern=NEW, **keys)
    try:
        match = routes.match(request)
    except Ambiguous:
        with pytest.raises(Ambiguous):
            explanation(routes, request, Head(request.headers), "192.0.2.1", roll)
        return
    told = explanation(routes, request, Head(request.headers), "192.0.2.1", roll)
    capability, found = match.target.capability, match.target.operation
    call = Call(request, capability.name, found.name, found.is_safe(request.method), "192.0.2.1", match.params())
    decision = decide(admit(call, ()), capability, roll, Head(request.headers))
    assert told.decision == decision
    assert told.candidates[0].target is match.target
    assert [one.won for one in told.candidates] == [True] + [False] * (len(told.candidates) - 1)
    for loser in told.candidates[1:]:
        assert (loser.why == "less specific") == naive_fits(loser.target.operation, request)


# --- the table's size ------------------------------------------------------------------------------------------------


def visited(routes, request):
    """How many operations a match looks at: those that the path, the method and the telling field leave."""
    places = [routes._exact[request.path]] if request.path in routes._exact else []
    places += routes._fitting(request.path.split(b"/"))
    return sum(len(place.methods.get(request.method, place.any).possible(request)) for place in places)


@pytest.mark.parametrize(("method", "target"), [
    ("GET", "/r7/1/x"), ("POST", "/r7/1/x"), ("GET", "/r7/list"), ("POST", "/soap"), ("GET", "/none"),
])
@pytest.mark.slow
def test_a_match_looks_at_as_few_operations_among_ten_thousand_as_among_ten(method, target):
    def routes(count):
        return table(*(one for n in range(count) for one in (
            operation(f"g{n}", f"/r{n}/{{id}}/x", "GET"), operation(f"p{n}", f"/r{n}/{{id}}/x", "POST"),
            operation(f"l{n}", f"/r{n}/list", "GET"),
            operation(f"s{n}", "/soap", "POST", headers=[("SOAPAction", f"urn:{n}")]))))

    request = ask(method, target, ("SOAPAction", "urn:7"))
    small, large = routes(10), routes(2500)
    assert visited(small, request) == visited(large, request) <= 1
    assert winner(small, request) == winner(large, request)
