"""A copy of a process does its work and ends: its parent's handlers, descriptors and chance are not its own."""

import signal
import subprocess
import sys

import pytest

from tests.backends.processes import LONG

# The tests run beside other threads, from which nothing may be copied.
BEGIN = """
import os, signal, sys, time
from gateway.forked import Forked, answer_of_copy

def copy(work):
    made = Forked(work)
    made.start()
    return made
"""


def run(code):
    """What a process of its own prints on both streams, and its exit status."""
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=LONG, check=False)
    return ended.stdout, ended.stderr, ended.returncode


@pytest.mark.parametrize(("work", "status"), [
    ("lambda: None", 0), ("lambda: sys.exit()", 0), ("lambda: sys.exit(3)", 3), ("lambda: sys.exit('why')", 1),
    ("lambda: 1 / 0", 1), ("lambda: signal.raise_signal(signal.SIGINT)", 130),
    ("lambda: os.kill(os.getpid(), signal.SIGKILL)", -9),
])
def test_the_exit_status_says_how_the_work_ended(work, status):
    out, err, _ = run(f"made = copy({work}); made.join(); print(made.exitcode, made.is_alive()); made.kill()")
    assert out == f"{status} False\n"
    assert ("ZeroDivisionError" in err) == ("1 / 0" in work)


def test_it_is_alive_until_it_is_killed():
    out, _, _ = run("made = copy(lambda: time.sleep(60)); print(made.is_alive(), made.exitcode)\n"
                    "made.kill(); made.join(); print(made.exitcode)")
    assert out == f"True None\n{-signal.SIGKILL}\n"


def test_before_it_starts_it_is_not_alive():
    assert run("print(Forked(print).is_alive(), Forked(print).exitcode)")[0] == "False None\n"


def test_the_parents_handlers_of_signals_do_not_run_in_it():
    out, _, _ = run("signal.signal(signal.SIGTERM, lambda *_: print('handled', flush=True))\n"
                    "made = copy(lambda: time.sleep(60)); os.kill(made.pid, signal.SIGTERM); made.join()\n"
                    "print(made.exitcode)")
    assert out == f"{-signal.SIGTERM}\n"


def test_it_has_the_signal_mask_of_its_parent():
    out, _, _ = run("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})\n"
                    "held = lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ())\n"
                    "copy(lambda: print(held() == {signal.SIGHUP}, flush=True)).join(); print(held())")
    assert out == f"True\n{ {signal.SIGHUP} }\n"


def test_it_returns_into_no_code_of_its_parent():
    out, _, _ = run("try:\n    copy(lambda: None).join()\nfinally:\n    print('once', flush=True)")
    assert out == "once\n"


def test_a_copy_answers_and_what_it_loaded_is_gone_with_it():
    out, _, _ = run("def work():\n    import wave\n    return b'x' * 1_000_000\n"
                    "print(len(answer_of_copy(work)), 'wave' in sys.modules)")
    assert out == "1000000 False\n"


@pytest.mark.parametrize(("work", "status"), [("sys.exit(2)", 2), ("os.kill(os.getpid(), 9)", 1)])
def test_a_process_exits_as_the_copy_does_that_should_answer(work, status):
    assert run(f"answer_of_copy(lambda: {work})\nprint('not reached')") == ("", "", status)


def test_chance_and_trace_ids_differ_between_copies():
    out, _, _ = run("import random; from gateway.telemetry.trace import fields, new_trace_id\n"
                    "new_trace_id()\n"
                    "work = lambda: print(new_trace_id(), fields('', b'', True), random.random(), flush=True)\n"
                    "for _ in range(3): copy(work).join()")
    lines = [line.split() for line in out.splitlines()]
    assert len(lines) == 3
    assert all(len(set(column)) == 3 for place, column in enumerate(zip(*lines, strict=True)) if place != 1)


def test_a_process_that_a_copy_has_started_is_not_waited_for():
    out, err, status = run("""
def work():
    started = os.fork()
    if not started:
        os.close(1)
        os.close(2)
        time.sleep(600)
        os._exit(0)
    return b"%d" % started

started = int(answer_of_copy(work))
os.kill(started, signal.SIGKILL)
print("done")
""")
    assert (out, status) == ("done\n", 0), err
