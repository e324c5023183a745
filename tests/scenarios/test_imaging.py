"""A PACS that nobody here wrote, Orthanc with DICOMweb: beside a copy of itself, which needs no rule; and beside a
copy with defects in it, which the report must name so that people of radiology know them."""

import json
from itertools import chain

from shadow.compare.dicom import named
from tests.backends.dicom import part10
from tests.backends.figway import running
from tests.backends.imaging import SIDE, Study
from tests.backends.processes import LONG
from tests.backends.products import dicomweb, patients, post
from tests.scenarios.test_beside_itself import command, config, statuses, told

OPERATIONS = {
    "search": 'method: GET, path: "/dicom-web/studies"',
    "series": 'method: GET, path: "/dicom-web/studies/{study}/series"',
    "instances": 'method: GET, path: "/dicom-web/studies/{study}/instances"',
    "metadata": 'method: GET, path: "/dicom-web/studies/{study}/metadata"',
    "retrieve": 'method: GET, path: "/dicom-web/studies/{study}/series/{series}/instances/{instance}"',
    "retrieve-study": 'method: GET, path: "/dicom-web/studies/{study}"',
    "frames": 'method: GET, path: "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}"',
    "rendered": 'method: GET, path: "/dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered"',
    "wado": "method: GET, path: /wado",
    "find": "method: POST, path: /tools/find, safe: true",
    "tags": 'method: GET, path: "/instances/{id}/tags"',
    "simple": 'method: GET, path: "/instances/{id}/simplified-tags"',
    "file": 'method: GET, path: "/instances/{id}/file"',
    "own": 'method: GET, path: "/{level}/{id}"',
}
SHADOW = "sample: 100%, recheck: {legacy: false, after: []}"
JSON, XML = [("Accept", "application/dicom+json")], [("Accept", 'multipart/related; type="application/dicom+xml"')]
FILES = [("Accept", 'multipart/related; type="application/dicom"')]
PICTURES = [("Accept", "image/png")]


def reads(study):
    """Everything that a viewer asks of a study, and what it asks of studies that are not there."""
    place, mrn = f"/dicom-web/studies/{study.uid}", study.patient.mrn
    instances = [f"{place}/series/{study.uid}.{series}/instances/{study.uid}.{series}.{number}"
                 for series, number in study.instances()]
    pictures = [one for one in instances if "/series/" + study.uid + ".3/" not in one]
    return [
        ("GET", f"/dicom-web/studies?PatientID={mrn}&includefield=00081030", JSON, None),
        ("GET", f"/dicom-web/studies?00100020={mrn}", XML, None),
        *(("GET", place + what, fields, None)
          for what in ("/series", "/instances", "/metadata") for fields in (JSON, XML)),
        ("GET", place, FILES, None),
        *(("GET", one, FILES, None) for one in instances),
        ("GET", f"{instances[3]}/frames/1,2,3", [], None),
        *(("GET", f"{one}/frames/1", [], None) for one in pictures),
        *(("GET", f"{one}/rendered", PICTURES, None) for one in pictures),
        *(("GET", f"/wado?requestType=WADO&studyUID={study.uid}&seriesUID={study.uid}.1"
                  f"&objectUID={study.uid}.1.{number}&contentType=application/dicom", [], None) for number in (1, 2)),
        ("GET", f"{place}.0", FILES, None),
    ]


def own(port, study):
    """What is asked of Orthanc in its own words."""
    instances = [path(port, study.instances()[at]["00080018"][1]) for at in ((1, 1), (1, 2), (3, 1))]
    return [
        *(("GET", one + what, [], None) for one in instances for what in ("", "/tags", "/simplified-tags", "/file")),
        *(("GET", path(port, uid), [], None) for uid in (study.uid, f"{study.uid}.1", study.patient.mrn)),
        *(("POST", "/tools/find", [("Content-Type", "application/json")], json.dumps(
            {"Level": level, "Expand": True, "Query": {"PatientID": study.patient.mrn}}).encode())
          for level in ("Study", "Series")),
    ]


def path(port, identifier):
    """The path of what Orthanc knows by this identifier: a UID, or a patient's number."""
    [found] = {one["Path"] for one in post(port, "/tools/lookup", identifier.encode(), "text/plain")}
    return found


def test_orthanc_with_dicomweb_beside_itself_shows_no_difference(tmp_path):
    studies = [Study(one) for one in patients(27)]
    with dicomweb(tmp_path, chain.from_iterable(one.files() for one in studies)) as (legacy, modern):
        asked = [read for one in studies for read in (*reads(one), *own(legacy, one))]
        with running(tmp_path, config(legacy, modern, OPERATIONS)) as figway:
            found = statuses(figway.port, asked)
            assert found == {200: len(asked) - len(studies), 404: len(studies)}
            report = told(figway, len(asked), LONG)
            # On a machine that is busy with something else, the comparer may get no turn for a whole batch.
            assert report["compared"] + report["shed"].get("comparer_slow", 0) == len(asked)
            assert report["matching"] == report["compared"] >= 1000, "99.9 % of fewer would say nothing"
            assert (report["differences"], report["noise"], report["rules"], report["advice"]) == ([], [], [], [])


# --- defects ---

def altered(study, series, **values):
    """The study with other values in all instances of a series (0 for all): (representation, value) by _tag."""
    new = {tag[1:]: value for tag, value in values.items()}
    return {at: {**one, **new} for at, one in study.instances().items() if series in (0, at[0])}


def swapped(study):
    """Two frames of the ultrasound have changed places."""
    one, size = study.instances()[2, 1], SIDE * SIDE
    pixels = one["7FE00010"][1]
    return {(2, 1): {**one, "7FE00010": ("OB", pixels[size:2 * size] + pixels[:size] + pixels[2 * size:])}}


def miscoded(study):
    """A result of the report has another LOINC code."""
    one = study.instances()[3, 1]
    first, *rest = one["0040A730"][1]
    [name] = first["0040A043"][1]
    other = {**first, "0040A043": ("SQ", [{**name, "00080100": ("SH", "789-8")}])}
    return {(3, 1): {**one, "0040A730": ("SQ", [other, *rest])}}


CODE = "(ContentSequence, ConceptNameCodeSequence, CodeValue)"
# What is wrong at modern: a change of a study; and what the report must show, by operation: a difference and its place.
DEFECTS = {
    "birth date": (lambda one: altered(one, 0, _00100030=("DA", "19000101")), {
        "search": "value /*/00100030/Value/* (PatientBirthDate)",
        "metadata": "value /*/00100030/Value/* (PatientBirthDate)",
        "retrieve": "value /*/body/00100030/Value/* (PatientBirthDate)",
        "wado": "value /00100030/Value/* (PatientBirthDate)",
        "tags": "value /0010,0030/Value (PatientBirthDate)",
        "simple": "value /PatientBirthDate",
        "find": "value /*/PatientMainDicomTags/PatientBirthDate",
    }),
    "modality": (lambda one: altered(one, 1, _00080060=("CS", "MR")), {
        "series": "value /*/00080060/Value/* (Modality)", "simple": "value /Modality"}),
    "side": (lambda one: altered(one, 1, _00200060=("CS", "R")), {
        "metadata": "value /*/00200060/Value/* (Laterality)", "simple": "value /Laterality"}),
    "spacing": (lambda one: altered(one, 1, _00280030=("DS", "0.75\\0.57")), {
        "metadata": "value /*/00280030/Value/* (PixelSpacing)",
        "retrieve": "value /*/body/00280030/Value/* (PixelSpacing)"}),
    "frames": (swapped, {"retrieve": "moved /*/body/7FE00010/Value/* (PixelData)"}),
    "code": (miscoded, {
        "metadata": f"value /*/0040A730/Value/*/0040A043/Value/*/00080100/Value/* {CODE}",
        "retrieve": f"value /*/body/0040A730/Value/*/0040A043/Value/*/00080100/Value/* {CODE}",
        "tags": f"value /0040,a730/Value/*/0040,a043/Value/*/0008,0100/Value {CODE}",
        "simple": "value /ContentSequence/*/ConceptNameCodeSequence/*/CodeValue",
    }),
    "lost": (lambda one: {(1, 2): None}, {
        "instances": "missing /*", "metadata": "missing /*", "retrieve-study": "missing /*",
        "retrieve": "status (whole)",
        "own": "missing /Instances/*"}),
    "another": (lambda one: {(2, 1): altered(one, 2, _00080018=("UI", f"{one.uid}.2.9"))[2, 1]}, {
        "instances": "extra /*", "retrieve-study": "extra /*", "metadata": "missing /*", "retrieve": "status (whole)"}),
}


def test_each_defect_is_named_so_that_radiologists_know_it(tmp_path):
    """Each study has one defect."""
    studies = dict(zip(DEFECTS, map(Study, patients(len(DEFECTS))), strict=True))

    def change(port):
        for name, study in studies.items():
            made = DEFECTS[name][0](study)
            for at in made:
                post(port, path(port, study.instances()[at]["00080018"][1]), b"", method="DELETE")
            for new in filter(None, made.values()):
                post(port, "/instances", part10(new), "application/dicom")

    files = chain.from_iterable(one.files() for one in studies.values())
    with dicomweb(tmp_path, files, change) as (legacy, modern):
        asked = [read for one in studies.values() for read in (*reads(one), *own(legacy, one))]
        with running(tmp_path, config(legacy, modern, OPERATIONS, SHADOW)) as figway:
            assert statuses(figway.port, asked).total() == len(asked)
            report = told(figway, len(asked), LONG)
            assert report["evidence"]["answer"] == "NOT SAFE"
            critical = {f"{one['kind']} {named(one['path'])}": one["operations"]
                        for one in report["differences"] if one["severity"] == "critical"}
            for name, (_, wanted) in DEFECTS.items():
                for operation, difference in wanted.items():
                    assert operation in critical.get(difference, ()), (name, operation, critical)
            page = command(figway, "report", "clinic")[1]
            keywords = "PatientBirthDate", "Modality", "Laterality", "PixelSpacing"
            assert [one for one in keywords if one not in page] == []
