"""Reads what a service says of itself: an OpenAPI document (2, 3), a CapabilityStatement of FHIR, a WSDL (1.1)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from adapters.document import DocumentError, Tree
from adapters.trees.xml import tree
from gateway.ambiguity import is_ambiguous
from gateway.cli.proposing.naming import plain
from gateway.cli.sources import Refused
from gateway.config.kinds import template_fault
from gateway.config.nodes import parse
from gateway.config.notations import respelt
from gateway.config.problem import Findings
from gateway.files import read_plain

_MOST = 16 << 20
_MOST_OPERATIONS = 10_000
_METHODS = ("get", "put", "post", "delete", "patch")
# Interactions of a CapabilityStatement (FHIR R4 section 3.1.0): method, what follows the type, name.
_INTERACTIONS = {
    "read": ("GET", "/{id}", "read"), "vread": ("GET", "/{id}/_history/{version}", "vread"),
    "update": ("PUT", "/{id}", "update"), "patch": ("PATCH", "/{id}", "patch"),
    "delete": ("DELETE", "/{id}", "delete"), "history-instance": ("GET", "/{id}/_history", "history"),
    "history-type": ("GET", "/_history", "history-of-all"), "create": ("POST", "", "create"),
    "search-type": ("GET", "", "search"),
}
_ACTION = re.compile(r"[!-~]{1,200}", re.ASCII)


class Described(NamedTuple):
    """One operation as a service describes it. `action` is a SOAPAction, "" for none; `safe` says that it reads, where
    its method does not."""

    method: str
    path: str
    name: str = ""
    group: str = ""
    action: str = ""
    safe: bool = False


def openapi(file: Path) -> list[Described]:
    """The operations of an OpenAPI document. Raises Refused, with the place, for anything else."""
    document = _document(file)
    paths = document.get("paths")
    if not {"openapi", "swagger"} & document.keys() or not isinstance(paths, dict):
        raise Refused(f"{file}: this is no OpenAPI document with `paths`")
    return _bounded(file, _openapi(document, paths))


def can_be_asked(one: Described) -> bool:
    """Whether a request can have the path of an operation: one is no template, another is refused as ambiguous."""
    return not template_fault(one.path) and not is_ambiguous(one.path.encode())


def _openapi(document: dict[str, Any], paths: dict[str, Any]) -> Iterator[Described]:
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    base = _base(first.get("url")) or _base(document.get("basePath"))
    for path, item in paths.items():
        template = respelt(base + str(path))
        if not isinstance(item, dict):
            continue
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                tags, name = operation.get("tags"), operation.get("operationId")
                tag = tags[0] if isinstance(tags, list) and tags and isinstance(tags[0], str) else ""
                yield Described(method.upper(), template, plain(name) if isinstance(name, str) else "", plain(tag))


def capability_statement(file: Path) -> list[Described]:
    """The operations of a CapabilityStatement (or a Conformance, its name in DSTU2). Raises Refused, with the place."""
    document = _document(file)
    if document.get("resourceType") not in ("CapabilityStatement", "Conformance"):
        raise Refused(f"{file}: this is no CapabilityStatement")
    return _bounded(file, _stated(document))


def _stated(document: dict[str, Any]) -> Iterator[Described]:
    implementation = document.get("implementation")
    base = _base(implementation.get("url")) if isinstance(implementation, dict) else ""
    yield Described("GET", f"{base}/metadata", "read", "metadata")
    for rest in _maps(document.get("rest")):
        for resource in _maps(rest.get("resource")):
            kind = resource.get("type")
            if not isinstance(kind, str) or not re.fullmatch(r"[A-Za-z]{1,40}", kind, re.ASCII):
                continue
            for interaction in _maps(resource.get("interaction")):
                if (known := _INTERACTIONS.get(str(interaction.get("code")))) is not None:
                    method, rest_of_path, name = known
                    yield Described(method, f"{base}/{kind}{rest_of_path}", name, plain(kind))
                    if name == "search":
                        yield Described("POST", f"{base}/{kind}/_search", "search-by-post", plain(kind), safe=True)
            for operation in _maps(resource.get("operation")):
                called = str(operation.get("name")).lstrip("$")
                if re.fullmatch(r"[A-Za-z0-9-]{1,40}", called, re.ASCII):
                    yield Described("POST", f"{base}/{kind}/${called}", plain(called), plain(kind))


def wsdl(file: Path) -> list[Described]:
    """The operations of a WSDL 1.1 over HTTP, by their SOAPAction. Raises Refused."""
    try:
        root = tree(re.sub(r"\A\s*<\?xml[^>]*\?>", "", _bytes(file).decode("utf-8-sig")))
    except (DocumentError, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, DocumentError) else "encoding"
        raise Refused(f"{file}: this is no XML without a DOCTYPE, in UTF-8 ({why})") from None
    definitions = root.get("definitions") if isinstance(root, dict) else None
    if not isinstance(definitions, list):
        raise Refused(f"{file}: this is no WSDL 1.1: it has no `definitions`")
    found = _bounded(file, _wsdl(definitions[0]))
    if not found:
        raise Refused(f"{file}: no `service` in it has an address over HTTP, with a binding of SOAP")
    return found


def _wsdl(root: Tree) -> Iterator[Described]:
    bindings = {_attribute(one, "name"): one for one in _children(root, "binding")}
    for service in _children(root, "service"):
        for port in _children(service, "port"):
            address = next((_attribute(one, "location") for one in _children(port, "address")), "")
            binding = bindings.get(re.sub(r"\A(?:\{[^}]*\}|[^:]*:)", "", _attribute(port, "binding")))
            path = respelt(urlsplit(address).path or "/") if address.startswith(("http://", "https://")) else ""
            if binding is None or not path:
                continue
            for operation in _children(binding, "operation"):
                action = next((_attribute(one, "soapAction") for one in _children(operation, "operation")), "")
                name = plain(_attribute(operation, "name"))
                if name and (not action or _ACTION.fullmatch(action)):
                    yield Described("POST", path, name, action=action)


def _children(node: Tree, name: str) -> list[Tree]:
    found = node.get(name) if isinstance(node, dict) else None
    return found if isinstance(found, list) else []


def _attribute(node: Tree, name: str) -> str:
    value = node.get(f"@{name}") if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


def _base(url: object) -> str:
    """The path of a base URL, without the slash at its end; "" if it has none."""
    try:
        return urlsplit(url).path.rstrip("/") if isinstance(url, str) and "{" not in url else ""
    except ValueError:
        return ""


def _bounded(file: Path, operations: Iterator[Described]) -> list[Described]:
    found: list[Described] = []
    for one in operations:
        if len(found) == _MOST_OPERATIONS:
            raise Refused(f"{file}: this describes more than {_MOST_OPERATIONS:,} operations")
        found.append(one)
    return found


def _bytes(file: Path) -> bytes:
    try:
        return read_plain(file, _MOST)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None


def _document(file: Path) -> dict[str, Any]:
    """The map of a JSON or YAML file."""
    data = _bytes(file)
    document: Any = None
    try:
        document = json.loads(data)
    except RecursionError:
        raise Refused(f"{file}: nested too deeply") from None
    except ValueError as error:
        if data.lstrip()[:1] in (b"{", b"[") and isinstance(error, json.JSONDecodeError):
            raise Refused(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
        findings = Findings()
        try:
            root = parse(data.decode("utf-8-sig"), file, lambda text, place: (text, False), findings)
        except UnicodeDecodeError:
            raise Refused(f"{file}: not UTF-8 text") from None
        if root is None or findings.problems:
            raise Refused(str(findings.problems[0])) from None
        document = root.data()
    if not isinstance(document, dict):
        raise Refused(f"{file}:1: wants a map at the top")
    return document


def _maps(values: Any) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
