"""A service beside itself: the demo's legacy service on both arms, with all that it makes anew. Legacy is
asked again too: what it says twice tells its own drift from a difference."""

import orjson
import pytest

from gateway.demo.clinic import build
from gateway.demo.processes import processes, wait_until_answers
from gateway.demo.traffic import plan, send
from tests.backends.figway import running
from tests.backends.upstream import until

OPERATIONS = {
    "patients": {"read": "path: '/patients/{id}'", "search": "path: /patients"},
    "appointments": {"read": "path: '/appointments/{id}'", "list": "path: /appointments"},
    "documents": {"list": "path: /documents"},
}
AGAIN = "noise: 2%, recheck: {legacy: true}"
GATE = "gate: {limit: 10%, critical_limit: 10%, calendar: off, minimum: 5, stratum_minimum: 1}"
EXCHANGES = 1_500


def config(url, stage, known):
    text = f"version: 1\nupstreams: {{legacy: {{url: '{url}'}}, same: {{url: '{url}'}}}}\n"
    text += "default: {upstream: legacy}\ncapabilities:\n"
    for name, operations in OPERATIONS.items():
        matches = ", ".join(f"{one}: {{method: GET, {path}}}" for one, path in operations.items())
        text += f"  {name}: {{owner: t, operations: {{{matches}}}, legacy: legacy, modern: same, stage: {stage}, " \
                f"writes: legacy, shadow: {{sample: 100%, {AGAIN}, {GATE}, " \
                f"known_differences: [{', '.join(known(name))}]}}}}\n"
    return text


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with processes(tmp_path_factory.mktemp("demo")) as started:
        url = started.service("legacy")
        wait_until_answers(started.running[0], f"{url}/patients/P-1001")
        yield url


def asked(figway, seed):
    """Ask for everything that the service has, and wait until all of it is judged and written."""
    names = {**{name: name for name in OPERATIONS}, "patient-search": "patients"}
    asks = [one for one in plan(build(), 2 * EXCHANGES, seed)
            if one.operation.capability in names and one.operation.method == "GET"][:EXCHANGES]
    tally = send(asks, f"http://127.0.0.1:{figway.port}", lambda: None)
    assert tally.right == EXCHANGES, tally
    until(lambda: figway.metric("figway_shadow_unfinished") == 0, "the lane does not come to rest")


def report(figway):
    found = orjson.loads(figway.admin("/report").body)["capabilities"]
    return {one["capability"]: one for one in found}


@pytest.mark.parametrize("stage", ["shadow", "verify"])
def test_a_service_beside_itself_is_not_told_to_differ_and_not_told_safe_until_a_person_says_why(
    stage, service, tmp_path
):
    with running(tmp_path, config(service, stage, lambda name: [])) as figway:
        asked(figway, 1)
        assert figway.metric("figway_shadow_total") == EXCHANGES
        assert figway.metric("figway_shadow_total", outcome="mismatch") <= EXCHANGES * 0.001
        assert figway.metric("figway_shadow_total", outcome="shed") == 0
        until(lambda: sum(one["eligible"] for one in report(figway).values()) == EXCHANGES, "the store is not written")
        found = report(figway)
        # Where nothing is made anew there is nothing to wait for; elsewhere nearly nothing could be judged.
        assert found["patients"]["evidence"]["answer"] == "SAFE", found["patients"]["evidence"]["says"]
        for name in ("appointments", "documents"):
            evidence = found[name]["evidence"]
            assert evidence["answer"] == "NOT ENOUGH EVIDENCE", evidence["says"]
            assert {gate["name"] for gate in evidence["gates"] if gate["state"] == "missing"} >= {"mismatches"}
        proposed = {name: sorted({(row["path"], row["rule"]) for row in one["noise"] if row["rule"]})
                    for name, one in found.items()}
        assert {path for path, _ in proposed["appointments"]} == {"/servedAt", "/requestId"}
        assert {path for path, _ in proposed["documents"]} == {"/servedAt"}

        figway.reload(config(service, stage, lambda name: [
            rule.replace("OWNER", "t") for _, rule in proposed[name]]))
        until(lambda: figway.metric("figway_config_reloads_total") == 1, "the rules are not taken up")
        asked(figway, 2)
        assert figway.metric("figway_shadow_total", outcome="mismatch") <= 2 * EXCHANGES * 0.001
        until(lambda: sum(one["eligible"] for one in report(figway).values()) == 2 * EXCHANGES, "not written")
        for name, one in report(figway).items():
            assert one["evidence"]["answer"] == "SAFE", (name, one["evidence"]["says"])
