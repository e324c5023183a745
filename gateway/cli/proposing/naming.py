"""Names for the capabilities and operations that are proposed. Pure."""

import re
from collections.abc import Collection

from gateway.reading import segments

_LONGEST = 64
# Segments that say how a service is spoken to, and not about what.
_GENERIC = re.compile(
    r"(?i)api|rest|restful|fhir|baser?[0-9]?|ws|wsdl|soap|services?|odata|web|webapp|app|public|hapi-fhir-jpaserver|rpc"
    r"|v?[0-9]{1,2}(?:\.[0-9]+)*|r[0-9][a-z]?|d?stu[0-9]|cgi-bin|servlets?|json|xml|hl7(?:v2)?|index\.(?:php|jsp|aspx?)")
# Message types of HL7 v2 (version 2.5.1, chapters 3 to 12), as people call what they are about.
_HL7 = {
    "adt": "admissions", "oru": "results", "orm": "orders", "oml": "orders", "omg": "orders", "siu": "scheduling",
    "mdm": "documents", "dft": "billing", "bar": "billing", "rde": "prescriptions", "vxu": "immunizations",
    "qbp": "queries", "mfn": "master-files"}
_EXTENSION = re.compile(r"\.(?:aspx?|ashx|asmx|svc|php|jsp|jsf|do|action|html?|cgi|json|xml)\Z", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_CALLED = re.compile(r"(?i)\A/(?:.*/)?(?:ws|soap|services|rpc)(?:/|\Z)|\.(?:asmx|svc)(?:/|\Z)")


def plain(text: str) -> str:
    """A name that routes.yaml takes: "DiagnosticReport" → "diagnostic-report"; "" if nothing is left of it."""
    text = _CAMEL.sub("-", _EXTENSION.sub("", text))
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-")


def is_generic(segment: str) -> bool:
    """Whether a segment says nothing of what a request is about."""
    return _GENERIC.fullmatch(segment) is not None


def group(template: str, common: Collection[str] = ()) -> str:
    """The capability of a path: its first word that says something. `common` are first segments that all paths have."""
    parts = segments(template)
    if len(parts) > 1 and parts[0] in common:
        parts = parts[1:]
    words = [one for one in parts if one and not one.startswith("{")]
    said = next((one for one in words if not is_generic(one)), words[-1] if words else "")
    name = plain(said)
    return _HL7.get(name, name) or ("home" if template == "/" else "other")


def operation(method: str, template: str, capability: str) -> str:
    """The name of an operation in its capability: `read`, `list`, `create`, `list-visits`."""
    parts = segments(template)
    last = parts[-1]
    if last.startswith("$") and (named := plain(last)):
        return named
    if last == "_search":
        return "search-by-post" if method == "POST" else "search"
    if _CALLED.search(template) and method == "POST":
        return "call"
    if template == "/" and method == "GET":
        return "read"
    ends_in_id = last.startswith("{")
    verb = _VERBS.get(method) or (("read" if ends_in_id else "list") if method == "GET" else plain(method))
    words = [plain(one) for one in parts if one and not one.startswith("{") and not is_generic(one)]
    about = [one for one in words[1:] if one and one != capability]
    return "-".join([verb, *about])[:_LONGEST].strip("-") or "ask"


def free(name: str, taken: Collection[str]) -> str:
    """The name, or the next one that is free."""
    found, number = name, 2
    while found in taken:
        end = f"-{number}"
        found, number = name[:_LONGEST - len(end)] + end, number + 1
    return found
