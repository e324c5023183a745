"""Tables that fit a terminal: nothing is cut, no column touches the next, whatever the width."""

import io

import pytest

from shadow.renderers.fitted import Column, Fitted, shared
from shadow.renderers.table import Terminal

COLUMNS = Column("name", part=1), Column("kind"), Column("path", part=2), Column("count", number=True)
ROWS = [("patient-lookup-by-demographics", "value", "/entry/*/resource/medicationCodeableConcept/display", "12,345"),
        ("漢字の名前と長い名前と長い名前", "missing", "/a", "1")]


def lines(width, rows=ROWS):
    file = io.StringIO()
    Terminal(file=file, width=width, markup=False, highlight=False).print(Fitted(COLUMNS, rows))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 240])
def test_everything_is_there_at_every_width(width):
    text = "".join("".join(line.split()) for line in lines(width))
    for row in ROWS:
        for cell in row:
            assert not set(cell) - set(text)
    assert text.count("12,345") == text.count("missing") == 1


@pytest.mark.parametrize("width", [60, 80])
def test_folded_cells_put_together_are_the_whole(width):
    shown = lines(width, ROWS[:1])
    head = next(line for line in shown if "kind" in line)
    places = [head.index("name"), head.index("kind"), head.index("path"), head.index("count") - 1]
    rows = [line.ljust(width) for line in shown[shown.index(head) + 2:]]
    columns = [[row[start:end] for row in rows] for start, end in zip(places, [*places[1:], width], strict=True)]
    assert all(cell.endswith(" ") for column in columns[:3] for cell in column)
    assert [("".join(column)).replace(" ", "") for column in columns[:3]] == list(ROWS[0][:3])


def test_columns_share_what_is_left_but_none_gets_more_than_it_needs():
    words = [0, 0, 0, 0]
    assert shared([30, 5, 50, 6], [1, 0, 2, 0], 71, words) == [20, 5, 40, 6]
    assert shared([8, 5, 50, 6], [1, 0, 2, 0], 71, words) == [8, 5, 50, 6]
    assert shared([30, 5, 50, 6], [1, 0, 2, 0], 31, words) == [7, 5, 13, 6]


def test_no_word_is_broken_while_another_column_can_fold_at_a_blank_or_has_no_words():
    assert shared([14, 7, 19, 24], [1, 0, 1, 2], 50, [14, 7, 8, 16]) == [14, 7, 10, 19]
    # A path of one long word folds; a name does not.
    assert shared([14, 7, 60], [1, 0, 1], 41, [14, 7, 60]) == [14, 7, 20]
    # Where there is no room even for the short words, all fold.
    assert shared([14, 14], [1, 1], 12, [14, 14]) == [6, 6]


def test_where_little_is_left_all_columns_fold():
    widths = shared([30, 20, 50, 20], [1, 0, 2, 0], 44, [30, 20, 50, 20])
    assert widths == [11, 11, 11, 11]
