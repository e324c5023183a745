"""A reload, or a start, that never comes to an end: it is given up and told of, and stands in nobody's way."""

import contextlib
import signal
import subprocess

import pytest

from gateway import hangup
from tests.backends.faulty import installed
from tests.backends.figway import running
from tests.backends.processes import FIGWAY, end_group
from tests.backends.upstream import closed_port, until

# Longer than a reload may take, on a machine that is busy.
GIVEN_UP = 60.0


@pytest.fixture
def plugged(tmp_path, tmp_path_factory):
    """A folder to run in, where gateways know the faulty plugins."""
    with installed(tmp_path_factory.mktemp("plugins")):
        yield tmp_path


def config(url, policy=""):
    policies = f"policies: {{slow: {{hanging: {{{policy}}}}}}}\n" if policy else ""
    return f'version: 1\nupstreams: {{legacy: {{url: "{url}"}}}}\n{policies}default: {{upstream: legacy}}\n'


@pytest.mark.proves(34)
@pytest.mark.parametrize("how", ["there: block", "there: block, spins: true"], ids=["blocks", "spins"])
def test_a_reload_that_hangs_is_given_up_and_a_later_good_file_taken_up(plugged, legacy, modern, how):
    with running(plugged, config(legacy.url)) as figway:
        (plugged / "block").touch()
        figway.reload(config(legacy.url, how))
        until(lambda: figway.metric("figway_config_last_reload_successful") == 0, "it is not told", GIVEN_UP)
        # What spins is ended, in time; what waits in a system call goes on.
        until(lambda: (figway.metric("figway_config_reloads_hanging") > 0) == ("spins" not in how),
              "it is not ended, or no longer counted", GIVEN_UP)
        assert "[too_slow]" in figway.readiness()[1]
        assert figway.ask("GET", "/").status == 200

        figway.reload(config(modern.url))
        until(lambda: figway.metric("figway_config_last_reload_successful") == 1, "it never recovers", GIVEN_UP)
        assert figway.ask("GET", "/").status == 200
        assert len(modern.asked) == 1
    failed = [line for line in figway.log() if line.get("event") == "reload_failed"]
    assert "[too_slow]" in failed[0]["problems"][0]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stop_waits_for_no_reload(plugged, legacy, workers):
    with running(plugged, config(legacy.url), "--workers", workers) as figway:
        (plugged / "block").touch()
        figway.reload(config(legacy.url, "there: block"))
        until(lambda: figway.metric("figway_config_last_reload_successful") == 0, "nothing hangs", GIVEN_UP)
        # running() stops it, and wants status 0. The next attempt is under way.
        figway.process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_in_a_start_ends_nothing(tmp_path, legacy, workers):
    file = tmp_path / "routes.yaml"
    file.write_text(config(legacy.url))
    port, admin = closed_port(), closed_port()
    # Until the command's own first line, nobody but who starts it can hold the signal.
    with (tmp_path / "err").open("wb") as err, hangup.held():
        process = subprocess.Popen(
            [*FIGWAY, "serve", "--config", str(file), "--listen", f"127.0.0.1:{port}",
             "--admin", f"127.0.0.1:{admin}", "--workers", workers], stdout=subprocess.DEVNULL, stderr=err,
            cwd=tmp_path, start_new_session=True)
    try:
        # One after another for as long as the start takes.
        def started():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)
            return process.poll() is not None or b"figway listens" in (tmp_path / "err").read_bytes()

        until(started, "it does not start", GIVEN_UP)
        for _ in range(50):
            process.send_signal(signal.SIGHUP)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(GIVEN_UP) == 0
    finally:
        end_group(process)
    assert "Traceback" not in (tmp_path / "err").read_text()
