"""Leaks: a patient's data is planted wherever a message has room for it, and then looked for, byte by byte and in
every encoding, in all that Figway writes, serves, prints or answers of its own."""

import base64
import json
from contextlib import suppress
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.upstream import closed_port, resets, until
from tests.backends.wire import Cut, request, response

SURNAME, GIVEN, RECORD, BIRTH, PHONE = "Quarrington", "Größenwald", "4815162342", "1931-07-23", "+49 171 5550199"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ"
PLANTED = (SURNAME, "wrenfield", GIVEN, RECORD, BIRTH, "19310723", PHONE, "5550199", TOKEN)
"""One surname is written with a capital, the other without: neither looks like anything but a name of a field."""

CODE = "Zanzibar"
"""What a rule reveals. It must be found, or the search finds nothing."""


def encoded(text):
    """The ways in which bytes of a text may turn up, in lower case but for Base64."""
    raw = text.encode()
    found = {raw, text.encode("latin-1"), text.encode("utf-16-le"), text.encode("utf-16-be"), quote(text).encode(),
             quote(text, encoding="latin-1").encode(), json.dumps(text)[1:-1].encode(), raw.hex().encode(),
             text.encode("ascii", "xmlcharrefreplace")}
    # In Base64 a text looks otherwise by where it begins; the outer characters depend on its neighbours too.
    whole = {base64.b64encode(bytes(shift) + raw)[shift * 4 // 3 + 1:-4] for shift in range(3)}
    return {one.lower() for one in found}, whole


ENCODED = {value: encoded(value) for value in (*PLANTED, CODE)}


def leaked(data, values=PLANTED):
    """Those of the planted values that are in some bytes."""
    small = data.lower()
    return [value for value in values
            if any(one in small for one in ENCODED[value][0]) or any(one in data for one in ENCODED[value][1])]


@pytest.mark.parametrize("value", [*PLANTED, CODE])
def test_the_search_finds_a_planted_value_in_every_encoding(value):
    raw = value.encode()
    for data in (
        raw, raw.upper(), value.encode("latin-1"), value.encode("utf-16"), quote(value).encode(), raw.hex().encode(),
        json.dumps({"a": value}).encode(), *(base64.b64encode(b"x" * shift + raw + b"yz") for shift in range(5)),
        base64.urlsafe_b64encode(b"..." + raw + b"..."),
    ):
        assert value in leaked(b"\0" + data + b"\0", ENCODED)
    assert leaked(b"nothing of the kind", ENCODED) == []


CONFIG = """
version: 1
server: {{drain: {{grace: 2s}}}}
store: {{sqlite: {{path: learnt.db}}}}
shadow: {{drain: 1s, capture: {{path: sealed.db}}}}
upstreams:
  legacy: {{url: "{legacy}", timeouts: {{first_byte: 2s, between_bytes: 2s}}}}
  modern: {{url: "{modern}", timeouts: {{first_byte: 2s, between_bytes: 2s}}}}
  down: {{url: "http://127.0.0.1:{down}"}}
policies:
  staff: {{apikey: {{keys: {{staff: "sha256:{digest}"}}}}}}
capabilities:
  patients:
    owner: patients-team
    operations:
      read: {{method: GET, path: "/patients/{{rest*}}"}}
      search: {{method: POST, path: "/search/{{rest*}}", safe: true}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      max_body: 4KiB
      capture: 100%
      noise: 100%
      recheck: {{after: [50ms], budget: 100%}}
      rules: [{{at: /code, reveal: true}}, {{at: /risk, keys: data}}, {{at: /record, crosswalk: Patient}}]
  closed:
    owner: patients-team
    operations: {{any: {{path: "/closed/{{rest*}}"}}}}
    legacy: down
    stage: legacy
  private:
    owner: patients-team
    operations: {{any: {{path: "/private/{{rest*}}"}}}}
    legacy: legacy
    stage: legacy
    policies: [staff]
default: {{upstream: legacy, policies: []}}
"""
JSON, XML, HL7, HTML = "application/json", "application/xml", "application/hl7-v2", "text/html; charset=utf-8"
PERSON = {"name": SURNAME, "given": GIVEN, "mrn": RECORD, "born": BIRTH, "phone": PHONE}


def bodies():
    """A content type, and what legacy and modern say."""
    other = {**PERSON, "name": "wrenfield", "born": "19310723"}
    for legacy, modern in [
        (PERSON, other), (PERSON, {}), ({}, PERSON), ([PERSON, other], [other]), ({"a": [SURNAME]}, {"a": [GIVEN]}),
        # Names of members.
        ({SURNAME: PERSON}, {SURNAME: other}), ({"risk": {"wrenfield": 1}}, {"risk": {"wrenfield": 2}}),
        ({"patients": {"wrenfield": PERSON}}, {"patients": {"wrenfield": other}}),
        ({"patients": {"wrenfield": PERSON}}, {"patients": {}}),
        ({"byName": {SURNAME: 1}}, {"byName": {"wrenfield": 1}}),
        ({"found": {"wrenfield": {"a": 1}, SURNAME: {"a": 1}}, "at": 1}, {"found": {"wrenfield": {"a": 2}}, "at": 1}),
        ({"found": {GIVEN: 1, "wrenfield": 2}}, {"found": {GIVEN: 2, "wrenfield": 3}}),
        ({RECORD: 1, BIRTH: 2, PHONE: 3, TOKEN: 4, GIVEN: 5}, {}), ({"total": 1, "of": 1, SURNAME: 1}, {"total": 2}),
        ({"people": [{SURNAME: 1, "at": "x", "by": "y"}]}, {"people": [{SURNAME: 2, "at": "x", "by": "y"}]}),
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": RECORD,
                                                            "name": [{"family": SURNAME}]}}]},
         {"resourceType": "Bundle", "entry": []}),
        ({"resourceType": "Patient", "id": "1"}, {"resourceType": SURNAME, "id": "1"}),
        ({"resourceType": SURNAME, "id": "1"}, {"resourceType": SURNAME, "id": "2"}),
        ({"record": RECORD}, {"record": "P-1"}), ({"record": RECORD}, {"record": f"P-{SURNAME}"}),
        ({"code": CODE}, {"code": "B"}),
    ]:
        yield JSON, json.dumps(legacy).encode(), json.dumps(modern, ensure_ascii=False).encode()
    person, rest = (f'<p:patient xmlns:p="urn:x" mrn="{mrn}"><name>{name}</name></p:patient>'.encode()
                    for mrn, name in ((RECORD, SURNAME), ("1", GIVEN)))
    yield XML, person, rest
    yield XML, person, f"<{SURNAME}".encode()
    yield JSON, f'{{"name": "{SURNAME}'.encode(), f'{{"name": {SURNAME}}}'.encode()
    yield JSON, b"{}", f'{{"{SURNAME}": 1, "{SURNAME}": 2}}'.encode()
    message = "MSH|^~\\&|A|B|C|D|20250101||ADT^A01|1|P|2.5\rPID|1||{}||{}^{}||{}\r"
    admitted = message.format(RECORD, SURNAME, GIVEN, "19310723").encode()
    yield HL7, admitted, message.format("1", "wrenfield", "", "").encode()
    yield HL7, admitted, f"PID|{SURNAME}".encode()
    yield HTML, f"<p>{SURNAME} {GIVEN}".encode(), f'<p title="{RECORD}">{PHONE}'.encode()
    yield "text/plain; charset=iso-8859-1", f"{SURNAME} {GIVEN}\n{BIRTH}".encode("latin-1"), PHONE.encode()
    yield "application/x-ndjson", json.dumps(PERSON).encode() + b"\n{}", b"{}\n{}"
    yield "application/octet-stream", SURNAME.encode(), GIVEN.encode()
    yield f"application/{SURNAME}; charset={SURNAME}", SURNAME.encode(), b"x"
    yield JSON, json.dumps(PERSON).encode() * 100, b"{}"


def answers():
    """What legacy and modern send, byte for byte."""
    for kind, legacy, modern in bodies():
        yield tuple(response(200, ("Content-Type", kind), body=body) for body in (legacy, modern))
    plain = response(200, ("Content-Type", JSON), body=b"{}")
    for field, value in [
        ("Location", f"/patients/{SURNAME}"), ("ETag", f'"{SURNAME}"'), ("X-Patient", SURNAME),
        ("Set-Cookie", f"{SURNAME}={RECORD}; Path=/{SURNAME}"), ("Set-Cookie", f"wrenfield={TOKEN}; wrenfield=1"),
        ("WWW-Authenticate", f'Bearer realm="{SURNAME}"'), ("WWW-Authenticate", f"{SURNAME} {RECORD}"),
        ("Cache-Control", f"{SURNAME}={RECORD}, wrenfield"), ("Content-Encoding", SURNAME),
        ("Warning", f'199 - "{SURNAME}"'),
    ]:
        yield plain, response(200, ("Content-Type", JSON), (field, value), body=b"{}")
        yield response(200, ("Content-Type", JSON), (field, value), body=b"{}"), plain
    failed = response(500, ("Content-Type", "text/plain"), body=f"no {SURNAME} of {BIRTH}".encode(), reason=SURNAME)
    yield plain, failed
    yield failed, failed.replace(b"500", b"404")
    yield plain, response(404, ("Content-Type", "application/problem+json"), body=json.dumps(PERSON).encode())
    # What is no HTTP, or breaks off.
    yield plain, f"{SURNAME}\r\n\r\n".encode()
    yield plain, response(200, ("Content-Length", SURNAME))
    yield plain, f"HTTP/1.1 200 Fine\r\nContent-Length: 99\r\nX-Name: {SURNAME}\r\n\r\n{RECORD}".encode()
    yield plain, response(200, ("Transfer-Encoding", "chunked"), body=f"{SURNAME}\r\n".encode())
    yield f"HTTP/1.1 200 Fine\r\n{SURNAME}\r\n\r\n".encode(), plain
    yield plain, f"HTTP/1.1 {RECORD} {SURNAME}\r\n\r\n".encode()


FIELDS = [
    ("Host", f"{SURNAME}.example"), ("Authorization", f"Bearer {TOKEN}"), ("Cookie", f"{SURNAME}={RECORD}"),
    ("X-Name", SURNAME), ("User-Agent", f"{SURNAME}/1"), ("X-Request-Id", SURNAME), ("Referer", f"http://x/{SURNAME}"),
    ("traceparent", f"00-{SURNAME}-1-01"), ("tracestate", f"{SURNAME.lower()}={RECORD}"), ("X-Forwarded-For", SURNAME),
    ("X-API-Key", TOKEN), ("Accept", f"application/{SURNAME}"), (SURNAME, "1"),
]
TARGETS = [
    f"/patients/{SURNAME}/{RECORD}?name={SURNAME}&born={BIRTH}", f"/patients/{quote(GIVEN)}?{SURNAME}=1&{SURNAME}",
    f"/patients/wrenfield?wrenfield={RECORD}&wrenfield", f"/patients/{RECORD}?{RECORD}={PHONE.replace(' ', '%20')}",
    f"/patients/x?{quote(GIVEN)}=1&name:{SURNAME}=2", f"/patients/x;{SURNAME}=1?_format={SURNAME}",
]


@pytest.fixture
def figway(gateway, legacy, modern):
    return gateway(CONFIG.format(legacy=legacy.url, modern=modern.url, down=closed_port(), digest="0" * 64))


class Asking:
    """A client: every answer that is Figway's own is kept."""

    def __init__(self, figway):
        self.figway = figway
        self.own = []

    def say(self, data, method="GET"):
        with suppress(Cut, ConnectionError):
            reply = self.figway.say(data, method)
            if reply.get("Content-Type") == "application/problem+json" and reply.get("Proxy-Status"):
                self.own.append(reply.head + reply.body)

    def ask(self, target, method="GET", *more, body=None):
        self.say(request(method, target, *FIELDS, *more, body=body), method)


def mirrored(figway):
    return figway.metric("figway_shadow_total")


def shadows(figway, client, legacy, modern):
    """Every answer, and every target, mirrored and judged."""
    every, targets = list(answers()), list(TARGETS)
    for number, (one, other) in enumerate(every):
        legacy.answers(one)
        modern.answers(other)
        before = mirrored(figway)
        client.ask(targets[number % len(targets)])
        until(lambda before=before: mirrored(figway) > before, "an exchange has no outcome")
    legacy.answers(every[0][0])
    modern.answers(every[0][1])
    form = "application/x-www-form-urlencoded"
    for kind, body in [(JSON, json.dumps(PERSON)), (form, f"{SURNAME}=1&name={SURNAME}")]:
        before = mirrored(figway)
        client.ask(f"/search/{SURNAME}", "POST", ("Content-Type", kind), body=body.encode())
        until(lambda before=before: mirrored(figway) > before, "an exchange has no outcome")
    before = mirrored(figway)
    modern.does(resets)
    client.ask(TARGETS[0])
    until(lambda: mirrored(figway) > before, "an exchange has no outcome")
    return len(every)


def refusals(client, legacy):
    """What the edge, a policy or an upstream's failure makes Figway answer itself."""
    client.ask(f"/private/{SURNAME}")
    client.ask(f"/closed/{SURNAME}")
    client.ask(f"/patients/../{SURNAME}")
    client.ask(f"/{SURNAME}" + "x" * (17 << 10))
    client.ask("/patients/x", SURNAME.upper())
    for field, value in [("Content-Length", SURNAME), ("Transfer-Encoding", SURNAME), ("Expect", SURNAME),
                         (f"X {SURNAME}", "x"), ("Content-Length", f"1, {RECORD}")]:
        client.ask("/patients/x", "GET", (field, value))
    client.say(f"{SURNAME} {RECORD}\r\n\r\n".encode())
    client.say(f"GET /patients/{SURNAME} HTTP/9.{RECORD}\r\n\r\n".encode())
    for handler in (resets, None):
        if handler is None:
            legacy.answers(f"{SURNAME}\r\n\r\n".encode())
        else:
            legacy.does(handler)
        client.ask(TARGETS[0])


def served(figway):
    """What the admin port says."""
    for target in ("/metrics", "/report", "/report?capability=patients", "/report.html", "/readyz?verbose",
                   "/report.html?capability=patients", f"/report?capability={SURNAME}", f"/{SURNAME}"):
        reply = figway.admin(target)
        yield f"{target}", reply.body if SURNAME in target else reply.head + reply.body


def printed(figway, *arguments):
    found = CliRunner().invoke(main, [*map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert found.output, arguments
    return f"figway {' '.join(map(str, arguments))}", found.output.encode("utf-8", "surrogateescape")


def commands(figway):
    """What the command line says of it, out of the files and of the running gateway."""
    config, admin = ("--config", figway.file), ("--admin", f"http://127.0.0.1:{figway.admin_port}")
    for source in (config, admin):
        for form in ("table", "json", "markdown", "csv", "html"):
            yield printed(figway, "report", "patients", "-o", form, *source)
        for form in ("table", "json", "junit", "markdown"):
            yield printed(figway, "gate", "patients", "-o", form, *source)
    for command in ("list", "audit", "holds"):
        yield printed(figway, "shadow", command, *config)
    for form in ("table", "json"):
        yield printed(figway, "shadow", "recompare", "-o", form, *config)
    yield printed(figway, "shadow", "shred", "patients", *config)


def files(figway):
    for path in sorted(figway.folder.rglob("*")):
        if path.is_file() and path != figway.file:
            yield path.name, path.read_bytes()


def known(figway):
    [one] = json.loads(figway.admin("/report?capability=patients").body)["capabilities"]
    return one


def test_no_sink_holds_a_planted_value(figway, legacy, modern):
    client = Asking(figway)
    count = shadows(figway, client, legacy, modern)
    until(lambda: known(figway)["eligible"] >= count + 3, "not everything is written")
    until(lambda: figway.metric("figway_capture_total", result="sealed") > 10, "nothing is sealed")
    learnt = known(figway)
    refusals(client, legacy)
    assert len(client.own) > 10
    sinks = [*served(figway), *commands(figway), *files(figway), *(("an answer", one) for one in client.own)]
    figway.stop()
    sinks += files(figway)

    names = {name for name, _ in sinks}
    assert {"learnt.db", "learnt.db-wal", "learnt.db.custody", "sealed.db", "stdout", "stderr"} <= names
    assert [(name, leaked(data)) for name, data in sinks if leaked(data)] == []
    assert "identity" in {one["kind"] for one in learnt["differences"]}
    shown = {name for name, data in sinks if leaked(data, [CODE])}
    assert {"learnt.db", "/report", "/report.html?capability=patients"} <= shown, "what is revealed must be found"
    assert "sealed.db" not in shown
    assert "stdout" not in shown


RULES = b"rules: [{at: /risk, keys: data}, {at: /record, crosswalk: Patient}]"


@pytest.mark.parametrize(("kind", "legacy", "modern"), list(bodies()))
def test_files_that_are_compared_are_not_shown(tmp_path, kind, legacy, modern):
    for name, body in (("legacy", legacy), ("modern", modern), ("rules", RULES)):
        (tmp_path / name).write_bytes(body)
    for form in ("table", "json"):
        _, output = printed(None, "compare", tmp_path / "legacy", tmp_path / "modern", "--media", kind, "-o", form,
                            "--rules", tmp_path / "rules")
        assert leaked(output.replace(str(tmp_path).encode(), b"")) == []


@pytest.mark.parametrize("number", [0, 7, 10, 20])
def test_a_minimised_case_has_nobody_in_it(tmp_path, number):
    kind, legacy, modern = list(bodies())[number]
    for name, body in (("legacy", legacy), ("modern", modern)):
        (tmp_path / name).write_bytes(body)
    _, output = printed(None, "shadow", "minimise", "--legacy", tmp_path / "legacy", "--modern", tmp_path / "modern",
                        "--media", kind)
    assert b"def test_" in output
    assert leaked(output) == []
