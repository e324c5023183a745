"""Products that nobody here wrote, from Debian, each started twice on two copies of the same clinical records.

    with radicale(folder, patients(200)) as (legacy, modern): ...      # two ports

`radicale` keeps appointments (CalDAV) behind Basic authentication, `orthanc` keeps images (DICOM over REST). A test
that uses one is skipped where its package is missing.
"""

import base64
import http.client
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends.packages import needs
from tests.backends.processes import started
from tests.backends.upstream import closed_port, until
from tests.backends.wire import PATIENCE

USER, PASSWORD = "clinic", "a-password-of-the-clinic"
BASIC = ("Authorization", f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}")
_START = 60.0
_FAMILY = ("Adeyemi", "Brandt", "Çelik", "Dvořák", "Eriksen", "Fontaine", "García", "Haddad", "Ivanova", "Jørgensen")
_GIVEN = ("Amara", "Bela", "Chidi", "Dana", "Emil", "Farah", "Greta", "Hugo", "Ines", "Jonas")
_REASONS = ("Echocardiogram", "HbA1c and renal panel", "Wound review, left ankle", "MRI knee; fasting not required")


@dataclass(frozen=True, slots=True)
class Patient:
    """One invented person, with one appointment. `note` is some 50 to 1,000 characters long."""

    number: int
    name: str
    born: str
    sex: str
    at: str
    reason: str
    note: str

    @property
    def mrn(self) -> str:
        return f"MRN-{self.number:05}"


def patients(count: int, seed: int = 1) -> list[Patient]:
    """So many invented patients; the same for each seed."""
    rolls = random.Random(seed)
    return [Patient(
        number, f"{rolls.choice(_FAMILY)}^{rolls.choice(_GIVEN)}",
        f"{rolls.randint(1930, 2015)}{rolls.randint(1, 12):02}{rolls.randint(1, 28):02}", rolls.choice("FMO"),
        f"2031{rolls.randint(1, 12):02}{rolls.randint(1, 28):02}T{rolls.randint(7, 17):02}{rolls.choice('0134')}000Z",
        rolls.choice(_REASONS), " ".join(f"{rolls.choice(_REASONS)} {rolls.randint(1, 99)}."
                                         for _ in range(rolls.randint(2, 30))),
    ) for number in range(1, count + 1)]


@contextmanager
def radicale(folder: Path, records: Sequence[Patient]) -> Iterator[tuple[int, int]]:
    """Two ports of Radicale. The appointment of a patient is at /clinic/appointments/MRN.ics, for USER alone."""
    program = needs("radicale")
    with ExitStack() as stack:
        ports = [closed_port(), closed_port()]
        for name, port in zip(("legacy", "modern"), ports, strict=True):
            home = folder / name
            calendar = home / "collections/collection-root" / USER / "appointments"
            calendar.mkdir(parents=True)
            (calendar / ".Radicale.props").write_text(json.dumps({"tag": "VCALENDAR"}))
            for one in records:
                (calendar / f"{one.mrn}.ics").write_bytes(event(one))
            (home / "users").write_text(f"{USER}:{PASSWORD}\n")
            (home / "config").write_text(f"""
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {home}/users
htpasswd_encryption = plain
[rights]
type = owner_only
[storage]
filesystem_folder = {home}/collections
[web]
type = none
[logging]
level = error
""")
            stack.enter_context(answering(home, port, [program, "--config", str(home / "config")], f"/{USER}/", 401))
        yield ports[0], ports[1]


def event(one: Patient) -> bytes:
    """The appointment as RFC 5545 has it, its lines folded at 75 octets."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Figway//Tests//EN", "BEGIN:VEVENT", f"UID:{one.mrn}",
             f"DTSTAMP:{one.at}", f"DTSTART:{one.at}", "DURATION:PT30M", f"SUMMARY:{_escaped(one.reason)}",
             f"ATTENDEE;CN={one.name.replace('^', ' ')}:mailto:{one.number}@patients.example",
             f"DESCRIPTION:{_escaped(one.note)}", "END:VEVENT", "END:VCALENDAR"]
    return b"".join(_folded(line.encode()) for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _folded(line: bytes) -> bytes:
    parts = [line[:70], *(line[at:at + 70] for at in range(70, len(line), 70))]
    return b"\r\n ".join(parts) + b"\r\n"


@contextmanager
def orthanc(folder: Path, records: Sequence[Patient]) -> Iterator[tuple[int, int, list[str]]]:
    """Two ports of Orthanc, and the ids of the instances, one of each patient. Orthanc keeps when it received an
    instance, so the second one gets a copy of what the first has written."""
    program = needs("Orthanc")
    homes = [folder / "legacy", folder / "modern"]
    homes[0].mkdir()
    with _orthanc(program, homes[0]) as port:
        ids = [post(port, "/tools/create-dicom", json.dumps(_study(one)).encode())["ID"] for one in records]
    shutil.copytree(homes[0], homes[1])
    with _orthanc(program, homes[0]) as legacy, _orthanc(program, homes[1]) as modern:
        yield legacy, modern, ids


@contextmanager
def dicomweb(
    folder: Path, files: Iterable[bytes], change: Callable[[int], None] | None = None,
) -> Iterator[tuple[int, int]]:
    """Two ports of Orthanc with DICOMweb at /dicom-web/ and WADO-URI at /wado, which have these files. `change` gets
    the second one's port before it is used."""
    program, plugin = needs("Orthanc"), needs("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    homes = [folder / "legacy", folder / "modern"]
    homes[0].mkdir()
    with _orthanc(program, homes[0], plugin) as port:
        for file in files:
            post(port, "/instances", file, "application/dicom")
    shutil.copytree(homes[0], homes[1])
    with _orthanc(program, homes[0], plugin) as legacy, _orthanc(program, homes[1], plugin) as modern:
        if change is not None:
            change(modern)
        yield legacy, modern


@contextmanager
def _orthanc(program: str, home: Path, *plugins: str) -> Iterator[int]:
    port = closed_port()
    (home / "orthanc.json").write_text(json.dumps({
        "Name": "Clinic", "StorageDirectory": str(home / "db"), "IndexDirectory": str(home / "db"),
        "HttpPort": port, "HttpServerEnabled": True, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "DicomServerEnabled": False, "KeepAlive": True, "StableAge": 1, "Plugins": plugins,
    }))
    with answering(home, port, [program, str(home / "orthanc.json")], "/patients", 200):
        yield port


def _study(one: Patient) -> dict[str, Any]:
    return {"Tags": {
        "PatientID": one.mrn, "PatientName": one.name, "PatientBirthDate": one.born, "PatientSex": one.sex,
        "StudyDescription": one.reason,
        "AccessionNumber": f"A{one.number:06}", "StudyDate": one.at[:8], "SpecificCharacterSet": "ISO_IR 192",
        "Modality": "OT", "ImageComments": one.note,
    }}


def post(port: int, path: str, body: bytes, media: str = "application/json", method: str = "POST") -> Any:
    """What a product answers, as JSON, where it must answer with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {"Content-Type": media})
        reply = connection.getresponse()
        said = reply.read()
        assert reply.status == 200, said
        return json.loads(said)
    finally:
        connection.close()


@contextmanager
def answering(
    home: Path, port: int, command: Sequence[str], path: str, status: int, **environment: str,
) -> Iterator[None]:
    """A server that is ready once it answers `path` with `status`."""
    with (home / "output").open("ab") as output, started(
            command, stdout=output, stderr=output, env=os.environ | environment) as process:

        def ready_or_ended() -> bool:
            return process.poll() is not None or _status(port, path) == status

        until(ready_or_ended, f"{command[0]} does not start", _START)
        assert process.poll() is None, f"{command[0]} did not start: {(home / 'output').read_text()[-2000:]}"
        yield
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass  # the end of the block kills it


def _status(port: int, path: str) -> int:
    """Not by a Wire: that reads HTTP/1.1 alone."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
