"""12: what SAFE does not cover. (That each SAFE of the table says so is counted over all rows.)"""

from dataclasses import replace

from shadow.evidence.criteria import Answer
from shadow.report.evidence import EvidenceReport
from shadow.report.wording import of_writes
from tests.evidence.drawn import CLEAN, Book, Told
from tests.evidence.situations.common import RATES
from tests.evidence.table import OPEN, RIGHT, Case


def _found() -> EvidenceReport:
    book = Book()
    book.add([(CLEAN, 5_000)])
    return book.look(replace(RATES, unmirrored=("book", "cancel")))


def writes(_: str) -> Told:
    """What `figway gate --writes` says of a capability whose reads are safe."""
    found = of_writes(_found())
    return Told(safe=1 if found.answer is Answer.SAFE else None, first_line=found.says)


def named(_: str) -> Told:
    """Whether the first line names what is not judged."""
    says = _found().says
    return Told(safe=5_000 if "Writes, trailers and 2 operations (book, cancel) are not judged" in says else None,
                first_line=says)


CASES = [
    Case(12, "the writes of a capability whose reads are safe", OPEN, writes),
    Case(12, "SAFE names the operations that are not judged", RIGHT, named),
]
