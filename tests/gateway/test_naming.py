"""Tokens of clients' addresses, and the keys that they are made with: gateway.naming."""

import time
from ipaddress import ip_network

import pytest

from gateway.cli.sources import Refused
from gateway.cli.verbs.clients_find import MOST, network_of, search
from gateway.naming import Naming
from gateway.telemetry.clients import Taken
from shadow.custody.base import Hold
from shadow.custody.sqlite import SqliteCustody
from shadow.ledger.habits import OTHERS, PURPOSE, SPEAKS, Thing, quarter, token

OLD = Thing(SPEAKS, "http_1_0")
NOTHING_TAKEN = Taken([], [], [])


@pytest.fixture
def custody():
    custody = SqliteCustody(None)
    yield custody
    custody.close()


def test_addresses_become_tokens_by_the_key_of_the_quarter(custody):
    taken = Taken([(OLD, "10.0.0.1"), (OLD, "10.0.0.2")], [OLD], [("10.0.0.1", "line_ends")])
    named = Naming(90.0).name(taken, custody)
    key = custody.find(PURPOSE, quarter(time.time()))
    assert [row.token for row in named.habits] == [token(key, "10.0.0.1"), token(key, "10.0.0.2"), OTHERS]
    assert named.refused == [(token(key, "10.0.0.1"), "line_ends")]
    again = Naming(90.0).name(taken, custody)
    assert [row.token for row in again.habits] == [row.token for row in named.habits], "the same in every worker"


def test_a_key_is_destroyed_once_nothing_that_it_made_is_kept(custody):
    now = time.time()
    for scope in ("2020-Q1", quarter(now - 80 * 86_400), "results 0123"):
        custody.key(PURPOSE, scope, now)
    Naming(90.0).name(NOTHING_TAKEN, custody)
    assert custody.scopes(PURPOSE).keys() == {quarter(now - 80 * 86_400), quarter(now), "results 0123"}


def test_a_key_stays_while_something_is_held(custody):
    custody.key(PURPOSE, "2020-Q1", 0.0)
    custody.hold(Hold("results", 0.0, "jo", "inquiry"))
    Naming(90.0).name(NOTHING_TAKEN, custody)
    assert "2020-Q1" in custody.scopes(PURPOSE)


def test_of_several_workers_one_names_a_client(custody, tmp_path):
    taken = Taken([], [], [("10.0.0.1", "line_ends"), ("10.0.0.1", "no_host")])
    one, other = Naming(90.0, str(tmp_path)), Naming(90.0, str(tmp_path))
    assert len(one.name(taken, custody).refused) == 2
    assert other.name(taken, custody).refused == []
    assert len(Naming(90.0, str(tmp_path / "gone")).name(taken, custody).refused) == 2, "rather twice than never"


def test_an_address_is_searched_for_by_every_key_the_newest_first(custody):
    keys = [custody.key(PURPOSE, scope, 0.0) for scope in ("2026-Q2", "2026-Q1")]
    assert list(search(network_of("10.0.0.1"), custody)) == [
        (token(key, "10.0.0.1"), scope, "10.0.0.1") for key, scope in zip(keys, ("2026-Q2", "2026-Q1"), strict=True)]
    custody.destroy(PURPOSE, "2026-Q1")
    assert len(list(search(network_of("10.0.0.0/24"), custody))) == 256


@pytest.mark.parametrize(("where", "network"), [
    ("10.1.2.3", "10.1.2.3/32"), (" 10.1.2.3/24 ", "10.1.2.0/24"), ("10.1.0.0/16", "10.1.0.0/16"),
    ("2001:DB8::1", "2001:db8::1/128"), ("2001:db8::5/112", "2001:db8::/112"), ("fe80::1%eth0", "fe80::1/128"),
    ("fe80::1%eth0/120", "fe80::/120"), ("::ffff:10.1.2.3", "10.1.2.3/32"), ("::ffff:10.1.2.0/120", "10.1.2.0/24"),
])
def test_a_network_is_read_as_addresses_are_spelled(where, network):
    assert network_of(where) == ip_network(network)
    assert network_of(where).num_addresses <= MOST


@pytest.mark.parametrize("where", ["", "clinic.example", "10.1.2", "10.1.2.3/33", "010.1.2.3", "::1/129", "10.0.0.0/15",
                                   "2001:db8::/64", "::ffff:10.0.0.0/104", "::ffff:0:0/90"])
def test_what_is_no_network_or_too_large_is_refused(where):
    with pytest.raises(Refused):
        network_of(where)
