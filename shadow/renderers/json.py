"""The report as JSON: its fields, in their order. Pure."""

import orjson

from shadow.report.report import Report


def to_json(report: Report) -> bytes:
    """The report as indented JSON in UTF-8, with a newline at its end. Tuples are arrays."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=tuple)
