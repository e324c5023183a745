"""Reads the Markdown of README.md and docs/: headings, tables, fenced blocks."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Table(NamedTuple):
    """A table: the heading that it stands under, its columns, and its rows of cells."""

    section: str
    columns: list[str]
    rows: list[list[str]]


def sections(page: str) -> Iterator[tuple[str, str]]:
    """(heading without its quotes, text up to the next heading). A # within a fenced block is none."""
    heading, text, fenced = "", "", False
    for line in page.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if line.startswith("#") and not fenced:
            if heading:
                yield heading, text
            heading, text = line.strip("# \n").replace("`", ""), ""
        else:
            text += line
    yield heading, text


def tables(page: str) -> Iterator[Table]:
    """Every table; a cell holds no "|"."""
    for section, text in sections(page):
        for block in re.findall(r"(?m)(?:^\|.*\|\n)+", text):
            lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
            yield Table(section, lines[0], lines[2:])


def quoted(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block."""
    return re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", page)


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading, _ in sections(page)}


def top_level(text: str) -> dict[str, str]:
    """Top-level key with its colon → the lines that belong to it."""
    return {part.split(":", 1)[0] + ":": part for part in re.split(r"(?m)^(?=\w+:)", text) if part.strip()}
