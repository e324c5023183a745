"""A gateway is started by all sorts of things: twice at once, without standard streams, beside another, with a typo."""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest

from tests.backends.processes import FIGWAY, end_group
from tests.backends.upstream import closed_port, until
from tests.backends.wire import connect, request

BOUND = 120


@pytest.fixture
def config(tmp_path, legacy):
    file = tmp_path / "one.yaml"
    file.write_text(f"""
version: 1
server: {{drain: {{delay: 0s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    return file


@contextmanager
def started(config, data, admin, workers="1", redirected="", name="a"):
    """The process of a gateway, ready or not; what its streams are `redirected` to, as a shell has it."""
    folder = config.parent
    command = [*FIGWAY, "serve", "--config", str(config), "--listen", data, "--admin", admin, "--workers", workers]
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        process = subprocess.Popen(["sh", "-c", f'exec "$@" {redirected}', "sh", *command], stdout=out, stderr=err,
                                   cwd=folder, start_new_session=True)
    try:
        yield process
    finally:
        end_group(process)


def said(config, name="a"):
    return (config.parent / f"{name}.err").read_text()


def answers(port):
    try:
        wire = connect(port)
    except OSError:
        return False
    try:
        return wire.send(request("GET", "/")).read_reply().status == 200
    finally:
        wire.close()


def stops_well(process):
    process.terminate()
    return process.wait(BOUND) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("redirected", ["2>&-", ">&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_standard_streams_that_are_closed_or_full_stop_nothing(config, redirected, workers):
    port = closed_port()
    with started(config, f"127.0.0.1:{port}", "127.0.0.1:0", workers, redirected) as process:
        until(lambda: process.poll() is not None or answers(port), "it does not serve", BOUND)
        standard = {os.readlink(f"/proc/{process.pid}/fd/{number}") for number in (0, 1, 2)}
        assert not any(name.startswith(("socket", "anon_inode")) for name in standard)
        assert answers(port)
        assert stops_well(process)


def test_of_two_that_are_started_at_once_on_a_port_one_serves_and_the_other_says_why_not(config):
    port = closed_port()
    with started(config, f"127.0.0.1:{port}", "127.0.0.1:0", name="a") as one, \
            started(config, f"127.0.0.1:{port}", "127.0.0.1:0", name="b") as other:
        until(lambda: one.poll() is not None or other.poll() is not None, "both stay", BOUND)
        lost, name, serves = (one, "a", other) if one.poll() is not None else (other, "b", one)
        assert (lost.returncode, said(config, name)) == (
            2, f"figway: cannot listen on 127.0.0.1:{port}: Address already in use\n")
        until(lambda: answers(port), "nobody serves", BOUND)
        assert stops_well(serves)


def test_who_connects_once_it_says_that_it_listens_is_served(config):
    port = closed_port()
    with started(config, f"127.0.0.1:{port}", "127.0.0.1:0") as process:
        until(lambda: "figway listens" in said(config), "it does not start", BOUND)
        assert answers(port)
        assert stops_well(process)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_admin_port_of_another_gateway_is_not_shared(config, workers):
    port, admin = closed_port(), closed_port()
    with started(config, f"127.0.0.1:{port}", f"127.0.0.1:{admin}", "2") as process:
        until(lambda: answers(port) and connect(admin).close() is None, "it does not serve", BOUND)
        with started(config, "127.0.0.1:0", f"127.0.0.1:{admin}", workers, name="b") as other:
            assert other.wait(BOUND) == 2
            assert f"figway: cannot listen on 127.0.0.1:{admin}: Address already in use" in said(config, "b")
        assert stops_well(process)


def test_a_file_that_is_no_socket_is_left_alone(config):
    before = config.read_text()
    with started(config, f"unix:{config}", "127.0.0.1:0") as process:
        assert process.wait(BOUND) == 2
    assert said(config) == f"figway: cannot listen on {config}: the file exists and is not a socket\n"
    assert config.read_text() == before


def test_a_socket_that_a_killed_gateway_left_behind_is_listened_at_again(config):
    path = config.parent / "data.sock"
    for name in ("a", "b"):
        with started(config, f"unix:{path}", "127.0.0.1:0", name=name) as process:
            until(lambda name=name: "figway listens" in said(config, name), "it does not start", BOUND)
            process.kill()
            process.wait()
        assert path.is_socket()


def test_an_ipv6_address_is_told_with_brackets(config):
    with started(config, "[::1]:0", "[::1]:0") as process:
        until(lambda: "\n" in said(config), "it does not start", BOUND)
        assert re.fullmatch(r"figway listens on \[::1\]:[0-9]+, admin on \[::1\]:[0-9]+\n", said(config))
        assert stops_well(process)
