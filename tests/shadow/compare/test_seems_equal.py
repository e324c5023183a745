"""Answers that seem to be equal and say different things never match: the same bytes by another label, values that are
not in the text, attributes of controls, what an escape means, white space between two words."""

import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shadow.compare.comparison import AGREED, Outcome, compare
from shadow.observation import Digest
from tests.shadow.exchanges import answer, pair

JSON, XML, HTML, HL7 = "application/json", "application/xml", "text/html", "x-application/hl7-v2+er7"


def judged(legacy, modern, media, other=None):
    sides = ("legacy", legacy, media), ("modern", modern, media if other is None else other)
    return compare(pair(*(answer(arm, body if isinstance(body, bytes) else body.encode(), content_type=said)
                          for arm, body, said in sides)))


def differ(legacy, modern, media, other=None):
    """The places that differ, from either side; of two answers that match there are none."""
    one, also = judged(legacy, modern, media, other), judged(modern, legacy, media if other is None else other, media)
    assert one.tally.outcome is also.tally.outcome
    assert (one.tally.outcome is Outcome.MISMATCH) == bool(one.differences)
    return [found.path for found in one.differences]


# --- the same bytes, read otherwise ---

PARTS = b"--a\r\nContent-ID: <1>\r\n\r\none\r\n--a\r\nContent-ID: <2>\r\n\r\ntwo\r\n--a--\r\n"


@pytest.mark.parametrize(("body", "one", "other"), [
    ('"é"'.encode(), f"{JSON}; charset=iso-8859-1", JSON),
    (b'"\xe9"', f"{JSON}; charset=iso-8859-1", f"{JSON}; charset=iso-8859-5"),
    (b'"\xe9"', f"{JSON}; charset=iso-8859-1", JSON),
    ('"é"\n'.encode(), "application/x-ndjson; charset=windows-1252", "application/x-ndjson"),
    (PARTS, "multipart/mixed; boundary=a", "multipart/mixed; boundary=b"),
    (PARTS, "multipart/related; boundary=a; start=\"<1>\"", "multipart/related; boundary=a; start=\"<2>\""),
])
def test_the_same_bytes_by_another_label_are_another_answer(body, one, other):
    assert judged(body, body, one, one).tally.outcome is Outcome.MATCH
    assert judged(body, body, one, other).tally.outcome is Outcome.MISMATCH


@given(st.text(max_size=20), st.sampled_from(["", "; charset=utf-8", "; charset=UTF8"]),
       st.sampled_from(["", "; charset=utf-8", "; charset=x-unheard-of", "; charset=utf-16"]))
def test_labels_that_say_the_same_of_the_same_bytes_are_no_difference(text, one, other):
    body = json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")
    if "utf-16" in other:
        assume(body.isascii())
    assert judged(body, body, JSON + one, JSON + other).tally.outcome in AGREED


def test_the_same_large_bytes_by_another_boundary_are_not_comparable():
    same = Digest(9, b"digest", "")
    sides = [answer(arm, PARTS, content_type=f"multipart/mixed; boundary={arm}") for arm in ("legacy", "modern")]
    for one in sides:
        one.digest = same
    assert compare(pair(*sides)).tally[2:] == (Outcome.NOT_COMPARABLE, "too_large")


@pytest.mark.parametrize("label", ["undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7",
                                   "rot13", "hex", "nonsense", ""])
@pytest.mark.parametrize("media", [JSON, XML, HTML, HL7, "text/plain", "text/csv", "application/x-ndjson"])
def test_no_label_makes_two_bodies_one_or_makes_the_comparison_fail(media, label):
    for one, other in (("\\x41é", "Aé"), ("+AEE-", "A"), ("MSH|^~\\&|\\x41é", "MSH|^~\\&|Aé"), ('"\\x41"', '"A"')):
        assert judged(one, other, f"{media}; charset={label}").tally.outcome is Outcome.MISMATCH


# --- JSON and multipart ---

def test_members_that_were_dropped_are_held_against_each_other_at_any_depth():
    deep = b"[" * 50_000 + b"%d" + b"]" * 50_000
    one, other = (b'{"a":' + deep.replace(b"%d", value) + b',"a":1}' for value in (b"1", b"2"))
    assert judged(one, one + b" ", JSON).tally.outcome is Outcome.MATCH
    assert [found.kind for found in judged(one, other, JSON).differences] == ["syntax"]


def test_content_in_an_encoding_that_is_not_taken_off_is_not_what_it_seems():
    plain = b"--a\r\nContent-Type: text/plain\r\n%b\r\nx\r\n--a--\r\n"
    coded = plain.replace(b"%b", b"Content-Transfer-Encoding: x-uuencode\r\n")
    eight = plain.replace(b"%b", b"Content-Transfer-Encoding: 8BIT\r\n")
    media = "multipart/mixed; boundary=a"
    assert differ(coded, plain.replace(b"%b", b""), media) == ["/0/@header/content-transfer-encoding"]
    assert differ(eight, plain.replace(b"%b", b""), media) == []


def test_a_reference_to_no_part_is_not_one_to_a_part():
    def related(*references):
        root = json.dumps(references).encode()
        return (b"--a\r\nContent-Type: application/json\r\n\r\n" + root
                + b"\r\n--a\r\nContent-ID: <x>\r\n\r\nimage\r\n--a--\r\n")

    media = "multipart/related; boundary=a"
    assert differ(related("cid:x", "cid:1"), related("cid:x", "cid:x"), media) == ["/0/body/1"]
    assert differ(related("cid:x", "cid:1"), related("cid:x", "cid:#1"), media) == ["/0/body/1"]
    assert differ(related("cid:x", "cid:y"), related("cid:x", "cid:y") + b"\r\n", media) == []


# --- HL7 v2 ---

@given(st.text(alphabet="ab&T\\^", max_size=6), st.text(alphabet="ab&T\\^", max_size=6),
       st.sampled_from(["^~\\", "^~\\&", "^~"]))
@example("a\\T\\b", "ab", "^~\\")
def test_an_escape_never_means_nothing(one, other, marks):
    def read(text):
        return text.replace("\\T\\", "&") if len(marks) < 4 and "\\" in marks else text

    legacy, modern = (f"MSH|{marks}|A\rNTE|x{text}x" for text in (one, other))
    if read(one) != read(other) and "\\" not in read(one) + read(other) and "^" not in one + other:
        assert differ(legacy, modern, HL7)


# --- XML ---

@pytest.mark.parametrize(("one", "other"), [
    ('<!DOCTYPE a [<!ATTLIST a dose CDATA "5">]><a/>', '<!DOCTYPE a [<!ATTLIST a dose CDATA "10">]><a/>'),
    ("<a>Take <b>5</b> <i>mg</i></a>", "<a>Take <b>5</b><i>mg</i></a>"),
    ('<a xml:space="preserve"><b>5</b> <b>mg</b></a>', '<a xml:space="preserve"><b>5</b><b>mg</b></a>'),
    ('<a xml:space="preserve"><c><b/> </c></a>', '<a xml:space="preserve"><c><b/></c></a>'),
    ('<a xmlns:p="urn:x">p:b</a>', "<a>{urn:x}b</a>"),
    ("<a>{}{urn:x}b</a>", "<a>{urn:x}b</a>"),
])
def test_documents_that_only_seem_to_be_equal_differ(one, other):
    assert differ(one, other, XML)


@pytest.mark.parametrize(("one", "other"), [
    ("<a>Take <b>5</b> <i>mg</i></a>", "<a>Take <b>5</b>\n  <i>mg</i></a>"),
    ("<a>Take<p>5</p> <p>mg</p></a>", "<a>Take<p>5</p><p>mg</p></a>"),
    ("<a><b>5</b> <i>mg</i></a>", "<a><b>5</b><i>mg</i></a>"),
    ('<a xml:space="preserve"><b xml:space="default"><i/> <i/></b></a>',
     '<a xml:space="preserve"><b xml:space="default"><i/><i/></b></a>'),
])
def test_white_space_that_nobody_reads_is_no_difference(one, other):
    assert differ(one, other, XML) == []


XSI, SOAP = "http://www.w3.org/2001/XMLSchema-instance", "http://schemas.xmlsoap.org/soap/envelope/"
TRUTHS = st.sampled_from(["", "true", "1", "false", "0", " 1 ", "yes"])


@given(TRUTHS, TRUTHS, st.sampled_from([f'xmlns:x="{XSI}" x:nil', f'xmlns:x="{SOAP}" x:mustUnderstand']))
def test_what_is_true_or_false_is_so_however_it_is_written(one, other, name):
    meant = {"true": True, "1": True, "false": False, "0": False}
    said = [meant.get(text.strip(), text) if text else False for text in (one, other)]
    same = type(said[0]) is type(said[1]) and said[0] == said[1]
    legacy, modern = (f'<a {name}="{text}"/>' if text else "<a/>" for text in (one, other))
    assert (differ(legacy, modern, XML) == []) is same


# --- HTML ---

@pytest.mark.parametrize(("one", "other"), [
    ('<input name="p[dose]" value="5">', '<input name="p[weight]" value="5">'),
    ('<select name="p[route]"><option>IV</select>', '<select name="p[site]"><option>IV</select>'),
    ('<form action="/" enctype="multipart/form-data">', '<form action="/">'),
    ("<input name=a required>", "<input name=a>"), ("<input name=a maxlength=3>", "<input name=a maxlength=4>"),
    ("<input name=a pattern=x>", "<input name=a pattern=y>"), ("<input name=a step=1>", "<input name=a step=10>"),
    ("<input name=a form=f>", "<input name=a form=g>"),
    ("<video><source src=a></video>", "<video><source src=b></video>"),
    ("<video src=v><track src=a></video>", "<video src=v><track src=b></video>"),
    ("<object data=d><param name=a value=1></object>", "<object data=d><param name=a value=2></object>"),
    ("<object data=d><param name=a value=1></object>", "<object data=d><param name=b value=1></object>"),
    ('<img src=a srcset="b 2x">', '<img src=a srcset="c 2x">'), ("<img src=a usemap=#l>", "<img src=a usemap=#r>"),
    ("<map name=l><area coords=1,2 href=a></map>", "<map name=l><area coords=1,3 href=a></map>"),
    ("<map name=l><area href=a></map>", "<map name=r><area href=a></map>"),
    ("<p><bdo dir=rtl>123</bdo>", "<p><bdo dir=ltr>123</bdo>"), ("<p dir=rtl>5/3", "<p>5/3"),
    ("<time datetime=2020-01-01>then</time>", "<time datetime=2021-01-01>then</time>"),
    ("<data value=1>one</data>", "<data value=2>one</data>"), ("<meter value=1 low=2>", "<meter value=1 low=3>"),
    ("<div role=checkbox aria-checked=true>x</div>", "<div role=checkbox aria-checked=false>x</div>"),
    ("<div><template shadowrootmode=open>5 mg</template></div>",
     "<div><template shadowrootmode=open>9 mg</template></div>"),
    ("<a href=x download=a.pdf>x</a>", "<a href=x download=b.pdf>x</a>"),
])
def test_pages_that_only_look_equal_in_their_text_differ(one, other):
    assert differ(one, other, HTML)


@pytest.mark.parametrize(("one", "other"), [
    ("<form enctype=application/x-www-form-urlencoded>a</form>", "<form>a</form>"),
    ("<html dir=ltr><body>a", "<body>a"), ("<input name=a required>", "<input name=a required=required>"),
    ("<template><p>a</template>b", "<template><p>c</template>b"), ("<map><p>a</p></map>", "<p>a</p>"),
])
def test_what_says_nothing_in_a_page_is_no_difference(one, other):
    assert differ(one, other, HTML) == []


TAGS = st.sampled_from(["a", "td", "table", "tr", "ul", "li", "form", "span title=x", "span", "b title=y", "p",
                        "option", "select", "div title=z", "div"])


@given(st.lists(st.tuples(st.booleans(), TAGS), max_size=25), st.data())
def test_a_text_anywhere_in_a_page_of_any_tags_counts(tags, data):
    at = data.draw(st.integers(0, len(tags)))
    written = [f"</{name.split()[0]}>" if end else f"<{name}>" for end, name in tags]
    one, other = ("".join((*written[:at], text, *written[at:])) for text in ("word", "another"))
    assert differ(one, other, HTML)
