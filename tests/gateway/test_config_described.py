"""Names of parameters that a service's own description has, and those that routes.yaml names anywhere, are shown."""

import json

import pytest

from gateway.config.compile import build
from gateway.config.problem import Invalid
from shadow.compare.parameters import shown

ROUTES = """
version: 1
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}}}
capabilities:
  results:
    owner: tests
    operations:
      read: {{path: /results/x, query: {{inQuery: true}}}}
    legacy:
      upstream: legacy
      adapter:
        soap:
          path: /soap
          namespace: urn:results
          operations:
            read:
              action: urn:read
              request:
                element: Get
                fields: {{Kind: "query:inAdapter?", Name: {{fields: {{A: "query:inside"}}}}}}
              response: {{element: Got, body: {{path: A, fields: {{a: "@Id"}}}}}}
    modern: legacy
    stage: canary
    split: {{percent: 5%, sticky: ["query:inSplit", client_ip], on_missing: legacy}}
    shadow: {{sample: 100%, parameters: [inShadow], described_by: {files}}}
default: {{upstream: legacy}}
"""
OPENAPI = """
openapi: 3.1.0
paths:
  /results:
    parameters: [{name: onPath, in: query}]
    get:
      parameters: [{name: onGet, in: query}, {name: inHeader, in: header}, {$ref: "#/components/parameters/shared"}]
    post:
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {properties: {inForm: {type: string}}}}}}
components: {parameters: {shared: {name: isShared, in: query}, odd: {name: a name, in: query}}}
"""
SWAGGER = {"swagger": "2.0", "parameters": {"one": {"name": "isShared", "in": "query"}}, "paths": {
    "/a": {"get": {"parameters": [{"name": "onGet", "in": "query"}, {"name": "inForm", "in": "formData"}]}}}}
STATEMENT = {"resourceType": "CapabilityStatement", "rest": [
    {"searchParam": [{"name": "everywhere"}],
     "resource": [{"type": "Patient", "searchParam": [{"name": "own-search"}]}]}]}


@pytest.fixture
def parameters(tmp_path):
    def make(**files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        file = tmp_path / "routes.yaml"
        file.write_text(ROUTES.format(files=json.dumps(list(files))))
        configuration = build(file)
        return configuration, configuration.table.capabilities["results"].shadow.basis.parameters

    return make


IN_FILE = {"inQuery", "inAdapter", "inside", "inSplit", "inShadow"}


def test_what_routes_yaml_names_is_shown(parameters):
    assert parameters()[1] == IN_FILE


@pytest.mark.parametrize(("text", "names"), [
    (OPENAPI, {"onPath", "onGet", "inForm", "isShared"}), (json.dumps(SWAGGER), {"onGet", "inForm", "isShared"}),
    (json.dumps(STATEMENT), {"everywhere", "own-search"}),
])
def test_what_a_service_says_of_itself_is_shown(parameters, tmp_path, text, names):
    configuration, found = parameters(described=text)
    assert found == IN_FILE | names
    assert tmp_path / "described" in configuration.files, "it is watched"
    assert configuration.revision != parameters(described=text + "\n ")[0].revision
    assert shown({"onGet", "meier"}, found | {"onGet"}, b"key").startswith("onGet,{")


@pytest.mark.parametrize("text", ["", "[]", "{}", "a: [", "{", "\0", "[" * 100_000, "- openapi", "null", "\ufeff7"])
def test_what_is_no_description_is_a_problem_at_its_line(parameters, tmp_path, text):
    with pytest.raises(Invalid) as invalid:
        parameters(described=text)
    assert [(one.code, one.place.line) for one in invalid.value.problems] == [("bad_description", 25)]
    assert tmp_path / "described" in invalid.value.files


def test_a_description_that_is_not_there_is_a_problem(parameters, tmp_path):
    (tmp_path / "there").mkdir()
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES.format(files="[none.json, there]"))
    with pytest.raises(Invalid) as invalid:
        build(file)
    assert {one.code for one in invalid.value.problems} == {"no_file"}


@pytest.mark.parametrize("text", [
    {"openapi": "3.1.0", "paths": 1}, {"openapi": 3, "paths": {"/": []}, "components": []},
    {"swagger": "2.0", "paths": {"/": {"get": 1, "post": {"parameters": "x", "requestBody": {"content": 1}}}}},
    {"resourceType": "CapabilityStatement", "rest": {"a": 1}},
    {"resourceType": "CapabilityStatement", "rest": [1, {"searchParam": 1, "resource": [None, {"searchParam": [1]}]}]},
])
def test_a_description_that_is_written_otherwise_names_nothing(parameters, text):
    assert parameters(described=json.dumps(text))[1] == IN_FILE


@pytest.mark.parametrize("name", [
    "code:text", "subject:Patient.name", "_has:Observation:patient:code", "_include:iterate", "PatientID", "00100020",
    "00080050", "identifier:of-type", "patient.organization.name",
])
def test_a_name_that_standards_make_of_known_ones_is_shown(name):
    assert shown({name}, frozenset(), b"key") == name


@pytest.mark.parametrize("name", [
    "code:meier", "meier:text", "Patient", "12345678", "name.meier", "text.", ".name", ":", "name:" * 20 + "name",
])
def test_a_name_with_an_unknown_part_is_not(name):
    assert name not in shown({name}, frozenset(), b"key")
