"""Hints: what equal tokens say of examples, in words that name a path and no value."""

from dataclasses import replace

import pytest

from shadow.compare.comparison import compare
from shadow.ledger.groups import patterns
from shadow.report.hints import hints
from tests.shadow.exchanges import pair


def told(*exchanges, key=b"k" * 32):
    found = [compare(made(at, legacy, modern, key)) for at, (legacy, modern) in enumerate(exchanges)]
    [pattern] = patterns(found).values()
    return hints(pattern.exemplars)


def made(at, legacy, modern, key):
    return replace(pair(legacy, modern), at=float(at), trace_id=str(at), key=key)


def unit(legacy, modern):
    return {"items": [{"id": "x", "unit": legacy}]}, {"items": [{"id": "x", "unit": modern}]}


@pytest.mark.parametrize(("exchanges", "hint"), [
    ([unit("mmol", "mg"), unit("gram", "mg")],
     "`/items/*/unit`: modern says the same in all 2 examples, legacy does not"),
    ([unit("mmol", "mg"), unit("mmol", "ug")],
     "`/items/*/unit`: legacy says the same in all 2 examples, modern does not"),
    ([unit("mmol", "mg"), unit("mmol", "mg"), unit("mmol", "mg")],
     "`/items/*/unit`: the same two values in all 3 examples"),
    ([({"items": [{"id": "x", "unit": "mmol"}, {"id": "y", "unit": "gram"}]},
       {"items": [{"id": "y", "unit": "mmol"}, {"id": "x", "unit": "gram"}]})],
     "`/items/*/unit`: what modern says at one place, legacy says at another, in 1 of 1 example"),
])
def test_what_examples_have_in_common_is_said(exchanges, hint):
    assert told(*exchanges) == (hint,)


def test_where_nothing_is_common_nothing_is_said():
    assert told(unit("mmol", "mg")) == ()
    assert told(unit("mmol", "mg"), unit("gram", "ug")) == ()
    assert told(unit("mmol", "mg"), unit("gram", "mg"), key=b"") == ()
    assert told(({"a": 1}, {"a": 1.0}), ({"a": 2}, {"a": 2.0})) == ()
