"""Own cookies and rewriting as routes.yaml says them: which arms get a front, and what is warned of."""

import pytest

from adapters.message import Headers, Request
from gateway.config.compile import build
from gateway.config.problem import Invalid

UPSTREAMS = """
version: 1
upstreams:
  old: {url: "http://127.0.0.1:1"}
  new: {url: "http://127.0.0.1:2"}
  other: {url: "http://127.0.0.1:3"}
default: {upstream: old, policies: []}
capabilities:
"""
OWN = "cookies: {own: [JSESSIONID]}"


def capability(name, legacy="old", modern="new", stage="legacy", *, more="", method="GET"):
    return f"""
  {name}:
    owner: t
    operations: {{all: {{method: {method}, path: /{name}}}}}
    legacy: {legacy}
    modern: {modern}
    stage: {stage}
    {more}
"""


def arm(upstream, said=OWN):
    return f"{{upstream: {upstream}, {said}}}"


@pytest.fixture
def built(tmp_path):
    def of(*capabilities, upstreams=UPSTREAMS):
        file = tmp_path / "routes.yaml"
        file.write_text(upstreams + "".join(capabilities))
        return build(file)

    return of


@pytest.fixture
def told(built):
    """The warnings of a file as (code, message)."""
    def of(*capabilities, **how):
        return [(one.code, one.message) for one in built(*capabilities, **how).warnings if one.code != "unused"]

    return of


def jars(configuration):
    """Capability → arm → the jar's name, its own cookies, and whether it adopts; None for an arm without a front."""
    found = {}
    for name, one in {**configuration.table.capabilities, "default": configuration.table.default}.items():
        for each in (one.legacy, one.modern):
            if each is not None:
                jar = each.front.jar if each.front is not None else None
                found[f"{name}.{each.name}"] = jar and (jar.name, jar.own, jar.adopts)
    return found


def test_a_file_that_says_nothing_has_plain_arms(built):
    configuration = built(capability("a"))
    assert set(jars(configuration).values()) == {None}
    arms = [configuration.table.default.legacy, configuration.table.capabilities["a"].modern]
    assert [(one.adapter, one.front) for one in arms] == [(None, None)] * 2


def test_what_one_arm_says_holds_for_each_arm_of_its_upstream(built):
    found = jars(built(capability("a", arm("old"), arm("new")), capability("b"), capability("c", "other")))
    session = ("JSESSIONID",)
    assert found == {
        "a.legacy": ("old", session, True), "a.modern": ("new", session, False),
        "b.legacy": ("old", session, True), "b.modern": ("new", session, False),
        "c.legacy": ("", (), False), "c.modern": ("new", session, False), "default.legacy": ("old", session, True)}


def test_upstreams_may_have_a_jar_in_common(built):
    said = "cookies: {own: [JSESSIONID], jar: clinic}"
    found = jars(built(capability("a", arm("old", said)), capability("b", arm("other", said))))
    assert {found["a.legacy"], found["b.legacy"]} == {("clinic", ("JSESSIONID",), True)}


def test_whether_a_jar_adopts_can_be_said(built):
    said = "cookies: {own: [JSESSIONID], adopt: %s}"
    found = jars(built(capability("a", arm("old", said % "false"), arm("new", said % "true"))))
    assert (found["a.legacy"][2], found["a.modern"][2]) == (False, True)


@pytest.mark.parametrize(("one", "other"), [
    (OWN, "cookies: {own: [sid]}"), (OWN, "cookies: {own: [JSESSIONID], jar: b}"),
    (OWN, "cookies: {own: [JSESSIONID], adopt: true}"),
])
def test_two_arms_that_say_different_things_of_one_upstream_are_refused(built, one, other):
    with pytest.raises(Invalid) as refused:
        built(capability("a", arm("old", one)), capability("b", arm("old", other)))
    [problem] = refused.value.problems
    assert (problem.code, problem.place.line) == ("cookies_differ", 21)
    assert 'routes.yaml:13 ' in problem.message


def test_two_upstreams_that_say_different_things_of_one_jar_are_refused(built):
    with pytest.raises(Invalid) as refused:
        built(capability("a", arm("old")), capability("b", arm("other", "cookies: {own: [sid], jar: old}")))
    assert [one.code for one in refused.value.problems] == ["cookies_differ"]


@pytest.mark.parametrize(("said", "code"), [
    ("cookies: {own: []}", "bad_value"), ("cookies: {}", "missing"), ('cookies: {own: ["a=b"]}', "bad_value"),
    ('cookies: {own: ["*ID"]}', "bad_value"), ('cookies: {own: ["a;b"]}', "bad_value"),
    ('cookies: {own: ["a b"]}', "bad_value"), ('cookies: {own: [a], jar: "a~b"}', "bad_name"),
    ("cookies: {own: JSESSIONID}", "wrong_type"),
])
def test_names_that_no_cookie_has_are_refused(built, said, code):
    with pytest.raises(Invalid) as refused:
        built(capability("a", arm("old", said)))
    assert [one.code for one in refused.value.problems] == [code]


@pytest.mark.parametrize("name", ['"*"', '"ASPSESSIONID*"', '".AspNetCore.Antiforgery.x_y-Z"', '"sid:[1]/{a}"'])
def test_names_of_cookies_may_be_odd(built, name):
    assert jars(built(capability("a", arm("old", f"cookies: {{own: [{name}]}}"))))["a.legacy"][1] == (name.strip('"'),)


# --- warnings ---

def apart(told):
    return [message for code, message in told if code == "login_apart"]


def test_capabilities_that_share_a_cookie_and_move_alone_are_warned_of(told):
    own = arm("old"), arm("new")
    found = apart(told(capability("login", *own, "modern", more="writes: modern"), capability("results"),
                       capability("orders", method="[GET, POST]"), capability("elsewhere", "other", "other")))
    assert found == [
        "different arms answer what shares the cookie JSESSIONID (login: reads modern; results: reads legacy; "
        "orders: reads legacy, writes legacy), and a login at one arm is none at the other: move it together"]


def test_capabilities_that_move_together_are_not_warned_of(told):
    own = arm("old"), arm("new")
    assert apart(told(capability("a", *own), capability("b", stage="shadow", more="shadow: {sample: 1%}"))) == []
    assert apart(told(capability("a", *own, "modern", more="writes: modern"),
                      capability("b", stage="verify", more="shadow: {sample: 1%}"))) == []
    assert apart(told(capability("a", *own, "modern", more="writes: modern"), capability("b", "other", "other"))) == []
    split = "split: {percent: 5%, sticky: [client_ip], group: g}"
    assert apart(told(*(capability(name, *own, "canary", more=split) for name in "ab"))) == []


def test_splits_that_differ_are_warned_of(told):
    own, split = (arm("old"), arm("new")), "split: {percent: 5%%, sticky: [client_ip], salt: %s}"
    assert len(apart(told(*(capability(name, *own, "canary", more=split % name) for name in "ab")))) == 1


def test_reads_and_writes_that_move_alone_are_warned_of(told):
    own = arm("old"), arm("new")
    [message] = apart(told(capability("a", *own, "modern", more="writes: legacy", method="[GET, POST]")))
    assert "(a: reads modern, writes legacy)" in message
    assert apart(told(capability("a", *own, "modern", more="writes: legacy"))) == []


def test_one_own_arm_is_enough_to_share(told):
    found = apart(told(capability("a", modern=arm("new")), capability("b", stage="modern", more="writes: modern")))
    assert len(found) == 1


def test_cookies_that_scripts_read_are_warned_of(told):
    said = "cookies: {own: [XSRF-TOKEN, sid], adopt: false}"
    [(code, message)] = told(capability("a", arm("old", said)))
    assert code == "script_cookie"
    assert '"old~XSRF-TOKEN"' in message


def test_a_split_by_a_cookie_that_was_renamed_is_warned_of(told):
    split = "split: {percent: 5%%, sticky: [%s]}"
    own = arm("old"), arm("new", "cookies: {own: [JSESSIONID], adopt: false}")
    [(code, message)] = told(capability("a", *own, "canary", more=split % '"cookie:JSESSIONID"'))
    assert (code, message) == ("renamed_cookie", 'clients get this cookie as "old~JSESSIONID": write '
                               "cookie:old~JSESSIONID before it")
    assert told(capability("a", *own, "canary", more=split % '"cookie:old~JSESSIONID", "cookie:JSESSIONID"')) == []
    assert told(capability("a", "old", own[1], "canary", more=split % '"cookie:JSESSIONID"')) == []


def test_who_must_log_in_once_more_is_warned_of_until_it_is_said(told):
    def found(said, stage="modern", more="writes: modern"):
        return [message for code, message in told(capability("a", arm("old"), arm("new", said), stage, more=more))
                if code == "new_login"]

    assert found(OWN) == ["who is logged in at new under the plain name must log in once more: write `adopt: true` to "
                          "keep them, or `adopt: false`"]
    assert found(OWN, "legacy", "") == []
    for said in ("true", "false"):
        assert found(f"cookies: {{own: [JSESSIONID], adopt: {said}}}") == []


def test_a_plain_cookie_is_cleared_only_if_one_jar_adopts_it(built):
    def cleared(said, other=OWN):
        one = built(capability("a", arm("old", other), arm("new", said))).table.capabilities["a"]
        return one.legacy.front.jar.clears, one.modern.front.jar.clears

    assert cleared(OWN) == (True, False)
    assert cleared("cookies: {own: [JSESSIONID], adopt: true}") == (False, False)
    assert cleared('cookies: {own: ["JS*"], adopt: true}') == (False, False)
    assert cleared("cookies: {own: [sid], adopt: true}") == (True, True)


def test_a_cookie_that_one_arm_owns_and_the_other_may_set_is_warned_of_once(told):
    found = told(capability("a", arm("old")), capability("b"), capability("c", modern="other"))
    assert found == [("half_owned", "modern may set the cookie JSESSIONID too, and legacy would take that for one from "
                      "before: say it in the modern arm as well")] * 2
    assert told(capability("a", modern=arm("new"))) == []
    assert told(capability("a", arm("old", "cookies: {own: [JSESSIONID], adopt: false}"))) == []


# --- rewriting ---


def test_names_that_nothing_looks_for_are_warned_of(built):
    def told(said):
        return [one.message for one in built(capability("a"), upstreams=rewriting(said)).warnings
                if one.code == "unused" and "nothing looks" in one.message]

    assert len(told("{names: [a.example]}")) == 1
    assert len(told("{names: [a.example], cookie_path: {/a: /}}")) == 1
    assert told("{names: [a.example], cookie_domain: true}") == []

def rewriting(said):
    return UPSTREAMS.replace('"http://127.0.0.1:1"', f'"http://127.0.0.1:1", rewrite: {said}')


def answered(configuration, field, value, *fields):
    """What the default route's upstream says, as a client of portal.example gets it."""
    from gateway.edges.arrival import Arrivals

    arrival = Arrivals("192.0.2.1", "https").judged(
        b"GET / HTTP/1.1\r\nHost: portal.example\r\n%b\r\n" % b"".join(fields), configuration.edge)
    legacy = configuration.table.default.legacy
    headers = Headers([(field.encode(), value.encode())])
    return (legacy.front.answer(headers, arrival, frozenset()) if legacy.front else headers)[0][1].decode()


@pytest.mark.parametrize(("said", "field", "value", "told"), [
    ("{location: true}", "Location", "http://127.0.0.1:1/a", "https://portal.example/a"),
    ("{location: true, names: [legacy.internal]}", "Location", "http://legacy.internal/a", "https://portal.example/a"),
    ("{cookie_domain: true, names: [legacy.internal]}", "Set-Cookie", "a=1; Domain=legacy.internal",
     "a=1; Domain=portal.example"),
    ('{cookie_domain: {old.example: ""}}', "Set-Cookie", "a=1; Domain=old.example", "a=1"),
    ("{cookie_path: {/app: /}}", "Set-Cookie", "a=1; Path=/app", "a=1; Path=/"),
    ("{}", "Location", "http://127.0.0.1:1/a", "http://127.0.0.1:1/a"),
    ("{cookie_domain: false, names: [a.example]}", "Set-Cookie", "a=1; Domain=a.example", "a=1; Domain=a.example"),
    ("{location: false}", "Location", "http://127.0.0.1:1/a", "http://127.0.0.1:1/a"),
])
def test_what_is_rewritten_is_said_of_an_upstream(built, said, field, value, told):
    assert answered(built(capability("a"), upstreams=rewriting(said)), field, value) == told


@pytest.mark.parametrize("said", [
    "{location: yes}", "{cookie_domain: on}", "{cookie_domain: {}}", "{cookie_path: {app: /}}",
    '{cookie_path: {/a: "/;x"}}', "{names: [http://legacy/]}", '{cookie_domain: {"a b": ""}}', "{hosts: []}",
])
def test_rewriting_that_cannot_be_meant_is_refused(built, said):
    with pytest.raises(Invalid) as refused:
        built(capability("a"), upstreams=rewriting(said))
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(("server", "fields", "told"), [
    ("{}", [], "https://portal.example/"), ("{forwarded: forwarded}", [], "https://portal.example/"),
    ("{forwarded: both}", [], "https://portal.example/"), ("{forwarded: off}", [], "//portal.example/"),
    ("{}", [b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n"], "https://portal.example/"),
    ("{trusted_hops: 1, trusted_fields: x-forwarded}",
     [b"X-Forwarded-Host: clinic.example:8443\r\nX-Forwarded-Proto: http\r\n"], "http://clinic.example:8443/"),
    ("{trusted_hops: 1, trusted_fields: x-forwarded, forwarded: off}",
     [b"X-Forwarded-Host: evil.example, clinic.example\r\nX-Forwarded-Proto: https\r\n"], "https://clinic.example/"),
    ("{trusted_hops: 1, trusted_fields: forwarded, forwarded: forwarded}",
     [b'Forwarded: host=evil.example;proto=http, host="clinic.example";proto=http\r\n'], "http://clinic.example/"),
    ("{trusted_hops: 1, trusted_fields: x-forwarded}",
     [b"X-Forwarded-Host: a b\r\nX-Forwarded-Proto: gopher\r\n"], "//portal.example/"),
])
def test_the_clients_host_is_the_one_that_trusted_proxies_tell(built, server, fields, told):
    text = rewriting("{location: true}").replace("upstreams:", f"server: {server}\nupstreams:", 1)
    assert answered(built(capability("a"), upstreams=text), "Location", "http://127.0.0.1:1/", *fields) == told


def test_evidence_begins_anew_when_rewriting_changes_and_not_otherwise(built):
    def setup(*parts, **how):
        return built(*parts, **how).table.capabilities["a"].shadow.basis.setup

    shadow = "shadow: {sample: 1%%, credentials: %s}"
    before = setup(capability("a", more=shadow % "drop"))
    assert setup(capability("a", more=shadow % "drop"), upstreams=rewriting("{location: true}")) != before
    assert setup(capability("a", modern=arm("new"), more=shadow % "drop")) == before
    passing = setup(capability("a", more=shadow % "pass"))
    assert setup(capability("a", modern=arm("new"), more=shadow % "pass")) != passing


def test_a_cookie_of_a_request_reaches_only_its_arm(built):
    table = built(capability("a", arm("old"), arm("new"))).table
    request = Request("GET", b"/a", Headers([(b"Cookie", b"old~JSESSIONID=1; new~JSESSIONID=2")]))
    found = [one.front.request(request)[0].headers for one in (
        table.capabilities["a"].legacy, table.capabilities["a"].modern)]
    assert found == [[(b"Cookie", b"JSESSIONID=1")], [(b"Cookie", b"JSESSIONID=2")]]
