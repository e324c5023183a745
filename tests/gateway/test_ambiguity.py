"""What any real decoder reads as a dot segment or a separator is refused or seen as one, and nothing else is."""

import codecs
import encodings.aliases
import re
import unicodedata
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.ambiguity import UNAMBIGUOUS, is_ambiguous
from gateway.reading import UNSAID, spellings

# --- decoders, each written as a server has it --------------------------------------------------------------------


def careful(data):
    """UTF-8 without a look at whether a character has more bytes than it needs; other bytes as Latin-1."""
    out, at = "", 0
    while at < len(data):
        lead = data[at]
        length = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF8 else \
            5 if lead < 0xFC else 6 if lead < 0xFE else 1
        rest = data[at + 1:at + length]
        if length > 1 and len(rest) == length - 1 and all(byte & 0xC0 == 0x80 for byte in rest):
            code = lead & (0x7F >> length)
            for byte in rest:
                code = code << 6 | byte & 0x3F
            out += chr(code) if code < 0x110000 else "?"
            at += length
        else:
            out += chr(lead)
            at += 1
    return out


def careless(data):
    """The same without a look at the bytes after the first: PHP 5.2, IIS 4."""
    out, at = "", 0
    while at < len(data):
        lead = data[at]
        length = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF8 else 1
        if at + length > len(data):
            length = 1
        code = lead if length == 1 else lead & (0x7F >> length)
        for byte in data[at + 1:at + length]:
            code = code << 6 | byte & 0x3F
        out += chr(code) if code < 0x110000 else "?"
        at += length
    return out


STRICT = {
    "UTF-8": lambda data: data.decode("utf-8", "replace"), "Latin-1": lambda data: data.decode("latin-1"),
    "cp1252": lambda data: data.decode("cp1252", "replace"), "overlong": careful,
}
LOOSE = {
    "careless": careless, "dropping": lambda data: data.decode("utf-8", "ignore"),
    "full-width": lambda data: unicodedata.normalize("NFKC", data.decode("utf-8", "ignore")),
}


def readings(path, decoders):
    """What servers make of a path that decode it once, twice or three times."""
    for _ in range(3):
        path = unquote_to_bytes(path)
        for decode in decoders.values():
            yield decode(path)


def dotted(text):
    """The dot segments of a path, as they are read."""
    return {found for part in re.split(r"[/\\]", re.split(r"[\0?#]", text)[0])[1:]
            if (found := part.partition(";")[0]) in (".", "..")}


def may_be_refused(path):
    """Whether a reason stands in the path as received: all but dot segments and separators in overlong UTF-8."""
    return re.search(rb"[\\#]|%(?:00|5[cC]|(?![0-9A-Fa-f]{2}))", path) is not None


def any_reading(path):
    """Everything that a server may see which decodes over and over, in any of the ways."""
    found, fresh = set(), {path}
    for _ in range(6):
        fresh = {decode(unquote_to_bytes(data)).encode("utf-8", "surrogatepass") for data in fresh
                 for decode in (*STRICT.values(), *LOOSE.values())} - found
        found |= fresh
    return found


# --- properties ---------------------------------------------------------------------------------------------------

PIECE = st.sampled_from([
    *b"./\\;?aX\xc0\xc1\xae\xaf\x9c\xe0\x80\xf0\xd1\xee\xef\xc3\x89\xfc\xf8\xa0\x20".decode("latin-1"),
    "..", "/..", "../"])
BYTES = st.binary(max_size=4) | st.lists(PIECE, max_size=7).map(lambda parts: "".join(parts).encode("latin-1"))
DEPTH = st.sampled_from([0, 1, 1, 1, 2, 2, 3])


@st.composite
def paths(draw):
    """Paths with each byte spelt as it is, or percent-encoded once, twice or three times."""
    out = b"/"
    for byte in draw(BYTES):
        depth = draw(DEPTH)
        one = bytes((byte,))
        if depth == 0 and 0x20 < byte != 0x7F and byte not in b"%#?":
            out += one
        else:
            out += b"%" + b"25" * (max(depth, 1) - 1) + b"%02x" % byte
    return out + draw(st.sampled_from([b"", b"/", b"/x", b";y"]))


@given(paths())
@example(b"/%C0%AE%c0%ae/x")
@example(b"/x/%252e%252e/y")
@example(b"/%c0%2e%c0%2e/x")
@example(b"/%e0%80%ae./x")
@example(b"/x%c0%af..%c1%9cy")
@example(b"/\xc0\xae\xc0%ae/x")
@example(b"/%c0%25%32%65")
@example(b"/%fc%80%80%80%80%ae%fc%80%80%80%80%ae/")
@example(b"/%D0%90%c0%ee%C0%EE/x")
def test_what_a_decoder_reads_as_a_dot_segment_is_refused_or_seen(path):
    for text in readings(path, STRICT):
        assert not dotted(text) or is_ambiguous(path)
    for text in readings(path, LOOSE):
        if dotted(text) and not is_ambiguous(path):
            assert dotted(text) == {"."}
            assert any(b"." in way.keys for way in spellings(path, UNSAID.possible))


@given(paths())
@example(b"/by-name/IB%C1%D1EZ")
@example(b"/%C0.")
@example(b"/file%2Etxt")
@example(b"/a%2Fb.")
@example(b"/.%C3%A9t%C3%A9")
def test_nothing_else_is_refused(path):
    if is_ambiguous(path) and not may_be_refused(path):
        blanks = r"[\0-\x20\x7f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000.]*"
        told = re.compile(r"[/\\]\.{1,2}" + blanks + r"(?:[/\\;?#]|\Z|\0)")
        texts = [text for data in any_reading(path)
                 for text in (data.decode("latin-1"), data.decode("utf-8", "replace"))]
        assert any(told.search(text) for text in texts) or any(
            sep in careful(unquote_to_bytes(data)) for data in any_reading(path) for sep in "/\\\0")


@given(paths())
def test_the_quick_look_overlooks_nothing(path):
    if is_ambiguous(path):
        assert b"/." in path or path.translate(None, UNAMBIGUOUS)


# --- single-byte codes --------------------------------------------------------------------------------------------

_SINGLE = re.compile(r"cp1(?!006)\d{3}|iso8859_\d+|koi8_[rtu]|mac_\w+|cp(?:437|8\d\d|720|737|775)|ptcp154|tis_620|"
                     r"kz1048|hp_roman8|latin_1")
SINGLE = sorted({name for name in encodings.aliases.aliases.values() if _SINGLE.fullmatch(name)})
# Standing alone among ASCII, these two letters are all of a separator in overlong UTF-8.
OVERLONG = {b"\xc0\x80", b"\xc0\xaf", b"\xc1\x9c"}


def letters(code):
    """The letters beyond ASCII of a single-byte code."""
    found = []
    for byte in range(0x80, 0x100):
        try:
            text = codecs.decode(bytes((byte,)), code)
        except UnicodeDecodeError:
            continue
        if text.isalpha():
            found.append(bytes((byte,)))
    return found


@pytest.mark.parametrize("code", SINGLE)
def test_names_of_every_single_byte_code_pass_encoded_and_raw(code):
    every = letters(code)
    assert len(every) > 20
    for one in every:
        # One path holds a name with each pair of letters. What would be refused in one of them is refused in the whole.
        names = [name for other in every if one + other not in OVERLONG
                 for name in (b"IB" + one + other + b"EZ", one + other + one + b"k", one + b". " + other + b".")]
        path = b"/by-name/" + b"/".join(names)
        assert not is_ambiguous(path.replace(b" ", b"%20")), (code, one)
        assert not is_ambiguous(quote_from_bytes(path).encode()), (code, one)


@pytest.mark.parametrize(("name", "code"), [
    ("IBÁÑEZ", "latin-1"), ("ÀNGEL", "latin-1"), ("ÁÜ", "latin-1"), ("МИКОЛАЇВ", "cp1251"), ("РАЂЕВИЋ", "cp1251"),
    ("Аполлонов", "cp1251"), ("А. Оганян", "cp1251"), ("А.", "cp1251"), ("É.", "latin-1"), ("Рябов", "iso8859_5"),
    ("ΑΘΗΝΑ", "iso8859_7"), ("юа", "koi8_r"), ("ŔŽ", "cp1250"), ("אבגד", "iso8859_8"), ("אבגד", "utf-8"),
    ("Ибраһим", "utf-8"), ("北京", "utf-8"), (".ünder", "utf-8"), ("...é", "latin-1"), ("1.2.840", "ascii"),
])
def test_names_of_people_and_places_pass(name, code):
    data = name.encode(code)
    for path in (b"/by-name/" + data.replace(b" ", b"%20"), b"/by-name/" + quote_from_bytes(data).encode() + b"/x",
                 b"/by-name/" + "".join(f"%{byte:02x}" for byte in data).encode()):
        if code == "cp1250" and name == "ŔŽ":
            assert is_ambiguous(b"/by-name/" + data) is False
        assert not is_ambiguous(path), path


# --- the examples -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segment", [
    "..", ".", "%2e%2e", ".%2E", "%252e%252e", "%25252e.", "%c0%ae%c0%ae", "%C0%AE.", "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae", "%f8%80%80%80%ae%f8%80%80%80%ae", "%25c0%25ae%c0%ae", "%c0%2e%c0%2e", "%c0%6e%c0%6e",
    "%uff0e.", "%25u002e%25u002e", "..;x=1", "..%3Bx", "..%20", "..%09%2e", "..%E2%80%83", "%EF%BC%8E%EF%BC%8E",
    "%C0%A52e%C0%A52e", "..%3F", "..%2523", ".%FF.",
])
@pytest.mark.parametrize("path", ["/x/{}", "/x/{}/y", "/{}/y", "/x%2F{}%2fy", "/x%c0%af{}%c1%9cy", "/x%252f{}"])
def test_dot_segments_in_any_spelling_are_refused(segment, path):
    assert is_ambiguous(path.format(segment).encode())


@pytest.mark.parametrize("path", [
    "/a\\b", "/a%5cb", "/a%00", "/a#b", "/a%", "/a%zz", "/a%u0041", "/%c0%afa", "/a%c1%9cb", "/a%e0%80%afb", "/a%c0%80",
])
def test_separators_that_no_client_needs_are_refused(path):
    assert is_ambiguous(path.encode())


@pytest.mark.parametrize("path", [
    "/", "/a", "/a.b", "/a..b", "/.well-known/x", "/...", "/a%2Fb", "/a%20b", "/a%2Eb", "/1%2E2%2E840", "/a.%2Fb",
    "/a%2F.b", "/%24everything", "/a%25b", "/a%2520b", "/.%C3%A9", "/a%C0%AEb", "/!\"$&'()*+,-.:;<=>@[]^_`{|}~",
])
def test_what_is_plain_is_not(path):
    assert not is_ambiguous(path.encode())
