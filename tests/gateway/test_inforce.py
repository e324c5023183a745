"""What is in force: the stages of a file and of a flip, and what only a restart changes."""

import asyncio
from types import SimpleNamespace

import pytest

from gateway.config.compile import build
from gateway.edges.http1.edge import Edge
from gateway.flips.base import Actor, Flip, Kind
from gateway.flips.fitting import in_table, written
from gateway.flips.opening import opened
from gateway.flips.sqlite import SqliteStages
from gateway.inforce import InForce, clients, needs_restart
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
    writes: legacy
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


def nobody_asks(table, capability, share):
    raise AssertionError("no gate is asked")


@pytest.fixture
def made(write, tmp_path):
    """A configuration in force, with what it is in force in; the log goes to a file."""
    with (tmp_path / "log").open("wb") as log:
        output = Output(log.fileno())

        def made(reports=nobody_asks, **how):
            file = write(**how)
            configuration = build(file)
            recorder = Recorder(output)
            capabilities = configuration.table.capabilities
            stages = opened(configuration.control.path, written(capabilities), 60)
            table = configuration.table.with_stages(in_table(capabilities, stages.state))
            pipeline = Pipeline(table, Lane(lambda *_: None, None, configuration.lane), recorder)
            edge = Edge(pipeline, configuration.edge)
            loop = asyncio.get_running_loop()
            spawned = []
            in_force = InForce(file, configuration, pipeline, edge, recorder, 1024,
                               lambda work: spawned.append(loop.create_task(work)), stages, reports)
            return in_force, pipeline, spawned

        yield made
        output.close()


IN_A_FILE = "store: {sqlite: {path: figway.db}}"
ANN = Actor("ann", "operator", "socket")


def flip(to, kind=Kind.FLIP):
    return Flip(kind, "labs", ANN, "evidence", reads=to)


async def put(in_force, wanted):
    """A flip, as the desk makes it."""
    state, _ = in_force.following.stages.flip(wanted)
    in_force.following.put(state)


async def until(happened):
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - plain attributes: nothing tells of their change
            await asyncio.sleep(0.01)


async def end(in_force, spawned):
    for task in spawned:
        task.cancel()
    await asyncio.gather(*spawned, return_exceptions=True)
    in_force.following.stages.close()
    await in_force.close()


async def test_a_reload_puts_its_stages_in_force(made, write):
    in_force, pipeline, spawned = made()
    before = pipeline.table
    write("shadow")
    await in_force.reload()
    assert before.capabilities["labs"].reads is Stage.LEGACY
    assert pipeline.table.capabilities["labs"].reads is Stage.SHADOW
    assert pipeline.table.revision == in_force.reloads.revision
    await end(in_force, spawned)


async def test_a_flip_of_another_process_is_in_force_for_the_next_request_and_the_paths_stay(made, write):
    write(more=IN_A_FILE)
    in_force, pipeline, spawned = made(more=IN_A_FILE)
    following = asyncio.create_task(in_force.following.run())
    before = pipeline.table
    other = SqliteStages(in_force.configuration.control.path)
    other.flip(flip(Stage.VERIFY))
    await until(lambda: pipeline.table is not before)
    assert pipeline.table.capabilities["labs"].reads is Stage.VERIFY
    assert before.capabilities["labs"].reads is Stage.LEGACY
    assert pipeline.table._paths is before._paths
    other.close()
    await end(in_force, [*spawned, following])


async def test_a_reload_that_moves_forward_keeps_the_override_and_one_that_moves_back_ends_it(made, write):
    in_force, pipeline, spawned = made(stage="shadow", more=IN_A_FILE)
    await put(in_force, flip(Stage.VERIFY))
    write("modern", IN_A_FILE)
    await in_force.reload()
    assert in_force.reloads.successful
    assert pipeline.table.capabilities["labs"].reads is Stage.VERIFY
    assert in_force.following.control().drifting == 1
    write("shadow", IN_A_FILE)
    await in_force.reload()
    assert pipeline.table.capabilities["labs"].reads is Stage.SHADOW
    assert in_force.following.control().drifting == 0
    [record, *_] = in_force.following.stages.history("labs")
    assert (record.action, record.source, record.detail["ended"]) == ("reload", "file", ["reads"])
    await end(in_force, spawned)


async def test_a_step_forward_by_the_file_alone_is_recorded_as_ungated(made, write):
    in_force, _, spawned = made(more=IN_A_FILE)
    write("verify", IN_A_FILE)
    await in_force.reload()
    [record, *_] = in_force.following.stages.history("labs")
    assert (record.action, record.actor, record.detail["gate"]) == ("reload", "file", "ungated")
    assert (record.before["reads"], record.after["reads"]) == ("legacy", "verify")
    await end(in_force, spawned)


CONTROL = IN_A_FILE + "\ncontrol: {roles: {operator: [ann]}}"


def saying(answer, asked):
    """Reports that say this of each step, and note what they were asked."""
    def reports(table, capability, share):
        asked.append((table.capabilities[capability].reads, share))
        return SimpleNamespace(capabilities=[SimpleNamespace(evidence={"answer": answer, "says": f"{answer} today"})])

    return reports


@pytest.mark.parametrize("more", [CONTROL, IN_A_FILE])
async def test_where_control_is_set_a_step_forward_by_the_file_wants_evidence(made, write, more):
    asked = []
    in_force, pipeline, spawned = made(saying("NOT SAFE", asked), more=CONTROL)
    # It is no way around that to take `control` away with the same step.
    write("verify", more)
    await in_force.reload()
    [problem] = in_force.reloads.problems
    assert problem.endswith("labs would move to reads verify, writes legacy: NOT SAFE today [gate]")
    assert asked == [(Stage.VERIFY, 1.0)], "the gate goes by the new file"
    assert pipeline.table.capabilities["labs"].reads is Stage.LEGACY
    assert in_force.following.state.stands["labs"].file.reads is Stage.LEGACY
    write("shadow", more)
    await in_force.reload()
    assert in_force.reloads.successful
    assert pipeline.table.capabilities["labs"].reads is Stage.SHADOW
    await end(in_force, spawned)


async def test_a_step_forward_by_the_file_on_evidence_is_recorded_with_it(made, write):
    in_force, pipeline, spawned = made(saying("SAFE", []), more=CONTROL)
    write("verify", CONTROL)
    await in_force.reload()
    [record, *_] = in_force.following.stages.history("labs")
    assert (record.detail["gate"], record.evidence["answer"]) == ("safe", "SAFE")
    assert pipeline.table.capabilities["labs"].reads is Stage.VERIFY
    await end(in_force, spawned)


async def test_a_file_that_follows_an_override_needs_no_evidence(made, write):
    in_force, _, spawned = made(more=CONTROL)
    await put(in_force, flip(Stage.VERIFY))
    write("verify", CONTROL)
    await in_force.reload()
    assert in_force.reloads.successful
    await end(in_force, spawned)


@pytest.mark.parametrize(("change", "why"), [
    (("    modern: {upstream: new}\n", ""), "it has no modern arm"),
    (("    shadow: {sample: 100%}\n", ""), "it has no `shadow`"),
    (("  labs:", "  rooms:"), "no such capability"),
])
async def test_a_file_that_lacks_what_an_override_needs_is_refused_until_the_override_ends(made, write, change, why):
    in_force, pipeline, spawned = made(more=IN_A_FILE)
    await put(in_force, flip(Stage.VERIFY))
    file = write(more=IN_A_FILE)
    file.write_text(file.read_text().replace(*change))
    await in_force.reload()
    [problem] = in_force.reloads.problems
    assert why in problem
    assert problem.endswith("[override]")
    assert pipeline.table.capabilities["labs"].reads is Stage.VERIFY
    await put(in_force, flip(None, Kind.TO_FILE))
    await until(lambda: in_force.reloads.successful)
    await end(in_force, spawned)


async def test_a_start_serves_what_was_in_force(made):
    in_force, _, spawned = made(stage="modern", more=IN_A_FILE)
    await put(in_force, flip(Stage.LEGACY, Kind.ROLLBACK))
    await end(in_force, spawned)
    again, pipeline, spawned = made(stage="modern", more=IN_A_FILE)
    assert pipeline.table.capabilities["labs"].reads is Stage.LEGACY
    await end(again, spawned)


async def test_a_gateway_whose_control_file_is_gone_keeps_its_stages_and_says_so(made, write):
    in_force, pipeline, spawned = made(more=IN_A_FILE)
    await put(in_force, flip(Stage.VERIFY))
    following = asyncio.create_task(in_force.following.run())
    in_force.configuration.control.path.unlink()
    await until(lambda: "deleted" in in_force.following.stale)
    write("modern", IN_A_FILE)
    await in_force.reload()
    assert pipeline.table.capabilities["labs"].reads is Stage.VERIFY
    await end(in_force, [*spawned, following])


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
