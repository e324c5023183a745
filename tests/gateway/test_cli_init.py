"""figway init: a file from what clients ask and from what services say, and one line for whatever cannot be read."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.config.compile import build
from gateway.demo.clinic import build as clinic
from gateway.demo.traffic import plan, send
from tests.backends.processes import FIGWAY, LONG, started
from tests.backends.upstream import closed_port, until

LEGACY = "http://127.0.0.1:1"


@pytest.fixture
def init(tmp_path, monkeypatch):
    """Runs `figway init` in a folder of its own; returns (exit status, routes.yaml or "", what it said)."""
    monkeypatch.chdir(tmp_path)

    def init(*arguments, legacy=LEGACY):
        done = CliRunner().invoke(main, ["init", "--legacy", legacy, "--force", *arguments], catch_exceptions=False)
        written = Path("routes.yaml")
        text = written.read_text() if done.exit_code == 0 else ""
        if text:
            assert build(written).warnings == ()
        return done.exit_code, text, done.stderr

    return init


def proposed(text):
    """{capability: {operation: (methods, path)}} of a file."""
    Path("routes.yaml").write_text(text)
    return {one.name: {each.name: (sorted(each.methods - {"HEAD"}), each.path) for each in one.operations}
            for one in build(Path("routes.yaml")).table.capabilities.values()}


def combined(method, path, status=200, times=5):
    return f'10.0.0.1 - ann [01/Dec/2026:04:04:57 +0000] "{method} {path} HTTP/1.1" {status} 12 "-" "x"\n' * times


# --- access logs ------------------------------------------------------------------------------------------------------

LOGS = {
    "common": '10.0.0.1 - - [01/Dec/2026:04:04:57 +0000] "GET /patients/17?a=b HTTP/1.1" 200 12\n' * 3,
    "combined": combined("GET", "/patients/17?a=b", times=3),
    "with a host": "his.example:443 " + combined("GET", "/patients/17?a=b", times=1)
                   + "his.example:443 " + combined("HEAD", "/patients/18", times=1)
                   + "his.example:443 " + combined("GET", "http://his.example/patients/19", times=1),
    "w3c": "#Software: Example\n#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status\n"
           + "2026-12-01 04:04:57 GET /patients/17 a=b 200\n" * 3,
}


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize("packed", [False, True])
def test_each_kind_of_log_is_read(init, kind, packed):
    name = "access.log.gz" if packed else "access.log"
    Path(name).write_bytes(gzip.compress(LOGS[kind].encode()) if packed else LOGS[kind].encode())
    status, text, said = init("--access-log", name)
    assert (status, proposed(text)) == (0, {"patients": {"read": (["GET"], "/patients/{id}")}})
    assert "proposed: 1 capability, 1 operation" in said


@pytest.mark.parametrize("log", [
    "".join(f"{host}:443 " + combined("GET", "/patients/17", times=1)
            for host in [*["HIS.example"] * 4, *["lab.example"] * 3, "seldom.example"]),
    "#Fields: cs-method cs-uri-stem sc-status cs-host\n" + "GET /patients/1 200 his.example:80\n" * 4
    + "GET /patients/1 200 lab.example\n" * 3 + "GET /patients/1 200 -\n" + "GET /patients/1 200 se{ldom\n" * 3,
])
def test_the_hosts_that_clients_ask_for_are_told(init, log):
    Path("access.log").write_text(log)
    status, text, _ = init("--access-log", "access.log")
    assert status == 0
    assert "# Clients ask for his.example, lab.example, and legacy gets the Host that they send." in text
    assert "ldom" not in text
    assert proposed(text) == {"patients": {"read": (["GET"], "/patients/{id}")}}


def test_a_log_of_iis_is_read_in_any_case(init):
    Path("iis.log").write_text(
        "#Software: Microsoft Internet Information Services 10.0\n#Fields: cs-method cs-uri-stem sc-status\n"
        + "GET /Patients/17 200\nGET /patients/18 200\nGET /PATIENTS/19 200\n")
    status, text, _ = init("--access-log", "iis.log")
    assert status == 0
    assert "paths: iis" in text
    assert proposed(text) == {"patients": {"read": (["GET"], "/patients/{id}")}}


def test_what_clients_ask_becomes_operations_with_sane_names(init):
    Path("access.log").write_text("".join((
        combined("GET", "/fhir/R4/Patient/17"), combined("GET", "/fhir/R4/Patient?name=x"),
        combined("POST", "/fhir/R4/Patient/_search"),
        combined("PUT", "/fhir/R4/Patient/9c3d1a2b-aaaa-bbbb-cccc-1234567890ab"),
        combined("GET", "/fhir/R4/Patient/17/$everything"),
        combined("GET", "/fhir/R4/DiagnosticReport/a1b2c3d4e5f60718"),
        combined("GET", "/fhir/R4/Patient/17/_history/3"), combined("GET", "/hl7/ADT/2026-12-01"),
        combined("GET", "/app/getVisits.aspx"), combined("POST", "/ws/Billing.asmx"),
    )))
    status, text, _ = init("--access-log", "access.log")
    assert status == 0
    assert proposed(text) == {
        "patient": {
            "read": (["GET"], "/fhir/R4/Patient/{id}"), "list": (["GET"], "/fhir/R4/Patient"),
            "search-by-post": (["POST"], "/fhir/R4/Patient/_search"), "update": (["PUT"], "/fhir/R4/Patient/{id}"),
            "everything": (["GET"], "/fhir/R4/Patient/{id}/$everything"),
            "read-history": (["GET"], "/fhir/R4/Patient/{id}/_history/{history_id}")},
        "diagnostic-report": {"read": (["GET"], "/fhir/R4/DiagnosticReport/{id}")},
        "admissions": {"read": (["GET"], "/hl7/ADT/{id}")},
        "get-visits": {"list": (["GET"], "/app/getVisits.aspx")},
        "billing": {"call": (["POST"], "/ws/Billing.asmx")},
    }


def test_what_is_no_request_of_a_client_is_left_to_the_default_route(init):
    Path("access.log").write_text("".join((
        combined("GET", "/patients/1"), combined("GET", "/wp-admin/setup", 404), combined("OPTIONS", "/patients/1"),
        combined("GET", "/logo.png"), combined("GET", "/a/../b"), combined("GET", "/seldom", times=2),
        combined("GTE", "/patients/1"), '10.0.0.1 - - [x] "\\x16\\x03\\x01" 400 0 "-" "-"\n')))
    status, text, _ = init("--access-log", "access.log")
    assert (status, proposed(text)) == (0, {"patients": {"read": (["GET"], "/patients/{id}")}})
    for line in ("#   5 that legacy itself answers", "#   5 for pictures", "#   5 of the method OPTIONS",
                 "#   11 with a path that servers", "#   2 of paths that were asked fewer than 3 times"):
        assert line in text


NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'-", min_size=6, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(NAMES, min_size=1, max_size=60, unique_by=str.lower), st.integers(1, 2))
def test_a_name_that_few_ask_about_is_never_written(init, names, times):
    names = [f"zq{one}" for one in names]
    Path("access.log").write_text("".join(
        [combined("GET", f"/by-name/{one}", times=times) for one in names]
        + [combined("GET", f"/{one}/visits", times=times) for one in names] + [combined("GET", "/by-name", times=9)]))
    status, text, said = init("--access-log", "access.log")
    assert status == 0
    assert not [one for one in names if one in text or one in said]


@pytest.mark.parametrize("place", [
    "/patients/by-name/{}", "/byName/{}/visits", "/find_by_mrn/{}", "/Patients/FindBySurname/{}", "/lastname/{}",
    "/by/{}", "/staff/e-mail/{}", "/x/{}@clinic.example"])
def test_what_follows_a_word_that_announces_a_name_is_never_written(init, place):
    Path("access.log").write_text("".join(
        combined("GET", place.format(one), times=50) for one in ["MUELLER", "Schmidt", "anna.maria"])
        + combined("GET", place.format("search").partition("@")[0], times=9))
    status, text, said = init("--access-log", "access.log")
    assert status == 0
    assert not [one for one in ("mueller", "schmidt", "anna") if one in (text + said).lower()]
    assert "150 requests" in text


def test_many_words_at_one_place_are_identifiers(init):
    words = [f"{chr(97 + one // 26)}{chr(97 + one % 26)}smith" for one in range(60)]
    Path("access.log").write_text("".join(combined("GET", f"/staff/{one}/rota", times=8) for one in words))
    status, text, _ = init("--access-log", "access.log")
    assert (status, proposed(text)) == (0, {"staff": {"list-rota": (["GET"], "/staff/{id}/rota")}})


LINES = st.one_of(
    st.text(max_size=60),
    st.builds(lambda method, path, status: f'1 - - [x] "{method} {path} HTTP/1.1" {status} 0',
              st.sampled_from(["GET", "POST", "get", "CONNECT", "X-Y", "*"]),
              st.text("/abAB01%2F.;:*{}$_~@()' \\\"#?", max_size=20).map(lambda one: f"/{one}"),
              st.integers(0, 999)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@example(['0 0 [0] "GET /$ HTTP/0" 000'], 3)
@given(st.lists(LINES, max_size=8), st.integers(1, 4))
def test_whatever_a_log_holds_the_file_is_valid_or_one_line_says_why_not(init, lines, times):
    Path("access.log").write_text("\n".join(lines * times), errors="replace", newline="")
    status, text, said = init("--access-log", "access.log")
    assert text or (status == 2 and said.count("\n") == 1 and "access.log" in said)


@pytest.mark.parametrize(("content", "says"), [
    (b'{"ts": "2026", "event": "request"}\n', "access.log:1: these are JSON lines: Figway's own log has no paths"),
    (b"\n\nhello\n", "access.log:3: no line of a Common, Combined or W3C access log"),
    (b"", "access.log: there is no request in it"),
    (b"\x00\xff" * 100_000, "access.log:1: no line of a Common, Combined or W3C access log"),
    (None, "access.log cannot be read: No such file or directory"),
])
def test_what_is_no_log_is_one_line_with_its_place(init, content, says):
    if content is not None:
        Path("access.log").write_bytes(content)
    status, _, said = init("--access-log", "access.log")
    assert (status, said.count("\n")) == (2, 1)
    assert says in said


def test_a_broken_gzip_file_is_one_line(init):
    Path("access.log.gz").write_bytes(gzip.compress(combined("GET", "/a").encode())[:-9])
    assert init("--access-log", "access.log.gz")[2] == (
        "figway: access.log.gz cannot be read: not a whole gzip file\n")


# --- descriptions -----------------------------------------------------------------------------------------------------

OPENAPI = """\
openapi: 3.0.3
servers: [{url: https://his.example/api/v1}]
paths:
  /patients/{id}:
    get: {operationId: getPatient, tags: [Patients]}
    put: {}
  /patients/{id}/visits/{visit}: {get: {}}
  /files/{id}.pdf: {get: {}}
  /broken: 7
"""
STATEMENT = {
    "resourceType": "CapabilityStatement", "implementation": {"url": "https://his.example/fhir"},
    "rest": [{"resource": [{"type": "Patient", "interaction": [{"code": "read"}, {"code": "search-type"}],
                            "operation": [{"name": "everything"}]}, {"type": "../x"}, 7]}]}
WSDL = """\
<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:tns="urn:x" targetNamespace="urn:x">
  <wsdl:binding name="B" type="tns:P">
    <soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="GetResult"><soap:operation soapAction="urn:x:GetResult"/></wsdl:operation>
    <wsdl:operation name="StoreResult"><soap:operation soapAction="urn:x:StoreResult"/></wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="S">
    <wsdl:port name="Q" binding="tns:B"><soap:address location="http://his.example/ws/results"/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>
"""


def test_an_openapi_document_is_read(init):
    Path("api.yaml").write_text(OPENAPI)
    _, text, _ = init("--openapi", "api.yaml")
    assert proposed(text) == {
        "patients": {
            "get-patient": (["GET"], "/api/v1/patients/{id}"), "update": (["PUT"], "/api/v1/patients/{id}"),
            "read-visits": (["GET"], "/api/v1/patients/{id}/visits/{visit}")},
        "files": {"read": (["GET"], "/api/v1/files/{id}")}}


def test_a_capability_statement_is_read(init):
    Path("metadata.json").write_text(json.dumps(STATEMENT))
    _, text, _ = init("--capability-statement", "metadata.json")
    assert proposed(text) == {
        "metadata": {"read": (["GET"], "/fhir/metadata")},
        "patient": {
            "read": (["GET"], "/fhir/Patient/{id}"), "search": (["GET"], "/fhir/Patient"),
            "search-by-post": (["POST"], "/fhir/Patient/_search"),
            "everything": (["POST"], "/fhir/Patient/$everything")}}
    assert text.count("safe: true") == 1


def test_a_wsdl_is_read_by_its_actions(init):
    Path("results.wsdl").write_text(WSDL)
    _, text, _ = init("--wsdl", "results.wsdl")
    assert proposed(text) == {"results": {
        "get-result": (["POST"], "/ws/results"), "store-result": (["POST"], "/ws/results")}}
    assert 'header: {SOAPAction: "urn:x:GetResult"}' in text
    assert "# Does get-result change nothing? Then add `safe: true`" in text
    assert "store-result change" not in text


def test_requests_are_counted_for_what_a_description_names(init):
    Path("api.yaml").write_text(OPENAPI)
    Path("access.log").write_text(combined("GET", "/api/v1/patients/anna") + combined("GET", "/api/v1/new/17"))
    _, text, _ = init("--openapi", "api.yaml", "--access-log", "access.log")
    assert 'get-patient: {method: GET, path: "/api/v1/patients/{id}"}  # 5 requests' in text
    assert proposed(text)["new"] == {"read": (["GET"], "/api/v1/new/{id}")}


@pytest.mark.parametrize(("option", "content"), [
    ("--openapi", '{"openapi": "3.0.0", "servers": [{"url": "/v1/./x"}], "paths": {"/a/../b": {"get": {}}}}'),
    ("--openapi", '{"swagger": "2.0", "paths": {"/a/%2e%2E/b": {"get": {}}, "/a/{id}/..": {"get": {}}}}'),
    ("--openapi",
     '{"openapi": "3.0.0", "paths": {"/#action=x": {"post": {}}, "/a b": {"get": {}}}}'),
    ("--capability-statement",
     '{"resourceType": "CapabilityStatement", "implementation": {"url": "http://a/b/../c"}}'),
])
def test_paths_that_no_request_has_are_not_proposed_but_told(init, option, content):
    Path("a.json").write_text(content)
    status, text, said = init(option, "a.json")
    assert (status, proposed(text)) == (0, {})
    assert said.startswith("a.json: left out ")


def test_a_description_with_long_and_equal_names_is_read(init):
    item = {"get": {"tags": ["b"], "operationId": "o" * 200}}
    Path("a.json").write_text(json.dumps({"openapi": "3.1.0", "paths": {f"/b/{number}": item for number in range(12)}}))
    status, text, _ = init("--openapi", "a.json")
    assert status == 0
    assert len(proposed(text)["b"]) == 12


BROKEN = [
    ("--openapi", "a.json", '{"openapi": "3.0.0",\n "paths": {,}}', "a.json:2:12: not JSON"),
    ("--openapi", "a.yaml", "openapi: 3.0.0\npaths: {a: [}\n", "a.yaml:2:13: not YAML"),
    ("--openapi", "a.yaml", "openapi: 3.0.0\n", "a.yaml: this is no OpenAPI document with `paths`"),
    ("--openapi", "a.json", "[" * 100_000, "a.json: nested too deeply"),
    ("--openapi", "a.yaml", "&a [*a, *a]\n", "a.yaml:1:"),
    ("--openapi", "a.json", "[]", "a.json:1: wants a map at the top"),
    ("--capability-statement", "a.json", '{"resourceType": "Patient"}', "a.json: this is no CapabilityStatement"),
    ("--wsdl", "a.wsdl", "<a>", "a.wsdl: this is no XML without a DOCTYPE"),
    ("--wsdl", "a.wsdl", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a.wsdl: this is no XML without a DOCTYPE"),
    ("--wsdl", "a.wsdl", "<definitions/>", "a.wsdl: no `service` in it"),
    ("--wsdl", "a.wsdl", "<a/>", "a.wsdl: this is no WSDL 1.1"),
]


@pytest.mark.parametrize(("option", "name", "content", "says"), BROKEN)
def test_a_broken_or_hostile_description_is_one_line_with_its_place(init, option, name, content, says):
    Path(name).write_text(content)
    status, _, said = init(option, name)
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"figway: {says}")


# --- the file -----------------------------------------------------------------------------------------------------


def test_without_sources_everything_goes_to_legacy(init):
    status, text, _ = init(legacy="http://his.example/fhir")
    assert (status, proposed(text)) == (0, {})
    assert '  legacy: {url: "http://his.example"}' in text


def test_a_file_that_exists_is_kept_and_a_bad_url_is_refused(init, tmp_path):
    (tmp_path / "routes.yaml").write_text("mine")
    done = CliRunner().invoke(main, ["init", "--legacy", LEGACY])
    assert (done.exit_code, (tmp_path / "routes.yaml").read_text()) == (2, "mine")
    assert "routes.yaml exists" in done.stderr
    status, _, said = init(legacy="ftp://x")
    assert (status, said) == (2, "figway: --legacy: wants http://host:port, https://host:port or unix:///path\n")
    done = CliRunner().invoke(main, ["init", "--legacy", LEGACY, "--config", "-"])
    assert (done.exit_code, done.stdout.splitlines()[-1].startswith("default:")) == (0, True)


# --- real services ----------------------------------------------------------------------------------------------------


@pytest.fixture
def demo_legacy(tmp_path):
    """The demo's legacy service, which writes a Combined log: (URL, log)."""
    log = tmp_path / "access.log"
    with started([sys.executable, "-m", "gateway.demo.legacy", "--access-log", str(log)], text=True,
                 stdout=subprocess.PIPE) as process:
        yield process.stdout.readline().split()[1], log


SOAP = ('<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        '<GetResult xmlns="urn:example:clinic:results"><ResultId>R-7001</ResultId></GetResult></soap:Body>'
        "</soap:Envelope>")


@pytest.mark.slow
@pytest.mark.parametrize("source", ["access log", "openapi"])
def test_the_demos_clients_get_what_they_got_by_the_file_that_init_writes(init, gateway, demo_legacy, source):
    """Results are in SOAP at legacy, and departments are gone there; all others ask as they always did."""
    url, log = demo_legacy
    asks = [one for one in plan(clinic(), 500, 1) if one.operation.capability not in ("results", "departments")]

    def asked(where):
        tally = send(asks, where, lambda: None)
        done = subprocess.run(["curl", "-sS", "-H", "Content-Type: text/xml", "--data-binary", SOAP,
                               *[f"{where}/ws/results"] * 3], capture_output=True, check=True)
        return tally.right, tally.wrong, done.stdout

    before = asked(url)
    assert before[1] == []
    if source == "openapi":
        description = Path("openapi.json")
        subprocess.run(["curl", "-sS", "-o", description, f"{url}/openapi.json"], check=True)
        status, text, _ = init("--openapi", str(description), legacy=url)
    else:
        status, text, _ = init("--access-log", str(log), legacy=url)
    assert status == 0
    figway = gateway(text)
    assert asked(f"http://127.0.0.1:{figway.port}") == before
    until(lambda: sum(line["event"] == "request" for line in figway.log()) == len(asks) + 3, "the log is not written")
    capabilities = {line["capability"] for line in figway.log() if line["event"] == "request"}
    # An OpenAPI document says nothing of the front page, nor of SOAP.
    assert capabilities - {"_default"} == proposed(text).keys()
    assert ("_default" in capabilities) == (source == "openapi")


@pytest.mark.slow
def test_what_is_watched_becomes_the_file_and_is_passed_on(legacy, tmp_path):
    port = closed_port()
    with started([*FIGWAY, "init", "--legacy", legacy.url, "--watch", "10m", "--listen", f"127.0.0.1:{port}"],
                 cwd=tmp_path, text=True, stderr=subprocess.PIPE) as process:
        assert f"figway listens on 127.0.0.1:{port}" in process.stderr.readline()
        for number in range(4):
            done = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{port}/patients/{number}?name=zqsmith"],
                                  capture_output=True, check=True)
            assert done.stdout
        assert list(tmp_path.iterdir()) == []
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 0
    text = (tmp_path / "routes.yaml").read_text()
    assert "from 4 watched requests" in text
    assert 'read: {method: GET, path: "/patients/{id}"}  # 4 requests' in text
    assert "zqsmith" not in text
