"""Tables for a terminal, by rich, whose columns always fit its width: nothing is cut, and no column touches the next.

Rich keeps the least width of a column even if the table then is wider than the screen, and cuts what is outside. So the
widths are worked out here: short columns keep theirs, and long ones share what is left and fold their cells.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

LEAST = 6
"""The least width of a column that folds, on a screen that is too narrow for everything."""

Cell: TypeAlias = str | Text


class Column(NamedTuple):
    """A column: its title, whether its cells are numbers, on the right, and its part of the room that the columns whose
    long cells take more lines share; 0 for a column that is as wide as its cells."""

    title: str
    number: bool = False
    part: int = 0


def fitted(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], width: int) -> Table:
    """A table at most `width` columns wide, with a blank or two between its columns."""
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    natural = [max((cell_len(one.title), *(row[at].cell_len for row in cells))) for at, one in enumerate(columns)]
    # The frame of the table is a blank on each side, and one between two columns.
    room = width - len(columns) - 1
    spacious = sum(natural) + len(columns) - 1 <= room
    widths = natural if spacious else shared(natural, [one.part for one in columns], room)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, int(spacious), 0, 0), pad_edge=False)
    for one, own in zip(columns, widths, strict=True):
        justify: Literal["right", "left"] = "right" if one.number else "left"
        table.add_column(one.title, justify=justify, width=own, overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table


def shared(natural: Sequence[int], parts: Sequence[int], room: int) -> list[int]:
    """The width of each column if all together may have `room`. Columns with a part share what the others leave, by
    these parts, but none gets more than it needs. If little is left, all columns fold."""
    left = room - sum(own for own, part in zip(natural, parts, strict=True) if not part)
    if left < LEAST * sum(map(bool, parts)):
        left, parts = room, [1] * len(natural)
    widths, whole = list(natural), sum(parts)
    for at in sorted((at for at, part in enumerate(parts) if part), key=lambda at: natural[at] / parts[at]):
        widths[at] = max(1, min(natural[at], left * parts[at] // whole))
        left -= widths[at]
        whole -= parts[at]
    return widths
