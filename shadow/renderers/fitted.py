"""Tables for a terminal, by rich, whose columns always fit its width: nothing is cut, and no column touches the next.

Rich keeps the least width of a column even if the table then is wider than the screen, and cuts what is outside. So the
widths are worked out here: short columns keep theirs, and long ones share what is left and fold their cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
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


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table as wide as what it is printed in, with a blank or two between its columns."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._table(options.max_width)

    def _table(self, width: int) -> Table:
        cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows]
        natural = [max(_width(cell) for cell in (Text(one.title), *(row[at] for row in cells)))
                   for at, one in enumerate(self.columns)]
        # The frame of the table is a blank on each side, and one between two columns.
        room = width - len(self.columns) - 1
        spacious = sum(natural) + len(self.columns) - 1 <= room
        widths = natural if spacious else shared(natural, [one.part for one in self.columns], room)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, int(spacious), 0, 0), pad_edge=False)
        for one, own in zip(self.columns, widths, strict=True):
            justify: Literal["right", "left"] = "right" if one.number else "left"
            table.add_column(one.title, justify=justify, width=own, overflow="fold")
        for row in cells:
            table.add_row(*row)
        return table


def _width(cell: Text) -> int:
    """The width of the longest line of a cell."""
    return max((line.cell_len for line in cell.split("\n", allow_blank=True)), default=0)


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
