"""The reference's table of what XML, HL7 v2 and HTML mean: each of its cells is held to examples."""

from pathlib import Path

import pytest

from shadow.compare.comparison import AGREED, compare
from shadow.compare.patterns import Order
from shadow.compare.rules import Rule, Rules
from tests.markdown import tables
from tests.shadow.exchanges import answer, pair

REFERENCE = Path(__file__).parents[3] / "docs" / "reference.md"
MEDIA = {"XML": "application/xml", "HL7 v2": "application/hl7-v2", "HTML": "text/html"}
NOTHING, ORDER, TOGETHER, IDENTITY = "Means nothing", "Order", "Belongs together", "Identity"
NOT_COMPARED, NOT_READ = "Not compared", "Not read"


def hl7(*segments, kind="ORU^R01", head="MSH|^~\\&|A|B|C|D|1||{}|1|P|2.5.1", end="\r"):
    return end.join([head.format(kind), *segments])


def rows(*cells):
    return "<table>" + "".join(f"<tr><td>{'<td>'.join(row)}</tr>" for row in cells) + "</table>"


PATIENT = "PID|1||17"
# Form, row, words of the cell, and two bodies for which it holds.
EXAMPLES = [
    ("XML", NOTHING, "prefixes", '<p:a xmlns:p="urn:x"/>', '<a xmlns="urn:x"/>'),
    ("XML", NOTHING, "qualified names in values", '<a xmlns:p="urn:x" t="p:b"/>', '<a xmlns:q="urn:x" t="q:b"/>'),
    ("XML", NOTHING, "order of attributes", '<a b="1" c="2"/>', '<a c="2" b="1"/>'),
    ("XML", NOTHING, "white space between elements", "<a><b/><c/></a>", "<a>\n <b/>\n <c/>\n</a>"),
    ("XML", NOTHING, "comments", "<a>1</a>", "<a><!-- x -->1</a>"),
    ("XML", NOTHING, "processing instructions", "<a>1</a>", "<a><?x y?>1</a>"),
    ("XML", NOTHING, "empty elements", "<a><b/></a>", "<a><b></b></a>"),
    ("XML", NOTHING, "entities", "<a>&lt;é</a>", "<a>&#60;&#xe9;</a>"),
    ("XML", NOTHING, "CDATA", "<a>&lt;</a>", "<a><![CDATA[<]]></a>"),
    ("XML", NOTHING, "`xsi:schemaLocation`", "<a/>", (
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x x.xsd"/>')),
    ("XML", ORDER, "all children", "<a><b/><c/></a>", "<a><c/><b/></a>"),
    ("XML", ORDER, "text between", "<a>1<b/></a>", "<a><b/>1</a>"),
    ("XML", TOGETHER, "in an element", "<a><b id='1'><c><d/></c></b><b id='2'/></a>",
     "<a><b id='1'/><b id='2'><c><d/></c></b></a>"),
    *(("XML", IDENTITY, words, *(
        "<a>" + "".join(f"<b{key.format(one)}<v>{value}</v></b>" for one, value in both) + "</a>"
        for both in (((1, 1), (2, 2)), ((2, 2), (1, 3)))))
      for words, key in (("`id`", "><id>{}</id>"), ("`@id`", " id='{}'>"), ("`@root` and `@extension`",
                         " root='r' extension='{}'>"), ("`fullUrl`", "><fullUrl value='{}'/>"),
                         ("`linkId`", "><linkId value='{}'/>"), ("`url`", " url='{}'>"),
                         ("`code`", "><code>{}</code>"), ("`name`", "><name>{}</name>"))),
    ("XML", NOT_READ, "declares entities", '<!DOCTYPE a [<!ENTITY e "1">]><a>&e;</a>',
     '<!DOCTYPE a [<!ENTITY e "2">]><a>&e;</a>'),
    ("XML", NOT_READ, "XML 1.1", "<?xml version='1.1'?><a>\x01</a>", "<?xml version='1.1'?><a>\x02</a>"),
    ("HL7 v2", NOTHING, "delimiters", hl7("PID|1||17^^^A"),
     hl7("PID#1##17@@@A", head="MSH#@~\\&#A#B#C#D#1##{}#1#P#2.5.1", kind="ORU@R01")),
    ("HL7 v2", NOTHING, "escapes of delimiters", hl7("NTE|a\\F\\b"),
     hl7("NTE#a|b", head="MSH#^~\\&#A#B#C#D#1##{}#1#P#2.5.1")),
    ("HL7 v2", NOTHING, "delimiters at the end", hl7(PATIENT), hl7(f"{PATIENT}^^|||")),
    ("HL7 v2", NOTHING, "CR, LF or CR LF", hl7(PATIENT), hl7(PATIENT, end="\n")),
    ("HL7 v2", NOTHING, "MLLP framing", hl7(PATIENT), f"\x0b{hl7(PATIENT)}\r\x1c\r"),
    ("HL7 v2", NOTHING, "byte order mark", hl7(PATIENT), f"\ufeff{hl7(PATIENT)}"),
    ("HL7 v2", NOTHING, "MSH-7 and MSH-10", hl7(PATIENT), hl7(PATIENT, head="MSH|^~\\&|A|B|C|D|2||{}|2|P|2.5.1")),
    ("HL7 v2", ORDER, "all segments", hl7(PATIENT, "NK1|1", "AL1|1"), hl7(PATIENT, "AL1|1", "NK1|1")),
    ("HL7 v2", ORDER, "repetitions", hl7("PID|1||1~2"), hl7("PID|1||2~1")),
    ("HL7 v2", TOGETHER, "a result to its request", hl7(PATIENT, "OBR|1|a", "OBX|1", "OBR|2|b"),
     hl7(PATIENT, "OBR|1|a", "OBR|2|b", "OBX|1")),
    ("HL7 v2", TOGETHER, "a note to what it is about", hl7(PATIENT, "OBR|1", "NTE|x", "OBX|1||K"),
     hl7(PATIENT, "OBR|1", "OBX|1||K", "NTE|x")),
    ("HL7 v2", TOGETHER, "a reaction to its vaccine",
     hl7(PATIENT, "RXA|||||a", "OBX|1", "RXA|||||b", kind="VXU^V04"),
     hl7(PATIENT, "RXA|||||a", "RXA|||||b", "OBX|1", kind="VXU^V04")),
    *(("HL7 v2", IDENTITY, f"{name}-{field}", *(hl7(*[f"{name}{'|' * field}{key}{'|' * (20 - field)}{value}"
                                                     for key, value in both], kind="ZZZ^Z01")
                                                for both in (("a1", "b2"), ("b2", "a3"))))
      for name, field in (("PID", 3), ("MRG", 1), ("ORC", 3), ("OBR", 3), ("OBX", 3), ("AL1", 3), ("DG1", 3),
                          ("RXE", 2), ("RXA", 5))),
    ("HL7 v2", NOT_READ, "does not begin with MSH", "PID|1", "PID|2"),
    ("HTML", NOTHING, "group or emphasise", "<div>a</div>", "<p>a"),
    ("HTML", NOTHING, "`b`", "a b", "a <b>b</b>"),
    ("HTML", NOTHING, "`class`", "<td>a", "<td class=x>a"),
    ("HTML", NOTHING, "`style`", "<a href=x>a</a>", "<a style=y href=x>a</a>"),
    ("HTML", NOTHING, "`id`", "<a href=x>a</a>", "<a id=y href=x>a</a>"),
    ("HTML", NOTHING, "comments", "a", "<!-- b -->a"),
    ("HTML", NOTHING, "white space", "<p>a b", "<p>\n a\n b "),
    ("HTML", NOTHING, "how tags, attributes and entities are written", "<A HREF='x'>&lt;</A>", "<a href=x>&#60;</a>"),
    ("HTML", ORDER, "text", "<p>a<p>b", "<p>b<p>a"),
    ("HTML", ORDER, "controls", "<input value=a>x", "x<input value=a>"),
    ("HTML", TOGETHER, "cells to their row", rows("ab", "c"), rows("a", "bc")),
    ("HTML", TOGETHER, "rows to their table", rows("a", "b") + rows("c"), rows("a") + rows("b", "c")),
    ("HTML", TOGETHER, "items to their list", "<ul><li>a<ul><li>b</ul></ul>", "<ul><li>a<li>b</ul>"),
    ("HTML", TOGETHER, "controls to their form", "<form><input></form><form></form>",
     "<form></form><form><input></form>"),
    ("HTML", TOGETHER, "options to their `select`", "<select><option>a</select><select></select>",
     "<select></select><select><option>a</select>"),
    ("HTML", IDENTITY, "a control's name", "<input name=a value=1><input name=b value=2>",
     "<input name=b value=2><input name=a value=3>"),
    ("HTML", IDENTITY, "`href`", "<a href=1>x</a><a href=2>y</a>", "<a href=2>y</a><a href=1>z</a>"),
    *(("HTML", NOT_COMPARED, f"`{name}`", f"a<{name}>1</{name}>", f"a<{name}>2</{name}>")
      for name in ("script", "style", "template", "noscript")),
    ("HTML", NOT_COMPARED, "event handlers", "<a href=x onclick=a()>a</a>", "<a href=x onclick=b()>a</a>"),
    ("HTML", NOT_READ, "within a tag", "a<b x='1", "a<b x='2"),
    ("HTML", NOT_READ, "a comment", "a<!-- 1", "a<!-- 2"),
    ("HTML", NOT_READ, "a script", "a<script>1", "a<script>2"),
]


def cells():
    [found] = [one for one in tables(REFERENCE.read_text()) if one.section == "XML, HL7 v2 and HTML"]
    return {(form, row[0]): cell for row in found.rows for form, cell in zip(found.columns[1:], row[1:], strict=True)
            if cell}


def test_each_cell_has_its_examples():
    assert {(form, row) for form, row, *_ in EXAMPLES} == set(cells())


def compared(form, old, new, *rules):
    both = pair(*(answer(arm, body.encode(), content_type=MEDIA[form])
                  for arm, body in (("legacy", old), ("modern", new))))
    both.rules = Rules(rules)
    return compare(both)


@pytest.mark.parametrize(("form", "row", "words", "old", "new"), EXAMPLES,
                         ids=[f"{form} {row}: {words}" for form, row, words, *_ in EXAMPLES])
def test_the_table_says_what_is_so(form, row, words, old, new):
    # Two fields of one segment are named together: "ORC-3 and 2".
    assert words in cells()[form, row]
    found = compared(form, old, new)
    kinds = {one.kind for one in found.differences}
    if row in (NOTHING, NOT_COMPARED):
        assert found.tally.outcome in AGREED
        assert row == NOTHING or found.tally.outcome == "match_normalised"
    elif row == ORDER:
        assert kinds == {"moved"}
    elif row == TOGETHER:
        assert found.tally.outcome == "mismatch"
        if form != "HTML":
            [moved] = found.differences
            assert moved.kind == "moved"
            assert moved.path != moved.modern_path != ""
            assert form == "XML" or moved.severity == "critical"
    elif row == IDENTITY:
        assert kinds == {"moved", "value"}
        assert [one.kind for one in found.differences].count("value") == 1
    else:
        assert found.tally.outcome == "mismatch"


def test_the_order_of_children_means_nothing_where_a_rule_says_so():
    free = Rule("any order", "/a", order=Order("all"))
    assert compared("XML", "<a><b/><c/></a>", "<a><c/><b/></a>", free).hidden == (("any order", 1),)
    assert compared("XML", "<a><b>1</b><c/></a>", "<a><c/><b>2</b></a>", free).tally.outcome == "mismatch"
    assert compared("XML", "<r><a><b/><c/></a></r>", "<r><a><c/><b/></a></r>", free).tally.outcome == "mismatch"


def result(code, value):
    return hl7(PATIENT, "OBR|1", f"OBX|1||{code}||{value}")


def field(value):
    return f"<form><input name=t value={value}></form>"


@pytest.mark.parametrize(("form", "at", "old", "new", "hides"), [
    ("HL7 v2", "PID-5", hl7("PID|1||17||A^B"), hl7("PID|1||17||A^C"), True),
    ("HL7 v2", "PID-5.2", hl7("PID|1||17||A^B"), hl7("PID|1||17||A^C"), True),
    ("HL7 v2", "PID-5.1", hl7("PID|1||17||A^B"), hl7("PID|1||17||A^C"), False),
    ("HL7 v2", "/PID/*/f5", hl7("PID|1||17||A^B"), hl7("PID|1||17||A^C"), True),
    ("HL7 v2", "OBX[@3.1=718-7]-5", result("718-7", 1), result("718-7", 2), True),
    ("HL7 v2", "OBX[@3.1=718-7]-5", result("K", 1), result("K", 2), False),
    ("HL7 v2", "OBR/OBX-5", result("K", 1), result("K", 2), True),
    ("HL7 v2", "/OBR/*/OBX/*/f5", result("K", 1), result("K", 2), True),
    ("XML", "/r/Name", "<r><Name>1</Name></r>", "<r><Name>2</Name></r>", True),
    ("XML", "/r/*/Name/*/#text", "<r><Name>1</Name></r>", "<r><Name>2</Name></r>", True),
    ("XML", "/r/Name", "<r><x><Name>1</Name></x></r>", "<r><x><Name>2</Name></x></r>", False),
    ("XML", "/r/o[@code=K]/v", "<r><o code='K'><v>1</v></o></r>", "<r><o code='K'><v>2</v></o></r>", True),
    ("XML", "/r/o[code='http://a/b']/v", "<r><o><code>http://a/b</code><v>1</v></o></r>",
     "<r><o><code>http://a/b</code><v>2</v></o></r>", True),
    ("XML", "/r/o[@code=K]/v", "<r><o code='N'><v>1</v></o></r>", "<r><o code='N'><v>2</v></o></r>", False),
    ("XML", "/r/o[@code=K]/v", "<r><o code='K'><v>1</v></o></r>", "<r><o code='N'><v>2</v></o></r>", False),
    ("HTML", "/form/input[@name=t]/@value", field(1), field(2), True),
    ("HTML", "/form/input[@name=u]/@value", field(1), field(2), False),
])
def test_a_rule_names_a_place_as_people_write_it(form, at, old, new, hides):
    found = compared(form, old, new, Rule("here", at, ignore=True))
    assert (found.tally.outcome in AGREED) is hides
    shown = {one.signature.path for one in compared(form, old, new).differences}
    assert all(compared(form, old, new, Rule("there", path, ignore=True)).tally.outcome in AGREED for path in shown
               if len(shown) == 1), "what a report shows can be written as a rule"
