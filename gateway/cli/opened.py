"""Opens a configuration's custody and sealed records for one command, and prints stored text safely."""

import grp
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

from gateway.cli.recorded import record
from gateway.cli.sources import Refused, actor, custody_of
from gateway.config.compile import Configuration
from gateway.config.problem import did_you_mean
from gateway.config.sealing import Sealed
from shadow.custody.base import Custody, CustodyError
from shadow.sealed.base import Vault, VaultError
from shadow.sealed.sqlite import SqliteVault
from shadow.stores.base import StoreError


@dataclass(frozen=True, slots=True)
class Opened:
    """A configuration with its open custody and its open vault, None if it is not needed or nothing is sealed yet."""

    built: Configuration
    custody: Custody
    vault: Vault | None

    @property
    def records(self) -> Vault:
        """The vault. Raises Refused if there is none."""
        if self.vault is not None:
            return self.vault
        raise Refused("nothing is sealed: `shadow` has no `capture`" if self.built.sealed is None else
                      f"there is no sealed file at {self.built.sealed.path} yet: it is made when a gateway starts")

    def deed(self, action: str, subject: str, reason: str, role: str = "") -> None:
        """Write to the audit trail; call this before the action is taken."""
        record(self.built, self.custody, action, subject, reason, role)

    def because(self, reason: str, action: str, subject: str) -> None:
        """Write to the audit trail what is done next, and why. Without a reason, write a refusal and raise Refused."""
        if not reason.strip():
            self.deed(f"{action}_refused", subject, reason)
            raise Refused(f"a {action} needs a reason", 1)
        self.deed(action, subject, reason)

    def capability(self, name: str, ids: bool = False) -> str:
        """Return `name` if it is a capability of the configuration or of a sealed record or, with `ids`, a record's id.
        Raises Refused for any other."""
        entries = self.vault.entries() if self.vault is not None else []
        known = self.built.table.capabilities.keys() | {entry.capability for entry in entries}
        if name not in known and not (ids and name in {entry.id for entry in entries}):
            record = " and no record" if ids else ""
            raise Refused(f'there is no capability{record} "{plain(name)}"{did_you_mean(name, known)}')
        return name


@contextmanager
def opened(config: Path, *, sealed: bool = True) -> Iterator[Opened]:
    """Open a configuration's custody, and with `sealed` its vault, for as long as the block runs. A refusal inside the
    block, or a file that fails, ends the command with a line on standard error."""
    try:
        built, custody = custody_of(config)
        try:
            # Opening a vault would make its file, and looking must not.
            file = built.sealed if sealed and built.sealed is not None and built.sealed.path.is_file() else None
            vault = _vault(file, custody) if file is not None else None
            try:
                yield Opened(built, custody, vault)
            finally:
                if vault is not None:
                    vault.close()
        finally:
            custody.close()
    except (CustodyError, VaultError, StoreError) as error:
        click.echo(f"figway: {error}", err=True)
        sys.exit(2)
    except Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)


def _vault(sealed: Sealed, custody: Custody) -> Vault:
    try:
        return SqliteVault(sealed.path, custody, sealed.bounds)
    except VaultError as error:
        raise Refused(f"{sealed.path}: {error}") from None


def is_in(users: frozenset[str]) -> bool:
    """Whether the user who runs this is one of `users`, by name or as a member of a "%group"."""
    return not users.isdisjoint({actor(), *map(_group, {os.getegid(), *os.getgroups()})})


def _group(number: int) -> str:
    try:
        return f"%{grp.getgrgid(number).gr_name}"
    except KeyError:
        return f"%{number}"


def when(at: float) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def plain(text: str) -> str:
    """Text that is safe to print: control characters are escaped, line ends and tabs stay."""
    return "".join(one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
                   for one in text)


def as_json(document: object) -> None:
    """Print a document as indented JSON."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def rows(columns: tuple[str, ...], found: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a table, each column as wide as it must be."""
    table = [columns, *(tuple(map(plain, row)) for row in found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
