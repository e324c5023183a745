"""Rules of routes.yaml at work: what they hide is counted as such, and everything else is still found."""

import pytest

from tests.backends.figway import running
from tests.backends.upstream import Upstream, until
from tests.backends.wire import response

CONFIG = """
version: 1
server: {{drain: {{grace: 2s}}}}
shadow: {{drain: 1s}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  results:
    owner: results-team
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      list: {{method: GET, path: /results, rules: [{{at: "", list: multiset}}]}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow:
      sample: 100%
      recheck: {{after: []}}
      rules: [{{at: /at, volatile: instant}}]
      known_differences: [{{id: K-1, at: /name, reason: spelling, owner: tests, expires: 9999-12-31}}]
default: {{upstream: legacy}}
"""
JSON = ("Content-Type", "application/json")


@pytest.fixture
def arms():
    upstreams = Upstream(), Upstream()
    yield upstreams
    for one in upstreams:
        one.close()
        assert one.failures == []


def test_what_rules_hide_is_counted_and_all_else_is_found(arms, tmp_path):
    legacy, modern = arms
    with running(tmp_path, CONFIG.format(legacy=legacy.url, modern=modern.url)) as figway:
        def ask(target, one, other, **outcome):
            before = figway.metric("figway_shadow_total", **outcome)
            legacy.answers(response(200, JSON, body=one))
            modern.answers(response(200, JSON, body=other))
            assert figway.ask("GET", target, ("Host", "clinic.example")).body == one
            until(lambda: figway.metric("figway_shadow_total", **outcome) == before + 1, f"no {outcome}")

        stamped = b'{"at": "2025-01-01T00:00:00Z"}'
        ask("/results/1", stamped, b'{"at": "2026-01-01T00:00:00Z"}', outcome="match_normalised")
        ask("/results/1", stamped, b'{"at": "2026-01-01"}', outcome="mismatch")
        ask("/results/1", b'{"name": "a"}', b'{"name": "b"}', outcome="known_difference", reason="K-1")
        ask("/results", b"[1, 2, 2]", b"[2, 1, 2]", outcome="match_normalised")
        ask("/results", b"[1, 2, 2]", b"[2, 1]", outcome="mismatch")
        ask("/results/1", b"[1, 2]", b"[2, 1]", outcome="mismatch")
