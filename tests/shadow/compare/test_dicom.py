"""Files of DICOM, by themselves and as parts: what means nothing matches, and any attribute that differs is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.comparison import Outcome, compare
from shadow.compare.dicom import named
from shadow.compare.rules import Rule, Rules
from tests.backends.dicom import encapsulated, part10
from tests.backends.imaging import Study
from tests.backends.products import patients
from tests.shadow.exchanges import answer, pair

[ONE] = map(Study, patients(1))
CT, US, SR = (ONE.instances()[at] for at in ((1, 1), (2, 1), (3, 1)))
FILE, PARTS, NATIVE = "application/dicom", "multipart/related; boundary=b", "application/dicom+xml"


def found(legacy, modern, media=FILE, *rules):
    both = pair(*(answer(arm, body, content_type=media) for arm, body in (("legacy", legacy), ("modern", modern))))
    return compare(replace(both, rules=Rules(rules)))


def told(comparison):
    """Kind, place and severity of each difference."""
    return [(one.kind, named(one.path), str(one.severity)) for one in comparison.differences]


def parts(*files, boundary=b"b"):
    return b"".join(b"--%b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n" % (boundary, one) for one in files) \
        + b"--%b--\r\n" % boundary


@pytest.mark.parametrize(("tag", "value", "place", "severity"), [
    ("00100030", ("DA", "19000101"), "/00100030/Value/0 (PatientBirthDate)", "critical"),
    ("00100010", ("PN", "Other^Name"), "/00100010/Value/0/Alphabetic (PatientName)", "critical"),
    ("00080060", ("CS", "MR"), "/00080060/Value/0 (Modality)", "critical"),
    ("00080018", ("UI", "2.25.1"), "/00080018/Value/0 (SOPInstanceUID)", "critical"),
    ("00200060", ("CS", "R"), "/00200060/Value/0 (Laterality)", "critical"),
    ("00281052", ("DS", "0"), "/00281052/Value/0 (RescaleIntercept)", "critical"),
    ("00281052", ("DS", "-1024.0"), "/00281052/Value/0 (RescaleIntercept)", "major"),
    ("00081030", ("LO", "Other"), "/00081030/Value/0 (StudyDescription)", "major"),
    ("7FE00010", ("OW", bytes(512)), "/7FE00010/InlineBinary (PixelData)", "critical"),
])
def test_an_attribute_that_differs_is_named(tag, value, place, severity):
    comparison = found(part10(CT), part10({**CT, tag: value}))
    assert (told(comparison)[-1][1:], comparison.tally.outcome) == ((place, severity), Outcome.MISMATCH)
    inside = found(parts(part10(SR), part10(CT)), parts(part10(SR), part10({**CT, tag: value})),
                   PARTS)
    if tag != "00080018":
        assert told(inside)[-1][1:] == (f"/1/body{place}", severity)


def test_frames_that_change_places_are_critical_and_their_places_told():
    pixels = US["7FE00010"][1]
    swapped = pixels[256:512] + pixels[:256] + pixels[512:]
    comparison = found(part10(US), part10({**US, "7FE00010": ("OB", swapped)}))
    assert told(comparison) == [("moved", "/7FE00010/Value/0 (PixelData)", "critical")]
    assert comparison.differences[0].modern_path == "/7FE00010/Value/1"


def test_a_code_of_a_report_is_critical_and_its_words_are_minor():
    def report(code, words):
        item = {"0040A043": ("SQ", [{"00080100": ("SH", code), "00080102": ("SH", "LN"), "00080104": ("LO", words)}])}
        return part10({**SR, "0040A730": ("SQ", [item])})

    at = "/0040A730/Value/0/0040A043/Value/0"
    keywords = "ContentSequence, ConceptNameCodeSequence"
    assert told(found(report("718-7", "Hb"), report("789-8", "Hb"))) == [
        ("value", f"{at}/00080100/Value/0 ({keywords}, CodeValue)", "critical")]
    assert told(found(report("718-7", "Hb"), report("718-7", "Hgb"))) == [
        ("value", f"{at}/00080104/Value/0 ({keywords}, CodeMeaning)", "minor")]


def test_an_instance_that_is_lost_or_another_one_is_a_record():
    legacy = [part10(ONE.instances()[1, number]) for number in (1, 2, 3)]
    assert told(found(parts(*legacy), parts(legacy[0], legacy[2]), PARTS)) == [("missing", "/1", "critical")]
    other = part10({**ONE.instances()[1, 2], "00080018": ("UI", "2.25.9")})
    assert {one[::2] for one in told(found(parts(*legacy), parts(legacy[0], other, legacy[2]), PARTS))} == {
        ("missing", "critical"), ("extra", "critical")}


def test_how_a_file_is_written_means_nothing():
    again = part10(SR, untold=True)
    assert again != part10(SR)
    assert found(part10(SR), again).tally.outcome is Outcome.MATCH


def test_the_character_set_is_read_on_each_side_and_its_name_is_minor():
    name = "Dvořák^Jiří"
    legacy = part10({**CT, "00080005": ("CS", "ISO_IR 101"), "00100010": ("PN", name.encode("iso8859-2")),
                     "00204000": ("LT", "a")})
    modern = part10({**CT, "00100010": ("PN", name), "00204000": ("LT", "a")})
    assert told(found(legacy, modern)) == [("value", "/00080005/Value/0 (SpecificCharacterSet)", "minor")]


def test_which_program_wrote_a_file_is_normalised_unless_a_rule_says_otherwise():
    legacy = part10(CT)
    modern = legacy.replace(b"2.25.1\x08\0\x05", b"2.25.2\x08\0\x05")
    assert modern != legacy
    comparison = found(legacy, modern)
    assert (comparison.tally.outcome, comparison.hidden) == (Outcome.MATCH_NORMALISED, (("default 00020012", 1),))
    assert found(parts(legacy), parts(modern), PARTS).tally.outcome is Outcome.MATCH_NORMALISED
    strict = found(legacy, modern, FILE, Rule("strict", "", defaults=False))
    assert told(strict) == [("value", "/00020012/Value/0 (ImplementationClassUID)", "major")]


def test_another_transfer_syntax_is_a_difference():
    first, *_ = told(found(part10(CT), part10(CT, implicit=True)))
    assert first[:2] == ("value", "/00020010/Value/0 (TransferSyntaxUID)")


def test_what_is_no_file_is_compared_byte_by_byte():
    assert found(b"not", b"no").tally.outcome is Outcome.MISMATCH
    assert told(found(part10(CT), part10(CT)[:-1])) == [("syntax", "(whole)", "major")]


@pytest.mark.parametrize("other", ["fragment", "order", "lost"])
def test_fragments_of_compressed_pixels_count_with_their_order(other):
    data = {tag: value for tag, value in CT.items() if tag != "7FE00010"}
    fragments = [b"first ", b"second"]
    changed = {"fragment": [b"first ", b"third "], "order": fragments[::-1], "lost": fragments[:1]}[other]
    comparison = found(encapsulated(data, fragments), encapsulated(data, changed))
    assert comparison.severity == "critical"
    assert all("(PixelData)" in one[1] for one in told(comparison))


@given(st.data())
def test_an_attribute_that_is_lost_changed_or_added_is_never_a_match(data):
    instances = list(ONE.instances().values())
    whole = data.draw(st.sampled_from(instances))
    free = sorted(whole.keys() - {"00080016", "00080018", "00080005"})
    tag = data.draw(st.sampled_from(free))
    vr, value = whole[tag]
    how = data.draw(st.sampled_from(["lost", "changed", "added", "moved"]))
    other = dict(whole)
    if how == "lost":
        del other[tag]
    elif how == "added":
        other["00104000"] = ("LT", "added")
    elif how == "moved" and vr == "SQ" and len(value) > 1:
        other[tag] = (vr, value[::-1])
    elif vr == "SQ":
        other[tag] = (vr, value[1:])
    elif isinstance(value, bytes):
        at = data.draw(st.integers(0, len(value) - 1))
        other[tag] = (vr, value[:at] + bytes([value[at] ^ data.draw(st.integers(1, 255))]) + value[at + 1:])
    else:
        other[tag] = (vr, value + 1 if isinstance(value, int) else {"IS": "77", "DS": "77.5"}.get(vr, "1.7"))
    legacy, modern = part10(whole), part10(other)
    assert legacy != modern
    assert found(legacy, modern).tally.outcome is Outcome.MISMATCH
    assert found(parts(legacy), parts(modern), PARTS).tally.outcome \
        is Outcome.MISMATCH


XML = """<?xml version="1.0"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
<DicomAttribute tag="00100030" vr="DA" keyword="PatientBirthDate"><Value number="1">{}</Value></DicomAttribute>
<DicomAttribute tag="00280030" vr="DS"><Value number="1">{}</Value></DicomAttribute></NativeDicomModel>"""


def test_the_xml_of_dicom_names_attributes_as_its_json_does():
    legacy, modern = (XML.format(*one).encode() for one in (("19600102", "0.5"), ("19610102", "0.50")))
    assert told(found(legacy, modern, NATIVE)) == [
        ("value", "/00100030/Value/0 (PatientBirthDate)", "critical"),
        ("precision", "/00280030/Value/0 (PixelSpacing)", "major")]
    inside = [b"--b\r\nContent-Type: application/dicom+xml\r\n\r\n%b\r\n--b--\r\n" % one for one in (legacy, modern)]
    assert told(found(*inside, PARTS))[0] == (
        "value", "/0/body/00100030/Value/0 (PatientBirthDate)", "critical")


def test_another_document_labelled_as_the_xml_of_dicom_is_compared_as_xml():
    assert found(b"<a> <b>1</b></a>", b"<a><b>1</b></a>", NATIVE).tally.outcome is Outcome.MATCH
    for other in (b"<a><b>2</b></a>", b"<a><b>1</b><b>1</b></a>", b"<a><c>1</c></a>", b"<a>1</a>"):
        assert found(b"<a><b>1</b></a>", other, NATIVE).tally.outcome is Outcome.MISMATCH
    assert found(b"<a><b>1</b><c>2</c></a>", b"<a><c>2</c><b>1</b></a>", NATIVE).tally.outcome is Outcome.MISMATCH
