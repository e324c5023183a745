"""A slow modern is not safe, however right its answers are; and nobody else's slowness is taken for an arm's."""

import json
import time

from tests.backends.upstream import until
from tests.backends.wire import request, response

PAIRS = 60
FEW = 25
LARGE = 8 << 20


def config(legacy, modern):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  patients:
    owner: patients-team
    operations: {{read: {{method: GET, path: "/patients/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      max_body: 16MiB
      noise: 0%
      recheck: {{after: []}}
      gate: {{minimum: {PAIRS}, slower: {{ratio: 3, plus: 40ms}}}}
default: {{upstream: legacy}}
"""


def takes(seconds, body=b"{}"):
    def answer(wire, asked):
        time.sleep(seconds)
        wire.send(response(200, ("Content-Type", "application/json"), body=body))
    return answer


def asked(figway, exchanges):
    """Ask for so many patients; the gate `slower`, and the answer, once all of it is written."""
    for number in range(exchanges):
        assert figway.ask("GET", f"/patients/{number}").status == 200
    return judged(figway, exchanges)


def judged(figway, exchanges):
    def evidence():
        [one] = json.loads(figway.admin("/report?capability=patients").body)["capabilities"]
        return one["evidence"]

    until(lambda: (evidence()["epoch"] or {}).get("exchanges") == exchanges, "the evidence is not written")
    found = evidence()
    [gate] = [one for one in found["gates"] if one["name"] == "slower"]
    return gate, found["answer"]


def test_a_modern_that_is_right_and_slow_is_not_safe(gateway, legacy, modern):
    legacy.does(takes(0.002))
    modern.does(takes(0.2))
    figway = gateway(config(legacy.url, modern.url))
    found, answer = asked(figway, PAIRS)
    assert (found["state"], answer) == ("fail", "NOT SAFE"), found
    assert found["says"].startswith("read: modern took over 3 × legacy + 40 ms")
    assert figway.metric("figway_shadow_duration_seconds_count", capability="patients", arm="modern") == PAIRS
    assert figway.metric("figway_shadow_duration_seconds_sum", arm="modern") >= 0.2 * PAIRS


def test_the_same_server_beside_itself_is_not_slower(gateway, legacy):
    legacy.does(takes(0.002))
    found, _ = asked(gateway(config(legacy.url, legacy.url)), PAIRS)
    assert found["state"] == "pass", found


def test_a_client_that_takes_its_answers_slowly_makes_no_arm_slow(gateway, legacy, modern):
    """Clients wait longer than either arm takes. Were that legacy's time, modern would be as fast. It is slower, as the
    time to the head shows."""
    body = json.dumps(["x" * LARGE]).encode()
    legacy.does(takes(0.002, body))
    modern.does(takes(0.2, body))
    figway = gateway(config(legacy.url, modern.url))
    for number in range(FEW):
        wire = figway.connect(receive_buffer=64 << 10)
        wire.send(request("GET", f"/patients/{number}"))
        time.sleep(0.3)
        reply = wire.read_reply()
        assert (reply.status, reply.body) == (200, body)
        wire.close()
    found, _ = judged(figway, FEW)
    assert found["state"] == "fail", found
    assert "to the answer's head" in found["says"]
