"""DICOM as a tree: files in each transfer syntax that is read, and the Native DICOM Model in XML."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.document import DocumentError, Number
from adapters.trees import dicom, xml
from tests.backends.dicom import encapsulated, part10

IDS = {"00080016": ("UI", "1.2.3"), "00080018": ("UI", "1.2.4")}
VRS = {"00080016": "UI", "00080018": "UI", "00100010": "PN", "00100030": "DA", "00280010": "US", "0040A730": "SQ",
       "00020010": "UI"}


def read(body):
    return dicom.file(body, lambda tag: VRS.get(tag, ""))


def held(data, **options):
    """The data set of a file with these attributes, without what each file has."""
    found = read(part10({**IDS, **data}, **options))
    return {tag: value for tag, value in found.items() if tag not in IDS and not tag.startswith("0002")}


@pytest.mark.parametrize(("vr", "written", "wanted"), [
    ("DA", "19600102", ["19600102"]), ("CS", " F ", ["F"]), ("LO", "a\\b", ["a", "b"]),
    ("LO", "a\\\\b", ["a", None, "b"]), ("US", [1, 2], [Number("1"), Number("2")]),
    ("LT", "a\\b", ["a\\b"]), ("LT", " a", [" a"]), ("UI", "1.2.3", ["1.2.3"]), ("IS", "12", [Number("12")]),
    ("DS", "0.750\\1.5", [Number("0.750"), Number("1.5")]), ("DS", "+1.5", ["+1.5"]),
    ("SS", -1, [Number("-1")]), ("FD", 0.5, [Number("0.5")]), ("FL", float("nan"), ["nan"]),
    ("AT", struct.pack("<HH", 0x10, 0x20), ["00100020"]),
    ("PN", "Çelik^Amara^^=I=P", [{"Alphabetic": "Çelik^Amara", "Ideographic": "I", "Phonetic": "P"}]),
    ("SQ", [{"00100030": ("DA", "1960")}, {}], [{"00100030": {"vr": "DA", "Value": ["1960"]}}, {}]),
])
def test_an_element_is_read_by_its_representation(vr, written, wanted):
    found = held({"00080005": ("CS", "ISO_IR 192"), "00104000": (vr, written)})
    assert found["00104000"] == {"vr": vr, "Value": wanted}


def test_what_is_empty_has_no_value():
    found = held({"00100030": ("DA", ""), "0040A730": ("SQ", [])})
    assert found == {"00100030": {"vr": "DA"}, "0040A730": {"vr": "SQ"}}


def test_bytes_stay_bytes():
    assert held({"7FE00010": ("OW", b"\1\2\3\4")}) == {"7FE00010": {"vr": "OW", "InlineBinary": b"\1\2\3\4"}}


@pytest.mark.parametrize(("charset", "encoding"), [
    ("ISO_IR 100", "iso8859-1"), ("ISO_IR 101", "iso8859-2"), ("ISO_IR 144", "iso8859-5"), ("ISO_IR 192", "utf-8")])
def test_text_is_read_in_the_character_set_that_the_file_names(charset, encoding):
    for name in ("Dvořák", "Jørgensen", "Иванова"):
        try:
            written = name.encode(encoding)
        except UnicodeEncodeError:
            continue
        found = held({"00080005": ("CS", charset), "00100010": ("PN", written)})
        assert found["00100010"]["Value"] == [{"Alphabetic": name}]


@pytest.mark.parametrize("charset", [
    "ISO 2022 IR 87", "\\ISO 2022 IR 87", "ISO_IR 100\\ISO 2022 IR 126", "GB18030", ""])
def test_text_in_a_character_set_that_is_not_read_stays_bytes(charset):
    name = b"Dvo\xf8\xe1k"
    found = held({"00080005": ("CS", charset), "00100010": ("PN", name)})
    assert found["00100010"] == {"vr": "PN", "InlineBinary": name}
    plain = held({"00080005": ("CS", charset), "00100010": ("PN", "Brandt")})
    assert plain["00100010"]["Value"] == [{"Alphabetic": "Brandt"}]


def test_escapes_to_another_set_are_not_taken_for_text():
    name = b"\x1b$B;3ED\x1b(B"
    assert held({"00100010": ("PN", name)})["00100010"]["InlineBinary"].startswith(name)


def test_frames_are_read_one_by_one():
    image = {"00280002": ("US", 1), "00280008": ("IS", "3"), "00280010": ("US", 1), "00280011": ("US", 3),
             "00280100": ("US", 8)}
    found = held({**image, "7FE00010": ("OB", b"abcdefghi")})
    assert found["7FE00010"] == {"vr": "OB", "Value": [b"abc", b"def", b"ghi"]}
    for odd in (b"abcdefgh", b"abcdefghij", b"abcdefghi\0\0\0"):
        assert "InlineBinary" in held({**image, "7FE00010": ("OB", odd)})["7FE00010"], "not that many frames"


def test_fragments_are_read_one_by_one_without_the_table_of_their_places():
    body = encapsulated(IDS, [b"first ", b"second"])
    assert read(body)["7FE00010"] == {"vr": "OB", "Value": [b"first ", b"second"]}
    assert read(encapsulated(IDS, [b"first ", b"second"], table=struct.pack("<II", 0, 14)))["7FE00010"] == \
        read(body)["7FE00010"]


@pytest.mark.parametrize("untold", [False, True])
@pytest.mark.parametrize("implicit", [False, True])
def test_a_data_set_is_the_same_however_it_is_written(implicit, untold):
    data = {"00100030": ("DA", "19600102"), "00280010": ("US", 16), "0040A730": ("SQ", [
        {"00100010": ("PN", "A^B"), "0040A730": ("SQ", [{"00100030": ("DA", "1961")}])}, {}])}
    assert held(data, implicit=implicit, untold=untold) == held(data)


def test_the_lengths_of_groups_and_padding_are_not_kept():
    odd = {"00100000": ("UL", 99), "00100030": ("DA", "1960"), "FFFCFFFC": ("OB", bytes(8))}
    assert held(odd) == held({"00100030": ("DA", "1960")})


def test_a_preamble_counts_if_it_says_something():
    body = part10(IDS)
    assert dicom.PREAMBLE not in read(body)
    assert read(b"II*\0" + body[4:])[dicom.PREAMBLE].startswith(b"II*\0")


def test_what_is_not_read_is_refused():
    body = part10({**IDS, "00100030": ("DA", "19600102"), "0040A730": ("SQ", [{"00100030": ("DA", "1961")}])})
    big = body.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0")
    odder = part10({**IDS, "00100030": ("XX", "19600102")})
    for odd in (b"", body[:128], body[:-1], body + b"\0", body[128:], big, odder):
        with pytest.raises(DocumentError):
            read(odd)


def test_an_attribute_that_comes_twice_or_out_of_order_is_refused():
    one = struct.pack("<HH2sH", 0x10, 0x30, b"DA", 8) + b"19600102"
    other = struct.pack("<HH2sH", 0x10, 0x20, b"LO", 2) + b"1 "
    read(part10(IDS) + one)
    for odd in (one + one, one + other):
        with pytest.raises(DocumentError):
            read(part10(IDS) + odd)


def test_sequences_are_read_to_a_depth():
    inner = {}
    for _ in range(dicom.MAX_LEVELS):
        inner = {"0040A730": ("SQ", [inner])}
    read(part10({**IDS, **inner}))
    with pytest.raises(DocumentError, match="too_deep"):
        read(part10({**IDS, "0040A730": ("SQ", [inner])}))


WHOLE = part10({
    **IDS, "00100010": ("PN", "A^B"), "00280010": ("US", 16), "7FE00010": ("OW", b"\1\2"),
    "0040A730": ("SQ", [{"00100030": ("DA", "1961")}, {}])}, untold=True)


@given(st.integers(132, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, len(WHOLE)))
def test_any_bytes_are_read_or_refused(at, byte, end):
    for body in (WHOLE[:at] + bytes([byte]) + WHOLE[at + 1:], WHOLE[:end], WHOLE[:at] + WHOLE[at + 1:]):
        try:
            read(body)
        except DocumentError:
            pass


# --- XML ---

def native(inside, space="http://dicom.nema.org/PS3.19/models/NativeDICOM"):
    return dicom.native(xml.tree(f'<NativeDicomModel xmlns="{space}">{inside}</NativeDicomModel>'))


def test_the_native_model_is_read_as_json_has_it():
    assert native("""
      <DicomAttribute tag="00080060" vr="CS" keyword="Modality"><Value number="1">CT</Value></DicomAttribute>
      <DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"><Alphabetic>
        <FamilyName>Brandt</FamilyName><GivenName>Emil</GivenName></Alphabetic></PersonName></DicomAttribute>
      <DicomAttribute tag="00280030" vr="DS"><Value number="2">1.50</Value><Value number="1">0.5</Value>
      </DicomAttribute>
      <DicomAttribute tag="0040A730" vr="SQ"><Item number="1">
        <DicomAttribute tag="00080104" vr="LO"><Value number="1"/></DicomAttribute></Item></DicomAttribute>
      <DicomAttribute tag="00420011" vr="OB"><InlineBinary>QUJD</InlineBinary></DicomAttribute>
      <DicomAttribute tag="00091001" vr="LO" privateCreator="X"/>
      <DicomAttribute tag="7FE00010" vr="OW"><BulkData URI="https://a/1"/></DicomAttribute>
    """) == {
        "00080060": {"vr": "CS", "Value": ["CT"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Brandt^Emil"}]},
        "00280030": {"vr": "DS", "Value": [Number("0.5"), Number("1.50")]},
        "0040A730": {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": [None]}}]},
        "00420011": {"vr": "OB", "InlineBinary": "QUJD"}, "00091001": {"vr": "LO", "privateCreator": "X"},
        "7FE00010": {"vr": "OW", "BulkDataURI": "https://a/1"},
    }


@pytest.mark.parametrize("odd", [
    "text", "<Other/>", '<DicomAttribute vr="CS"/>', '<DicomAttribute tag="00080060"/>',
    '<DicomAttribute tag="1" vr="CS">x</DicomAttribute>',
    '<DicomAttribute tag="1" vr="CS" other="x"/>', '<DicomAttribute tag="1" vr="CS"/><DicomAttribute tag="1" vr="CS"/>',
    '<DicomAttribute tag="1" vr="CS"><Value number="1"/><BulkData URI="x"/></DicomAttribute>',
    '<DicomAttribute tag="1" vr="CS"><Value number="1">a</Value><Value number="1">b</Value></DicomAttribute>',
    '<DicomAttribute tag="1" vr="CS"><Value number="2">a</Value></DicomAttribute>',
    '<DicomAttribute tag="1" vr="CS"><Value number="1"><x/></Value></DicomAttribute>',
    '<DicomAttribute tag="1" vr="CS"><Value>a</Value></DicomAttribute>',
    '<DicomAttribute tag="1" vr="PN"><PersonName number="1"><Nick/></PersonName></DicomAttribute>',
    '<DicomAttribute tag="1" vr="PN"><PersonName number="1"><Alphabetic>A</Alphabetic></PersonName></DicomAttribute>',
    '<DicomAttribute tag="1" vr="PN"><PersonName number="1"><Alphabetic/><Alphabetic/></PersonName></DicomAttribute>',
    '<DicomAttribute tag="1" vr="OW"><BulkData URI="x"/><BulkData URI="y"/></DicomAttribute>',
    '<DicomAttribute tag="1" vr="OW"><BulkData URI="x" uuid="y"/></DicomAttribute>',
    '<DicomAttribute tag="1" vr="OW"><BulkData URI="x">y</BulkData></DicomAttribute>',
    '<DicomAttribute tag="1" vr="SQ"><Item number="1"><Value number="1"/></Item></DicomAttribute>',
])
def test_what_the_model_does_not_have_is_refused(odd):
    with pytest.raises(DocumentError):
        native(odd)


def test_another_document_is_refused():
    for text in ("<Patient/>", '<NativeDicomModel xmlns="urn:x"/>', '<NativeDicomModel xmlns="">x</NativeDicomModel>'):
        with pytest.raises(DocumentError):
            dicom.native(xml.tree(text))
