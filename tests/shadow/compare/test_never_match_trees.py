"""Two bodies of HL7 v2, XML or HTML that differ by one part that was moved, swapped, dropped, doubled or changed never
match; and two that differ only in what means nothing always do."""

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import AGREED, Outcome, compare
from tests.shadow.exchanges import answer, pair

HL7, XML, HTML = "x-application/hl7-v2+er7", "application/xml", "text/html"
RANDOM = st.randoms(use_true_random=False)
WHAT = st.sampled_from(["move", "swap", "drop", "double", "change"])


def outcome(media, one, other):
    return compare(pair(*(answer(arm, body, content_type=media)
                          for arm, body in (("legacy", one), ("modern", other))))).tally.outcome


def is_told(media, one, other, same):
    """Two bodies that are the same are agreed upon from either side; any two others are a mismatch."""
    for both in ((one, other), (other, one)):
        found = outcome(media, *both)
        assert found in AGREED if same else found is Outcome.MISMATCH, (found, *both)


def changed(chosen, what, rng, another):
    """The list with one part elsewhere, gone, twice or other."""
    parts = list(chosen)
    at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
    match what:
        case "move":
            parts.insert(to, parts.pop(at))
        case "swap":
            parts[at], parts[to] = parts[to], parts[at]
        case "drop":
            del parts[at]
        case "double":
            parts.insert(to, parts[at])
        case "change":
            parts[at] = another(parts[at])
    return parts


# --- HL7 v2: a message is a list of segments, a segment a name and a list of fields ---

KINDS = st.sampled_from(["ORU^R01", "VXU^V04", "ADT^A40", "ORM^O01", "OML^O33", "RDE^O11", "MDM^T02", "SIU^S12",
                         "BAR^P01", "DFT^P03", "OUL^R22", "RSP^K11", "MFN^M02", "REF^I12", "ACK^A01", "ZZZ^Z01"])
SEGMENTS = st.tuples(
    st.sampled_from(["PID", "PV1", "ORC", "OBR", "OBX", "NTE", "RXA", "RXR", "RXE", "SPM", "MRG", "TXA", "ZAB", "MFE"]),
    st.lists(st.sampled_from(["", "1", "2", "K^Na", "a~b", '""', "x&y", "\\F\\", "\\E\\H\\E\\", "\\H\\", "é"]),
             max_size=4))
MARKS = st.sampled_from(["|^~\\&", "#@!\\%", "|$~\\&"])


def message(kind, segments, marks="|^~\\&", end="\r", stamp="1"):
    def field(text):
        # What one message must escape, the other need not.
        text = text if marks[0] == "|" else text.replace("\\F\\", "|")
        return text.translate(str.maketrans("^~&", f"{marks[1]}{marks[2]}{marks[4]}"))

    bar = marks[0]
    head = bar.join([f"MSH{marks}", "A", "B", "C", "D", stamp, "", field(kind), stamp, "P", "2.5.1"])
    return end.join([head, *(bar.join([name, *map(field, fields)]) for name, fields in segments)]) + end


def bare(segments):
    """The segments without empty fields at their ends."""
    found = []
    for name, fields in segments:
        while fields and not fields[-1]:
            fields = fields[:-1]
        found.append((name, fields))
    return found


@given(KINDS, st.lists(SEGMENTS, min_size=1, max_size=9), RANDOM, WHAT)
def test_a_message_with_one_segment_elsewhere_gone_twice_or_other_never_matches(kind, segments, rng, what):
    other = changed(segments, what, rng, lambda one: (one[0], [*one[1], "another"]))
    is_told(HL7, *(message(kind, one).encode() for one in (segments, other)), bare(segments) == bare(other))


@given(KINDS, st.lists(SEGMENTS, min_size=1, max_size=5), RANDOM, WHAT)
def test_a_message_with_one_field_elsewhere_gone_twice_or_other_never_matches(kind, segments, rng, what):
    at = rng.randrange(len(segments))
    name, fields = segments[at]
    fields = changed(fields or ["1"], what, rng, lambda one: f"{one}9")
    other = [*segments[:at], (name, fields), *segments[at + 1:]]
    is_told(HL7, *(message(kind, one).encode() for one in (segments, other)), bare(segments) == bare(other))


@given(KINDS, st.lists(SEGMENTS, max_size=7), MARKS, st.sampled_from(["\r", "\n", "\r\n"]), RANDOM)
def test_a_message_that_is_written_otherwise_matches(kind, segments, marks, end, rng):
    longer = [(name, [*fields, *rng.choice(([], [""], ["", ""]))]) for name, fields in segments]
    other = message(kind, longer, marks, end, "2").encode()
    other = rng.choice((other, b"\x0b" + other + b"\x1c\r", b"\xef\xbb\xbf" + other))
    is_told(HL7, message(kind, segments).encode(), other, True)


@given(st.lists(st.lists(SEGMENTS, max_size=3), min_size=1, max_size=4), RANDOM, WHAT)
def test_a_batch_with_one_message_elsewhere_gone_twice_or_other_never_matches(messages, rng, what):
    other = changed(messages, what, rng, lambda one: [*one, ("ZZZ", ["another"])])

    def batch(some):
        inside = "".join(message("ORU^R01", one, stamp=str(number)) for number, one in enumerate(some))
        return f"FHS|^~\\&\rBHS|^~\\&\r{inside}BTS|1\rFTS|1\r".encode()

    is_told(HL7, batch(messages), batch(other), [*map(bare, messages)] == [*map(bare, other)])


# --- XML: an element is a name, attributes and a list of elements and texts ---

TEXTS = st.sampled_from(["1", "a b", "<&>", "é", "p:x", "7.9"])
ATTRIBUTES = st.dictionaries(st.sampled_from(["id", "code", "q"]), TEXTS, max_size=2)


def elements(inner, names=("a", "b", "c")):
    return st.tuples(st.sampled_from(names), ATTRIBUTES, st.lists(inner, max_size=4))


ELEMENTS = st.recursive(st.tuples(st.sampled_from("abc"), ATTRIBUTES, st.lists(TEXTS, max_size=1)),
                        lambda inner: elements(inner | TEXTS), max_leaves=12)


def written(element, prefix="", space=""):
    """The text of an element. `space` is put between elements that have no text beside them."""
    name, attributes, inside = element
    values = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    gap = space if inside and not any(isinstance(one, str) for one in inside) else ""
    body = gap + gap.join(escape(one) if isinstance(one, str) else written(one, prefix, space) for one in inside) + gap
    return f"<{prefix}{name}{values}>{body}</{prefix}{name}>"


def normal(element):
    """The element with its neighbouring texts joined."""
    name, attributes, inside = element
    found = []
    for one in inside:
        if isinstance(one, str) and found and isinstance(found[-1], str):
            found[-1] += one
        else:
            found.append(one if isinstance(one, str) else normal(one))
    return name, attributes, found


def holders(element):
    return [element, *(below for one in element[2] if not isinstance(one, str) for below in holders(one))]


def replaced(element, held, inside):
    if element is held:
        return element[0], element[1], inside
    return element[0], element[1], [one if isinstance(one, str) else replaced(one, held, inside) for one in element[2]]


def altered(root, what, rng):
    """The root with one part of it elsewhere, gone, twice or other, and maybe in another element."""
    held = rng.choice([one for one in holders(root) if one[2]] or [root])
    inside = changed(held[2] or ["x"], what, rng, lambda one: f"{one}9" if isinstance(one, str) else (
        one[0], {**one[1], "title": "another"}, one[2]))
    other = replaced(root, held, inside)
    if what == "move" and len(holders(other)) > 1:
        to = rng.choice(holders(other)[1:])
        other = replaced(other, to, [*to[2], ("c", {}, ["moved"])])
        return other
    return other


@given(elements(ELEMENTS), RANDOM, WHAT)
def test_a_document_with_one_part_elsewhere_gone_twice_or_other_never_matches(root, rng, what):
    other = altered(root, what, rng)
    is_told(XML, *(written(one).encode() for one in (root, other)), normal(root) == normal(other))


@given(elements(ELEMENTS), st.sampled_from(["", "\n  ", "<!-- c -->", "<?p i?>"]), st.booleans())
def test_a_document_that_is_written_otherwise_matches(root, space, prefixed):
    plain = written(root).replace("<a", "<a", 1)
    start = f"<{root[0]}"
    legacy = plain.replace(start, f'{start} xmlns="urn:x"', 1)
    other = written((root[0], dict(reversed(root[1].items())), root[2]), "n:" if prefixed else "", space)
    declared = "xmlns:n" if prefixed else "xmlns"
    start = f"<{'n:' if prefixed else ''}{root[0]}"
    other = '<?xml version="1.0"?>\n' + other.replace(start, f"{start} {declared}='urn:x'", 1)
    is_told(XML, legacy.encode(), other.encode(), True)


@given(st.sampled_from(["urn:x", "urn:y"]), st.sampled_from(["urn:x", "urn:y"]), st.sampled_from("st"),
       st.sampled_from("st"), st.sampled_from(["A", "B"]))
def test_a_qualified_name_is_its_namespace_and_its_local_name(one, other, prefix, also, local):
    legacy, modern = (f'<f xmlns:{name}="{space}"><faultcode>{name}:{said}</faultcode></f>'.encode()
                      for name, space, said in ((prefix, one, "A"), (also, other, local)))
    is_told(XML, legacy, modern, (one, "A") == (other, local))


# --- HTML: the same elements, with names that say something ---

ROWS = st.lists(st.tuples(st.just("td"), st.just({}), st.lists(TEXTS, max_size=1)), min_size=1, max_size=3)
TABLES = st.tuples(st.just("table"), st.just({}), st.lists(
    st.tuples(st.just("tr"), st.just({}), ROWS), min_size=1, max_size=3))
LISTS = st.tuples(st.sampled_from(["ul", "ol"]), st.just({}), st.lists(
    st.tuples(st.just("li"), st.just({}), st.lists(TEXTS, max_size=1)), min_size=1, max_size=3))
INPUTS = st.tuples(st.just("input"), st.dictionaries(
    st.sampled_from(["name", "value", "checked", "type", "title"]), st.sampled_from(["dose", "5 mg", "hidden"]),
    min_size=1), st.just([]))
MARKS_OF_TEXT = st.tuples(st.sampled_from(["sup", "sub", "del"]), st.just({}), st.lists(TEXTS, min_size=1, max_size=1))
LINKS = st.tuples(st.just("a"), st.dictionaries(st.just("href"), st.sampled_from(["/1", "/2"]), min_size=1),
                  st.lists(TEXTS, min_size=1, max_size=1))
PAGES = st.lists(TABLES | LISTS | INPUTS | LINKS | MARKS_OF_TEXT, min_size=1, max_size=4)


def page(element, wrap=("", ""), ends=True, upper=False, noise=""):
    name, attributes, inside = element
    tag = name.upper() if upper else name
    values = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    body = "".join(f"{wrap[0]}{escape(one)}{wrap[1]}" if isinstance(one, str) else page(one, wrap, ends, upper, noise)
                   for one in inside)
    closes = name != "input" and (ends or name not in ("td", "tr", "li"))
    return f"<{tag}{noise}{values}>{body}{f'</{tag}>' if closes else ''}"


def held(elements):
    """What a page says: that a control is checked has no value."""
    return [(name, {key: "" if key == "checked" else value for key, value in attributes.items()},
             [one if isinstance(one, str) else held([one])[0] for one in inside])
            for name, attributes, inside in elements]


@given(PAGES, RANDOM, WHAT)
def test_a_page_with_one_part_elsewhere_gone_twice_or_other_never_matches(parts, rng, what):
    root = ("form", {}, parts)
    other = altered(root, what, rng)
    is_told(HTML, page(root).encode(), page(other).encode(), held([root]) == held([other]))


@given(PAGES, st.sampled_from([("", ""), ("<b>", "</b>"), ("<span class=x>", "</span>"), ("<!-- c -->", "")]),
       st.booleans(), st.booleans(), st.sampled_from(["", " class='x y'", "\n id=z", " style=\"a:b\""]))
def test_a_page_that_is_written_otherwise_matches(parts, wrap, ends, upper, noise):
    root = ("form", {}, parts)
    other = f"<!DOCTYPE html>\n<html><body><div>{page(root, wrap, ends, upper, noise)}</div><script>x(1)</script>"
    is_told(HTML, page(root).encode(), other.encode(), True)
