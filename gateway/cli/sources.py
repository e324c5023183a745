"""Reads the shadow's evidence for commands: from a configured store and custody, a store's file or a gateway."""

import os
import pwd
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import TypeAdapter, ValidationError

from gateway import plugins
from gateway.config.attempts import build_in_time
from gateway.config.compile import Configuration
from gateway.config.problem import Invalid, did_you_mean
from gateway.flips import copy
from gateway.flips.fitting import in_table
from gateway.naming import known_clients
from shadow.custody.base import Custody, CustodyError
from shadow.custody.sqlite import SqliteCustody
from shadow.evidence.criteria import Criteria
from shadow.ledger.habits import Clients
from shadow.ledger.rows import Evidence
from shadow.report.report import Profile, Report, fold
from shadow.stores.base import Store, StoreError, number_of
from shadow.stores.earlier import as_of_now
from shadow.stores.marks import left

ADMIN_SECONDS = 10.0

T = TypeVar("T")

EVERYBODY = "100%"
"""The share of clients that a step exposes to modern, if nothing else is said."""


class Refused(Exception):
    """Ends a command: a line for standard error, and the exit status."""

    def __init__(self, line: str, status: int = 2) -> None:
        super().__init__(line)
        self.status = status


def configured(config: Path, capability: str | None, share: float = 1.0) -> Report:
    """The report of the store that a configuration names, by the criteria that it sets, with verdicts on a step to a
    `share` of clients. Raises Refused."""
    built = _built(config)
    if built.store[0] == "memory":
        raise Refused(f"{config} keeps the shadow's findings in the gateway's memory, which only the gateway can read: "
                       "use --admin URL, or keep them in a file, with `store: {sqlite: {path: figway.db}}`")
    _known(capability, built.table.capabilities)
    asked = [one for one in built.table.capabilities.values() if capability in (None, one.name)]
    known = _Known({one.name: replace(one.criteria().anywhere(), share=share) for one in asked},
                   {one.name: one.profile() for one in asked})
    return _read(_opened(built), capability, known, getattr(built.store[1], "path", None))


class _Known(NamedTuple):
    """What a configuration says about capabilities, by their names."""

    criteria: Mapping[str, Criteria] = MappingProxyType({})
    profiles: Mapping[str, Profile] = MappingProxyType({})


def custody_of(config: Path, capability: str | None = None) -> tuple[Configuration, Custody]:
    """A configuration, which must have the `capability`, and its custody, which the caller closes. Raises Refused."""
    built = _built(config)
    _known(capability, built.table.capabilities)
    if built.custody is None:
        raise Refused(f"{config} keeps its keys in the gateway's memory, and loses them when it stops: keep them in "
                       "a file, with `store: {sqlite: {path: figway.db}}` or `shadow: {custody: figway.custody}`")
    # Reading must not make a file where there is none.
    if not built.custody.is_file():
        raise Refused(f"there is no custody at {built.custody} yet: it is made when a gateway starts")
    try:
        return built, SqliteCustody(built.custody)
    except CustodyError as error:
        raise Refused(f"{built.custody}: {error}") from None


def built_for(config: Path, capability: str) -> Configuration:
    """A configuration, which must have the `capability`. Raises Refused."""
    built = _built(config)
    _known(capability, built.table.capabilities)
    return built


def evidence_of(built: Configuration, capability: str) -> Sequence[Evidence]:
    """A capability's evidence in the store of a configuration; none if the store is in memory. Raises Refused."""
    if built.store[0] == "memory":
        return ()
    store = _opened(built)
    try:
        return store.read(capability).evidence
    except StoreError as error:
        raise Refused(str(error)) from None
    finally:
        store.close()


def clients_of(config: Path) -> Clients:
    """What the store of a configuration knows of clients. Raises Refused."""
    built = _built(config)
    if built.store[0] == "memory":
        raise Refused(f"{config} keeps what clients do in the gateway's memory, which only the gateway can read: "
                       "use --admin URL, or keep it in a file, with `store: {sqlite: {path: figway.db}}`")
    return known_to(_opened(built), built)


def known_to(store: Store, built: Configuration) -> Clients:
    """What an open store, which is closed, knows of clients by a configuration. Raises Refused."""
    try:
        return known_clients(store, built.store[1], built.table)
    except StoreError as error:
        raise Refused(str(error)) from None
    finally:
        store.close()


def store_of(built: Configuration) -> Store | None:
    """The store of a configuration, which the caller closes; None if it is in memory, or no gateway has made its file
    yet. Raises Refused."""
    name, options = built.store
    return None if name == "memory" or (name == "sqlite" and not options.path.is_file()) else _opened(built)


def actor() -> str:
    """Who runs this, for the audit trail: the name of the user, or the number of one who has none."""
    # Not from the environment, which anybody can set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _built(config: Path) -> Configuration:
    """A configuration with the stages that are in force, as the copy beside the control file says them."""
    try:
        built = build_in_time(config)
    except Invalid as invalid:
        raise Refused("\n".join(map(str, invalid.problems))) from None
    return in_force(built)


def in_force(built: Configuration) -> Configuration:
    """A configuration with the stages that are in force, as the copy beside the control file says them."""
    path, table = built.control.path, built.table
    state = copy.read(copy.beside(path)) if path is not None else None
    if state is None:
        return built
    return replace(built, table=table.with_stages(in_table(table.capabilities, state)))


def _known(capability: str | None, known: Mapping[str, object]) -> None:
    if capability is not None and capability not in known:
        raise Refused(f'there is no capability "{capability}"{did_you_mean(capability, known)}')


def _opened(built: Configuration) -> Store:
    name, options = built.store
    if name == "sqlite":
        return _sqlite(options.path)
    try:
        return as_of_now(plugins.load("figway.stores", name)(options))
    except (plugins.PluginError, StoreError) as error:
        raise Refused(str(error)) from None


def stored(file: Path, capability: str | None) -> Report:
    """The report of a SQLite store's file, without criteria for its capabilities. Raises Refused."""
    return _read(_sqlite(file), capability, _Known(), file)


def _sqlite(file: Path) -> Store:
    # Reading must not make a store where there is none.
    if not file.is_file():
        raise Refused(f"there is no store at {file} yet: it is made when a gateway starts")
    kind: Any = plugins.load("figway.stores", "sqlite")
    try:
        store: Store = kind(kind.Options(file))
    except StoreError as error:
        raise Refused(f"{file}: {error}") from None
    return store


def _read(store: Store, capability: str | None, known: _Known, file: Path | None) -> Report:
    try:
        ledger = store.read(capability)
        # A gateway that ended on a full disk could not write to the store what it lost. The file of marks says it.
        unwritten = left(file, partial(number_of, store)) if file is not None else []
        ledger.gaps += [one.gap() for one in unwritten if capability in (None, one.capability)]
        found = fold(ledger, *known, now=time.time())
    except StoreError as error:
        raise Refused(str(error)) from None
    finally:
        store.close()
    if capability is not None and not found.capabilities:
        raise Refused(f'the store has no capability "{capability}"')
    return found


def _title(answer: httpx2.Response) -> str:
    """The title of a problem document, after a colon; "" if the answer is not one."""
    try:
        return f": {answer.json()['title']}"
    except (ValueError, TypeError, KeyError):
        return ""


def credentials() -> dict[str, str]:
    """The header field with the token of FIGWAY_TOKEN, which the admin port wants where `control` is set."""
    token = os.environ.get("FIGWAY_TOKEN", "")
    return {"Authorization": f"Bearer {token}"} if token.isascii() and token else {}


def asked(admin: str, capability: str | None, step: str = EVERYBODY) -> Report:
    """The report of a running gateway, with verdicts on a `step` to a share of clients. Raises Refused."""
    asked_for = {"for": step} if step != EVERYBODY else {}
    asked_for |= {"capability": capability} if capability else {}
    answer = _from(admin, "/report", asked_for)
    if answer.status_code == 404 and capability is not None:
        raise Refused(f'the gateway has no capability "{capability}"')
    return _read_as(Report, answer, admin, "a report")


def clients_asked(admin: str) -> Clients:
    """What a running gateway knows of clients. Raises Refused."""
    return _read_as(Clients, _from(admin, "/clients", {}), admin, "a list of clients")


def _from(admin: str, path: str, params: Mapping[str, str]) -> httpx2.Response:
    if urlsplit(admin).scheme not in ("http", "https"):
        raise Refused("--admin must be an http:// or https:// URL")
    try:
        with httpx2.Client(trust_env=False, timeout=ADMIN_SECONDS, headers=credentials()) as client:
            return client.get(f"{admin.rstrip('/')}{path}", params=params)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Refused(f"the gateway cannot be reached at {admin} ({type(error).__name__})", 3) from None


def _read_as(kind: type[T], answer: httpx2.Response, admin: str, called: str) -> T:
    if answer.status_code != 200:
        raise Refused(f"the gateway at {admin} answers {answer.status_code} instead of {called}{_title(answer)}", 3)
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError:
        raise Refused(f"the answer of {admin} is not {called} of this version of Figway", 3) from None
