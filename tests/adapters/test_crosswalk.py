"""Crosswalk: no identifier is ever in two pairs of its class, and a seed's faults are told by their lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import crosswalk
from adapters.crosswalk import LONGEST, Bound, Conflict, Crosswalk, Fault, IdPair, seed

ENTRIES = st.lists(st.tuples(st.sampled_from("PO"), st.sampled_from("123"), st.sampled_from("abc")), max_size=30)


@given(ENTRIES)
def test_pairs_are_one_to_one_in_whatever_order_they_come(entries):
    known = Crosswalk()
    bound = set()
    for entry in entries:
        result = known.bind(*entry)
        if result in (Bound.NEW, Bound.KNOWN):
            assert (result is Bound.KNOWN) == (entry in bound)
            bound.add(entry)
        else:
            assert result == Conflict(any(one[:2] == entry[:2] for one in bound),
                                      any((one[0], one[2]) == (entry[0], entry[2]) for one in bound))
    for name, legacy, modern in bound:
        assert (known.modern(name, legacy), known.legacy(name, modern)) == (modern, legacy)
    assert len(known) == len({one[:2] for one in bound}) == len({(one[0], one[2]) for one in bound}) == len(bound)


def test_one_over_another_knows_what_that_does_and_leaves_it_as_it_is():
    base = Crosswalk()
    base.bind("P", "1", "a")
    over = Crosswalk(base)
    assert over.bind("P", "1", "a") is Bound.KNOWN
    assert over.bind("P", "1", "b") == Conflict(legacy=True, modern=False)
    assert over.bind("P", "2", "a") == Conflict(legacy=False, modern=True)
    assert over.bind("P", "2", "b") is Bound.NEW
    assert (len(base), base.modern("P", "2"), over.legacy("P", "b")) == (1, None, "2")


def test_what_there_is_no_room_for_is_not_bound():
    known = Crosswalk(limit=1)
    known.bind("P", "1", "a")
    assert known.bind("P", "2", "b") is Bound.FULL
    assert (known.modern("P", "2"), known.bind("P", "1", "a")) == (None, Bound.KNOWN)


def test_a_seed_holds_its_pairs():
    found = seed('\ufeffclass,legacy,modern\r\nPatient,17,abc\r\n\r\n"Patient", 18 ,"a,b"\nOrder,17,abc\n'.encode())
    assert found.entries == (
        IdPair("Patient", "17", "abc"), IdPair("Patient", "18", "a,b"), IdPair("Order", "17", "abc"))
    assert (found.faults, len(found.digest)) == ((), 16)


@pytest.mark.parametrize(("rows", "line", "says"), [
    ("a,b,c", 1, "the first line"),
    ("class,legacy,modern\nP,1", 2, "2 cells"),
    ("class,legacy,modern\nP,1,a\n\nP,,b", 4, "the legacy is empty"),
    (f"class,legacy,modern\nP,1,{'x' * (LONGEST + 1)}", 2, "longer"),
    ("class,legacy,modern\nP,1,a\nP,1,a", 3, "repeats the pair of line 2"),
    ("class,legacy,modern\nP,1,a\nP,1,b", 3, "the legacy identifier is bound to another one in line 2"),
    ("class,legacy,modern\nP,1,a\nP,2,a", 3, "the modern identifier is bound to another one in line 2"),
    ('class,legacy,modern\nP,1,"a', 2, "not CSV"),
])
def test_a_fault_is_told_with_its_line(rows, line, says):
    [fault] = seed(rows.encode()).faults
    assert fault.line == line
    assert says in fault.says


def test_faults_quote_nothing_and_are_bounded():
    rows = "class,legacy,modern\nSECRET,SECRET,SECRET\n" + "SECRET,SECRET,other\n" * 100
    faults = seed(rows.encode()).faults
    assert len(faults) == crosswalk.FAULTS
    assert not any("SECRET" in fault.says for fault in faults)
    assert seed(b"class,legacy,modern\nP,\xff,a").faults == (Fault(2, "not UTF-8 text"),)


@given(st.binary())
def test_any_bytes_are_read(text):
    found = seed(text)
    assert len({one[:2] for one in found.entries}) == len(found.entries)
