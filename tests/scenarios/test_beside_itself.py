"""A/A: a product that nobody here wrote beside a copy of itself, under real reads. SAFE is reached, and nothing that a
report, `figway gate` or `figway status` says is wrong: no difference, no drift, no advice that does not help.

The gate is relaxed, in the open, to what some hundred reads within seconds can show; so is the time that an arm may
take, since both share this machine with the tests.
"""

import http.client
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.figway import running
from tests.backends.products import BASIC, USER, orthanc, patients, radicale
from tests.backends.upstream import until
from tests.backends.wire import PATIENCE

GATE = "gate: {limit: 1%, critical_limit: 1%, calendar: off, slower: {ratio: 10, plus: 500ms}}"
OUTCOMES = "figway_shadow_total"
CLIENTS = 4
QUERY = """<?xml version="1.0"?>
<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop><D:href>/{user}/appointments/{mrn}.ics</D:href>
</C:calendar-multiget>"""


def config(legacy, modern, operations, shadow="sample: 100%"):
    written = "\n".join(f"      {name}: {{{said}}}" for name, said in operations.items())
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
capabilities:
  clinic:
    owner: clinic-team
    operations:
{written}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{{shadow}, {GATE}}}
default: {{upstream: legacy}}
"""


def statuses(port, reads):
    """Ask as CLIENTS clients: (method, target, fields, body). Returns how often each status came."""
    def client(mine):
        found = Counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for method, target, fields, body in mine:
            connection.request(method, target, body, dict(fields))
            reply = connection.getresponse()
            reply.read()
            found[reply.status] += 1
        connection.close()
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, (reads[at::CLIENTS] for at in range(CLIENTS))), Counter())


def told(figway, exchanges, seconds=PATIENCE):
    """The report once so many exchanges are written, which may take so many seconds."""
    def report():
        [found] = json.loads(figway.admin("/report?capability=clinic").body)["capabilities"]
        return found

    until(lambda: figway.metric("figway_shadow_unfinished") == 0 and report()["eligible"] == exchanges, "not all ended",
          seconds)
    return report()


def command(figway, *words):
    done = CliRunner().invoke(main, [*words, "--admin", f"http://127.0.0.1:{figway.admin_port}"])
    return done.exit_code, done.output


def is_safe(figway, found, effective):
    """SAFE is reached by so many exchanges, and nothing wrong is said anywhere."""
    assert (found["compared"], found["matching"], found["extra"]) == (effective, effective, 0), found["says"]
    assert (found["candidate_errors"], found["shed"], found["skipped"], found["lost"]) == ({}, {}, {}, {})
    assert (found["differences"], found["causes"], found["noise"], found["advice"]) == ([], [], [], [])
    evidence = found["evidence"]
    assert (evidence["answer"], evidence["effective"]) == ("SAFE", effective), evidence["says"]
    assert {gate["state"] for gate in evidence["gates"]} == {"pass"}
    assert (evidence["action"], evidence["wanted"]) == ("nothing stands in the way of this step", [])
    code, shown = command(figway, "gate", "clinic")
    assert (code, shown.split()[0]) == (0, "SAFE")
    for words in (("gate", "clinic"), ("report", "clinic"), ("status",)):
        _, shown = command(figway, *words)
        assert "SAFE" in shown
        assert not [word for word in ("drift", "credentials: pass", "a race", "NOT SAFE") if word in shown], shown


def test_radicale_beside_itself_says_what_to_change_and_is_safe_after_that(tmp_path):
    """It wants Basic authentication, which no mirror carries by default."""
    people = patients(230)
    operations = {
        "read": f'method: GET, path: "/{USER}/appointments/{{id}}"',
        "multiget": f"method: REPORT, path: /{USER}/appointments/, safe: true",
    }
    place = f"/{USER}/appointments"
    xml = BASIC, ("Content-Type", "application/xml")
    reads = [("GET", f"{place}/{one.mrn}.ics", [BASIC], None) for one in people]
    reads += [("HEAD", f"{place}/{one.mrn}.ics", [BASIC], None) for one in people[:100]]
    reads += [("GET", f"{place}/gone-{one.mrn}.ics", [BASIC], None) for one in people[:50]]
    reads += [("REPORT", f"{place}/", xml, QUERY.format(user=USER, mrn=one.mrn).encode()) for one in people]
    wanted = {200: 330, 404: 50, 207: 230}
    with radicale(tmp_path, people) as ports, running(tmp_path, config(*ports, operations)) as figway:
        few = reads[::5]
        assert sum(statuses(figway.port, few).values()) == len(few)
        found = told(figway, len(few))
        assert found["not_comparable"] == {"credentials": len(few)}
        assert (found["compared"], found["mismatching"], found["noise"]) == (0, 0, [])
        code, shown = command(figway, "gate", "clinic")
        assert (code, found["evidence"]["answer"]) == (3, "NOT ENOUGH EVIDENCE"), shown
        for words in (("gate", "clinic"), ("report", "clinic")):
            [line] = [one for one in command(figway, *words)[1].splitlines() if "credentials: pass" in one]
            assert "under capabilities.clinic.shadow" in line

        figway.reload(config(*ports, operations, "sample: 100%, credentials: pass"))
        until(lambda: figway.metric("figway_config_reloads_total") == 1, "the change is not taken up")
        assert statuses(figway.port, reads) == wanted
        found = told(figway, len(few) + len(reads))
        assert found["not_comparable"] == {"credentials": len(few)}, "no more of them"
        is_safe(figway, found, len(reads))


def test_orthanc_beside_itself_is_safe(tmp_path):
    people = patients(100)
    operations = {
        "instance": 'method: GET, path: "/instances/{id}"',
        "tags": 'method: GET, path: "/instances/{id}/simplified-tags"',
        "file": 'method: GET, path: "/instances/{id}/file"',
        "find": "method: POST, path: /tools/find, safe: true",
    }
    with orthanc(tmp_path, people) as (legacy, modern, ids):
        reads = [("GET", f"/instances/{id}{what}", [], None)
                 for what in ("", "/simplified-tags", "/file") for id in ids]
        reads += [("GET", f"/instances/{id[::-1]}", [], None) for id in ids[:40]]
        reads += [("POST", "/tools/find", [("Content-Type", "application/json")], json.dumps(
            {"Level": "Study", "Expand": True, "Query": {"PatientID": one.mrn}}).encode()) for one in people]
        with running(tmp_path, config(legacy, modern, operations)) as figway:
            assert statuses(figway.port, reads) == {200: 400, 404: 40}
            found = told(figway, len(reads))
            assert found["not_comparable"] == {}
            is_safe(figway, found, len(reads))
