"""No other spelling, method or field gets by a policy or to a wrong arm; what is none of these passes byte for byte."""

import hashlib

import pytest

from tests.backends.figway import running

KEY = "a-key-of-the-lab"


@pytest.fixture(scope="module")
def clinic(everlasting_legacy, tmp_path_factory):
    """Results need a key, orders are written to modern, and SOAP tells operations apart by a field."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with running(tmp_path_factory.mktemp("clinic"), f"""
version: 1
server: {{ambiguous_paths: true, drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{everlasting_legacy.url}"}}
  modern: {{url: "{everlasting_legacy.url}", host: modern.example}}
policies:
  partners: {{apikey: {{forward: true, keys: {{lab: "sha256:{digest}"}}}}}}
  fair: {{ratelimit: {{rate: 100000/s, key: "header:X-Caller"}}}}
capabilities:
  results:
    owner: t
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      list: {{method: GET, path: /results}}
      image: {{path: "/images/{{id}}"}}
      told: {{path: /told}}
      asked: {{path: /asked, query: {{action: write}}}}
    legacy: legacy
    stage: legacy
    policies: [partners, fair]
  open:
    owner: t
    operations:
      all: {{path: "/open/{{rest*}}"}}
      told: {{path: /told, query: {{action: read}}}}
      ping: {{path: /mode, header: {{X-Mode: ping}}}}
    legacy: legacy
    stage: legacy
    policies: []
  orders:
    owner: t
    operations: {{order: {{method: POST, path: /orders}}, read: {{method: GET, path: "/orders/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: canary
    writes: modern
    split: {{percent: 0%, sticky: ["header:X-Tenant"]}}
  soap:
    owner: t
    operations:
      write: {{method: POST, path: /soap, header: {{SOAPAction: "urn:write"}}}}
      mode: {{path: /mode, header: {{X-Mode: "1"}}}}
    legacy: legacy
    modern: modern
    stage: modern
    writes: modern
default: {{upstream: legacy, policies: []}}
""") as figway:
        yield figway


def code(reply):
    return reply.status, reply.body.decode().partition('"code":"')[2].partition('"')[0]


@pytest.mark.parametrize(("method", "target"), [
    ("GET", "/results%2f1"), ("GET", "/%2fresults/1"), ("GET", "/results/1/"), ("GET", "/Results/1"),
    ("GET", "/results%252F1"), ("GET", "/r%45sults/1"), ("GET", "/results%20/1"), ("DELETE", "/results/1"),
    ("OPTIONS", "/results"), ("PROPFIND", "/results/1"), ("POST", "/Orders"), ("POST", "/orders/"),
    ("PUT", "/orders/1"),
    # let through by `ambiguous_paths`, which lifts nothing of this
    ("GET", "/x/../results/1"), ("GET", "/x/%2e%2e/results/1"), ("GET", "/x\\..\\results/1"), ("GET", "/results/1%00"),
    ("GET", "/results%00/x/y"), ("GET", "/results%u002f1"),
    # a host to URL libraries (PHP's, Node's, Python's, Java's)
    ("GET", "//x/results/1"), ("GET", "///u@x:80/results"), ("GET", "//[::1]/results/1/"), ("GET", "/\\x/results/1"),
    ("GET", "//open/results/1"), ("GET", "//x%2Fy/results/1"), ("POST", "//x/orders"),
    # left out where no UTF-8 is left out (Bottle), "i" where capitals are compared (Caddy)
    ("GET", "/re%80sults/1"), ("GET", "/results%FF"), ("GET", "/%C4%B0mages/1"),
])
def test_what_some_server_may_take_for_an_operation_is_refused(clinic, legacy, method, target):
    reply = clinic.ask(method, target)
    assert code(reply) == ((401, "unauthenticated") if target == "/results/1%00" else (400, "ambiguous_path"))
    assert legacy.asked == []
    assert clinic.metric("figway_errors_total", code="ambiguous_path") >= (target != "/results/1%00")


@pytest.mark.parametrize(("method", "target"), [
    ("GET", "/other%2fthing/"), ("GET", "/Other/%2F%2f"), ("PUT", "/x/%25%2f"), ("OPTIONS", "/x"),
    ("GET", "/a//b;c=%2f?q=%zz"), ("GET", "/100%"), ("GET", "//cdn/x"), ("GET", "/caf%E9"), ("GET", "/open//results/1"),
])
def test_what_nobody_can_take_for_one_passes_byte_for_byte(clinic, legacy, method, target):
    assert clinic.ask(method, target).status == 200
    assert legacy.targets() == [target]


def test_a_browsers_question_passes_whichever_arm_answers_but_by_no_policy(clinic, legacy):
    preflight = ("Access-Control-Request-Method", "GET"), ("Origin", "https://portal.example")
    assert clinic.ask("OPTIONS", "/orders/1", *preflight).status == 200
    assert code(clinic.ask("OPTIONS", "/orders/1")) == (400, "ambiguous_path")
    assert code(clinic.ask("OPTIONS", "/results/1", *preflight)) == (400, "ambiguous_path")
    assert legacy.targets() == ["/orders/1"]


def test_an_encoded_slash_in_a_parameter_is_data(clinic, legacy):
    assert clinic.ask("GET", "/results/a%2Fb").status == 401
    assert clinic.ask("GET", "/results/a%2Fb", ("X-API-Key", KEY)).status == 200
    assert legacy.targets() == ["/results/a%2Fb"]


@pytest.mark.parametrize("target", ["/%zz", "/a%", "/a%4", "/a%4g/b", "/%u002f"])
def test_an_encoding_that_is_none_is_refused(plain, legacy, target):
    assert code(plain.ask("GET", target)) == (400, "bad_target")
    assert legacy.asked == []


def test_a_query_may_hold_what_it_likes(plain, legacy):
    assert plain.ask("GET", "/a?q=%zz&%&_method=100%").status == 200
    assert legacy.targets() == ["/a?q=%zz&%&_method=100%"]


# --- methods that override ---


@pytest.mark.parametrize("name", [
    "X-HTTP-Method-Override", "X-Http-Method", "x-method-override", "X_HTTP_METHOD_OVERRIDE", "X.HTTP-Method.Override"])
def test_a_method_override_is_looked_up_and_never_dropped(clinic, legacy, name):
    assert code(clinic.ask("GET", "/orders/1", (name, "DELETE"))) == (400, "ambiguous_method")
    assert code(clinic.ask("POST", "/orders", (name, "put"))) == (400, "ambiguous_method")
    assert legacy.asked == []
    for fields in ([(name, "PATCH")], [(name, "PATCH"), ("Connection", f"close, {name}")]):
        assert clinic.ask("POST", "/elsewhere", *fields).status == 200
        assert legacy.asked[-1].get(name) == "PATCH"


def test_a_method_in_the_query_is_looked_up_too(clinic, legacy):
    assert code(clinic.ask("GET", "/orders/1?_method=delete")) == (400, "ambiguous_method")
    assert code(clinic.ask("GET", "/orders/1?%5fmethod=delete")) == (400, "ambiguous_method")
    assert clinic.ask("POST", "/elsewhere?_method=delete").status == 200
    assert legacy.targets() == ["/elsewhere?_method=delete"]


# --- twins ---


@pytest.mark.parametrize("name", [
    "X_API_Key", "x_api-key", "X_Caller", "X_Tenant", "X_Mode", "Content_Length", "X_Forwarded_For", "X_Request_ID",
    "SCRIPT_NAME", "Script_Name", "PATH_INFO", "X.API.Key", "X!Caller", "Content~Length",
    "X.Forwarded-For", "X_Figway.A"])
def test_a_twin_of_what_is_read_is_dropped(clinic, legacy, name):
    assert clinic.ask("GET", "/elsewhere", (name, "canary")).status == 200
    assert b"canary" not in legacy.asked[-1].head


@pytest.mark.parametrize("name", ["X_Other", "patient_id", "Accept_Language", "Cookie_", "SCRIPT-NAME", "_", "X.Other"])
def test_any_other_name_with_an_underscore_passes(clinic, legacy, name):
    assert clinic.ask("GET", "/elsewhere", (name, "kept")).status == 200
    assert legacy.asked[-1].get(name) == "kept"


def test_a_twin_passes_where_nothing_reads_the_field(plain, legacy):
    assert plain.ask("GET", "/", ("X_API_Key", "kept"), ("X_Tenant", "kept")).status == 200
    assert (legacy.asked[-1].get("X_API_Key"), legacy.asked[-1].get("X_Tenant")) == ("kept", "kept")


# --- blanks around values ---


def head(*lines, start="GET /results/1 HTTP/1.1"):
    return "".join(f"{line}\r\n" for line in (start, *lines, "")).encode()


def test_blanks_around_a_value_are_no_part_of_it(clinic, legacy):
    assert clinic.say(head("Host: x \t", f"X-API-Key:\t {KEY}\t ")).status == 200
    assert legacy.asked[-1].get("Host") == "x"
    reply = clinic.say(head("Host: x", "SOAPAction: urn:write ", "Content-Length: 0 ", start="POST /soap HTTP/1.1"))
    assert reply.status == 200
    assert legacy.asked[-1].get("Host") == "modern.example"
    assert clinic.say(head("Host: x", "X-Mode:  1\t", start="GET /mode HTTP/1.1")).status == 200
    assert legacy.asked[-1].get("Host") == "modern.example"
    reply = clinic.say(head("Host: x", "X-HTTP-Method-Override:  DELETE ", start="GET /orders/1 HTTP/1.1"))
    assert code(reply) == (400, "ambiguous_method")


@pytest.mark.parametrize("line", [
    'SOAPAction: "urn:write"', "SOAPAction: urn:write", 'SOAPAction:   "urn:write"  ',
    'Content-Type: application/soap+xml; charset=utf-8; action="urn:write"', "SOAPAction: 'urn:write'",
    'SOAPAction: \xa0"urn:write"\x85', "Content-Type: application/soap+xml; action='urn:write'",
    'Content-Type: multipart/related; start-info="application/soap+xml; action=\\"urn:write\\""; action="urn:write"'])
def test_a_soap_action_goes_where_it_belongs_however_it_is_said(clinic, legacy, line):
    data = head("Host: x", line, start="POST /soap HTTP/1.1").decode().encode("latin-1")
    assert clinic.say(data).status == 200
    assert legacy.asked[-1].get("Host") == "modern.example"
    assert line.partition(":")[2].strip(" ").encode("latin-1") in legacy.asked[-1].head


# --- several values ---


@pytest.mark.parametrize(("target", "lines"), [
    ("/told?action=read&action=write", []), ("/told?action=read&Action=write", []),
    # Plack, PHP (blanks, NUL), .NET
    ("/asked?x=1;action=write", []), ("/asked?+action=write", []), ("/asked?action%00x=write", []),
    ("/asked?ACTION=write", []), ("/told?action=write&x&%61ction=read", []),
    ("/mode", ["X-Mode: ping", "X-Mode: 1"]), ("/mode", ["X-Mode: 1", "X-Mode: other"]),
    ("/soap", ["SOAPAction: urn:write", "SOAPAction: urn:read"]),
    ("/soap", ["SOAPAction: urn:read", "Content-Type: application/soap+xml; action=urn:write"]),
])
def test_a_value_that_some_read_is_refused_where_it_alone_is_answered_otherwise(clinic, legacy, target, lines):
    reply = clinic.say(head("Host: x", *lines, "Content-Length: 0", start=f"POST {target} HTTP/1.1"))
    assert code(reply) == (400, "ambiguous_path")
    assert legacy.asked == []


@pytest.mark.parametrize(("target", "lines"), [
    ("/told?action=read&action=read", []), ("/told?action=read&x=1&x=2", []),
    ("/asked?x=action=write", []), ("/asked?Action=read;x=write", []), ("/asked", []),
    ("/mode", ["X-Mode: ping", "X-Mode: ping"]),
    ("/soap", ["SOAPAction: urn:write", 'Content-Type: application/soap+xml; action="urn:write"']),
])
def test_a_value_that_is_said_twice_or_is_no_other_passes(clinic, legacy, target, lines):
    assert clinic.say(head("Host: x", *lines, "Content-Length: 0", start=f"POST {target} HTTP/1.1")).status == 200
    assert len(legacy.asked) == 1
