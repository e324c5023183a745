"""A table of spellings, methods and real servers: who answers with what is protected has had the policy asked, and no
order is taken by the wrong arm."""

import hashlib
import http.client
from collections.abc import Iterator

import pytest

from tests.backends.figway import Figway, running
from tests.backends.servers import SERVERS, serving
from tests.backends.wire import PATIENCE, Cut, request

KEY = "a-key-of-the-lab"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]


def spellings(path: str) -> list[str]:
    """A path in the ways in which servers are known to take it."""
    first, _, rest = path[1:].partition("/")
    capital, rest = first.capitalize(), f"/{rest}" if rest else ""
    inner = rest.replace("/", "{}")
    return [
        path, f"{path}/", f"{path}//", f"{path}/.", f"{path}.", f"{path}%20", f"{path}%0a", f"{path}%09", f"{path}%00",
        f"{path};a=b", f"{path}%3Ba", f"{path}%3Fa", f"{path}%23a", f"{path}%2F", f"{path}%252F", f"{path}?",
        f"{path}?a=/", f"//{path[1:]}", f"/%2F{path[1:]}", f"/%2f{path[1:]}", f"%2F{path}", f"/.{path}", f"/%2e{path}",
        f"/%252e{path}",
        f"/x/..{path}", f"/x/%2e%2e{path}", f"/x/%252e%252e{path}", f"/x%2F..{path}", f"/x%2f%2e%2e%2f{path[1:]}",
        f"/%5C{path[1:]}", f"\\{path}", f"/;{path}", f"/;a=b{path}", f"/{first};a{rest}", f"/{first}%3Ba{rest}",
        f"/{first}/{rest}", f"/{first}/./{rest[1:]}", f"/{first}.{rest}", f"/{first}%20{rest}", f"/{first}%0a{rest}",
        *(f"/{first}{inner.format(slash)}" for slash in (
            "%2f", "%2F", "%252f", "%25252F", "%5c", "%255C", "\\", "%2f%2f", "%c0%af", "%EF%BC%8F", "%u002f")),
        f"/{capital}{rest}", f"/{first.upper()}{rest}", f"/{capital}{rest}/", f"/{capital}{inner.format('%2F')}",
        f"/%{ord(first[0]):02x}{first[1:]}{rest}", f"/%25{ord(first[0]):02x}{first[1:]}{rest}",
        f"/%{ord(first[0].upper()):02X}{first[1:]}{rest}", f"/{first.replace('s', '%C5%BF')}{rest}",
        f"/%EF%BD%{0x81 + ord(first[0]) - ord('a'):02X}{first[1:]}{rest}", f"/%u00{ord(first[0]):02x}{first[1:]}{rest}",
        f"http://clinic.example{path}", f"http://clinic.example{path}/", f"http://clinic.example/%2F{path[1:]}",
        f"//x{path}", f"///u@x:80{path}", f"/\\x{path}", f"//public{path}/", f"http://clinic.example//x{path}",
        f"/{first[0]}%80{first[1:]}{rest}",
    ]


# Fields by which somebody says that the path or the method is another, and the request that they come with.
CLAIMS = [
    ("GET", "/x/results/1", [("SCRIPT_NAME", "/x")]), ("GET", "/x/results/1", [("Script-Name", "/x")]),
    ("GET", "/", [("PATH_INFO", "/results/1")]), ("GET", "/x", [("SCRIPT_NAME", "/x"), ("PATH_INFO", "/results/1")]),
    ("GET", "/", [("X-Original-URL", "/results/1")]), ("GET", "/", [("X-Rewrite-URL", "/results/1")]),
    ("GET", "/x/results/1", [("X-Forwarded-Prefix", "/x")]),
    *((method, f"/results/1{query}", fields) for method in ("POST", "OPTIONS", "PUT") for query, fields in (
        ("", [("X-HTTP-Method-Override", "GET")]), ("", [("X_HTTP_METHOD_OVERRIDE", "GET")]),
        ("", [("X-HTTP-Method", "GET")]), ("", [("X-Method-Override", "get ")]), ("?_method=GET", []),
        ("", [("X-HTTP-Method-Override", "DELETE")]), ("?_method=DELETE", []))),
]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A server's name and port."""
    with serving(request.param, tmp_path_factory.mktemp("server")) as port:
        yield request.param, port


def config(port: int, modern: str, said: str = "") -> str:
    paths = f", paths: {said}" if said else ""
    return f"""
version: 1
server: {{ambiguous_paths: true, drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "http://127.0.0.1:{port}"{paths}}}
  modern: {{url: "{modern}"{paths}}}
policies: {{partners: {{apikey: {{keys: {{lab: "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"}}}}}}}}
capabilities:
  results:
    owner: t
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      list: {{path: /results}}
      admin: {{path: "/admin/{{rest*}}"}}
    legacy: legacy
    stage: legacy
    policies: [partners]
  orders:
    owner: t
    operations: {{order: {{method: POST, path: /orders}}}}
    legacy: legacy
    modern: modern
    stage: modern
    writes: modern
default: {{upstream: legacy, policies: []}}
"""


@pytest.fixture(scope="module")
def clinic(
    server: tuple[str, int], everlasting_legacy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Figway]:
    """A gateway before the server, which is legacy; modern echoes. Nothing is said of how they read paths."""
    with running(tmp_path_factory.mktemp("clinic"), config(server[1], everlasting_legacy.url)) as figway:
        yield figway


def resource(figway: Figway, method: str, target: str, *fields: tuple[str, str]) -> str:
    """What the server behind the gateway says that it answered with; "" where it was not asked or has nothing there."""
    body = b"" if method in ("POST", "PUT", "PATCH") else None
    try:
        reply = figway.say(request(method, target, *fields, body=body), method)
    except Cut:
        return ""
    return reply.get("X-Resource") or ""


def direct(port: int, method: str, target: str) -> str:
    """The same without a gateway between."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.putrequest(method, target)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().getheader("X-Resource") or ""
    except (http.client.HTTPException, OSError):
        return ""
    finally:
        connection.close()


# How many of the spellings, at the least, the server takes for the path: else the table would show nothing.
LENIENT = {
    "nginx": 5, "Apache": 5, "com.sun.net.httpserver": 5, "Express": 5, "Node.js": 3, "Starlette on uvicorn": 1,
    "Flask on gunicorn": 1, "Django on gunicorn": 1,
}


def test_servers_take_other_spellings_for_the_path(server):
    name, port = server
    taken = [one for one in spellings("/results/1")[1:] if one.startswith("/") and direct(port, "GET", one) == "secret"]
    assert len(taken) >= LENIENT[name], taken


@pytest.mark.parametrize("path", ["/results/1", "/results", "/admin/x"])
@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_what_is_protected_without_the_policy(clinic, method, path):
    assert [one for one in spellings(path) if resource(clinic, method, one) not in ("", "nothing")] == []


@pytest.mark.parametrize("method", METHODS)
def test_no_order_is_taken_by_the_wrong_arm(clinic, method):
    assert [one for one in spellings("/orders") if resource(clinic, method, one) == "written"] == []


@pytest.mark.parametrize(("method", "target", "fields"), CLAIMS)
def test_no_field_makes_the_path_or_the_method_another(clinic, method, target, fields):
    assert resource(clinic, method, target, *fields) in ("", "nothing")


def test_with_the_policy_asked_what_is_documented_is_answered(clinic):
    for path in ("/results/1", "/admin/x"):
        assert resource(clinic, "GET", path, ("X-API-Key", KEY)) == "secret"
        assert resource(clinic, "HEAD", path, ("X-API-Key", KEY)) == "secret"


# How a server of this kind may be described, and a spelling that is then the same operation.
SAID = {
    "nginx": ("nginx", "/results%2F1/"), "Express": ("{case: any, trailing_slash: same}", "/RESULTS/1/"),
    "com.sun.net.httpserver": ("{trailing_slash: same, encoded_slash: separator}", "/results%2f1/"),
    "Starlette on uvicorn": ("{encoded_slash: separator}", "/results%2F1"),
    "Flask on gunicorn": ("{encoded_slash: separator}", "/results%2F1"),
    "Django on gunicorn": ("{encoded_slash: separator}", "/results%2F1"),
}


def test_what_is_said_of_a_server_makes_spellings_one_operation_and_lets_none_by(
    server, everlasting_legacy, tmp_path_factory
):
    name, port = server
    if name not in SAID:
        return
    said, spelt = SAID[name]
    with running(tmp_path_factory.mktemp("said"), config(port, everlasting_legacy.url, said)) as figway:
        assert resource(figway, "GET", spelt, ("X-API-Key", KEY)) == "secret"
        for path in ("/results/1", "/results", "/admin/x"):
            assert [one for one in spellings(path) if resource(figway, "GET", one) not in ("", "nothing")] == []
        assert [one for one in spellings("/orders") if resource(figway, "POST", one) == "written"] == []
