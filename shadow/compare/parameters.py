"""Names of query parameters that may be shown: common ones, DICOM's, and those that routes.yaml or a
service's own description declares. Pure.

Clients write them, so any other name may be data, even a patient's name ("?meier=1"). Such a name is shown as a token,
which still distinguishes it from others.
"""

import re
from collections.abc import Collection

from shadow.compare import dicom
from shadow.compare.names import LONGEST_NAME, MASKED
from shadow.compare.resources import TYPES
from shadow.compare.tokens import of_names

_DIGITS = 8
_NAME = re.compile(r"[A-Za-z_$][A-Za-z_.:-]{0,39}")

# FHIR R4's search parameters that are in common use, and what other services call theirs.
_COMMON = """
    _ _content _count _elements _format _getpages _getpagesoffset _has _id _include _include:iterate
    _lastUpdated _list _offset _page _pretty _profile _query _revinclude _security _since _sort _source
    _summary _tag _text _total _ts _type abatement-date account account-number active actor address
    address-city address-country address-postalcode address-state address-use after agent amount api_key
    appointment appointment-type as-of asserter attribute author authored authored-on authoredon based-on
    before birthdate body-site bodysite cache callback category cb characteristic city class client code
    code-value-concept code-value-quantity collected collector combo-code component-code composer condition
    contact container context country criticality cursor data-absent-reason date date-from date-to dateFrom
    datetime dateTo death-date deceased department depth desc destination detail device diagnosis direction
    division dob effective effective-time email encounter end end-date end_date endDate ended entered-date
    episode-of-care event expand facility family fields filter filters focus form format from fulfiller gender
    general-practitioner given group has-member history hl7 icd id identifier ids include intent item key kind
    lang language last last-date lastUpdated limit link location loinc lot-number manifestation manufacturer
    max medication medicationReference member method min modality mode module mrn name namespace nocache ns
    number object observation offset onset onset-date op operation operator order order_by orderBy orderer
    ordering org organization outcome owner p page page-size page_size pageSize part-of participant partof
    patient patient_id patientId per_page performer period phone phonetic plan policy postalcode practitioner
    prefix priority procedure profile program provider purpose q query questionnaire range reason reason-code
    reason-reference recipient recorded recorded-date recorder ref reference related relation repeat requester
    requisition resource response result results risk role route route-code rows schedule scope search section
    security sequence series service service-category service-type severity sex site size skip slot snomed
    sort sort_by sortBy source specialty specimen stage start start-date start_date startDate state status
    study subject supplier system take target telecom text time timestamp timezone title to token top total ts
    type types tz unit until updated url use user user_id userId v value value-concept value-date
    value-quantity value-string verification-status version view visit ward when where window year zip zone
"""
COMMON = frozenset(_COMMON.split())

# What FHIR R4 puts behind the name of a search parameter (section 3.1.1.4.5), apart from types of resources.
_MODIFIERS = frozenset({
    "missing", "exact", "contains", "text", "not", "above", "below", "in", "not-in", "ofType", "of-type", "identifier",
    "iterate", "recurse",
})
# The parts of a name: "subject:Patient.name", "_has:Observation:patient:code", "00080052.00100020".
_PARTS = re.compile(r"[:.]")


def shown(names: Collection[str], declared: Collection[str], key: bytes) -> str:
    """The names, sorted, each once, with commas between. A name that is not known is a token in braces. It is "{key}"
    if it does not look like a name, since there may be any number of those, or if there is no key to make a token."""
    return ",".join(sorted({name if _is_known(name, declared) else _hidden(name, key) for name in names}))


def _is_known(name: str, declared: Collection[str]) -> bool:
    if name in COMMON or name in declared or name in dicom.PARAMETERS:
        return True
    parts = _PARTS.split(name)
    if len(name) > LONGEST_NAME:
        return False
    # A name with a modifier begins with a name; the rest is names, modifiers and types.
    return all(one in COMMON or one in declared or dicom.is_keyword(one) or (at and (one in _MODIFIERS or one in TYPES))
               for at, one in enumerate(parts))


def _hidden(name: str, key: bytes) -> str:
    token = of_names(key, ["parameter", name])[:_DIGITS] if _NAME.fullmatch(name) else ""
    return f"{{{token}}}" if token else MASKED
