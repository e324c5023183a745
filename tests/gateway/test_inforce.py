"""What is in force: the stages of a file and of a flip, and what only a restart changes."""

import asyncio

import pytest

from gateway.config.compile import build
from gateway.edges.http1.edge import Edge
from gateway.flips.base import Flip, FlipError, StagePair
from gateway.flips.memory import MemoryStages
from gateway.inforce import InForce, clients, needs_restart, written_stages
from gateway.pipeline import Pipeline
from gateway.stage import Stage
from gateway.telemetry.output import Output
from gateway.telemetry.record import Recorder
from shadow.lane.lane import Lane

ROUTES = """
version: 1
upstreams: {{old: {{url: "http://127.0.0.1:1"}}, new: {{url: "http://127.0.0.1:2"}}}}
default: {{upstream: old}}
{more}
capabilities:
  labs:
    owner: me
    stage: {stage}
    legacy: {{upstream: old}}
    modern: {{upstream: new}}
    shadow: {{sample: 100%}}
    operations: {{read: {{path: /labs, method: GET}}}}
"""


@pytest.fixture
def write(tmp_path):
    def write(stage="legacy", more=""):
        file = tmp_path / "routes.yaml"
        file.write_text(ROUTES.format(stage=stage, more=more))
        return file

    return write


@pytest.fixture
def made(write, tmp_path):
    """A configuration in force, with what it is in force in; the log goes to a file."""
    with (tmp_path / "log").open("wb") as log:
        output = Output(log.fileno())

        def made():
            file = write()
            configuration = build(file)
            recorder = Recorder(output)
            pipeline = Pipeline(configuration.table, Lane(lambda *_: None, None, configuration.lane), recorder)
            edge = Edge(pipeline, configuration.edge)
            loop = asyncio.get_running_loop()
            spawned = []
            in_force = InForce(file, configuration, pipeline, edge, recorder, 1024,
                               lambda work: spawned.append(loop.create_task(work)))
            return in_force, pipeline, spawned

        yield made
        output.close()


async def test_a_reload_puts_its_stages_in_force(made, write):
    in_force, pipeline, spawned = made()
    before = in_force.stages.read()
    write("shadow")
    await in_force.reload()
    after = in_force.stages.read()
    assert before.stages["labs"] == StagePair(Stage.LEGACY, Stage.LEGACY)
    assert after.stages["labs"] == StagePair(Stage.SHADOW, Stage.LEGACY)
    assert pipeline.table.capabilities["labs"].reads is Stage.SHADOW
    assert after.revision == pipeline.table.revision == in_force.reloads.revision
    for task in spawned:
        task.cancel()
    await in_force.close()


async def test_stages_in_a_file_are_not_flipped_elsewhere(made):
    in_force, pipeline, _ = made()
    flip = Flip("labs", StagePair(Stage.SHADOW, Stage.LEGACY), "me", "evidence")
    with pytest.raises(FlipError, match="kept in routes"):
        in_force.stages.flip(flip, in_force.stages.read().revision)
    assert pipeline.table.capabilities["labs"].reads is Stage.LEGACY
    await in_force.close()


async def test_a_flip_is_in_force_for_the_next_request_and_the_paths_stay(made):
    in_force, pipeline, _ = made()
    stages = MemoryStages(written_stages(in_force.configuration))
    following = asyncio.create_task(in_force.follow(stages))
    before = pipeline.table
    flipped = stages.flip(Flip("labs", StagePair(Stage.VERIFY, Stage.MODERN), "me", "evidence"), stages.read().revision)
    async with asyncio.timeout(60):
        while pipeline.table is before:  # noqa: ASYNC110 - the table is a plain attribute: nothing tells of its change
            await asyncio.sleep(0)
    assert (pipeline.table.capabilities["labs"].reads, pipeline.table.capabilities["labs"].writes) == (
        flipped.stages["labs"])
    assert before.capabilities["labs"].reads is Stage.LEGACY
    assert pipeline.table._paths is before._paths
    following.cancel()
    await in_force.close()


@pytest.mark.parametrize(("more", "waiting"), [
    ("", ()), ("store: {sqlite: {path: x.db}}", ("store",)), ("shadow: {queue: 7}", ("shadow",)),
    ("store: {sqlite: {path: x.db}}\nshadow: {custody: keys}", ("store", "shadow")),
    ("shadow: {custody: keys}", ("shadow",)),
    ("server: {tls: {cbc: true}}", ("server.tls",)), ("server: {drain: {grace: 9s}}", ("server.drain.grace",)),
    ("server: {body_rate: 9B}", ()),
])
def test_what_a_reload_cannot_change_waits_for_a_restart(write, more, waiting):
    began, fresh = build(write()), build(write(more=more))
    assert needs_restart(fresh, began) == waiting


def test_who_may_view_sealed_records_changes_without_a_restart(write):
    sealed = "shadow: {{custody: keys, capture: {{path: sealed, views: {{doctor: [{who}]}}}}}}"
    began, fresh = build(write(more=sealed.format(who="ann"))), build(write(more=sealed.format(who="bob")))
    assert needs_restart(fresh, began) == ()


def test_clients_have_the_descriptors_that_upstreams_and_the_shadow_leave(write):
    configuration = build(write())
    assert clients(configuration, 100_000) > clients(configuration, 1000) >= 1
