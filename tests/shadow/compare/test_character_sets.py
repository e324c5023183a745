"""MSH-18 of HL7 v2: each message is read in the character set that it names, on each side by itself."""

import pytest

from shadow.compare.comparison import Outcome, compare
from tests.shadow.exchanges import answer, pair

HL7 = "x-application/hl7-v2+er7"
NAME, KANJI = "Müller^Jörg", "山田^太郎"


def message(name, said, encoding):
    return f"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5||||||{said}\rPID|1||4711||{name}".encode(encoding)


def told(legacy, modern, media=HL7):
    found = compare(pair(answer("legacy", legacy, content_type=HL7), answer("modern", modern, content_type=media)))
    return found.tally.outcome, {(one.path.partition("[")[0].partition(".")[0], str(one.severity))
                                 for one in found.differences}


@pytest.mark.parametrize(("name", "said", "encoding"), [
    (NAME, "8859/1", "latin-1"), (NAME, "8859/15", "iso8859-15"), (NAME, "8859/2", "iso8859-2"),
    (NAME, "UTF-8", "utf-8"),
    (NAME, "UNICODE", "utf-8"), (NAME, "UNICODE", "utf-16-le"), (NAME, "UNICODE UTF-16", "utf-16"), (NAME, "", "utf-8"),
    (NAME, "8859/1~UNICODE UTF-8", "latin-1"), (NAME, " 8859/1 ", "latin-1"), (NAME, "UNKNOWN", "utf-8"),
    (NAME, "UNKNOWN~8859/1", "latin-1"), ("Иванов^Пётр", "8859/5", "iso8859-5"), (KANJI, "~ISO IR87", "iso2022_jp"),
    (KANJI, "ASCII~ISO IR87", "iso2022_jp"), (KANJI, "GB 18030-2000", "gb18030"), (KANJI, "BIG-5", "big5"),
    ("김^민수", "KS X 1001", "euc_kr"), ("Doe^Jane", "ASCII", "ascii"),
])
def test_each_side_is_read_in_the_character_set_that_it_names(name, said, encoding):
    utf8 = message(name, "UNICODE UTF-8", "utf-8")
    for sides in ((message(name, said, encoding), utf8), (utf8, message(name, said, encoding))):
        assert told(*sides) == (Outcome.MISMATCH, {("MSH-18", "minor")}), "but for the name of the character set"
    other = message(name.replace("^", "x^", 1), said, encoding)
    assert told(message(name, said, encoding), other) == (Outcome.MISMATCH, {("PID-5", "critical")})


@pytest.mark.parametrize(("said", "encoding"), [("UNICODE UTF-8", "latin-1"), ("8859/1", "utf-8"), ("ASCII", "utf-8")])
def test_a_wrong_label_is_a_difference_of_the_text(said, encoding):
    """A client that goes by the label reads another name."""
    right = message(NAME, said, {"UNICODE UTF-8": "utf-8", "8859/1": "latin-1"}.get(said, "latin-1"))
    assert told(right, message(NAME, said, encoding)) == (Outcome.MISMATCH, {("PID-5", "critical")})


@pytest.mark.parametrize("said", ["", "UNKNOWN", "ASCII", "UNICODE UTF-8", "8859/1"])
def test_bytes_that_are_not_in_the_character_set_still_count(said):
    one, other = (message(f"{name}^J", said, "latin-1") for name in ("é", "ê"))
    assert told(one, one) == (Outcome.MATCH, set())
    assert told(one, other) == (Outcome.MISMATCH, {("PID-5", "critical")})


def test_the_media_type_has_the_first_word():
    both = message(NAME, "8859/1", "latin-1"), message(NAME, "8859/1", "utf-8")
    assert told(*both, f"{HL7}; charset=utf-8") == (Outcome.MISMATCH, {("content-type", "major")})
