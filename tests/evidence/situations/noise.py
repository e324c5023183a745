"""10: noise that a person has accepted as it was proposed, and then a modern that is always wrong there."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

from gateway import plugins
from gateway.config.rules import read_rules
from shadow.compare.comparison import Outcome
from shadow.compare.rules import Known, Rules
from shadow.evidence.epoch import Basis, Setup
from shadow.plan import ShadowPlan
from shadow.report.report import fold
from shadow.settings import Recheck
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, Kind, Told, World
from tests.evidence.laned import MONDAY, Asked, Laned, laned
from tests.evidence.situations.common import RATES, SMALL, drawn, questions, waited_for
from tests.evidence.table import FALSE_NOT_SAFE, FOUND, RIGHT, Bound, Case

DRIFT = Kind(Outcome.KNOWN_DIFFERENCE, "K-1")
KNOWN = replace(RATES, known=(("K-1", 0.05),))


def room(number: int) -> bytes:
    """An answer in which one value drifts."""
    return b'{"name":"Ada","room":"B%03d"}' % (number % 1_000)


def drifting(rate: float, modern: float):
    """Subjects of whose answers a value drifts: a share of legacy's, and a share of modern's."""
    def draw(rng: random.Random, number: int) -> list[Asked]:
        legacy = [room(rng.randrange(1_000)) if rng.random() < rate else room(7) for _ in range(3)]
        said = room(8 + rng.randrange(900)) if rng.random() < modern else room(7)
        return [Asked(str(number), legacy=legacy, modern=(said,))]
    return draw


def proposed(seed: str) -> Known:
    """What the report proposes after a while, as a person would accept it."""
    store = Memory(Memory.Options())
    plan = ShadowPlan(1.0, noise=1.0, recheck=Recheck((2.0,), 1.0, legacy=True))
    laned(Laned(questions(seed, drifting(0.1, 0.1), 400, 50), plan, lambda: Kept(store), every=5.0), SMALL)
    [report] = fold(store.read(), {CAPABILITY: SMALL}).capabilities
    [one] = [one for one in report.noise if one.says == "proposal"]
    store.close()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(f"known_differences: [{one.rule.replace('OWNER', 'Ada')}]")
        [known] = read_rules(path, plugins.load)[0].known
    return known


class Kept:
    """A store that stays open when its lane is done."""

    def __init__(self, store: Memory):
        self._store = store

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    def close(self) -> None:
        pass


def accepted(name: str, modern: float, bound: Bound, most: int) -> Case:
    """A case through the lane, after a proposal was accepted as written: legacy drifts in a tenth of its answers, and
    modern in a share of its own."""
    def run(seed: str) -> Told:
        known = proposed(f"proposed {seed}")
        criteria = replace(SMALL, known=((known.id, known.max_rate),))
        plan = ShadowPlan(1.0, rules=Rules(known=(known,)), basis=Basis(Setup(rules="accepted")))
        return laned(Laned(questions(f"{name} {seed}", drifting(0.05, modern), most, 20), plan, begin=MONDAY + 600),
                     criteria, until=waited_for(bound))

    return Case(10, name, bound, run, "lane")


CASES = [
    drawn(10, "a known difference in 4 %, where 5 % is declared", World(0.04, (DRIFT,)), RIGHT, KNOWN, 5_000),
    drawn(10, "a known difference in 5 %, where 5 % is declared", World(0.05, (DRIFT,)), FALSE_NOT_SAFE, KNOWN, 3_000),
    drawn(10, "a known difference in 10 %, where 5 % is declared", World(0.1, (DRIFT,)), FOUND, KNOWN),
    drawn(10, "a known difference in all, where 5 % is declared", World(0.999, (DRIFT,)), FOUND, KNOWN),
    accepted("a proposal was accepted, and noise is less than it was", 0.05, RIGHT, 700),
    accepted("a proposal was accepted, and modern is always wrong there", 1.0, FOUND, 1_000),
]
