"""CSV says what JSON says, field for field."""

import csv
import io
import json

from shadow.compare.comparison import Outcome, Tally, compare
from shadow.renderers.csv import COLUMNS, to_csv
from shadow.renderers.json import to_json
from shadow.report.report import fold
from shadow.stores.base import Batch
from shadow.stores.memory import Memory
from tests.shadow.exchanges import pair


def leaves(value):
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [leaf for part in parts for leaf in leaves(part)]
    return ["" if value is None else str(value)]


def test_every_field_of_the_report_is_a_line():
    store = Memory(Memory.Options())
    other = Tally('a "b", c', "read", Outcome.SHED, "queue_full")
    store.write(Batch([compare(pair({"a": [1, 2], "b": "x"}, {"a": [1], "b": "y"}))], tallies={other: 2}))
    report = fold(store.read())
    header, *lines = csv.reader(io.StringIO(to_csv(report)))
    assert tuple(header) == COLUMNS
    assert [line[4] for line in lines] == [
        leaf for one in json.loads(to_json(report))["capabilities"] for leaf in leaves(one)]
    assert len({tuple(line[:4]) for line in lines}) == len(lines)
    assert ["results", "mismatching", "", "", "1"] in lines
    assert ["results", "differences", "1", "path", "/a/*"] in lines
    assert ["results", "legacy", "", "p50", ""] in lines
    assert ["results", "patterns", "1", "smallest.differences.1.legacy.type", "integer"] in lines
    assert ['a "b", c', "shed", "queue_full", "", "2"] in lines


def test_nothing_known_is_a_heading_alone():
    assert to_csv(fold(Memory(Memory.Options()).read())) == ",".join(COLUMNS) + "\r\n"
