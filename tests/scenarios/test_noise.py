"""Noise through a real gateway: two services that answer alike, each time with something new in the answer, are not
told to differ; a defect between all that is; and legacy is not asked more than it can bear."""

import itertools
import threading

import orjson
import pytest

from shadow.compare.comparison import Outcome, Tally
from shadow.stores.sqlite import Sqlite
from tests.backends.upstream import closed_port, until
from tests.backends.wire import request, response

OUTCOMES = "figway_shadow_total"


def config(legacy, modern, shadow):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {legacy}, modern: {{url: "{modern}"}}}}
capabilities:
  results:
    owner: results-team
    operations: {{read: {{method: GET, path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, deadline: 5s, {shadow}}}
default: {{upstream: legacy}}
"""


SERIAL = itertools.count(1)


class Service:
    """Answers with a record, and with what no two answers of any service have in common. `wrong` changes the record
    by its number and by how often this service was asked for it."""

    def __init__(self, wrong=lambda record, number, times: None):
        self._wrong = wrong
        self._times = {}
        self._lock = threading.Lock()

    def __call__(self, wire, asked):
        wire.read_body(asked)
        number = int(asked.target.rpartition(b"/")[2])
        with self._lock:
            serial = next(SERIAL)
            times = self._times[number] = self._times.get(number, 0) + 1
        record = {
            "id": number, "status": "final", "dose": {"value": 5, "unit": "mg"},
            "answeredAt": f"2026-01-01T00:00:00.{serial:06d}Z", "served": 10 ** 9 + serial,
            "trace": f"{serial:08x}-0000-4000-8000-000000000000",
        }
        self._wrong(record, number, times)
        wire.send(response(200, ("Content-Type", "application/json"), body=orjson.dumps(record)))


def ask(figway, requests):
    wire = figway.connect()
    for number in range(requests):
        assert wire.send(request("GET", f"/results/{number}")).read_reply().status == 200
    wire.close()


def ends(figway, requests):
    until(lambda: figway.metric(OUTCOMES) == requests, "not every exchange has an outcome", 120.0)


def capability(figway):
    until(lambda: orjson.loads(figway.admin("/report?capability=results").body)["capabilities"][0]["eligible"]
          == figway.metric(OUTCOMES), "the store is not written")
    return orjson.loads(figway.admin("/report?capability=results").body)["capabilities"][0]


def test_two_services_that_are_the_same_are_not_told_to_differ(gateway, legacy, modern):
    """One exchange in ten meets a modern that has not heard of the latest change yet."""
    def lags(record, number, times):
        if number % 10 == 0 and times == 1:
            record["status"] = "preliminary"

    legacy.does(Service())
    modern.does(Service(lags))
    figway = gateway(config(f'{{url: "{legacy.url}"}}', modern.url,
                            "noise: 100%, recheck: {after: [50ms, 200ms], budget: 100%}"))
    ask(figway, 500)
    ends(figway, 500)

    assert figway.metric(OUTCOMES, outcome="mismatch") <= 500 * 0.001
    assert figway.metric(OUTCOMES, outcome="transient") == 50
    assert figway.metric(OUTCOMES, outcome="unstable") == 450
    noise = {row["path"]: row for row in capability(figway)["noise"]}
    assert {path for path, row in noise.items() if row["says"] == "proposal"} == {"/answeredAt", "/trace", "/served"}
    assert noise["/status"]["says"] == "", "legacy never disagrees with itself about it"


def test_noise_hides_nothing_until_a_person_accepts_what_is_proposed(gateway, legacy, modern):
    legacy.does(Service())
    modern.does(Service())
    upstream = f'{{url: "{legacy.url}"}}'
    figway = gateway(config(upstream, modern.url, "noise: 100%, recheck: {after: []}"))
    ask(figway, 10)
    ends(figway, 10)
    assert figway.metric(OUTCOMES, outcome="unstable") == 10

    accepted = ", ".join(row["rule"].replace("OWNER", "results-team") for row in capability(figway)["noise"])
    figway.reload(config(upstream, modern.url, f"noise: 0%, recheck: {{after: []}}, known_differences: [{accepted}]"))
    until(lambda: figway.metric("figway_config_reloads_total") == 1, "the rules are not taken up")
    ask(figway, 10)
    ends(figway, 20)
    assert figway.metric(OUTCOMES, outcome="known_difference") == 10


def bundle(wire, asked):
    """A FHIR searchset: made for this answer, of resources that do not change."""
    wire.read_body(asked)
    serial = next(SERIAL)
    body = {
        "resourceType": "Bundle", "type": "searchset", "id": f"{serial:08x}-0000-4000-8000-000000000000",
        "timestamp": f"2026-01-01T00:00:00.{serial:06d}Z", "total": 1,
        "entry": [{"fullUrl": "urn:uuid:4f0c1d5e-2b1a-4c5e-9d59-0e7e5c1f7a11", "resource": {
            "resourceType": "Observation", "id": "o1", "status": "final",
            "meta": {"lastUpdated": f"2026-01-01T00:00:00.{serial:06d}Z"},
        }}],
    }
    wire.send(response(200, ("Content-Type", "application/fhir+json"), body=orjson.dumps(body)))


def test_what_fhir_servers_make_anew_needs_no_rules(gateway, legacy, modern):
    legacy.does(bundle)
    modern.does(bundle)
    figway = gateway(config(f'{{url: "{legacy.url}"}}', modern.url, "credentials: drop"))
    ask(figway, 300)
    ends(figway, 300)
    assert figway.metric(OUTCOMES, outcome="match_normalised") == 300


def test_a_defect_between_noise_is_found_alone_and_reproduced(gateway, legacy, modern):
    def overdoses(record, number, times):
        if number % 20 == 0:
            record["dose"]["value"] = 50

    legacy.does(Service())
    modern.does(Service(overdoses))
    figway = gateway(config(f'{{url: "{legacy.url}"}}', modern.url,
                            "noise: 100%, recheck: {after: [50ms, 100ms], budget: 100%}"))
    ask(figway, 200)
    ends(figway, 200)

    assert figway.metric(OUTCOMES, outcome="mismatch", reason="reproduced_2") == 10
    assert figway.metric(OUTCOMES, outcome="unstable") == 190
    assert [(one["path"], one["count"]) for one in capability(figway)["differences"]] == [("/dose/value", 10)]


@pytest.mark.parametrize(("shadow", "extra"), [
    ("noise: 0%, recheck: {after: []}", 0),
    ("noise: 100%, recheck: {after: []}", 40),
    ("noise: 0%, recheck: {after: [1ms], budget: 25%}", 20),
], ids=["never", "brackets", "rechecks"])
def test_legacy_is_asked_as_often_as_the_budget_allows(gateway, legacy, modern, shadow, extra):
    legacy.does(Service())
    modern.does(Service())
    figway = gateway(config(f'{{url: "{legacy.url}"}}', modern.url, shadow))
    ask(figway, 40)
    ends(figway, 40)
    assert len(legacy.asked) == 40 + extra
    assert sum(one.get("X-Figway-Shadow") == "1" for one in legacy.asked) == extra


def test_a_legacy_that_is_not_whole_is_spared(gateway, legacy, modern):
    legacy.does(Service())
    modern.does(Service())
    down = f"http://127.0.0.1:{closed_port()}"
    figway = gateway(config(
        f'{{endpoints: ["{legacy.url}", "{down}"], ejection: {{failures: 1, for: 60s}}}}', modern.url,
        "noise: 100%, recheck: {after: [1ms], budget: 100%}"))
    tried = [figway.ask("GET", "/results/0").status]
    while tried[-1] != 502:
        tried.append(figway.ask("GET", "/results/0").status)
    ends(figway, len(tried))
    before, noisy = len(legacy.asked), figway.metric(OUTCOMES, outcome="unstable")
    ask(figway, 20)
    ends(figway, len(tried) + 20)
    assert len(legacy.asked) == before + 20
    assert figway.metric(OUTCOMES, outcome="unstable") == noisy


def test_what_waits_to_be_asked_again_is_told_when_the_gateway_ends(gateway, legacy, modern, tmp_path):
    legacy.does(Service())
    modern.does(Service())
    figway = gateway(config(f'{{url: "{legacy.url}"}}', modern.url, "noise: 0%, recheck: {after: [10m], budget: 100%}")
                     + f"store: {{sqlite: {{path: {tmp_path / 'figway.db'}}}}}\n")
    ask(figway, 5)
    until(lambda: len(modern.asked) == 5, "modern is not asked")
    figway.stop()
    store = Sqlite(Sqlite.Options(tmp_path / "figway.db"))
    assert store.read().tallies == {Tally("results", "read", Outcome.MISMATCH): 5}
    store.close()
