"""Where stages are kept: what every implementation does, and what is particular to each."""

import asyncio

import pytest

from gateway.flips.base import Flip, FlipError, StagePair
from gateway.flips.file import FileStages
from gateway.flips.memory import MemoryStages
from gateway.flips.testing import check_stages
from gateway.stage import Stage

SHADOW, CANARY = StagePair(Stage.SHADOW, Stage.LEGACY), StagePair(Stage.CANARY, Stage.LEGACY)


def test_stages_in_memory_keep_the_contract():
    asyncio.run(check_stages(MemoryStages))


def test_stages_of_a_file_keep_the_contract_and_refuse_flips():
    asyncio.run(check_stages(lambda stages: FileStages("abc", stages), flips=False))


def test_stages_of_a_file_say_where_to_change_them():
    with pytest.raises(FlipError, match="write `stage: canary` under labs"):
        FileStages("abc", {"labs": SHADOW}).flip(Flip("labs", CANARY, "me", "why"), "abc")


def test_another_file_wakes_whoever_watches():
    async def scene():
        stages = FileStages("abc", {"labs": SHADOW})
        waiting = [asyncio.ensure_future(stages.watch("abc")) for _ in range(2)]
        await asyncio.sleep(0)
        stages.put("def", {"labs": CANARY})
        return [await one for one in waiting]

    for seen in asyncio.run(scene()):
        assert (seen.revision, dict(seen.stages)) == ("def", {"labs": CANARY})
