"""Whether the machine is quiet is read from what the kernel counts; waiting for quiet has an end. No timing."""

import pytest

from tests.benchmarks import quiet
from tests.benchmarks.child import cores
from tests.benchmarks.measure import TICKS
from tests.benchmarks.quiet import Core, Patience

STAT = "cpu  9 9 9 9\ncpu0 300 100 200 9000 1 2 3 40\ncpu1 1 1 1 1 0 0 0 5\ncpu10 9 9 9 9 9 9 9 9\nintr 5\n"


def test_the_work_of_cores_and_what_the_host_kept_are_read():
    assert quiet.core({0}, STAT) == Core(600 / TICKS, 40 / TICKS)
    assert quiet.core({0, 1}, STAT) == Core(603 / TICKS, 45 / TICKS)
    assert quiet.core(set(cores())).busy > 0


def test_the_load_is_read_without_the_reader_itself():
    assert quiet.parse_load("4.53 3.79 2.13 9/136 14315\n") == (4.53, 8)


@pytest.mark.parametrize(("shares", "said"), [
    ((0.01, 0.02, 0.0, 0.0), ""),
    ((0.23, 0.0, 0.0, 0.0), "other processes took 23% of the peer's core"),
    ((0.0, 0.5, 0.0, 0.0), "other processes took 50% of the load's core"),
    ((0.0, 0.0, 0.04, 0.0), "the host kept 4% of a core (steal)"),
    ((0.1, 0.0, 0.0, 0.9),
     "other processes took 10% of the peer's core, other processes had 90% of a core just before"),
])
def test_a_spell_is_doubtful_for_a_reason(shares, said):
    assert quiet.doubt(*shares) == said


def test_a_quiet_machine_is_said_to_be_quiet():
    machine = quiet.judged(0.02, 0, Core(0.01, 0.0), seconds=1.0, cores=2)
    assert machine.doubt == ""
    assert machine.said() == (
        "The machine is quiet (load average 0.02, 0 tasks running, 1% of a core busy, 0% stolen)"
    )


def test_a_load_average_of_the_past_is_no_reason():
    assert quiet.judged(5.0, 0, Core(0.01, 0.0), seconds=5.0, cores=2).doubt == ""


def test_a_busy_machine_is_said_not_to_be_quiet_and_why():
    machine = quiet.judged(4.8, 6, Core(1.5, 0.2), seconds=1.0, cores=2)
    assert machine.said().startswith(
        "The machine is not quiet: other processes have 150% of a core, the host keeps 20% of a core (steal) ("
    )


def glances(*shares):
    """Looks that find these shares one after the other, each half a second long; and how many are left."""
    left = list(shares)
    return (lambda: (left.pop(0), 0.5)), left


def test_a_spell_waits_until_nothing_else_works():
    look, left = glances(0.9, 0.8, 0.02, 0.9)
    assert Patience(5.0, 50.0, look).wait() == 0.02
    assert left == [0.9]


def test_a_spell_does_not_wait_longer_than_it_may():
    look, left = glances(*[0.9] * 10)
    assert Patience(2.0, 50.0, look).wait() == 0.9
    assert len(left) == 6


def test_a_run_on_a_busy_machine_ends_all_the_same():
    look, left = glances(*[0.9] * 20)
    patience = Patience(2.0, 3.0, look)
    for _ in range(5):
        assert patience.wait() == 0.9
    assert len(left) == 20 - 5 - 6  # one look for each spell, and three seconds of waiting in all
