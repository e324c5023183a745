"""The log: where half a line was written, the next begins on a line of its own, and what is lost is counted."""

import asyncio
import json
import os

import pytest

from gateway.telemetry.output import Output
from tests.backends.upstream import until


@pytest.fixture
def full():
    """Both ends of a pipe that refuses what it has no room for, as a full disk does."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def line(number, size):
    return json.dumps({"number": number, "filler": "x" * size}) + "\n"


def read(reader):
    data = b""
    while True:
        try:
            data += os.read(reader, 1 << 20)
        except BlockingIOError:
            return data


@pytest.mark.proves(38, 40)
@pytest.mark.parametrize("size", [700, 50_000, 200_000])
def test_after_half_a_line_the_next_is_whole_and_what_is_lost_is_counted(full, size):
    reader, writer = full

    async def write():
        output = Output(writer)
        for number in range(100):
            output.write(line(number, size))
        output.flush()
        until(lambda: output.dropped, "the pipe took everything")
        room = read(reader)
        output.write(line(100, 10))
        output.close()
        return room + read(reader), output.dropped

    written, dropped = asyncio.run(write())
    *lines, rest = written.split(b"\n")
    whole = [one for one in lines if one.endswith(b"}")]
    assert rest == b""
    assert json.loads(lines[-1])["number"] == 100
    assert [json.loads(one)["number"] for one in whole] == [*range(len(whole) - 1), 100]
    assert len(lines) - len(whole) <= 1
    assert dropped == 101 - len(whole)


def test_what_ends_with_a_line_is_followed_by_no_empty_one(full):
    reader, writer = full
    filler = line(0, 4096 - len(line(0, 0)))
    while True:
        try:
            os.write(writer, filler.encode())
        except BlockingIOError:
            break

    async def write():
        output = Output(writer)
        output.write(line(1, 10))
        output.flush()
        until(lambda: output.dropped, "the pipe took it")
        room = read(reader)
        output.write(line(2, 10))
        output.close()
        return room + read(reader)

    lines = asyncio.run(write()).splitlines()
    assert [json.loads(one)["number"] for one in lines] == [0] * (len(lines) - 1) + [2]
