"""The fixtures that every test may use, and a guard: no test may connect to another machine.

`legacy` and `modern` are scripted upstreams. `gateway` starts a gateway for one test. `plain` is a gateway that the
whole session shares; it sends everything to `legacy`.
"""

import ipaddress
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.backends.figway import Figway, running
from tests.backends.upstream import Upstream

_GUARDED = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: a connection to anything but loopback is an error."""
    if event in _GUARDED and isinstance(arguments[1], tuple):
        host = arguments[1][0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"a test wants to reach {host}, which is not loopback")


sys.addaudithook(_guard)

# A shell that starts the tests in the background makes them and their children ignore SIGINT, but some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where Python may not keep what it has compiled, each of the hundreds of gateways that tests start compiles all anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Hypothesis must not time tests: a shared machine may stall any of them.
settings.register_profile("figway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("figway")


@pytest.fixture(scope="session")
def everlasting_legacy() -> Iterator[Upstream]:
    """The upstream behind `legacy`, for gateways that outlive a test."""
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def legacy(everlasting_legacy: Upstream) -> Iterator[Upstream]:
    """The legacy system: it echoes requests until a test sets another handler."""
    everlasting_legacy.forget()
    yield everlasting_legacy
    assert everlasting_legacy.failures == []


@pytest.fixture
def modern() -> Iterator[Upstream]:
    """The modern system: it echoes requests until a test sets another handler."""
    upstream = Upstream()
    yield upstream
    upstream.close()
    assert upstream.failures == []


@pytest.fixture(scope="session")
def plain(everlasting_legacy: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Figway]:
    """A gateway that sends everything to `legacy`, for the whole session."""
    with running(tmp_path_factory.mktemp("plain"), f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{everlasting_legacy.url}", timeouts: {{connect: 30s, first_byte: 5m, between_bytes: 5m}}}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Figway]]:
    """Starts gateways: gateway(config, *options, descriptors=0, lane=True). Each must stop cleanly after the test."""
    with ExitStack() as stack:

        def start(config: str, *options: str, descriptors: int = 0, lane: bool = True) -> Figway:
            folder = tmp_path_factory.mktemp("gateway")
            return stack.enter_context(running(folder, config, *options, descriptors=descriptors, lane=lane))

        yield start


# Which requirement of the reliability review a test proves: @pytest.mark.proves(1, 4); `--matrix` prints the outcome.

def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", action="store_true", help="print which requirements are proven by which outcome")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proves(*numbers): the requirements that this test proves")
    config.addinivalue_line("markers", "slow: takes seconds, or starts a gateway; `make test-fast` leaves it out")


def pytest_runtest_setup(item: pytest.Item) -> None:
    numbers = sorted({number for mark in item.iter_markers("proves") for number in mark.args})
    item.user_properties.append(("proves", numbers))


def _skipped(reporter: Any) -> dict[str, int]:
    """Reason for skipping → number of skipped tests."""
    return Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """If CI is set, a test that was skipped counts as failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and _skipped(reporter) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if reasons := _skipped(terminalreporter):
        terminalreporter.section("did not run" + (", which fails a run in CI" if os.environ.get("CI") else ""))
        for reason, count in reasons.items():
            terminalreporter.line(f"{count} of the tests: {reason}")
    if not config.getoption("--matrix"):
        return
    tally: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for number in dict(report.user_properties).get("proves", []):
                tally[number][outcome] += 1
    terminalreporter.section("requirements")
    for number, outcomes in sorted(tally.items()):
        terminalreporter.line(f"R{number:<3} " + ", ".join(f"{count} {name}" for name, count in outcomes.items()))
