"""Several workers and the store in memory: whichever of them answers, it tells of all."""

import json
import os
import signal

from tests.backends.upstream import until
from tests.scenarios.test_custody import config, routes, settles

__all__ = ["routes"]


def reported(figway):
    [one] = json.loads(figway.admin("/report").body)["capabilities"]
    return one["evidence"]["epoch"]["exchanges"], one["evidence"]["effective"]


def test_a_report_tells_of_all_workers_and_nothing_stays_behind(gateway, legacy, modern, routes, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    text = config(legacy.url, modern.url).replace("store: {sqlite: {path: figway.db}}\n", "")
    figway = gateway(text, "--workers", "2")
    for number in range(12):
        figway.ask("GET", f"/patients/{number % 4}")
    assert settles(figway, 12) == 4, "a subject counts once, whichever worker it came to"
    assert {reported(figway) for _ in range(8)} == {(12, 4)}
    before = figway.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(set(figway.workers()) - set(before)) == 1, "the worker is not replaced")
    until(lambda: figway.readiness()[0] == 200, "the gateway is not ready again")
    assert reported(figway) == (12, 4), "what a worker had written outlives it"
    [run_dir] = tmp_path.glob("figway-*")
    assert (run_dir.stat().st_mode & 0o077, (run_dir / "figway.db").is_file()) == (0, True)
    figway.stop()
    until(lambda: not run_dir.exists(), "the folder stays")
