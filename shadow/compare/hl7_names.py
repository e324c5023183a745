"""Names that HL7 v2 gives the parts of a message, where they are names of elements or members: `PID.3`, `CX.4.2`,
`ORU_R01.PATIENT_RESULT` (HL7 v2.xml, section 2), and `PID-3`, as people write it. Pure.

They name a kind of thing and no person. A name that only looks like one (`B12.3` may be a bed) is not among them.
"""

import re

_SEGMENTS = """
    ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO CER CM0 CM1 CM2 CNS
    CON CSP CSR CSS CTD CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR EDU EQP EQU ERR EVN FAC FHS FT1 FTS GOL
    GP1 GP2 GT1 IAM IAR IIM ILT IN1 IN2 IN3 INV IPC IPR ISD ITM IVC IVT LAN LCC LCH LDP LOC LRL MCP MFA MFE MFI MRG MSA
    MSH NCK NDS NK1 NPU NSC NST NTE OBR OBX ODS ODT OH1 OH2 OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 OM7 OMC ORC ORG OVR PAC PCE
    PCR PD1 PDA PDC PEO PES PID PKG PM1 PMT PR1 PRA PRB PRC PRD PRT PSG PSH PSL PSS PTH PV1 PV2 PYE QAK QID QPD QRD QRF
    QRI RCP RDF RDT REL RF1 RFI RGS RMI ROL RXA RXC RXD RXE RXG RXO RXR RXV SAC SCD SCH SCP SDD SFT SGH SGT SHP SID SLT
    SPM STF STZ TCC TCD TQ1 TQ2 TXA UAC UB1 UB2 VAR VND
"""
_TYPES = """
    AD AUI CCD CCP CD CE CF CK CM CN CNE CNN CP CQ CSU CWE CX DDI DIN DLD DLN DLT DR DT DTM DTN ED EI EIP ELD ERL FC FN
    FT GTS HD ICD ID IS JCC LA1 LA2 MA MF MO MOC MOP MSG NA NDL NM NR OCD OSD OSP PIP PL PLN PN PPN PRL PT PTA QIP QSC
    RCD RFR RI RMC RP RPL RPT SAD SCV SI SN SNM SPD SPS SRT ST TM TN TQ TS TX UVC VH VID VR WVI WVS XAD XCN XON XPN XTN
"""
_NUMBERS = r"[1-9][0-9]?(?:\.[1-9][0-9]?){0,2}"
# Segments of one's own begin with Z (chapter 2, section 2.11.2).
_PART = re.compile(
    rf"(?:(?:{'|'.join(_SEGMENTS.split())}|Z[A-Z0-9]{{2}})[.-]|(?:{'|'.join(_TYPES.split())})\.){_NUMBERS}")
_GROUP = re.compile(r"[A-Z]{3}_[A-Z0-9]{3}\.[A-Z]+(?:_[A-Z]+)*[0-9]?")


def is_part(name: str) -> bool:
    """Whether this is the name of a field, a component or a group of segments."""
    return _PART.fullmatch(name) is not None or _GROUP.fullmatch(name) is not None
