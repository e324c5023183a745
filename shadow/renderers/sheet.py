"""The report as CSV (RFC 4180): one line for each thing that is known, so that any sheet can pivot it.

The lines are the report's fields, whatever they are, so this says what JSON says.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from shadow.report.report import Report

COLUMNS = ("capability", "table", "row", "field", "value")


def to_csv(report: Report) -> str:
    """All fields: `table` names one of a capability's, `row` is a row's number from 1 or a reason where it has
    several, and `field` the field in it, dotted where it is inside another. None is empty."""
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
    """Every value that has no parts, with the way to it."""
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
