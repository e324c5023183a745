"""What clients still do: shadow.ledger.habits, and the rows that wait for the store."""

import pytest

from shadow.lane.habits import Habits
from shadow.ledger.habits import (
    DAY,
    LOCAL,
    NOTHING,
    OTHERS,
    REACHES,
    REFUSED,
    SPEAKS,
    Doing,
    Habit,
    Operation,
    Thing,
    Unreached,
    clients,
    is_over,
    quarter,
    token,
)

KEY, OTHER = b"k" * 32, b"o" * 32
JAN_1 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
OLD = Thing(SPEAKS, "http_1_0")


def reads(arm="legacy", name="read"):
    return Thing(REACHES, name, "results", arm)


def test_a_token_tells_addresses_and_keys_apart_and_holds_neither():
    one = token(KEY, "10.1.2.3")
    assert one == token(KEY, "10.1.2.3")
    assert len({one, token(KEY, "10.1.2.4"), token(OTHER, "10.1.2.3"), token(KEY, "2001:db8::1")}) == 4
    assert len(one) == 16
    assert int(one, 16) >= 0
    assert token(KEY, "") == LOCAL, "a client on a Unix socket"


@pytest.mark.parametrize(("at", "name"), [
    (JAN_1 - 1, "2025-Q4"), (JAN_1, "2026-Q1"), (JAN_1 + 90 * DAY - 1, "2026-Q1"), (JAN_1 + 90 * DAY, "2026-Q2"),
    (JAN_1 + 181 * DAY, "2026-Q3"), (JAN_1 + 273 * DAY, "2026-Q4"),
])
def test_keys_change_with_the_quarter(at, name):
    assert quarter(at) == name


@pytest.mark.parametrize(("scope", "ends"), [("2025-Q4", JAN_1), ("2026-Q1", JAN_1 + 90 * DAY)])
def test_a_key_is_over_when_nothing_that_it_made_is_kept(scope, ends):
    assert not is_over(scope, ends + 30 * DAY, 30)
    assert is_over(scope, ends + 30 * DAY + 1, 30)


def test_a_scope_that_is_no_quarter_is_never_over():
    assert not is_over("results 0123", 1e12, 0)


def test_rows_of_one_client_become_one_while_they_wait_and_are_bounded():
    habits = Habits(most=2)
    habits.add([Habit(OLD, "a", 5, 6), Habit(OLD, "a", 3, 4), Habit(OLD, "b", 1, 1)])
    habits.add([Habit(OLD, "c", 7, 8), Habit(OLD, "d", 6, 9), Habit(OLD, "a", 9, 9)])
    assert habits.take() == [Habit(OLD, "a", 3, 9), Habit(OLD, "b", 1, 1), Habit(OLD, OTHERS, 6, 9)]
    assert habits.take() == []


def test_clients_are_listed_by_what_they_do_the_latest_first():
    now = JAN_1 + 10 * DAY
    rows = [Habit(NOTHING, OTHERS, JAN_1, now), Habit(reads(), "b", now - 5, now - 4),
            Habit(OLD, "a", now - 9, now - 1),
            Habit(reads(), OTHERS, now - 9, now - 3), Habit(reads("modern"), "a", now, now, 7),
            Habit(Thing(REFUSED, "line_ends"), "a", now, now), Habit(reads(name="gone"), "c", now, now)]
    found = clients(rows, [Operation("results", "read"), Operation("results", "book")], now, 90)
    assert (found.since, found.until) == (JAN_1, now)
    assert [(one.does, one.name, one.arm, one.client) for one in found.habits] == [
        ("speaks", "http_1_0", "", "a"), ("refused", "line_ends", "", "a"), ("reaches", "gone", "legacy", "c"),
        ("reaches", "read", "legacy", "others"), ("reaches", "read", "legacy", "b"), ("reaches", "read", "modern", "a")]
    assert found.habits[-1] == Doing("a", "reaches", "read", "results", "modern", now, now, 7)
    assert found.unreached == [Unreached("results", "book", JAN_1)]


def test_what_only_modern_answers_is_not_reached_on_legacy():
    rows = [Habit(NOTHING, OTHERS, JAN_1, JAN_1), Habit(reads("modern"), "a", JAN_1, JAN_1)]
    assert clients(rows, [Operation("results", "read")], JAN_1, 90).unreached == [Unreached("results", "read", JAN_1)]


def test_nothing_is_known_of_what_is_older_than_what_is_kept():
    now = JAN_1 + 100 * DAY
    rows = [Habit(NOTHING, OTHERS, JAN_1, now), Habit(reads(), "a", JAN_1, now - 91 * DAY)]
    found = clients(rows, [Operation("results", "read")], now, 90)
    assert found.habits == []
    assert found.unreached == [Unreached("results", "read", now - 90 * DAY)], "it may have been reached before"
    assert clients([], [Operation("results", "read")], now, 90).since == 0, "nobody watched"
