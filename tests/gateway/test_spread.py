"""The rule by which workers share connections: it holds for any order in which they look, and none is waited for."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edges.http1.spread import Spread, shared_counts


def workers(count):
    memory = shared_counts(count)
    return [Spread(memory, place) for place in range(count)]


@given(st.integers(2, 8).flatmap(lambda count: st.tuples(
    st.just(count), st.lists(st.tuples(st.integers(0, count - 1), st.booleans()), max_size=600))))
def test_no_worker_takes_more_than_one_and_a_half_times_the_mean_from_four_a_worker_on(drawn):
    count, events = drawn
    spreads, held = workers(count), [0] * count
    for spread in spreads:
        spread.asks(0)
    for place, in_a_row in events:
        for _ in range(64 if in_a_row else 1):
            if not spreads[place].asks(held[place]):
                break
            held[place] += 1
        if sum(held) >= 4 * count:
            assert max(held) * count <= 1.5 * sum(held)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_a_connection_is_always_due_to_the_worker_with_the_fewest(held):
    spreads = workers(len(held))
    for spread, connections in zip(spreads, held, strict=True):
        spread.asks(connections)
    assert spreads[held.index(min(held))].asks(min(held))


def test_connections_that_have_ended_are_not_counted():
    one, other = workers(2)
    one.asks(0)
    other.asks(40)
    assert one.asks(30)
    other.report(0)
    assert not one.asks(30)


def test_a_worker_that_does_not_look_is_left_out_until_it_looks():
    one, other = workers(2)
    other.asks(0)
    assert not one.asks(5)
    looks = one.looks()
    one.leave_out(looks)
    assert one.asks(5)
    other.asks(0)
    assert not one.asks(5)
    one.leave_out(looks)
    assert not one.asks(5), "it has looked since"
    one.leave_out(one.looks())
    assert one.asks(5)
    other.report(0)
    assert not one.asks(5), "it is well again, though nobody has come"


def test_a_worker_that_has_closed_is_not_counted_and_its_last_connections_do_not_open_it():
    one, other = workers(2)
    other.asks(3)
    other.close()
    other.report(2)
    assert one.asks(5)
    other.asks(2)
    assert not one.asks(5)


def test_a_worker_that_has_not_begun_is_not_counted_and_known():
    one, other, third = workers(3)
    other.asks(0)
    other.close()
    assert one.asks(1000)
    assert not one.all_have_begun()
    third.asks(0)
    assert one.all_have_begun()


def test_who_ends_short_connections_at_once_does_not_get_nearly_all_of_them():
    now = [100.0]
    memory = shared_counts(4)
    fast, *slow = (Spread(memory, place, lambda: now[0]) for place in range(4))
    taken = dict.fromkeys((fast, *slow), 0)
    for spread in taken:
        spread.asks(0)
    # The fast one has no connection left whenever it is asked; the slow ones always have two.
    for _ in range(4_000):
        now[0] += 0.002
        due = [spread for spread in taken if spread.asks(0 if spread is fast else 2)]
        assert due, "nobody would take the next one"
        due[0].accepted()
        taken[due[0]] += 1
    assert taken[fast] <= 0.45 * sum(taken.values())


def test_what_was_accepted_long_ago_counts_no_more():
    now = [100.0]
    memory = shared_counts(2)
    one, other = (Spread(memory, place, lambda: now[0]) for place in range(2))
    other.asks(0)
    while one.asks(0):
        one.accepted()
    assert other.asks(0)
    now[0] += 2.0
    assert one.asks(0)
