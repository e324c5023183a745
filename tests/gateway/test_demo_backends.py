"""The demo's two services, asked directly: they agree on every record but where the table of defects says."""

import http.client
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import yaml

from adapters.message import Headers, Request, Response
from adapters.soap import Soap
from gateway.config.decode import Schema
from gateway.demo import rest
from gateway.demo.clinic import build, content
from gateway.demo.defects import DEFECTS, spoil
from gateway.demo.rest import FRESH, OPERATIONS, Answer, payload
from tests.backends.processes import LONG, started

pytestmark = pytest.mark.slow

CLINIC = build()
ROUTES = yaml.safe_load((Path(__file__).parents[2] / "routes.yaml").read_text())
SOAP = Soap(Schema.of_options(Soap.Options).validate(
    ROUTES["capabilities"]["results"]["legacy"]["adapter"]["soap"]))
SHARED = [one for one in OPERATIONS if one.capability != "departments"]


class Torn(Exception):
    """The connection broke off inside the body."""


class Service:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)

    def ask(self, method, target, body=None, headers=None):
        # A kept connection would be closed by the service after some idle seconds.
        self.connection.request(method, target, body, {"Connection": "close"} | (headers or {}))
        response = self.connection.getresponse()
        try:
            return response.status, response.headers["content-type"], response.read()
        except http.client.IncompleteRead as error:
            raise Torn from error
        finally:
            self.connection.close()


@pytest.fixture(scope="module", params=["legacy", "modern"])
def each(request):
    yield from running(request.param)


@pytest.fixture(scope="module")
def legacy():
    yield from running("legacy")


@pytest.fixture(scope="module")
def modern():
    yield from running("modern")


@pytest.fixture(scope="module")
def mended():
    yield from running("modern", "--mended", "patients")


def running(name, *options):
    command = [sys.executable, "-m", f"gateway.demo.{name}", *options]
    with started(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[1]
        service = Service(urlsplit(url).port)
        yield service
        service.connection.close()
        process.terminate()
        assert process.wait(LONG) in (0, -signal.SIGTERM)


def every_asking(operation):
    """All there is to ask of an operation, of documents' contents a tenth: each id, and some that nobody has."""
    if operation.name == "search":
        return [{"name": name} for name in ("test", "O'Syn", "muster-größe", "nobody", "")]
    if operation.name == "book":
        return [{}]
    if "{id}" in operation.path:
        downloads = operation.capability == "downloads"
        records = [*CLINIC.documents][::10] if downloads else getattr(CLINIC, operation.capability)
        return [{"id": key} for key in (*records, "P-9", "P-9%20x")]
    return [{"patient": key} for key in (*CLINIC.patients, "P-9")]


def target(operation, asked):
    path = operation.path.format(**asked)
    query = {name: value for name, value in asked.items() if name != "id"}
    return f"{path}?{urlencode(query)}" if query else path


def parse(body):
    """The document with every number as it is written."""
    return json.loads(body, parse_float=lambda text: ("number", text), parse_int=lambda text: ("number", text))


def differences(control, candidate, pointer=""):
    """(kind, index-free pointer) of each: a plain second opinion, that knows nothing of the product's comparator."""
    if isinstance(control, dict) and isinstance(candidate, dict):
        for name in sorted({*control, *candidate}):
            at = f"{pointer}/{name}"
            if name not in candidate:
                yield "missing", at
            elif name not in control:
                yield "extra", at
            else:
                yield from differences(control[name], candidate[name], at)
    elif isinstance(control, list) and isinstance(candidate, list):
        for one, other in zip(control, candidate, strict=False):
            yield from differences(one, other, f"{pointer}/*")
        yield from [("missing", f"{pointer}/*")] * (len(control) - len(candidate))
        yield from [("extra", f"{pointer}/*")] * (len(candidate) - len(control))
    elif type(control) is not type(candidate):
        yield "type", pointer
    elif control != candidate:
        yield ("precision" if isinstance(control, tuple) else "value"), pointer


def compared(control, candidate):
    (status, kind, body), (other_status, other_kind, other_body) = control, candidate
    if status != other_status:
        return {("status", "")}
    assert kind == other_kind
    if kind != "application/json":
        assert body == other_body
        return set()
    return set(differences(*(lasting(parse(one)) for one in (body, other_body))))


def lasting(document):
    """What is not made anew for each answer."""
    return {name: value for name, value in document.items() if name not in FRESH}


def ask_in_soap(service, operation, asked):
    """As the gateway asks the legacy arm: through the adapter, with the options of routes.yaml."""
    call = SOAP.request(operation.name, asked, Request("GET", target(operation, asked).encode(), Headers()))
    sent = {name.decode(): value.decode() for name, value in call.headers if name != b"Content-Length"}
    status, kind, body = service.ask(call.method, call.target.decode(), call.body, sent)
    headers = Headers([(b"Content-Type", kind.encode())])
    answer = SOAP.response(operation.name, Response(status, headers, body))
    return answer.status, answer.headers.get(b"content-type").decode(), answer.body


def ask(service, operation, asked):
    body = b'{"patient": "P-1001", "department": "general"}' if operation.method == "POST" else None
    return service.ask(operation.method, target(operation, asked), body)


@pytest.mark.parametrize("operation", SHARED, ids=lambda one: f"{one.capability}.{one.name}")
def test_the_services_differ_where_a_defect_is_seeded_and_nowhere_else(operation, legacy, modern):
    for asked in every_asking(operation):
        expected = spoil(operation, asked, operation.answer(CLINIC, asked))[1]
        control = (ask_in_soap if operation.capability == "results" else ask)(legacy, operation, asked)
        try:
            found = compared(control, ask(modern, operation, asked))
        except Torn:
            found = {("candidate_error", "truncated")}
        assert found == {(one.kind, one.path) for one in expected}, asked


def test_a_modern_that_is_mended_is_right_about_that_capability_and_about_no_other(legacy, mended):
    patients, documents = rest.BY_NAME["patients", "read"], rest.BY_NAME["documents", "list"]
    for asked in every_asking(patients):
        assert compared(ask(legacy, patients, asked), ask(mended, patients, asked)) == set()
    spoilt = [asked for asked in every_asking(documents)
              if compared(ask(legacy, documents, asked), ask(mended, documents, asked))]
    assert spoilt == [asked for asked in every_asking(documents)
                      if spoil(documents, asked, documents.answer(CLINIC, asked))[1]] != []


def test_services_say_which_build_they_are(legacy, modern, mended):
    builds = []
    for service in (legacy, modern, mended):
        service.connection.request("GET", "/patients/P-1001", headers={"Connection": "close"})
        with service.connection.getresponse() as response:
            builds.append(response.headers[rest.BUILD])
    assert builds == ["4.11", "2.0", "2.1"]


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_each_defect_touches_some_records_and_leaves_others_right(defect):
    operation = next(one for one in OPERATIONS if (one.capability, one.name) == (defect.capability, defect.operation))
    touched = Counter(defect in spoil(operation, asked, operation.answer(CLINIC, asked))[1]
                      for asked in every_asking(operation))
    assert touched[True] >= 1
    assert touched[False] >= 1


def test_no_two_defects_look_the_same_in_a_report():
    signatures = {(one.capability, one.operation, one.kind, one.path) for one in DEFECTS}
    assert len(signatures) == len(DEFECTS) == 8


def test_the_clinic_is_the_same_each_time():
    assert build() == CLINIC
    assert len(CLINIC.patients) == 600


def test_decimals_keep_their_digits():
    result = next(one for one in CLINIC.results.values() if str(one["value"]).endswith("0"))
    assert f'"value":{result["value"]},'.encode() in payload(Answer(200, result))


def test_some_members_are_new_in_each_answer_and_all_others_stay(each):
    for target, names in (("/appointments/A-4001", {"servedAt", "requestId"}), ("/appointments/A-0", {*FRESH}),
                          ("/appointments?patient=P-1001", {"servedAt"}), ("/documents?patient=P-1001", {"servedAt"})):
        first, second = (json.loads(each.ask("GET", target)[2]) for _ in range(2))
        assert first.keys() & FRESH == names
        assert all(first[name] != second[name] for name in names)
        assert lasting(first) == lasting(second)


def test_a_document_comes_in_ranges(each):
    document = CLINIC.documents["D-2001"]
    whole = content(document)
    assert each.ask("GET", "/documents/D-2001/content") == (200, "application/pdf", whole)
    for wanted, piece in (("bytes=0-9", whole[:10]), ("bytes=100-", whole[100:])):
        assert each.ask("GET", "/documents/D-2001/content", headers={"Range": wanted})[::2] == (206, piece)
    assert each.ask("GET", "/documents/D-2001/content", headers={"Range": "bytes=9999999-"})[::2] == (200, whole)
    with pytest.raises(UnicodeDecodeError):
        whole.decode()


def test_departments_are_retired_from_legacy(legacy, modern):
    assert legacy.ask("GET", "/departments")[0] == 410
    status, _, body = modern.ask("GET", "/departments")
    assert (status, len(json.loads(body)["items"])) == (200, 4)


def test_legacy_has_results_only_in_soap(legacy, modern):
    assert legacy.ask("GET", "/results/R-7001")[0] == 404
    assert modern.ask("GET", "/results/R-7001")[0] == 200
    assert rest.read_result(CLINIC, {"id": "R-7001"}).status == 200
