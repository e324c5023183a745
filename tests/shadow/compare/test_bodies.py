"""Bodies: read in any strict encoding, part by part, with what is odd about them told; and compared if unreadable."""

import json
import random
from dataclasses import replace
from email.mime.base import MIMEBase
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.charsets import ENCODINGS, known
from adapters.document import DocumentError
from adapters.message import Headers
from adapters.trees.multipart import MAX_PARTS, parts
from shadow.compare.bodies import Unreadable, form_of, read
from shadow.compare.comparison import LOOKS, SYNTAX, Outcome, compare
from shadow.compare.difference import Severity
from shadow.compare.rules import Rule, Rules
from shadow.observation import Digest
from tests.backends.dicom import encapsulated, part10
from tests.markdown import tables
from tests.shadow.exchanges import answer, pair

MATCH, NORMALISED, MISMATCH = Outcome.MATCH, Outcome.MATCH_NORMALISED, Outcome.MISMATCH
JSON, XML = "application/json", "application/xml"
BOM = b"\xef\xbb\xbf"


def compared(legacy, modern, media=JSON, *rules):
    """The comparison of two bodies. `media` is the type of both, or of each."""
    types = (media, media) if isinstance(media, str) else media
    sides = (answer(arm, body, content_type=kind)
             for arm, body, kind in zip(("legacy", "modern"), (legacy, modern), types, strict=True))
    return compare(replace(pair(*sides), rules=Rules(rules)))


def told(*said):
    found = compared(*said)
    return found.tally.outcome, [(one.kind, one.path) for one in found.differences]


# --- unreadable bodies ---

UNREADABLE = [
    (JSON, b'{"a": 1', b'{"a": 2'), (JSON, b"NaN", b"NaN "), (XML, b"<a>1</b>", b"<a>2</b>"),
    ("application/x-ndjson", b"{}\n{", b"{}\n["), ("multipart/related", b"no parts", b"no part"),
    ("x-application/hl7-v2+er7", b"PID|1", b"PID|2"),
]


@pytest.mark.parametrize(("media", "legacy", "modern"), UNREADABLE)
def test_two_bodies_that_cannot_be_read_are_compared_byte_by_byte(media, legacy, modern):
    assert told(legacy, modern, media) == (MISMATCH, [("syntax", "")])
    assert told(legacy, legacy, media) == (MATCH, [])


@pytest.mark.parametrize(("media", "legacy", "modern"), UNREADABLE)
def test_to_ignore_the_syntax_does_not_ignore_the_body(media, legacy, modern):
    syntax, body = (Rule(name, f"/@{name}", ignore=True) for name in ("syntax", "body"))
    assert told(legacy, modern, media, syntax) == (MISMATCH, [("body", "")])
    found = compared(legacy, modern, media, syntax, body)
    assert (found.tally.outcome, found.hidden) == (NORMALISED, (("body", 1), ("syntax", 1)))


def test_to_ignore_the_coding_does_not_ignore_the_body():
    sides = (answer(arm, body, content_encoding="gzip") for arm, body in (("legacy", b"a"), ("modern", b"b")))
    rule = Rule("coding", "/@coding", ignore=True)
    found = compare(replace(pair(*sides), rules=Rules((rule,))))
    assert [one.kind for one in found.differences] == ["body"]


def test_to_ignore_the_syntax_of_a_body_that_can_be_read_leaves_what_it_says():
    rule = Rule("syntax", "/@syntax", ignore=True)
    assert told(b'{"a":1,"a":2}', b'{"a":2}', JSON, rule) == (NORMALISED, [])
    assert told(b'{"a":1,"a":2}', b'{"a":1}', JSON, rule) == (MISMATCH, [("value", "/{key}")])


RAW = st.binary(max_size=30) | st.sampled_from([b"{", b'{"a":', b"\xff", b"<a", b"--b\r\n"])


@given(RAW, RAW, st.sampled_from([JSON, XML, "application/x-ndjson", "multipart/mixed", "application/pdf", ""]))
def test_two_different_bodies_never_match_if_one_cannot_be_read(legacy, modern, media):
    form = form_of(answer("legacy", content_type=media).headers)
    assume(legacy != modern)
    assume(form is None or isinstance(read(form, legacy), Unreadable) or isinstance(read(form, modern), Unreadable))
    assert told(legacy, modern, media)[0] is MISMATCH


# --- what is odd about a body that can be read ---

@pytest.mark.parametrize(("legacy", "modern", "media"), [
    (BOM + b'{"a":1}', b'{"a":1}', JSON), (BOM + b"{}\n", b"{}", "application/x-ndjson"),
    (BOM + b"<a/>", b"<a></a>", XML),
    (b'<!DOCTYPE a><a>1</a>', b"<a>1</a>", XML),
    (b'<?xml version="1.0"?>\n<!DOCTYPE a PUBLIC "-//A>B//" "a.dtd" [ <!ELEMENT a ANY> ]>\n<a>1</a>', b"<a>1</a>", XML),
    (b'{"a":1}', b'{"a": 1}', (f"{JSON};charset=utf-16", JSON)),
    ('<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode(), "<a>é</a>".encode(), XML),
    ("<a>é</a>".encode(), "<a>é</a>".encode() + b" ", (f"{XML};charset=utf-16", f"{XML};charset=utf-16")),
])
def test_what_no_parser_minds_is_normalised(legacy, modern, media):
    rules = (Rule("type", "/@header/content-type", ignore=True),) if isinstance(media, tuple) else ()
    found = compared(legacy, modern, media, *rules)
    told = dict(found.hidden)
    told.pop("type", None)
    assert (found.tally.outcome, told) in ((NORMALISED, {SYNTAX: 1}), (MATCH, {}))
    assert compared(legacy, legacy + b" ", media if isinstance(media, str) else media[0]).tally.outcome is MATCH


def test_the_default_for_syntax_can_be_switched_off():
    found = compared(BOM + b"{}", b"{} ", JSON, Rule("off", "/@syntax", defaults=False))
    [difference] = found.differences
    assert (difference.kind, difference.severity, str(difference.legacy), str(difference.modern)) == (
        "syntax", Severity.MINOR, "object(0) bom", "object(0)")


@pytest.mark.parametrize(("legacy", "modern", "media", "shown"), [
    (b'{"a":1,"a":2}', b'{"a":2}', JSON, ("object(1) duplicate_key", "object(1)")),
    ('{"a":"é"}'.encode("latin-1"), '{"a":"é"}'.encode(), JSON, ("object(1) unlabelled", "object(1)")),
    ('{"a":"é"}'.encode("latin-1"), '{"a":"é"}'.encode(), (f"{JSON};charset=iso-8859-1", JSON),
     ("object(1) charset", "object(1)")),
    ('{"a":"€"}'.encode("cp1252"), '{"a":"€"}'.encode(), JSON, ("object(1) unlabelled", "object(1)")),
    ('{"a":"é"}'.encode("utf-16"), '{"a":"é"}'.encode(), JSON, ("object(1) bom charset", "object(1)")),
    ('{"a":"é"}'.encode("utf-16-le"), '{"a":"é"}'.encode(), JSON, ("object(1) unlabelled", "object(1)")),
    ("<a>é</a>".encode("latin-1"), "<a>é</a>".encode(), XML, ("object(1) unlabelled", "object(1)")),
])
def test_what_some_parsers_refuse_is_a_minor_difference_of_syntax(legacy, modern, media, shown):
    [found] = compared(legacy, modern, media).differences
    assert (found.kind, found.path, found.severity) == ("syntax", "", Severity.MINOR)
    assert (str(found.legacy), str(found.modern)) == shown
    assert told(legacy, legacy + b" ".decode().encode("utf-16-le" if b"\0" in legacy else "ascii"), media
                if isinstance(media, str) else media[0]) == (MATCH, [])


@pytest.mark.parametrize(("legacy", "modern", "paths"), [
    (b'{"a":1,"a":2}', b'{"a":1}', ["", "/{key}"]), (b'{"a":1,"a":2}', b'{"a":3,"a":2}', [""]),
    (b'{"a":1,"a":2}', b'{"a":1,"a":3}', ["/{key}"]),
    (b'{"a":1,"a":2,"b":1,"b":2}', b'{"b":1,"b":2,"a":1,"a":2}', [""]),
    (b'[{"a":1,"a":2}]', b'[{"a":2}]', [""]), (b'{"a":{"b":1},"a":2}', b'{"a":{"b":2},"a":2}', [""]),
])
def test_of_members_with_one_name_the_last_counts_and_the_others_are_told(legacy, modern, paths):
    assert [one.path for one in compared(legacy, modern).differences] == paths
    assert told(legacy, legacy + b" ") == (MATCH, [])


def test_deep_bodies_may_name_a_member_twice():
    deep = b"[" * 2000 + b'{"a":1,"a":2}' + b"]" * 2000
    assert isinstance(read(form_of(answer("legacy").headers), deep), list)


@pytest.mark.parametrize("media", ["text/json", "text/x-json", "application/dicom+json", "Application/JSON"])
def test_json_has_several_names(media):
    assert told(b'{"a": 1}', b'{"a":1}', media) == (MATCH, [])


# --- encodings ---

ONE_BYTE = sorted(one for one in ENCODINGS if not one.startswith("utf"))


@pytest.mark.parametrize("encoding", ONE_BYTE)
def test_each_encoding_of_single_bytes_is_strict(encoding):
    def read_as(byte):
        try:
            return bytes([byte]).decode(encoding)
        except UnicodeDecodeError:
            return None

    said = [text for byte in range(256) if (text := read_as(byte)) is not None]
    assert len(said) == len(set(said))
    assert set(map(len, said)) == {1}
    # What JSON and XML are written with is where ASCII has it.
    assert all(read_as(ord(sign)) == sign for sign in '{}[]":,<>=/?& aZ09\r\n')


@pytest.mark.parametrize(("label", "name"), [
    ("ISO-8859-1", "iso8859-1"), ("windows-1252", "cp1252"), ("latin1", "iso8859-1"), ("UTF8", "utf-8"),
    ("ISO-8859-15", "iso8859-15"), ("windows-1251", "cp1251"), ("us-ascii", "ascii"), ("utf-7", None), ("x", None),
    ("shift_jis", None), ("rot13", None), ("\0", None),
])
def test_labels_name_encodings(label, name):
    assert known(label) == name


TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=8)


@given(TEXTS, TEXTS, st.sampled_from(["latin-1", "cp1252", "iso8859-15", "utf-8", "utf-16", "utf-32", "utf-16-be"]))
def test_a_value_in_any_declared_encoding_is_the_value(one, other, encoding):
    for media, write in (
        (JSON, lambda text: json.dumps({"a": text}, ensure_ascii=False)),
        (XML, lambda text: "<a>" + text.replace("&", "&amp;").replace("<", "&lt;") + "</a>"),
    ):
        try:
            bodies = [write(text).encode(encoding) for text in (one, other)]
        except UnicodeEncodeError:
            return
        declared = f"{media};charset={encoding}"
        assert told(bodies[0], write(one).encode(encoding) + (b" " if "16" not in encoding and "32" not in encoding
                                                            else b""), declared)[0] is MATCH
        if one != other and (media == JSON or (one.strip() and other.strip())):
            assert told(*bodies, declared)[0] is MISMATCH


@pytest.mark.parametrize(("media", "body"), [
    (f"{JSON};charset=nonsense", b"{}"), (f"{JSON};charset=utf-7", b"{}"), (f"{JSON};charset=shift_jis", b"{}"),
    (f"{XML};charset=nonsense", b"<a/>"), (XML, b'<?xml version="1.0" encoding="ebcdic"?><a/>'),
    (XML, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), (XML, b'<!DOCTYPE a [<!ENTITY % b "c"> %b;]><a/>'),
])
def test_what_is_not_strict_is_not_guessed(media, body):
    assert isinstance(read(form_of(answer("legacy", content_type=media).headers), body), Unreadable)
    assert told(body, body + b"\n", media) == (MISMATCH, [("syntax", "")])


# --- multipart ---

def multipart(*said, boundary="b", kind="related", end=b"--", more=""):
    """The media type and the body of parts, each its fields as text and its content."""
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
                    for head, content in said)
    return f'multipart/{kind}; boundary="{boundary}"{more}', body + b"--" + boundary.encode() + end + b"\r\n"


def of_parts(legacy, modern, kind="related", more=("", ""), *rules):
    one = multipart(*legacy, boundary="one", kind=kind, more=more[0])
    other = multipart(*modern, boundary="'other'", kind=kind, more=more[1])
    return told(one[1], other[1], (one[0], other[0]), *rules)


J, X, D = "Content-Type: application/json", "content-type:text/xml", "Content-Type: application/dicom"


@pytest.mark.parametrize(("legacy", "modern", "found"), [
    ([(J, b'{"a":1}')], [(J, b'{ "a": 1 }')], []),
    ([(J, b'{"a":1}')], [(J, b'{"a":2}')], [("value", "/0/body/a")]),
    ([(J, b"[1]"), (D, b"\0\1")], [(J, b"[1]"), (D, b"\0\2")], [("value", "/1/body")]),
    ([(J, b"[1]"), (D, b"\0\1")], [(J, b"[1]")], [("missing", "/1")]),
    ([(D, b"\0\1"), (D, b"\0\1")], [(D, b"\0\1")], [("missing", "/1")]),
    ([(D, b"\0\1"), (D, b"\0\2")], [(D, b"\0\2"), (D, b"\0\1")], [("moved", "/0")]),
    ([(D, b"\0\1")], [(J, b"1")], [("value", "/0/@header/content-type"), ("type", "/0/body")]),
    ([(D, b"\0\1")], [(D + ";x=1", b"\0\1")], [("value", "/0/@header/content-type")]),
    ([(J, b'{"a":')], [(J, b'{"b":')], [("value", "/0/body")]), ([(J, b'{"a":')], [(J, b"1")], [("type", "/0/body")]),
    ([(J, b"1")], [(J + "\r\nContent-Length: 1\r\nDate: now", b"1")], []),
    ([(D, b"hello")], [(D + "\r\nContent-Transfer-Encoding: base64", b"aGVs\r\nbG8=")], []),
    ([(D, b"h=llo")], [(D + "\r\ncontent-transfer-encoding: Quoted-Printable", b"h=3Dll=\r\no")], []),
    ([("X-A: 1\r\n b", b"")], [("X-A: 1 b", b"")], []), ([("", b"a")], [("", b"b")], [("value", "/0/body")]),
])
def test_parts_are_compared_with_their_fields(legacy, modern, found):
    assert of_parts(legacy, modern) == (MISMATCH if found else MATCH, found)


def mtom(root, *images, start="root@x"):
    return [(f"Content-Type: application/xop+xml; type=\"text/xml\"\r\nContent-ID: <{start}>", root),
            *((f"Content-Type: image/png\r\nContent-ID: <{name}>", image) for name, image in images)]


def test_names_of_parts_are_made_for_one_answer():
    root = b'<a><Include href="cid:%s"/><Include href="cid:%s"/></a>'
    one = mtom(root % (b"1@a", b"2@a"), ("1@a", b"\1"), ("2@a", b"\2"))
    other = mtom(root % (b"x%40b", b"y%40b"), ("y@b", b"\2"), ("x@b", b"\1"), start="s")
    more = '; start="<root@x>"', "; start=s"
    assert of_parts(one, other, "related", more) == (MATCH, [])
    # The images that the root refers to have changed places.
    swapped = mtom(root % (b"y@b", b"x@b"), ("y@b", b"\2"), ("x@b", b"\1"))
    assert of_parts(one, swapped)[0] is MISMATCH
    # The root does not come first: the type says which part it is.
    assert of_parts(one, [*other[1:], other[0]], "related", more) == (MATCH, [])
    lost = mtom(root % (b"1@a", b"3@a"), ("1@a", b"\1"), ("2@a", b"\2"))
    assert of_parts(one, lost)[0] is MISMATCH


def test_a_batch_is_compared_with_the_answers_in_it():
    def batch(status, body):
        http = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nDate: now\r\n\r\n" + body
        return [("Content-Type: application/http\r\nContent-ID: 1", http), ("Content-Type: application/http",
        b"HTTP/1.1 204 x\r\n\r\n")]

    assert of_parts(batch(b"200 OK", b'{"a":1}'), batch(b"200 OK", b'{"a": 1}'), "mixed") == (MATCH, [])
    assert of_parts(batch(b"200 OK", b'{"a":1}'), batch(b"200 OK", b'{"a":2}'), "mixed") == (
        MISMATCH, [("value", "/0/body/body/a")])
    assert of_parts(batch(b"200 OK", b"1"), batch(b"404 x", b"1"), "mixed") == (MISMATCH, [("value", "/0/body/@line")])


def test_parts_inside_parts_are_compared_too_and_not_without_bound():
    def nested(levels, leaf):
        said = J, leaf
        for level in range(levels):
            media, body = multipart(said, boundary=f"b{level}", kind="mixed")
            said = f"Content-Type: {media}", body
        return [said]

    assert of_parts(nested(3, b'{"a":1}'), nested(3, b'{"a": 1}')) == (MATCH, [])
    assert of_parts(nested(3, b'{"a":1}'), nested(3, b'{"a":2}'))[1] == [("value", "/0/body/0/body/0/body/0/body/a")]
    assert of_parts(nested(30, b'{"a":1}'), nested(30, b'{"a":2}'))[0] is MISMATCH


@pytest.mark.parametrize("body", [
    b"", b"--b\r\n", b"--b--", b"--b\r\nX: 1\r\n\r\na", b"--b\r\nno field\r\n\r\na\r\n--b--", b"--c\r\n\r\n--c--",
    b"--b\r\n\r\n--b--\r\n--b\r\n\r\n--b--", b"x--b\r\n\r\n--b--x",
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--b--", b"--b\r\n\r\n" * (MAX_PARTS + 5) + b"--b--",
])
def test_what_is_not_multipart_is_not_read_as_such(body):
    with pytest.raises(DocumentError, match="syntax"):
        parts(body, "b")


@pytest.mark.parametrize(("body", "found"), [
    (b"preamble\r\n--b \r\n\r\na\r\n--b-- \r\nepilogue", [b"a"]), (b"--b\n\na\n--b\n\n\n--b--", [b"a", b""]),
    (b"--b\r\n\r\n--bc\r\n--b--", [b"--bc"]), (b"--b\r\nA: 1\r\n\r\n\r\n\r\n--b--", [b"\r\n"]),
    (b"--b\r\nA: 1\r\n--b--", [b""]),
])
def test_the_delimiters_of_parts_are_lines(body, found):
    assert [one.body for one in parts(body, "b")] == found
    assert [one.body for one in parts(body[body.index(b"--b"):])] == found


def test_equal_parts_are_in_order_beside_one_that_is_not_read():
    said = [(J, b"1"), (J, b"<a>1</a>"), (J, b"1")]
    assert of_parts(said, said) == (MATCH, [])


def test_ranges_are_compared_each_by_its_own_boundary():
    ranges = [f"Content-Type: application/pdf\r\nContent-Range: bytes {some}/10" for some in ("0-1", "4-5")]
    legacy, modern = ([*zip(ranges, (b"ab", last), strict=True)] for last in (b"cd", b"ce"))
    assert of_parts(legacy, legacy, "byteranges") == (MATCH, [])
    assert of_parts(legacy, modern, "byteranges") == (MISMATCH, [("value", "/1/body")])


PART = st.tuples(st.sampled_from([J, X, D, "Content-Type: text/plain", ""]),
                 st.sampled_from([b"1", b'{"a":[1,2]}', b'{"a":[2,1]}', b"<a>1</a>", b"<a>2</a>", b"\0", b"x\ny", b""]))


@given(st.lists(PART, min_size=1, max_size=5), st.randoms(), st.sampled_from(["related", "mixed"]),
       st.sampled_from(["move", "swap", "drop", "double", "change"]))
def test_parts_that_were_moved_dropped_doubled_or_changed_never_match(said, rng, kind, what):
    other = list(said)
    at, to = rng.randrange(len(said)), rng.randrange(len(said))
    match what:
        case "move":
            other.insert(to, other.pop(at))
        case "swap":
            other[at], other[to] = other[to], other[at]
        case "drop":
            del other[at]
        case "double":
            other.insert(to, other[at])
        case "change":
            other[at] = other[at][0], other[at][1] + b"7"
    assume(other)
    assert of_parts(said, said, kind) == (MATCH, [])
    if other != said:
        assert of_parts(said, other, kind)[0] is MISMATCH


def test_parts_that_the_standard_library_writes_are_read():
    message = MIMEBase("multipart", "mixed")
    for text in ("a", "b\n\nc"):
        part = MIMEBase("text", "plain")
        part.set_payload(text)
        message.attach(part)
    _, _, body = message.as_bytes().partition(b"\n\n")
    assert [one.body for one in parts(body, message.get_boundary())] == [b"a", b"b\n\nc"]


# --- bodies that were too large to be kept ---

def large(arm, content, **fields):
    seed = random.Random(content).randbytes(32)
    return replace(answer(arm, b"", **fields), digest=Digest(len(content), seed))


def test_bodies_that_were_not_kept_are_compared_by_their_digests():
    same, other = large("legacy", "a" * 10), large("modern", "b" * 12)
    assert compare(pair(same, large("modern", "a" * 10))).tally[2:] == (MATCH, "")
    for sides in ((same, other), (other, same), (same, answer("modern", b"{}")), (answer("legacy", b"{}"), other)):
        found = compare(pair(*sides))
        assert (found.tally.outcome, [(one.kind, one.path) for one in found.differences]) == (MISMATCH, [("body", "")])
    [found] = compare(pair(same, other)).differences
    assert (str(found.legacy), str(found.modern)) == ("bytes(10)", "bytes(12)")


def test_an_equal_digest_is_no_match_where_identifiers_would_have_to_be_checked():
    rules = Rules((Rule("c", "/id", crosswalk="Patient"),))
    one = replace(pair(large("legacy", "a"), large("modern", "a")), rules=rules)
    assert compare(one).tally[2:] == (Outcome.NOT_COMPARABLE, "too_large")


@pytest.mark.slow
def test_the_work_that_a_comparison_may_take_grows_with_the_bodies():
    rows = [{"a": at} for at in range(LOOKS // 8)]
    one, other = json.dumps(rows).encode(), json.dumps([*rows[:-1], {"a": 0}]).encode()
    assert told(one, other)[0] is MISMATCH


@pytest.mark.parametrize("said", [
    ("application/json", "text/html"), ("text/html", "application/json"), ("application/json, text/plain",),
    ("application/json", "application/json; charset=utf-16")])
def test_a_body_of_two_types_is_compared_byte_by_byte(said):
    """Clients take one or the other, so what means nothing in one of them may mean something."""
    fields = Headers((b"Content-Type", one.encode()) for one in said)
    sides = (replace(answer(arm, body), headers=fields) for arm, body in (("legacy", b"[1]"), ("modern", b"[ 1]")))
    found = compare(pair(*sides))
    assert [(one.kind, one.path) for one in found.differences] == [("body", "")]


def test_a_body_whose_type_is_said_twice_in_the_same_words_is_read():
    fields = Headers([(b"Content-Type", b"application/json"), (b"content-type", b"Application/JSON")])
    sides = (replace(answer(arm, body), headers=fields) for arm, body in (("legacy", b"[1]"), ("modern", b"[ 1]")))
    assert compare(pair(*sides)).tally.outcome is MATCH


# --- the table of the reference ---

NDJSON, MIXED = "application/x-ndjson", "multipart/mixed; boundary=b"


def mixed(*said):
    return multipart(*said, kind="mixed")[1]


IMAGE = {"00080016": ("UI", "1.2"), "00080018": ("UI", "1.3")}
REPORT = {**IMAGE, "0040A730": ("SQ", [{"0040A160": ("UT", "a")}])}
MEANT = {
    # The media type; two bodies that say the same; two in another order; and two that are never a match.
    "NDJSON": (NDJSON, (b'{"a":1}\n{"b":2}\n', b'{"a": 1}\r\n\n{"b":2}'), (b'{"a":1}\n{"b":2}', b'{"b":2}\n{"a":1}'),
               (b"{}\n{", b"{}\n[")),
    "multipart": (MIXED, (mixed((J, b"[1]")), b"before\r\n" + mixed((J + "\r\nDate: now", b"[ 1 ]")) + b"after"),
                  (mixed((D, b"1"), (J, b"2")), mixed((J, b"2"), (D, b"1"))), (b"no", b"parts")),
    "DICOM files and XML": (
        "application/dicom", (part10(REPORT), part10(REPORT, untold=True)),
        (encapsulated(IMAGE, [b"a ", b"b "]), encapsulated(IMAGE, [b"b ", b"a "])),
        (part10(REPORT), part10(REPORT)[:-1])),
    "text": ("text/plain", None, (b"a\nb\n", b"b\na\n"), (b"a", b"b")),
    "anything else": ("image/png", None, (b"ab", b"ba"), (b"a", b"b")),
}


def test_the_formats_mean_what_the_reference_says():
    reference = (Path(__file__).parents[3] / "docs" / "reference.md").read_text()
    [found] = [one for one in tables(reference) if one.section == "What the other formats mean"]
    assert [row[0] for row in found.rows] == [*MEANT]
    for media, same, moved, different in MEANT.values():
        if same is not None:
            assert told(*same, media)[0] is MATCH
        outcome, differences = told(*moved, media)
        assert outcome is MISMATCH
        assert media not in (NDJSON, MIXED) or differences == [("moved", "/0")]
        assert told(*different, media)[0] is MISMATCH
