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

LONGEST_WORD = 1.5
"""How much of a column's part, of what columns share, a word may take and still not be broken."""

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
        titles = [_word(Text(one.title)) for one in self.columns]
        words = [max((_word(row[at]) for row in cells), default=0) for at in range(len(self.columns))]
        widths = natural if spacious else shared(
            natural, [one.part for one in self.columns], room, titles, [*map(max, titles, words)])
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


def _word(cell: Text) -> int:
    """The width of the longest word of a cell: in a column so wide, no word is broken."""
    return max((Text(word).cell_len for word in cell.plain.split()), default=0)


def shared(natural: Sequence[int], parts: Sequence[int], room: int, *words: Sequence[int]) -> list[int]:
    """The width of each column if all together may have `room`. Columns with a part share what the others leave, by
    these parts, but none gets more than it needs, and as many as possible get what their longest word takes, as in each
    of `words`, the most important first. A word that takes much more than its part is broken: a path has few blanks. If
    little is left, all columns fold."""
    left = room - sum(own for own, part in zip(natural, parts, strict=True) if not part)
    if left < LEAST * sum(map(bool, parts)):
        left, parts, words = room, [1] * len(natural), ()
    sharing = [at for at, part in enumerate(parts) if part]
    least, unit = [0] * len(natural), LONGEST_WORD * left / max(1, sum(parts))
    for wanted in words:
        for at in sorted(sharing, key=lambda at: wanted[at]):
            bare = sum(not least[other] for other in sharing if other != at)
            if wanted[at] <= unit * parts[at] and wanted[at] - least[at] <= left - LEAST * bare:
                left -= wanted[at] - least[at]
                least[at] = wanted[at]
    widths, whole = list(natural), sum(parts)
    for at in sorted(sharing, key=lambda at: (natural[at] - least[at]) / parts[at]):
        more = min(natural[at] - least[at], left * parts[at] // whole)
        widths[at] = max(1, least[at] + more)
        left -= more
        whole -= parts[at]
    return widths
