"""The desk and the gate: who may take which step on what evidence, as a table, one row a test, and in any order."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.config.compile import build
from gateway.config.controlling import Controls
from gateway.control.desk import Desk
from gateway.control.who import SEE, Who
from gateway.flips.base import Actor, Conflict, Flip, FlipError, Kind, NoEvidence, Refused
from gateway.flips.fitting import written
from gateway.flips.following import Following
from gateway.flips.memory import MemoryStages
from gateway.flips.opening import Opened
from gateway.flips.precedence import position
from gateway.stage import READS, WRITES, Stage
from shadow.stores.base import StoreError
from tests.backends.control import routes

OPERATOR = Who("ann", "socket", frozenset({"operator"}))
BOTH = Who("bea", "socket", SEE, may_force=True)
SAFE, NOT_SAFE, NOT_ENOUGH, UNREAD = "SAFE", "NOT SAFE", "NOT ENOUGH EVIDENCE", "unread"


class Store:
    """A store of evidence that answers as it is told, and notes what it was asked."""

    def __init__(self, answer=SAFE):
        self.answer = answer
        self.asked = []
        self.meanwhile = lambda: None

    def __call__(self, capability, share=1.0):
        self.asked.append((capability, share))
        self.meanwhile()
        if self.answer == UNREAD:
            raise StoreError("it is locked")
        evidence = {"answer": self.answer, "says": f"{self.answer} of labs"}
        return SimpleNamespace(capabilities=[SimpleNamespace(evidence=evidence)])


def made(folder, store, stage="shadow", writes="legacy"):
    """A desk, and its stages."""
    file = folder / "routes.yaml"
    file.write_text(routes("http://127.0.0.1:1", "http://127.0.0.1:2", stage, writes))
    capabilities = build(file).table.capabilities
    stages = MemoryStages(written(capabilities))
    following = Following(Opened(stages, stages.read(), folder / "copy"), lambda: written(capabilities),
                          lambda state: None)

    async def told():
        pass

    return Desk(following, Controls, lambda: capabilities, told, store), stages


def at(stages):
    return position(stages.read().stands["labs"])


def ask(desk, who=OPERATOR, **wanted):
    return asyncio.run(desk.flip(who, {"capability": "labs", "reason": "why"} | wanted))


@pytest.mark.parametrize(("stage", "wanted", "answer", "who", "asked", "result"), [
    ("legacy", {"to": "shadow"}, UNREAD, OPERATOR, [], None),
    ("shadow", {"to": "canary", "percent": "5"}, SAFE, OPERATOR, [0.05], "safe"),
    ("canary", {"percent": "25"}, SAFE, OPERATOR, [0.25], "safe"),
    ("shadow", {"to": "verify"}, SAFE, OPERATOR, [1.0], "safe"),
    ("shadow", {"to": "verify", "force": True}, SAFE, OPERATOR, [1.0], "safe"),
    ("verify", {"to": "modern"}, SAFE, OPERATOR, [1.0], "safe"),
    ("shadow", {"to": "verify"}, NOT_SAFE, OPERATOR, [1.0], Refused),
    ("shadow", {"to": "verify"}, NOT_SAFE, BOTH, [1.0], Refused),
    ("shadow", {"to": "verify"}, NOT_ENOUGH, BOTH, [1.0], NoEvidence),
    ("shadow", {"to": "verify"}, UNREAD, BOTH, [1.0], NoEvidence),
    ("shadow", {"to": "verify", "force": True}, NOT_SAFE, OPERATOR, [1.0], Refused),
    ("shadow", {"to": "verify", "force": True}, UNREAD, OPERATOR, [1.0], Refused),
    ("shadow", {"to": "verify", "force": True}, NOT_SAFE, BOTH, [1.0], "forced"),
    ("shadow", {"to": "verify", "force": True}, NOT_ENOUGH, BOTH, [1.0], "forced"),
    ("shadow", {"to": "verify", "force": True}, UNREAD, BOTH, [1.0], "forced"),
    ("verify", {"to": "shadow"}, NOT_SAFE, OPERATOR, [], None),
    ("verify", {"kind": "rollback"}, UNREAD, OPERATOR, [], None),
])
def test_a_step_of_reads_goes_by_the_gate_and_by_who_asks(tmp_path, stage, wanted, answer, who, asked, result):
    store = Store(answer)
    desk, stages = made(tmp_path, store, stage)
    before = stages.read()
    if result is None or isinstance(result, str):
        record = ask(desk, who, **wanted)["record"]
        assert record["detail"].get("gate") == result
        assert (record["evidence"] is None) is (result is None)
        assert stages.read().revision == before.revision + 1
    else:
        with pytest.raises(result) as raised:
            ask(desk, who, **wanted)
        assert "\n" not in str(raised.value)
        assert stages.read().stands == before.stands
        [refusal, *_] = stages.history("labs")
        assert (refusal.action, refusal.detail["why"]) == ("refusal", str(raised.value))
        assert refusal.evidence.get("answer", UNREAD) == answer
    assert store.asked == [("labs", share) for share in asked]


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.FLIP])
def test_a_change_while_the_gate_is_asked_gives_a_conflict(tmp_path, kind):
    store = Store()
    desk, stages = made(tmp_path, store, "canary")
    to = Stage.LEGACY if kind is Kind.ROLLBACK else Stage.VERIFY
    store.meanwhile = lambda: stages.flip(Flip(kind, "labs", Actor("bea"), "first", reads=to))
    with pytest.raises(Conflict, match="bea did"):
        ask(desk, to="modern")
    assert at(stages).reads is to


def test_ending_an_override_that_holds_back_is_a_step_forward(tmp_path):
    store = Store(NOT_SAFE)
    desk, stages = made(tmp_path, store, "verify")
    ask(desk, kind="rollback")
    with pytest.raises(Refused, match="NOT SAFE of labs"):
        ask(desk, to="file")
    store.answer = SAFE
    assert ask(desk, to="file")["record"]["detail"]["gate"] == "safe"
    assert at(stages).reads is Stage.VERIFY


def served(stages):
    """The shares of reads and of writes that modern serves: as requests are decided, and not as the gate counts."""
    found = at(stages)
    return [{"legacy": 0, "split": found.share, "modern": 10_000}[one.serve]
            for one in (READS[found.reads], WRITES[found.writes])]


class Desks(RuleBasedStateMachine):
    """A desk that is asked anything."""

    @initialize(stage=st.sampled_from(["legacy", "shadow", "canary", "verify", "modern"]))
    def begins(self, stage):
        self.store = Store()
        with TemporaryDirectory() as folder:
            self.desk, self.stages = made(Path(folder), self.store, stage)

    @rule(to=st.sampled_from(["", "file", *Stage]), side=st.sampled_from(["reads", "writes"]),
          percent=st.sampled_from([None, "0", "5", "100"]), who=st.sampled_from([OPERATOR, BOTH]), force=st.booleans(),
          answer=st.sampled_from([SAFE, NOT_SAFE, NOT_ENOUGH]))
    def flips(self, to, side, percent, who, force, answer):
        """Never forward without evidence or force; and what is forward for writes has no evidence."""
        self.store.answer = answer if side == "reads" else UNREAD
        before, revision = served(self.stages), self.stages.read().revision
        try:
            ask(self.desk, who, to=to or None, side=side, percent=percent, force=force)
        except FlipError:
            assert self.stages.read().revision == revision
            return
        reads, writes = (after > was for was, after in zip(before, served(self.stages), strict=True))
        forces = force and who.may_force
        assert forces or not writes
        assert forces or not reads or answer == SAFE

    @rule(to=st.sampled_from(["legacy", "shadow"]))
    def rolls_back(self, to):
        """It is always possible, whatever the evidence is."""
        self.store.answer = UNREAD
        asked = len(self.store.asked)
        ask(self.desk, kind="rollback", to=to, side="both")
        assert served(self.stages) == [0, 0]
        assert len(self.store.asked) == asked


TestDesks = Desks.TestCase
TestDesks.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
