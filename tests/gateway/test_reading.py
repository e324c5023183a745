"""No spelling of a path, and no method, gets by a policy or to a wrong arm: it is refused, or nothing differs."""

import string

import pytest
from hypothesis import assume, example, given, note, settings
from hypothesis import strategies as st

from adapters.message import Headers, Request
from gateway.capability import Arm, Capability, Operation, Split, rank
from gateway.reading import MAX_DOUBTS, PRESETS, UNSAID, Reading, canonical, folded_path, read, spellings
from gateway.routing import Ambiguous, RouteTable
from gateway.stage import Stage
from gateway.transports.http.upstream import Upstream
from gateway.transports.settings import UpstreamSettings
from gateway.trie import Template, Trie
from shadow.plan import ShadowPlan

ALL = UNSAID.possible


class Gate:
    """A policy that is there to be told apart."""

    credentials = ()


GATES = [Gate(), Gate()]


def arm(name, paths=UNSAID):
    return Arm(name, Upstream(UpstreamSettings(f"{name}-service", ("http://127.0.0.1:1",), paths=paths)))


OLD, NEW = arm("legacy"), arm("modern")


def capability(name, *operations, policies=(), reads=Stage.LEGACY, writes=Stage.LEGACY, old=OLD, new=NEW):
    return Capability(name, "x", operations, old, new, reads, writes, Split(5000, ("client_ip",), "s"),
                      ShadowPlan(1.0), tuple(policies))


def operation(name, path, *methods, headers=(), query=()):
    return Operation(name, path, frozenset(methods), tuple(headers), tuple(query))


def ask(method, target, *fields):
    return Request(method, target.encode(), Headers((name.encode(), value.encode()) for name, value in fields))


def table(*capabilities, old=OLD, **default):
    return RouteTable(capabilities, capability("_default", Operation("_default"), old=old, **default))


def outcome(routes, request, *overrides):
    """The name of the operation that is found, or the code of the refusal."""
    try:
        return routes.match(request, overrides).target.operation.name
    except Ambiguous as ambiguous:
        return ambiguous.code


# --- the fold -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "folded"), [
    ("/Results/1", "/results/1"), ("/results/1/", "/results/1"), ("/results/1/.", "/results/1"), ("/", "/"),
    ("/results%2f1", "/results/1"), ("/%2Fresults/1", "/results/1"), ("/results%252F1", "/results/1"),
    ("/results%25252525252F1", "/results/1"), ("/results%5c1", "/results/1"), ("/results./1..", "/results/1"),
    ("/results%20/1%0a%20.", "/results/1"), ("/RE%C5%BFULTS/1", "/results/1"), ("/%E2%84%AAEY", "/key"),
    ("/%EF%BC%B2esults", "/results"), ("/%C3%84", "/ä"), ("/a%CC%88", "/ä"), ("/%E4", "/ä"), ("/%df", "/ss"),
    ("/a%EF%BC%8Fb", "/a/b"), ("/a%3Bx/b", "/a/b"), ("/a%2525%32%35x", "/a%x"), ("/%25u0052esults", "/results"),
    ("/a%c0%afb", "/a/b"), ("/%C1%A1", "/a"), ("/a%e0%80%afb", "/a/b"), ("/a%F0%80%80%AFb", "/a/b"),
    ("/%%32%35", "/%"), ("/a;x=1/b", "/a/b"),
])
def test_what_some_server_reads_alike_folds_to_one(path, folded):
    assert folded_path(path.encode(), ALL) == folded


@given(st.binary(max_size=30) | st.text("%25/;.Aa2Ff \\u0", max_size=30).map(str.encode))
def test_folding_takes_whatever_comes(path):
    for fold in (ALL, frozenset(), frozenset({"case"}), frozenset({"encoded_slash", "double_encoding"})):
        for way in spellings(b"/" + path, fold):
            assert len(way.keys) == len(way.soft) == len(way.spare)
        shown, keys = read(canonical(b"/" + path), fold)
        assert len(shown) == len(keys) >= 1


def test_what_is_encoded_a_thousand_times_is_decoded_to_the_end():
    assert folded_path(b"/a" + b"%" + b"25" * 5000 + b"2Fb", ALL) == "/a/b"


# --- what is refused, and what is not ---------------------------------------------------------------------------------


CLINIC = table(
    capability("results", operation("read", "/results/{id}", "GET"), operation("list", "/results", "GET"),
               policies=GATES[:1]),
    capability("open", operation("public", "/results/public", "GET"), operation("fhir", "/Patient/{id}", "GET"),
               operation("preflight", "/results/{any}", "OPTIONS")),
    capability("admin", operation("admin", "/admin/{rest*}"), policies=GATES[:1]),
    capability("orders", operation("order", "/orders", "POST"), operation("get-order", "/orders/{id}", "GET"),
               writes=Stage.MODERN),
)


@pytest.mark.parametrize(("method", "path", "found"), [
    ("GET", "/results/1", "read"), ("HEAD", "/results/1", "read"), ("GET", "/results", "list"),
    ("GET", "/results%2f1", "ambiguous_path"), ("GET", "/%2fresults/1", "ambiguous_path"),
    ("GET", "/results/1/", "ambiguous_path"), ("GET", "/Results/1", "ambiguous_path"),
    ("GET", "/results%0a", "ambiguous_path"), ("GET", "/x/%252e%252e/results/1", "ambiguous_path"),
    ("GET", "/Results/%252e%252e", "ambiguous_path"), ("GET", "/results%3Fx", "ambiguous_path"),
    ("GET", "/results%u002F1", "ambiguous_path"),
    ("GET", "/Results/a%2Fb", "ambiguous_path"), ("GET", "/RESULTS;x=%2F/1", "ambiguous_path"),
    # another method
    ("POST", "/results/1", "ambiguous_path"), ("PROPFIND", "/results", "ambiguous_path"),
    ("OPTIONS", "/results", "ambiguous_path"), ("OPTIONS", "/results/1", "preflight"),
    # what is data is data, and what nobody guards passes
    ("GET", "/results/a%2Fb", "read"), ("GET", "/other%2Fthing", "_default"), ("GET", "/Other/", "_default"),
    ("GET", "/", "_default"), ("OPTIONS", "*", "_default"),
    # a stricter policy is asked than the other reading has
    ("GET", "/results/public", "public"), ("GET", "/results/Public", "read"),
    ("GET", "/results/public/", "ambiguous_path"), ("DELETE", "/results/public", "ambiguous_path"),
    ("GET", "/Patient/1", "fhir"), ("GET", "/patient/1", "_default"), ("PUT", "/Patient/1", "_default"),
    ("GET", "/admin", "admin"), ("POST", "/admin/x/Y", "admin"), ("GET", "/ADMIN/x", "ambiguous_path"),
    # another arm answers writes, and none other reads
    ("POST", "/orders", "order"), ("POST", "/Orders", "ambiguous_path"), ("POST", "/orders/", "ambiguous_path"),
    ("PUT", "/orders/1", "ambiguous_path"), ("GET", "/orders/1", "get-order"), ("GET", "/Orders/1", "_default"),
    ("OPTIONS", "/orders/1", "_default"), ("OPTIONS", "/orders", "_default"),
])
def test_what_another_reading_would_let_by_is_refused(method, path, found):
    assert outcome(CLINIC, ask(method, path)) == found


def test_a_browser_may_ask_what_it_may_ask_whichever_arm_answers_but_no_policy_is_missed():
    routes = table(capability("c", operation("read", "/a/{id}", "GET"), reads=Stage.MODERN),
                   capability("d", operation("guarded", "/b/{id}", "GET"), policies=GATES[:1]))
    preflight = ("Access-Control-Request-Method", "GET")
    assert outcome(routes, ask("OPTIONS", "/a/1", preflight)) == "_default"
    assert outcome(routes, ask("OPTIONS", "/a/1")) == "ambiguous_path"
    assert outcome(routes, ask("OPTIONS", "/b/1", preflight)) == "ambiguous_path"


def test_a_path_with_more_doubts_than_anybody_has_is_refused():
    assert outcome(CLINIC, ask("GET", "/x" + "%2F" * (MAX_DOUBTS + 1))) == "ambiguous_path"


def test_where_nothing_differs_nothing_is_refused():
    routes = table(capability("results", operation("read", "/results/{id}", "GET"), reads=Stage.SHADOW))
    for path in ("/results%2f1", "/Results/1", "/results/1/", "/x" + "%2F" * 999):
        assert outcome(routes, ask("GET", path)) == "_default"
    assert outcome(routes, ask("DELETE", "/results/1")) == "_default"


@pytest.mark.parametrize(("stage", "found"), [
    (Stage.LEGACY, "_default"), (Stage.SHADOW, "_default"), (Stage.CANARY, "ambiguous_path"),
    (Stage.VERIFY, "ambiguous_path"), (Stage.MODERN, "ambiguous_path"),
])
def test_a_stage_in_which_legacy_answers_refuses_nothing_that_legacy_answered(stage, found):
    routes = table(capability("c", operation("read", "/a/{id}", "GET"), reads=stage))
    assert outcome(routes, ask("GET", "/A/1")) == found


def test_a_default_that_asks_the_same_policies_refuses_nothing_for_them():
    routes = table(capability("c", operation("read", "/a/{id}", "GET"), policies=GATES), policies=GATES)
    assert outcome(routes, ask("PUT", "/A/1/")) == "_default"


def test_two_values_of_the_field_that_tells_operations_apart_are_refused_where_they_differ():
    def told(action):
        return [("SOAPAction", action)]

    routes = table(
        capability("reads", operation("read", "/soap", "POST", headers=told("urn:read")),
                   operation("list", "/soap", "POST", headers=told("urn:list"))),
        capability("writes", operation("write", "/soap", "POST", headers=told("urn:write")), policies=GATES[:1]))
    assert outcome(routes, ask("POST", "/soap", *told('"urn:read"'))) == "read"
    assert outcome(routes, ask("POST", "/soap", *told("urn:write"))) == "write"
    assert outcome(routes, ask("POST", "/soap", *told("urn:read"), *told("urn:list"))) in ("read", "list")
    assert outcome(routes, ask("POST", "/soap", *told("urn:read"), *told("urn:write"))) == "ambiguous_path"
    soap12 = ("Content-Type", 'application/soap+xml; action="urn:read"')
    assert outcome(routes, ask("POST", "/soap", soap12)) == "read"
    assert outcome(routes, ask("POST", "/soap", soap12, *told("urn:write"))) == "ambiguous_path"
    assert outcome(routes, ask("POST", "/soap", soap12, *told('"urn:read"'))) == "read"


@pytest.mark.parametrize("fields", [
    [("SOAPAction", '"urn:x"')], [("SOAPAction", "urn:x")], [("soapaction", ' "urn:x" \t')], [("SOAPAction", "urn:x ")],
    [("Content-Type", 'application/soap+xml; charset=utf-8; action="urn:x"')],
    [("Content-Type", "application/soap+xml;action=urn:x")],
    [("Content-Type", 'multipart/related; type="application/xop+xml"; ACTION = "urn:x"; boundary=b')],
])
@pytest.mark.parametrize("written", ["urn:x", '"urn:x"'])
def test_a_soap_action_is_the_same_however_it_is_said(written, fields):
    routes = table(capability("c", operation("o", "/soap", "POST", headers=[("SOAPAction", written)])))
    assert outcome(routes, ask("POST", "/soap", *fields)) == "o"
    assert outcome(routes, ask("POST", "/soap", ("SOAPAction", "urn:y"))) == "_default"


# --- methods that override --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "target", "override", "found"), [
    ("POST", "/orders", b"", "order"), ("POST", "/orders", b"post", "order"),
    ("GET", "/orders/1", b"DELETE", "ambiguous_method"), ("POST", "/results/1", b"GET", "ambiguous_path"),
    ("POST", "/other", b"PATCH", "_default"), ("POST", "/other", b"GET", "_default"),
    # a read that is a write would be mirrored, and asked again
    ("GET", "/other", b"POST", "ambiguous_method"),
    ("OPTIONS", "/results/1", b" get", "ambiguous_method"),
    ("OPTIONS", "/results/1?_method=GET", b"", "ambiguous_method"),
    ("OPTIONS", "/results/1?x=1&%5Fmethod=get", b"", "ambiguous_method"),
    ("OPTIONS", "/results/1?method=GET", b"", "preflight"), ("OPTIONS", "/results/1?x=%5F", b"", "preflight"),
    ("POST", "/Orders?_method=PUT", b"", "ambiguous_path"),
])
def test_a_request_with_two_methods_is_looked_up_under_both(method, target, override, found):
    assert outcome(CLINIC, ask(method, target), *[override] if override else []) == found


# --- what an upstream says --------------------------------------------------------------------------------------------


def said(paths, *more):
    """One capability of upstreams that read so, behind a default that reads the same."""
    old, new = arm("legacy", paths), arm("modern", paths)
    operations = operation("read", "/Results/{id}", "GET"), operation("sub", "/results/x/y", "GET")
    return table(capability("results", *operations, policies=GATES[:1], old=old, new=new), *more, old=old)


@pytest.mark.parametrize(("paths", "path", "found"), [
    (PRESETS["iis"], "/results/1", "read"), (PRESETS["iis"], "/RESULTS%2f1", "read"),
    (PRESETS["iis"], "/results/1/", "read"),
    (PRESETS["iis"], "/results./1%20", "read"), (PRESETS["iis"], "/Results/X/Y/", "sub"),
    (PRESETS["iis"], "/results%252f1", "_default"), (PRESETS["iis"], "/%52esults/1", "read"),
    (PRESETS["nginx"], "/Results%2F1", "read"), (PRESETS["nginx"], "/Results/1/", "read"),
    (PRESETS["nginx"], "/results/1", "_default"), (PRESETS["nginx"], "/Results%252F1", "_default"),
    (PRESETS["tomcat"], "/Results/1/", "read"), (PRESETS["tomcat"], "/Results%2F1", "_default"),
    (PRESETS["exact"], "/results/1", "_default"), (PRESETS["exact"], "/Results/1/", "_default"),
    (Reading(case="any"), "/RESULTS/1", "read"), (Reading(case="any"), "/RESULTS/1/", "ambiguous_path"),
    (Reading(case="exact"), "/RESULTS/1", "_default"), (Reading(case="exact"), "/Results/1/", "ambiguous_path"),
    (Reading(encoded_slash="separator", double_encoding="decoded"), "/Results%25252F1", "read"),
    # whatever it says: a dot segment is resolved somewhere
    (PRESETS["exact"], "/x/../Results/1", "ambiguous_path"),
    (PRESETS["nginx"], "/Results/../Results/1", "ambiguous_path"),
])
def test_what_an_upstream_reads_as_one_path_is_one_operation_and_what_it_does_not_is_another(paths, path, found):
    assert outcome(said(paths), ask("GET", path)) == found


def test_a_parameter_keeps_its_spelling_where_the_path_is_folded():
    match = said(PRESETS["iis"]).match(ask("GET", "/RESULTS%2FJ%C3%96RG./"))
    assert match.params() == {"id": "JÖRG."}


def test_another_method_is_refused_whatever_is_said_of_paths():
    assert outcome(said(PRESETS["exact"]), ask("PUT", "/Results/1")) == "ambiguous_path"


def test_what_the_default_upstream_may_read_alike_is_refused_whatever_the_others_say():
    exact = arm("legacy", PRESETS["exact"])
    guarded = capability("c", operation("read", "/a/{id}", "GET"), policies=GATES[:1], old=exact)
    assert outcome(table(guarded), ask("GET", "/A/1")) == "ambiguous_path"
    assert outcome(table(guarded, old=exact), ask("GET", "/A/1")) == "_default"


def test_operations_that_no_server_can_be_trusted_to_tell_apart_are_named():
    routes = table(capability("one", operation("a", "/a/{id}/x", "GET"), policies=GATES[:1]),
                   capability("two", operation("b", "/A/{id}/x/", "GET"), operation("c", "/c", "GET")))
    assert [[one.operation.name, other.operation.name] for one, other in routes.alike()] == [["a", "b"]]
    assert outcome(routes, ask("GET", "/A/1/x/")) == "ambiguous_path"


# --- any table, any path, any spelling of it --------------------------------------------------------------------------

PART = st.sampled_from(["a", "A", "b", "bb", "a%2Fb", "c.d", "%C3%A4", "{}"])
STAGES = st.sampled_from([Stage.LEGACY, Stage.SHADOW, Stage.CANARY, Stage.VERIFY, Stage.MODERN])
WRITES = st.sampled_from([Stage.LEGACY, Stage.CANARY, Stage.MODERN])
METHODS = ["GET", "POST", "DELETE", "OPTIONS"]


@st.composite
def tables(draw):
    """Up to three capabilities whose operations have paths of their own."""
    seen, made = set(), []
    for number in range(draw(st.integers(1, 3))):
        operations = []
        for at in range(draw(st.integers(1, 3))):
            names = iter(string.ascii_lowercase)
            parts = [part.replace("{}", f"{{{next(names)}}}") for part in draw(st.lists(PART, min_size=1, max_size=3))]
            path = "/" + "/".join(parts + draw(st.sampled_from([[], [], ["{t*}"]])))
            key = canonical(path.encode())
            if key not in seen:
                seen.add(key)
                methods = draw(st.sets(st.sampled_from(METHODS), max_size=2))
                operations.append(operation(f"o{number}{at}", path, *methods))
        if operations:
            made.append(capability(f"c{number}", *operations, policies=draw(st.sampled_from([(), GATES[:1], GATES])),
                                   reads=draw(STAGES), writes=draw(WRITES)))
    routes = table(*made, policies=draw(st.sampled_from([(), (), GATES[1:]])))
    note([(one.name, one.reads, one.writes, len(one.policies),
           [(each.path, sorted(each.methods)) for each in one.operations]) for one in made])
    return routes


SEGMENTS = st.sampled_from(["a", "A", "b", "bb", "a%2Fb", "c.d", "%C3%A4", "x1"])


def one_way(path):
    """A path of ASCII in one more spelling that some server takes for the same."""
    middles = [at for at, byte in enumerate(path) if byte == "/" and at]

    @st.composite
    def made(draw):
        kind = draw(st.sampled_from(["case", "encode", "end", "slash", "double", "parameter", "dots"]))
        if kind == "case":
            # Of an encoded character the case of its digits is no other path to anybody.
            at = draw(st.integers(0, len(path) - 1))
            return path[:at] + path[at].swapcase() + path[at + 1:]
        if kind == "encode":
            at = draw(st.integers(1, len(path) - 1))
            return path[:at] + f"%{ord(path[at]):02{draw(st.sampled_from('xX'))}}" + path[at + 1:]
        if kind == "end":
            return path + draw(st.sampled_from(["/", ".", "%20", "%0a", "/.", "%2F", ";a=b"]))
        at = draw(st.sampled_from([0, *middles]))
        if kind == "slash" and at:
            return path[:at] + draw(st.sampled_from(["%2f", "%2F", "%5C"])) + path[at + 1:]
        if kind == "parameter":
            return path[:at] + draw(st.sampled_from(["/;x", "/%2F"])) * (at == 0) + path[at:]
        if kind == "dots":
            return path[:at] + draw(st.sampled_from(["/q/%252e%252e", "/%252e"])) + path[at:]
        return path[:at] + "/" + path[at:]

    return made()


@st.composite
def asked(draw):
    """A path, and another spelling of it, some steps away."""
    path = "/" + "/".join(draw(st.lists(SEGMENTS, min_size=1, max_size=4)))
    spelt = path
    for _ in range(draw(st.integers(0, 5))):
        spelt = draw(one_way(spelt))
    return path, spelt


@settings(max_examples=400)
@given(tables(), asked(), st.sampled_from([*METHODS, "HEAD", "PROPFIND"]), st.booleans())
@example(CLINIC, ("/results/1", "/Results%2f1"), "GET", False)
@pytest.mark.slow
def test_a_request_meets_the_policies_and_arm_of_every_other_reading_or_is_refused(routes, paths, method, any_method):
    path, spelt = paths
    try:
        meant = routes.match(ask(method, path)).target
        found = routes.match(ask(method, spelt)).target
    except Ambiguous:
        return
    if any_method:
        # What a server answers that looks at paths alone.
        candidates = [one.target for one in routes.explain(ask(method, path)) if one.target.operation.path is not None]
        meant = max(candidates, key=lambda one: rank(one.operation)[:6], default=meant)
    # What is nobody's in particular is opened by whoever names it.
    assume(meant.capability is not routes.default)
    assert meant.capability.admits <= found.capability.admits
    assert meant.capability.answered_by(safe=meant.is_safe(method)) == (
        found.capability.answered_by(safe=found.is_safe(method)))


# --- templates --------------------------------------------------------------------------------------------------------

TEMPLATES = st.builds(
    Template, st.lists(st.sampled_from([b"a", b"b", None]), max_size=3).map(tuple), st.booleans())


@given(st.lists(TEMPLATES, max_size=8), TEMPLATES, st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=4))
def test_what_overlaps_holds_all_that_a_path_fits_and_what_covers_fits_whatever_is_covered(all_, one, parts):
    trie = Trie()
    for template in {*all_, one}:
        trie.at(template).append(template)
    fitting = trie.fitting([b"", *parts])
    if one in fitting:
        assert set(fitting) <= set(trie.overlapping(one))
        assert all(other in fitting for other in {*all_} if other.covers(one))
