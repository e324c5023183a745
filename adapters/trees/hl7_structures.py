"""The message structures of HL7 v2: which segment belongs to which. A table of our own, after the chapters it names.

`PID(NK1 PV1(PV2))` says that NK1 and PV1 belong to the PID before them, and PV2 to that PV1. `ORC>OBR(…)` says that an
ORC right before an OBR belongs to that OBR: in a group [ORC] OBR it is the OBR that names the group. A segment belongs
to the nearest one before it that may hold it, so one text covers the triggers and versions of a message type. Optional
and repeated segments are not marked, since nothing is refused: a segment that no other one may hold stays where it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Group:
    """What may stand inside a segment, by name, and the names of segments right before it that belong to it."""

    inner: dict[str, "Group"] = field(default_factory=dict)
    leads: frozenset[str] = frozenset()


class Structure(NamedTuple):
    """The structure of a message. `root` is what its first level holds; `anywhere` has each segment of any level."""

    root: Group
    anywhere: Mapping[str, Group]


MESSAGE = "message"
"""The name of the messages in a batch."""


# Parts that several messages share: a visit, insurance, a procedure, a result.
_VISIT = "PV1(PV2 ARV ROL PRT)"
_COVER = "GT1 IN1(IN2 IN3 AUT RF1 ROL PRT)"
_DONE = "PR1(ROL PRT OBX(NTE))"
_SEEN = "OBX(NTE PRT TCD SID)"
_TIMING = "TQ1(TQ2)"
_SPECIMEN = f"SPM(NTE PRT {_SEEN} SAC(INV {_SEEN}))"
_REQUEST = f"NTE PRT ROL CTD TCD DG1 IPC {_TIMING} {_SEEN} FT1 CTI"
_ROUTE = "NTE PRT RXR RXC(NTE)"
# What a request for something is about (chapters 4 and 4A): tests, supplies, diets, drugs from order to administration.
_DETAIL = (
    f"NTE PRT {_TIMING} OBR({_REQUEST} {_SPECIMEN} PID(PD1 {_VISIT} AL1 ORC>OBR(NTE CTD {_TIMING} {_SEEN})))"
    f" RQD RQ1 ODS ODT BPO(NTE {_SEEN}) BTX(NTE {_SEEN}) BPX(NTE {_SEEN})"
    f" RXO({_ROUTE} DG1 {_SEEN}) RXE({_ROUTE} {_TIMING} CDO {_SEEN}) RXD({_ROUTE} {_SEEN})"
    f" RXG({_ROUTE} {_TIMING} {_SEEN}) DG1 {_SEEN} CTD FT1 CTI BLG RXR RXC(NTE)"
)
_GIVEN = f"RXA(NTE PRT RXR {_SEEN})"
_SUBJECT = f"PD1 NTE PRT ARV NK1(OBX) AL1 IAM {_VISIT} {_COVER} {_SEEN}"
_CHARGED = f"NTE {_DONE} ORC({_TIMING} NTE PRT OBR(NTE PRT) {_SEEN})"

_TABLE = {
    # Chapter 3: patient administration. A merged patient (MRG), and the visit merged with it, belong to the survivor.
    "ADT ADR": f"PID({_SUBJECT} ROL DB1 DG1 DRG {_DONE} ACC UB1 UB2 PDA NPU MRG({_VISIT}))",
    # Chapter 4: orders and their responses; chapter 4A: pharmacy.
    "ORM OMG OML OMP OMS OMN OMD OMB OMI ORR ORG ORL ORP ORS ORN ORD ORB ORI OSR RDE RDS RGV RAS RRE RRD RRG RRA RDR "
    "RAR RER ROR RGR": f"PID({_SUBJECT} ORC({_DETAIL} {_GIVEN}))",
    # Orders that hang on the specimen, with or without its containers (OML_O33, OML_O35 and their responses).
    "OML_O33 OML_O35 OML_O39 ORL_O34 ORL_O36 ORL_O40": (
        f"PID({_SUBJECT} SPM(NTE PRT {_SEEN} SAC(NTE INV {_SEEN} ORC(NTE PRT {_TIMING} OBR({_REQUEST})))"
        f" ORC(NTE PRT {_TIMING} OBR({_REQUEST}))))"),
    # Chapter 4A: vaccinations, and what is asked about them (chapter 5).
    "VXU VXR VXX": f"PID({_SUBJECT} ORC(NTE PRT {_TIMING})>{_GIVEN})",
    "RSP RTB RDY RCI RCL RPI": f"PID({_SUBJECT} DB1 QRI ORC({_DETAIL})>{_GIVEN}) ROW(RDT)",
    # Chapter 6: accounts and charges. A visit has its own diagnoses and insurance.
    "BAR": (f"PID(PD1 ROL PRT PV1(PV2 ARV ROL PRT DB1 {_SEEN} AL1 DG1 DRG PR1(ROL PRT GP2) NK1 {_COVER} ACC UB1 UB2"
            f" ABS BLC RMI GP1))"),
    "DFT": f"PID({_SUBJECT} ROL DB1 ORC({_TIMING} NTE PRT OBR(NTE PRT) {_SEEN}) FT1({_CHARGED}) DG1 DRG ACC)",
    "DFT_P11": (f"PID({_SUBJECT} ROL DB1 ORC({_TIMING} NTE PRT OBR(NTE PRT) {_SEEN})"
                f" FT1({_CHARGED} DG1 DRG {_COVER}) ACC)"),
    # Chapter 7: results. In an unsolicited specimen report, orders hang on the specimen or on its container.
    "ORU ORF OUL_R21 OUL_R24": f"PID({_SUBJECT} ORC(NTE PRT {_SEEN} TXA)>OBR({_REQUEST} {_SPECIMEN}))",
    "OUL": f"PID({_SUBJECT} SPM(NTE PRT {_SEEN} SAC(INV {_SEEN}) OBR(ORC {_REQUEST})))",
    "OUL_R23": f"PID({_SUBJECT} SPM(NTE PRT {_SEEN} SAC(INV {_SEEN} OBR(ORC {_REQUEST}))))",
    # Chapter 8: master files. Every record of an entry belongs to the entry.
    "MFN": "MFE(NTE LOC(LCH LRL LDP(LCH LCC)) STF PRA OM1(OM2 OM3 OM4 OM5 OM6 OM7) CDM(PRC) IIM PCR)",
    # Chapter 9: documents.
    "MDM": f"PID(PD1 PRT {_VISIT} ORC({_TIMING} NTE PRT OBR(NTE PRT)) TXA(CON PRT {_SEEN}))",
    # Chapter 10: scheduling.
    "SIU SRM SRR SQM SQR": (
        f"SCH(NTE {_TIMING}) ARQ(NTE APR) PID({_SUBJECT} DG1)"
        " RGS(AIS(NTE APR) AIG(NTE APR) AIL(NTE APR) AIP(NTE APR))"),
    # Chapter 11: referrals.
    "REF RRI RPA": (
        f"RF1(AUT(CTD)) PRD(CTD) PID({_SUBJECT} ACC DG1 DRG PR1(AUT(CTD)) OBR(NTE {_SEEN}))"),
    # Chapters 2 and 5: acknowledgements and queries have no groups.
    "ACK QBP QCN": "",
}
_LAST = "DSC"
"""The continuation pointer (chapter 2, section 2.10.2), which ends a message of any type."""

_SIGN = re.compile(r"[A-Z][A-Z0-9]{2}|[()>]")


def structure(code: str, trigger: str, name: str) -> Structure:
    """The structure of a message by its MSH-9: its code ("ORU"), trigger ("R01") and structure ("ORU_R01", "" if it has
    none). FLAT if it is not known."""
    return _STRUCTURES.get(name) or _STRUCTURES.get(f"{code}_{trigger}") or _STRUCTURES.get(code) or FLAT


def _read(text: str) -> Group:
    root = Group()
    above = [("", root)]
    name, group, lead = "", root, ""
    for sign in _SIGN.findall(text):
        if sign == "(":
            above.append((name, group))
        elif sign == ")":
            name, group = above.pop()
        elif sign == ">":
            lead = name
        else:
            # A name may stand twice in a text that is made of parts: then it may hold what either of them says.
            name, group = sign, above[-1][1].inner.setdefault(sign, Group())
            group.leads |= {lead} - {""}
            lead = ""
    return root


def _structure(root: Group) -> Structure:
    anywhere: dict[str, Group] = {}
    level = [root]
    while level:
        for group in level:
            for name, inner in group.inner.items():
                anywhere.setdefault(name, inner)
        level = [inner for group in level for inner in group.inner.values()]
    return Structure(root, anywhere)


_STRUCTURES: Mapping[str, Structure] = {
    name: _structure(_read(f"{text} {_LAST}")) for names, text in _TABLE.items() for name in names.split()}

FLAT = Structure(Group(), {})
"""The structure of a message that is not known: one list."""

BATCH = _structure(Group({
    "FHS": Group(), "BHS": Group({MESSAGE: Group(), "BTS": Group()}), MESSAGE: Group(), "FTS": Group()}))
"""The structure of files and batches (chapter 2, section 2.10.3)."""
