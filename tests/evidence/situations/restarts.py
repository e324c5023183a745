"""4: evidence that begins anew again and again, while modern stays exactly as bad as the limit."""

import random
from functools import partial

from shadow.evidence.criteria import Answer
from shadow.evidence.eprocess import needed, part_spent, spent
from shadow.ledger.rows import Attempt
from shadow.report.evidence import EvidenceReport
from shadow.report.verdict import Rest
from shadow.stores.memory import Memory
from tests.evidence.drawn import CAPABILITY, CLEAN, EPOCH, WRONG, Book, Told, gap
from tests.evidence.laned import Laned, laned
from tests.evidence.restarting import chance_of_safe
from tests.evidence.situations.common import RATES, SMALL, questions, wrong_in
from tests.evidence.table import FALSE_SAFE, Case


def begun_anew(epochs: int, patience: int, seed: str) -> Told:
    """Begin evidence anew after each `patience` bad exchanges. The verdict is looked at where SAFE is possible."""
    rng, limit, total = random.Random(seed), RATES.limit, 0
    before: list[Attempt] = []
    attempt = 1.0
    for number in range(1, epochs + 1):
        n = 0
        for bad in range(patience):
            clean = gap(rng, limit) - 1
            # No attempt takes less than the first with as many bad ones.
            enough = max(n, needed(bad, limit, spent(RATES.confidence, 1)))
            if enough <= n + clean:
                enough = max(n, needed(bad, limit, spent(RATES.confidence, attempt)))
            if enough <= n + clean and (told := _looked(enough, bad, number, before)) is not None:
                return told._replace(safe=total + enough)
            n += clean + 1
        before.append(Attempt(CAPABILITY, number, EPOCH._replace(modern=str(number)), n, 0.0, 1.0, True))
        attempt += part_spent(n, limit)
        total += n
    return Told()


def _looked(n: int, bad: int, number: int, before: list[Attempt]) -> Told | None:
    """What the verdict says of `n` exchanges in this attempt; None if it is not SAFE."""
    epoch = EPOCH._replace(modern=str(number))
    book = Book(epoch, rest=Rest(attempts=[*before, Attempt(CAPABILITY, number, epoch, n, 0.0, 1.0, False)]))
    book.add([(CLEAN, n - bad), *([(WRONG, bad)] if bad else [])])
    found = book.look(RATES)
    return Told(safe=n, first_line=found.says) if found.answer is Answer.SAFE else None


def through_the_store(epochs: int, seed: str) -> Told:
    """Begin evidence anew in the store at each look that shows a bad exchange."""
    store = Memory(Memory.Options())
    begun = 1

    def looks(found: EvidenceReport) -> None:
        nonlocal begun
        if found.gates[0].value and begun < epochs:
            begun = 1 + store.restart(CAPABILITY, found.made, "ada", "mended")

    return laned(Laned(questions(f"restarts {seed}", wrong_in(SMALL.limit), epochs * 100, 20), store=lambda: store),
                 SMALL, until=Answer.SAFE, looks=looks)


def _best(_: str) -> Told:
    return Told(share=chance_of_safe(0.05, RATES.confidence, step=0.1))


CASES = [
    Case(4, f"evidence begins anew at {what} bad exchange, {epochs} times, at the limit", FALSE_SAFE,
         partial(begun_anew, epochs, patience))
    for patience, what in ((1, "each"), (5, "each fifth"), (20, "each twentieth")) for epochs in (20, 100)
] + [
    Case(4, "evidence begins anew whenever it pays most, as often as it pays, at the limit", FALSE_SAFE, _best,
         "computed"),
    Case(4, "evidence begins anew at each bad exchange, 20 times, at the limit", FALSE_SAFE,
         partial(through_the_store, 20), "lane"),
]
