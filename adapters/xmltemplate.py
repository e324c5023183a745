"""Templates for XML that is written from a client's request: elements with texts from its path, query and header.

    Patient: {fields: {"@kind": mrn, Id: path:id}}     # <Patient kind="mrn"><Id>00123</Id></Patient>
    Since: "query:since?"                              # left out if the client does not send it
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from adapters.base import AdapterError
from adapters.message import Headers
from adapters.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementOptions:
    """An element that contains others. A field's value is "path:NAME", "query:NAME" or "header:NAME"; any other value
    is the text itself. With "?" at its end, the field is left out if the client does not send the value. A field named
    "@NAME" is an attribute. The message has the fields in the same order."""

    fields: Mapping[str, "str | ElementOptions"] = field(default_factory=dict)


class Asked(NamedTuple):
    """The values in a client's request, by the part of it that holds them."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    header: Headers


@dataclass(frozen=True, slots=True)
class Value:
    """A text from the request. `source` is "path", "query", "header", or "" if `name` is the text itself."""

    source: str
    name: str
    optional: bool

    @classmethod
    def of(cls, written: str) -> "Value":
        source, colon, name = written.partition(":")
        if not colon or source not in {"path", "query", "header"}:
            return cls("", written, False)
        return cls(source, name.removesuffix("?"), name.endswith("?"))

    def read(self, asked: Asked) -> str | None:
        """The text, or None if it is optional and missing. Raises AdapterError."""
        if not self.source:
            return self.name
        if self.source == "query":
            values = asked.query.get(self.name, [])
        elif self.source == "header":
            values = [raw.decode("latin-1") for raw in asked.header.get_all(self.name.lower().encode())]
        else:
            values = [asked.path[self.name]] if self.name in asked.path else []
        if len(values) == 1 or (not values and self.optional):
            return values[0] if values else None
        raise AdapterError(
            "request", f"{self.source} {self.name} is {'given more than once' if values else 'missing'}")


@dataclass(frozen=True, slots=True)
class Template:
    """An element to write: its attributes, and either a value or children."""

    tag: str
    value: Value | None
    attributes: tuple[tuple[str, Value], ...] = ()
    children: tuple["Template", ...] = ()

    @classmethod
    def of(cls, name: str, inner: str | ElementOptions, namespace: str, *, qualified: bool,
           outermost: bool = False) -> "Template":
        """Raises ValueError for an invalid element name."""
        full = tag(name, namespace if qualified or outermost else None)
        if isinstance(inner, str):
            return cls(full, Value.of(inner))
        attributes = [(key[1:], one) for key, one in inner.fields.items() if key.startswith("@")]
        if any(not isinstance(one, str) for _, one in attributes):
            raise ValueError(f"{name}: an attribute has no fields")
        return cls(
            full, None, tuple((tag(key, None), Value.of(str(one))) for key, one in attributes),
            tuple(cls.of(key, one, namespace, qualified=qualified) for key, one in inner.fields.items()
                  if not key.startswith("@")),
        )

    def values(self) -> Iterator[Value]:
        """Every value in the element and in its children."""
        yield from [self.value] if self.value is not None else []
        yield from (value for _, value in self.attributes)
        for child in self.children:
            yield from child.values()

    def write(self, parent: Element, asked: Asked) -> None:
        """Append the element to `parent`. Raises AdapterError."""
        text = None if self.value is None else self.value.read(asked)
        if self.value is not None and text is None:
            return
        element = etree.SubElement(parent, self.tag)
        try:
            element.text = text
            for name, value in self.attributes:
                given = value.read(asked)
                if given is not None:
                    element.set(name, given)
        except ValueError:
            # XML 1.0 section 2.2 has no way to write most control characters.
            raise AdapterError("request", "a parameter holds a character that XML cannot hold") from None
        for child in self.children:
            child.write(element, asked)


def tag(name: str, namespace: str | None) -> str:
    """An element's or attribute's name in lxml's notation. Raises ValueError for an invalid name."""
    return etree.QName(namespace, name).text
