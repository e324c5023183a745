"""The report as CSV (RFC 4180): one line for each field, so that any spreadsheet can pivot it. Pure.

The lines are made from the report's fields, whatever they are, so CSV always says what JSON says.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from shadow.report.report import Report

COLUMNS = ("capability", "table", "row", "field", "value")


def to_csv(report: Report) -> str:
    """All fields of all capabilities. `table` is a field of CapabilityReport. `row` is the number of a row in it, from
    1, or a reason; "" if the field has one value. `field` is the field of the row, with dots if fields are nested.
    None is written as an empty value."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in report.capabilities:
        for table in fields(one):
            for path, value in _leaves(getattr(one, table.name)):
                row = path[0] if path and isinstance(getattr(one, table.name), tuple | Mapping) else ""
                inside = path[1:] if row else path
                writer.writerow((one.capability, table.name, row, ".".join(inside), "" if value is None else value))
    return text.getvalue()


def _leaves(value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that has no parts, with the names that lead to it."""
    if is_dataclass(value):
        parts = [(field.name, getattr(value, field.name)) for field in fields(value)]
    elif isinstance(value, Mapping):
        parts = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = list(zip(value._fields, value, strict=True))
    elif isinstance(value, tuple):
        parts = [(str(place), part) for place, part in enumerate(value, 1)]
    else:
        yield (), value
        return
    for name, part in parts:
        for path, leaf in _leaves(part):
            yield (name, *path), leaf
