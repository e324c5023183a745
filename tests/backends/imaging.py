"""Invented studies for a PACS, as files of DICOM: a CT of three slices, an ultrasound of three frames, and a report of
results, coded in LOINC.

    studies = [Study(one) for one in patients(20)]
    files = [file for study in studies for file in study.files()]
"""

import random
from dataclasses import dataclass
from typing import Any

from tests.backends.dicom import DataSet, part10
from tests.backends.products import Patient

SIDE = 16
"""Rows and columns of an image."""

CT, US, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.88.22"
_RESULTS = (("718-7", "Hemoglobin", "g/dL"), ("2160-0", "Creatinine", "mg/dL"))


@dataclass(frozen=True, slots=True)
class Study:
    """One patient's study. Its series are 1 (CT, instances 1 to 3), 2 (ultrasound, 1) and 3 (report, 1)."""

    patient: Patient

    @property
    def uid(self) -> str:
        return f"2.25.7777.{self.patient.number}"

    def instances(self) -> dict[tuple[int, int], dict[str, tuple[str, Any]]]:
        """The data sets, by the numbers of series and instance."""
        slices = {(1, number): self._slice(number) for number in (1, 2, 3)}
        return {**slices, (2, 1): self._frames(), (3, 1): self._report()}

    def files(self) -> list[bytes]:
        return [part10(one) for one in self.instances().values()]

    def _of(self, series: int, number: int, kind: str, modality: str) -> dict[str, tuple[str, Any]]:
        one = self.patient
        return {
            "00080005": ("CS", "ISO_IR 192"), "00080016": ("UI", kind),
            "00080018": ("UI", f"{self.uid}.{series}.{number}"), "00080020": ("DA", one.at[:8]),
            "00080030": ("TM", one.at[9:15]), "00080050": ("SH", f"A{one.number:06}"), "00080060": ("CS", modality),
            "00081030": ("LO", one.reason[:64]), "00100010": ("PN", one.name), "00100020": ("LO", one.mrn),
            "00100030": ("DA", one.born), "00100040": ("CS", one.sex), "0020000D": ("UI", self.uid),
            "0020000E": ("UI", f"{self.uid}.{series}"), "00200010": ("SH", str(one.number)),
            "00200011": ("IS", str(series)), "00200013": ("IS", str(number)), "00204000": ("LT", one.note),
        }

    def _pixels(self, series: int, number: int, size: int) -> bytes:
        return random.Random(f"{self.uid} {series} {number}").randbytes(size)

    def _slice(self, number: int) -> dict[str, tuple[str, Any]]:
        return {
            **self._of(1, number, CT, "CT"), **_image(16), "00180050": ("DS", "2.5"), "00180060": ("DS", "120"),
            "00200032": ("DS", f"-120.0\\-80.5\\{number * 2.5}"), "00200037": ("DS", "1\\0\\0\\0\\1\\0"),
            "00200052": ("UI", f"{self.uid}.9"), "00200060": ("CS", "L"), "00280030": ("DS", "0.75\\0.75"),
            "00281052": ("DS", "-1024"), "00281053": ("DS", "1"),
            "7FE00010": ("OW", self._pixels(1, number, 2 * SIDE * SIDE)),
        }

    def _frames(self) -> dict[str, tuple[str, Any]]:
        return {**self._of(2, 1, US, "US"), **_image(8), "00280008": ("IS", "3"),
                "7FE00010": ("OB", self._pixels(2, 1, 3 * SIDE * SIDE))}

    def _report(self) -> dict[str, tuple[str, Any]]:
        rolls = random.Random(self.uid)
        results = [{"0040A010": ("CS", "CONTAINS"), "0040A040": ("CS", "NUM"), **_named(code, words),
                    "0040A300": ("SQ", [{"004008EA": ("SQ", [_code(unit, "UCUM", unit)]),
                                         "0040A30A": ("DS", f"{rolls.uniform(1, 20):.1f}")}])}
                   for code, words, unit in _RESULTS]
        return {**self._of(3, 1, SR, "SR"), "0040A040": ("CS", "CONTAINER"), "0040A050": ("CS", "SEPARATE"),
                **_named("11502-2", "Laboratory report"), "0040A491": ("CS", "COMPLETE"),
                "0040A493": ("CS", "VERIFIED"), "0040A730": ("SQ", results)}


def _image(bits: int) -> DataSet:
    return {
        "00280002": ("US", 1), "00280004": ("CS", "MONOCHROME2"), "00280010": ("US", SIDE), "00280011": ("US", SIDE),
        "00280100": ("US", bits), "00280101": ("US", bits), "00280102": ("US", bits - 1), "00280103": ("US", 0),
    }


def _code(value: str, scheme: str, meaning: str) -> DataSet:
    return {"00080100": ("SH", value), "00080102": ("SH", scheme), "00080104": ("LO", meaning)}


def _named(code: str, words: str) -> DataSet:
    return {"0040A043": ("SQ", [_code(code, "LN", words)])}
