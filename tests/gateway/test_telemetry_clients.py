"""What a worker notes of its clients: gateway.telemetry.clients."""

from gateway.telemetry.clients import NAMED, NOBODY, Clients
from shadow.ledger.habits import HTTP_1_0, NO_KEEP_ALIVE, NOTHING, REACHES, REFUSED, SPEAKS, Thing

PLACE = ("results", "read", "legacy")
READ = Thing(REACHES, "read", "results", "legacy")
OLD, CLOSES = Thing(SPEAKS, "http_1_0"), Thing(SPEAKS, "no_keep_alive")


def test_a_client_is_noted_once_for_each_thing_and_the_set_that_requests_look_into_stays():
    clients = Clients()
    met = clients.reached(*PLACE)
    for _ in range(3):
        clients.meet(PLACE, "10.0.0.1", HTTP_1_0 | NO_KEEP_ALIVE, "")
    assert clients.are_due
    taken = clients.take()
    assert taken.met == [(READ, "10.0.0.1"), (OLD, "10.0.0.1"), (CLOSES, "10.0.0.1")]
    assert (taken.others, taken.refused) == ([NOTHING], []), "habits are kept from now on"
    assert met is clients.reached(*PLACE)
    assert "10.0.0.1" in met
    assert clients.take() is None


def test_a_request_that_no_arm_was_asked_reaches_nothing():
    clients = Clients()
    assert clients.reached("results", "read", "") is NOBODY
    clients.meet(("results", "read", ""), "10.0.0.1", 0, "bad_target")
    assert [thing for thing, _ in clients.take().met] == [Thing(REFUSED, "bad_target")]


def test_past_the_bound_clients_are_counted_together():
    clients = Clients(most=2)
    for number in range(100):
        clients.meet(PLACE, f"10.0.0.{number}", HTTP_1_0, "")
        clients.refuse(f"10.0.1.{number}", "line_ends")
    taken = clients.take()
    assert len(taken.met) == 2
    assert set(taken.others) == {NOTHING, READ, OLD, Thing(REFUSED, "line_ends")}
    assert clients.refusals == {"line_ends": 100}, "each refusal is counted all the same"


def test_a_client_is_named_once_for_each_rule():
    clients = Clients()
    for _ in range(5):
        clients.refuse("10.0.0.1", "line_ends")
        clients.refuse("10.0.0.1", "no_host")
    assert clients.take().refused == [("10.0.0.1", "line_ends"), ("10.0.0.1", "no_host")]
    clients.refuse("10.0.0.1", "line_ends")
    assert clients.take() is None


def test_an_attacker_with_many_addresses_gets_few_lines_and_the_rest_is_counted():
    clients = Clients(at_once=3)
    for number in range(1000):
        clients.refuse(f"10.0.{number // 250}.{number % 250}", "line_ends")
    clients.refuse("10.9.9.9", "no_host")
    refused = clients.take().refused
    assert [rule for _, rule in refused] == ["line_ends"] * 3 + ["no_host"], "another rule has lines of its own"
    for _, rule in refused:
        clients.named(rule)
    assert clients.untold() == [], "an hour has not passed"
    assert clients.untold(last=True) == [("line_ends", 997)]
    assert clients.untold(last=True) == [], "each is counted once"
    clients.refuse("10.8.8.8", "line_ends")
    assert clients.take().refused == [("10.8.8.8", "line_ends")], "in the next hour more are named"


def test_those_who_were_named_are_remembered_within_a_bound():
    clients = Clients(at_once=NAMED + 2)
    for number in range(NAMED + 1):
        clients.refuse(f"{number}", "line_ends")
    clients.take()
    clients.refuse("1", "line_ends")
    assert clients.take() is None, "the latest are remembered"
    clients.refuse("0", "line_ends")
    assert clients.take().refused == [("0", "line_ends")], "the oldest is forgotten"


def test_what_could_not_be_written_is_kept():
    clients = Clients()
    clients.meet(PLACE, "10.0.0.1", 0, "no_host")
    taken = clients.take()
    clients.meet(PLACE, "10.0.0.2", 0, "")
    clients.put_back(taken)
    again = clients.take()
    assert [address for _, address in again.met] == ["10.0.0.1", "10.0.0.1", "10.0.0.2"]
    assert again.refused == [("10.0.0.1", "no_host")]
    assert again.others == [NOTHING]
