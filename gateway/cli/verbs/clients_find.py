"""figway clients find: names the tokens behind an address or a network, and what is known of them."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import click
from rich.text import Text

from gateway.cli.opened import Opened, as_json, opened
from gateway.cli.sources import Refused, known_to, store_of
from gateway.cli.verbs.clients import day, minute, what_of
from gateway.edges.forwarded import spelled
from shadow.custody.base import Custody
from shadow.ledger.habits import PURPOSE, Doing, token
from shadow.renderers.fitted import Column, Fitted
from shadow.renderers.table import terminal

MOST = 1 << 16
"""Addresses of the largest network: it takes a digest for each, by each key."""

_MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Found:
    """A client: its token, the quarter whose key made it, its address, and what is known of it."""

    client: str
    key: str
    address: str
    does: list[Doing]


def run(
    where: str, tokens: tuple[str, ...], addresses: bool, reason: str | None, output: str, config: Path,
) -> None:
    """Do what `figway clients find` is for; exits with its status."""
    with opened(config, sealed=False) as stored:
        network = network_of(where)
        stored.deed("clients_find", "clients", reason or "")
        known = _known(stored)
        wanted = frozenset(tokens) if tokens else None if network.num_addresses == 1 else frozenset(known)
        found = [Found(name, key, address, known.get(name, []))
                 for name, key, address in search(network, stored.custody) if wanted is None or name in wanted]
    if output == "json":
        hidden = () if addresses else ("address",)
        as_json({"clients": [{name: value for name, value in asdict(one).items() if name not in hidden}
                             for one in found]})
    elif found:
        terminal().print(_table(found, addresses=addresses))
    if not found:
        click.echo("figway: no client with such a token is there" if tokens else
                   "figway: no client of that network is known", err=True)
        sys.exit(1)


def network_of(where: str) -> IPv4Network | IPv6Network:
    """The network of an address or of a network, as addresses of clients are spelled: without a zone, and with IPv4
    that was mapped into IPv6 as IPv4. Raises Refused, also if it has more than MOST addresses."""
    address, slash, bits = where.strip().partition("/")
    try:
        network = ip_network(address.partition("%")[0] + slash + bits, strict=False)
    except ValueError:
        raise Refused("ADDRESS is no IP address, and no network such as 10.1.0.0/16 or 2001:db8::/112") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network((str(mapped), network.prefixlen - 96))
    if network.num_addresses > MOST:
        least = network.max_prefixlen - 16
        raise Refused(f"a /{network.prefixlen} has {network.num_addresses:,} addresses: ask for a part of it, of a "
                       f"/{least} at most")
    return network


def search(network: IPv4Network | IPv6Network, custody: Custody) -> Iterator[tuple[str, str, str]]:
    """(token, quarter of the key, address) of every address of a network, by every key that is still there."""
    for scope in sorted(custody.scopes(PURPOSE), reverse=True):
        key = custody.find(PURPOSE, scope)
        for address in network if key is not None else ():
            text = spelled(str(address))
            yield token(key or b"", text), scope, text


def _known(stored: Opened) -> dict[str, list[Doing]]:
    """What the store knows, by client."""
    store = store_of(stored.built)
    known: dict[str, list[Doing]] = {}
    for one in known_to(store, stored.built).habits if store is not None else ():
        known.setdefault(one.client, []).append(one)
    return known


def _table(found: Iterable[Found], *, addresses: bool) -> Fitted:
    columns = [Column("CLIENT"), Column("KEY"), Column("SINCE"), Column("LAST"), Column("DOES", part=1)]
    rows: list[tuple[Text | str, ...]] = []
    for one in found:
        does = ", ".join(what_of(doing) for doing in one.does)
        row = (Text(one.client), one.key, day(min(doing.since for doing in one.does)) if one.does else "-",
               minute(max(doing.last for doing in one.does)) if one.does else "-",
               Text(does or "not known"))
        rows.append((Text(one.address), *row) if addresses else row)
    return Fitted([Column("ADDRESS"), *columns] if addresses else columns, rows)
