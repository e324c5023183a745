"""How much is done to compare: twice as much for documents of twice the size, and little for what is equal."""

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


WRITERS = {"json": json_, "keyed": keyed, "xml": xml_, "hl7v2": hl7v2_, "html": html_}


def calls(form, rows, changed=(), other=str):
    """The functions that are called to compare two documents, of which modern's is changed in some rows."""
    legacy, modern = (WRITERS[form](rows, some) for some in ((), frozenset(changed)))
    asked = pair(*(answer(arm, text.encode(), content_type=TYPES[form])
                   for arm, text in (("legacy", legacy), ("modern", other(modern)))))
    asked = replace(asked, key=b"k" * 32)
    compare(asked)
    counted = 0

    def count(*_):
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        found = compare(asked)
    finally:
        sys.setprofile(None)
    assert (found.tally.outcome is Outcome.MISMATCH) is bool(changed)
    return counted


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("share", ["none", "few", "all"])
def test_work_doubles_with_the_documents(form, share):
    def work(rows):
        return calls(form, rows, {"none": (), "few": (rows // 3, rows // 2), "all": range(rows)}[share],
                     lambda text: text + "\n")

    assert work(1_000) < 2.3 * work(500)


@pytest.mark.parametrize("form", ["xml", "hl7v2", "html"])
def test_what_differs_in_few_places_takes_little_more_than_what_is_equal(form):
    assert calls(form, 500, (100, 300)) < 1.5 * calls(form, 500, other=lambda text: text + "\n")


@pytest.mark.parametrize(("read", "one", "other"), [
    (lambda text, seen: xml.tree(text, seen), "<r xmlns:a='urn:a'><a:x  k='1' j='2'>t</a:x><y/></r>",
     "<r xmlns:b='urn:a'>\n <b:x j='2' k='1'>t</b:x>\n <y></y><!-- c -->\n</r>"),
    (lambda text, seen: hl7v2.tree(text.encode(), None, seen), "MSH|^~\\&|a||||||ORU^R01^ORU_R01\rPID|1\rOBR|1\rOBX|1",
     "MSH|^~\\&|a||||||ORU^R01^ORU_R01|\rPID|1|\rOBR|1||\rOBX|1|"),
    (lambda text, seen: html.tree(text.encode(), None, seen), "<ul><li>a <b>b</b></li><li><a href=x>c</a></li></ul>",
     "<ul class='k'>\n <li>a\n<i>b</i></li>\n <li class=l><a href='x' id='z'> c</a></li></ul>"),
], ids=["xml", "hl7v2", "html"])
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
