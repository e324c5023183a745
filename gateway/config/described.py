"""Reads what services say of themselves: the names of query and form parameters in their OpenAPI documents (2 and 3)
and CapabilityStatements (FHIR). Who made the service wrote such a name, and no client did, so it may be shown."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from gateway.config.nodes import Node
from gateway.config.problem import Findings, Place
from gateway.files import read_plain

_MOST = 16 << 20
_NAMES = 10_000
"""Names of parameters that are taken from one file, at most."""
_NAME = re.compile(r"[A-Za-z_$@][\w.:$@\[\]-]{0,63}", re.ASCII)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Descriptions:
    """Reads each file once in a build; adds to `findings`. `files` are those that were read, with their digests ("" for
    one that cannot be used)."""

    def __init__(self, findings: Findings) -> None:
        self.files: dict[Path, str] = {}
        self._findings = findings
        self._names: dict[Path, frozenset[str]] = {}

    def parameters(self, written: Sequence[str], node: Node) -> frozenset[str]:
        """The names in all these files; `node` is the list that names them."""
        found: set[str] = set()
        for at, name in enumerate(written):
            place = node.find(at).place
            path = place.file.parent / name
            if path not in self.files:
                self._read(path, place)
            found |= self._names[path]
        return frozenset(found)

    def _read(self, path: Path, place: Place) -> None:
        self.files[path], self._names[path] = "", frozenset()
        try:
            data = read_plain(path, _MOST)
        except OSError as error:
            self._findings.problem(place, f"the description cannot be read: {error.strerror}", "no_file")
            return
        document = _parsed(data)
        if not isinstance(document, dict) or not {"openapi", "swagger", "resourceType"} & document.keys():
            self._findings.problem(place, "this is no OpenAPI document, and no CapabilityStatement", "bad_description")
            return
        self.files[path] = hashlib.sha256(data).hexdigest()
        self._names[path] = frozenset(sorted(filter(_NAME.fullmatch, set(_named(document))))[:_NAMES])


def _parsed(data: bytes) -> Any:
    """The document as plain values; None if it is neither JSON nor YAML."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(data.decode("utf-8-sig"), Loader=_LOADER)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _named(document: dict[str, Any]) -> Iterator[str]:
    if "resourceType" in document:
        for rest in _maps(document.get("rest")):
            for one in (rest, *_maps(rest.get("resource"))):
                yield from _names(_maps(one.get("searchParam")))
        return
    components = document.get("components")
    shared = [document.get("parameters"), components.get("parameters") if isinstance(components, dict) else None]
    for named in shared:
        yield from _asked(named.values() if isinstance(named, dict) else ())
    paths = document.get("paths")
    for path in _maps(paths.values() if isinstance(paths, dict) else ()):
        yield from _asked(path.get("parameters"))
        for operation in _maps(path[method] for method in _METHODS & path.keys()):
            yield from _asked(operation.get("parameters"))
            yield from _posted(operation.get("requestBody"))


def _asked(parameters: Any) -> Iterator[str]:
    """The names of those that are sent in a query or a form (OpenAPI 3.1 section 4.8.12, 2.0 "Parameter Object")."""
    yield from _names(one for one in _maps(parameters) if one.get("in") in ("query", "formData"))


def _posted(body: Any) -> Iterator[str]:
    """The names of a form's fields (OpenAPI 3.1 section 4.8.14)."""
    content = body.get("content") if isinstance(body, dict) else None
    for form in _FORMS:
        media = content.get(form) if isinstance(content, dict) else None
        schema = media.get("schema") if isinstance(media, dict) else None
        properties = schema.get("properties") if isinstance(schema, dict) else None
        yield from (name for name in properties if isinstance(name, str)) if isinstance(properties, dict) else ()


def _maps(values: Any) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, Iterable) else []


def _names(values: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield from (one["name"] for one in values if isinstance(one.get("name"), str))
