"""How much is done to compare: twice as much for documents of twice the size. What is equal is one object."""

import gc
import json
import sys
from dataclasses import replace

import pytest

from adapters.trees import hl7v2, html, xml
from shadow.compare.comparison import Outcome, compare
from tests.shadow.exchanges import answer, pair

TYPES = {"json": "application/json", "keyed": "application/json", "xml": "text/xml", "hl7v2": "application/hl7-v2",
         "html": "text/html"}


def json_(rows, changed):
    return json.dumps({"rows": [{"name": f"n{at % 7}", "value": at + (at in changed) / 8, "unit": "mg", "tags": ["a"]}
                                for at in range(rows)]})


def keyed(rows, changed):
    return json.dumps({"entry": [{"id": f"n{at}", "value": at + (at in changed) / 8, "unit": "mg", "tags": ["a"]}
                                 for at in range(rows)]})


def xml_(rows, changed):
    return "".join(["<All>", *(f"<Row unit='mg'><Name>n{at % 7}</Name><Value>{at + (at in changed) / 8}</Value></Row>"
                               for at in range(rows)), "</All>"])


def hl7v2_(rows, changed):
    orders = [f"OBR|{at}|o{at}|f{at}|CBC^Blood count\r" + "".join(
        f"OBX|{one}|NM|{one}-1^Name||{at + (at in changed) / 8}|mg|||||F\r" for one in range(4)) for at in range(rows)]
    return "MSH|^~\\&|a|b|c|d|20250101||ORU^R01^ORU_R01|1|P|2.5\rPID|1||7^^^A\r" + "".join(orders)


def html_(rows, changed):
    return "".join(["<table>", *(f"<tr><td>n{at % 7}</td><td><b>in</b> mg</td><td>{at + (at in changed) / 8}</td></tr>"
                                 for at in range(rows)), "</table>"])


# Calls that do not count: in the compiled build, most are not seen.
FEW = 200
WRITERS = {"json": json_, "keyed": keyed, "xml": xml_, "hl7v2": hl7v2_, "html": html_}


def calls(form, rows, changed):
    """The functions that are called to compare two documents, of which modern's is changed in some rows."""
    legacy, modern = (WRITERS[form](rows, some) for some in ((), frozenset(changed)))
    asked = pair(*(answer(arm, text.encode(), content_type=TYPES[form])
                   for arm, text in (("legacy", legacy), ("modern", modern + "\n"))))
    asked = replace(asked, key=b"k" * 32)
    compare(asked)
    found, counted = profiled(lambda: compare(asked))
    assert (found.tally.outcome is Outcome.MISMATCH) is bool(changed)
    return counted


def profiled(work):
    """What a function returns, and how many calls it makes."""
    counted = 0

    def count(*_):
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        found = work()
    finally:
        sys.setprofile(None)
    return found, counted


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("share", ["none", "few", "all"])
def test_work_doubles_with_the_documents(form, share):
    def work(rows):
        return calls(form, rows, {"none": (), "few": (rows // 3, rows // 2), "all": range(rows)}[share])

    assert work(1_000) < 2.3 * work(500) + FEW


@pytest.mark.parametrize("at_root", [False, True], ids=["each", "root"])
def test_namespaces_are_looked_up_and_not_searched(at_root):
    def work(rows):
        spaces = [f"xmlns:p{at}='urn:{at}'" for at in range(rows)]
        inside = "".join(f"<p{at}:a {'' if at_root else spaces[at]}>{at}</p{at}:a>" for at in range(rows))
        text = f"<r {' '.join(spaces) if at_root else ''}>{inside}</r>"
        return profiled(lambda: xml.tree(text, {}))[1]

    assert work(1_000) < 2.3 * work(500) + FEW


READERS = {
    "xml": xml.tree,
    "hl7v2": lambda text, seen: hl7v2.tree(text.encode(), None, seen),
    "html": lambda text, seen: html.tree(text.encode(), None, seen),
}


@pytest.mark.parametrize("form", READERS)
def test_what_was_read_is_freed_without_the_garbage_collector(form):
    text = WRITERS[form](10, ())
    READERS[form](text, {})
    gc.collect()
    gc.disable()
    try:
        READERS[form](text, {})
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(("read", "one", "other"), [
    (READERS["xml"], "<r xmlns:a='urn:a'><a:x  k='1' j='2'>t</a:x><y/></r>",
     "<r xmlns:b='urn:a'>\n <b:x j='2' k='1'>t</b:x>\n <y></y><!-- c -->\n</r>"),
    (READERS["hl7v2"], "MSH|^~\\&|a||||||ORU^R01^ORU_R01\rPID|1\rOBR|1\rOBX|1",
     "MSH|^~\\&|a||||||ORU^R01^ORU_R01|\rPID|1|\rOBR|1||\rOBX|1|"),
    (READERS["html"], "<ul><li>a <b>b</b></li><li><a href=x>c</a></li></ul>",
     "<ul class='k'>\n <li>a\n<i>b</i></li>\n <li class=l><a href='x' id='z'> c</a></li></ul>"),
], ids=READERS)
def test_what_holds_the_same_is_one_object_however_it_is_written(read, one, other):
    seen = {}
    legacy, modern = read(one, seen), read(other, seen)
    assert legacy == modern
    for name, value in legacy.items():
        if name.isalpha():
            assert value[0] is modern[name][0]
    [mine, its] = read(one, None), read(one, None)
    assert mine == its
    assert all(value is not its[name] for name, value in mine.items())
