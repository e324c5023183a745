"""The attributes of DICOM, where they are the names of members in JSON. Pure.

DICOMweb names them by tag ("00100030": PS3.18 annex F), Orthanc also by group and element ("0010,0030").

A tag names a kind of thing and no person, so it may be shown, with its keyword beside it: PatientBirthDate.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from adapters.document import Tree
from shadow.compare.dicom_tags import GROUPS

_REPRESENTATIONS = """
    AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV
"""
REPRESENTATIONS = frozenset(_REPRESENTATIONS.split())
"""The value representations of PS3.5 section 6.2."""

UIDS = ("00080018", "0020000E", "0020000D")
"""The tags of the UIDs of an instance, a series and a study."""

_CRITICAL = """
    PatientID IssuerOfPatientID OtherPatientIDsSequence PatientName PatientBirthDate PatientSex PregnancyStatus
    Allergies MedicalAlerts
    StudyInstanceUID SeriesInstanceUID SOPInstanceUID SOPClassUID AccessionNumber FrameOfReferenceUID
    MediaStorageSOPClassUID MediaStorageSOPInstanceUID ReferencedSOPClassUID ReferencedSOPInstanceUID
    ReferencedFrameNumber Modality
    BodyPartExamined AnatomicRegionSequence ViewPosition ViewCodeSequence Laterality ImageLaterality FrameLaterality
    PatientPosition PatientOrientation ImagePositionPatient ImageOrientationPatient
    PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing SliceThickness SpacingBetweenSlices
    RescaleIntercept RescaleSlope RescaleType ModalityLUTSequence RealWorldValueMappingSequence PresentationLUTShape
    PixelData FloatPixelData DoubleFloatPixelData NumberOfFrames Rows Columns SamplesPerPixel PlanarConfiguration
    PhotometricInterpretation BitsAllocated BitsStored HighBit PixelRepresentation EncapsulatedDocument
    PatientWeight PatientSize RadionuclideTotalDose RadionuclideHalfLife RadiopharmaceuticalStartTime
    RadiopharmaceuticalStartDateTime DecayCorrection Units DoseUnits DoseType DoseGridScaling
    CodeValue LongCodeValue URNCodeValue CodingSchemeDesignator ConceptNameCodeSequence ConceptCodeSequence
    MeasuredValueSequence NumericValue MeasurementUnitsCodeSequence TextValue PersonName ValueType RelationshipType
    CompletionFlag VerificationFlag
"""
# Keywords that are plain words: in JSON that is not DICOM's they may mean anything.
_PLAIN = frozenset({"Rows", "Columns", "PersonName", "ValueType", "RelationshipType"})

_PARAMETERS = """
    accept annotation anonymize charset columns contentType frameNumber fuzzymatching iccprofile imageQuality
    includefield limit objectUID offset presentationSeriesUID presentationUID quality region requestType rows seriesUID
    studyUID transferSyntax viewport window windowCenter windowWidth
"""
PARAMETERS = frozenset(_PARAMETERS.split())
"""Parameters of DICOMweb's queries beside attributes (PS3.18 chapters 8 to 11)."""

_MEMBERS = frozenset({"vr", "Value", "BulkDataURI", "InlineBinary"})
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_PAIR = re.compile(r"[0-9A-Fa-f]{4},[0-9A-Fa-f]{4}")
# A step of a path that may be a tag.
_STEP = re.compile(r"(?<=/)(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{4},[0-9A-Fa-f]{4})(?=/|$)")


def keyword(tag: str) -> str:
    """The keyword of an attribute that is in the dictionary, such as PatientBirthDate; "" if it is not."""
    return _dictionary().get(tag.replace(",", "").upper(), "  ")[2:]


def representation(tag: str) -> str:
    """The value representation of an attribute that is in the dictionary, "UN" if it may have several; "" if it is not
    there."""
    return _dictionary().get(tag, "")[:2]


def spelled(keyword: str) -> Iterator[str]:
    """How members are named that hold an attribute: by its tag, by its group and element, by its keyword unless that is
    a plain word."""
    if keyword not in _PLAIN:
        yield keyword
    tag = _tags()[keyword]
    yield from dict.fromkeys((tag, f"{tag[:4]},{tag[4:]}", f"{tag[:4]},{tag[4:]}".lower()))


def critical() -> Iterator[str]:
    """The members that say whose data it is, which object, where in the body, how it is measured, what was found."""
    for one in _CRITICAL.split():
        yield from spelled(one)


def is_keyword(name: str) -> bool:
    """Whether this is the keyword or the tag of an attribute, as a parameter of a DICOMweb query has it."""
    return name in _tags() or (_TAG.fullmatch(name) is not None and keyword(name) != "")


def is_attribute(name: str, values: Iterable[Tree]) -> bool:
    """Whether the name of a member with these values is an attribute's tag: one that is in the dictionary or private
    (of an odd group), and whose value has a value representation; or a group and an element that the dictionary has."""
    if len(name) == 9:
        return _PAIR.fullmatch(name) is not None and keyword(name) != ""
    if len(name) != 8 or _TAG.fullmatch(name) is None:
        return False
    return any(map(_is_element, values)) and (int(name[3], 16) % 2 == 1 or keyword(name) != "")


def _is_element(value: Tree) -> bool:
    return (isinstance(value, dict) and value.keys() <= _MEMBERS and isinstance(value.get("vr"), str)
            and value["vr"] in REPRESENTATIONS)


def is_record(value: Tree) -> bool:
    """Whether a data set names an instance, a series or a study by its UID."""
    return isinstance(value, dict) and any(
        _is_element(value.get(name)) if name in UIDS else name in value for name in _NAMES_OF_RECORDS)


def is_word(name: str, value: Tree) -> bool:
    """Whether the value of a member is a word of DICOM's own, by which attributes are named. It names nobody."""
    return name == "vr" and isinstance(value, str) and value in REPRESENTATIONS


def named(path: str) -> str:
    """A path as people of the field read it, with the keywords of its attributes: "/0/00100030/Value
    (PatientBirthDate)". The path of a whole document, which is empty, is "(whole)"."""
    if len(path) < 9:
        return path or "(whole)"
    known = [found for tag in _STEP.findall(path) if (found := keyword(tag))]
    return f"{path} ({', '.join(known)})" if known else path


@cache
def _dictionary() -> dict[str, str]:
    """By tag: the value representation and the keyword, in a row."""
    return {group[:4] + one[:4]: one[4:] for group in GROUPS for one in group.split()[1:]}


@cache
def _tags() -> dict[str, str]:
    return {text[2:]: tag for tag, text in _dictionary().items()}


_NAMES_OF_RECORDS = tuple(name for uid in UIDS for name in spelled(keyword(uid)))
