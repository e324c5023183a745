"""figway report: what the shadow lane has found, out of the store or from a running gateway."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx2
from pydantic import TypeAdapter, ValidationError

from gateway import plugins
from gateway.config.compile import build
from gateway.config.problem import Invalid, did_you_mean
from shadow import html
from shadow.report import Report, fold, to_json, to_markdown
from shadow.sheet import to_csv
from shadow.stores.base import Store, StoreError
from shadow.table import show, terminal

ADMIN_SECONDS = 10.0


class _Refused(Exception):
    """Ends the command: a line for standard error, and the exit status."""

    def __init__(self, line: str, status: int = 2) -> None:
        super().__init__(line)
        self.status = status


@click.command()
@click.argument("capability", required=False)
@click.option("-o", "output", type=click.Choice(["table", "json", "markdown", "csv", "html"]), default="table",
              show_default=True)
@click.option("--config", default="routes.yaml", show_default=True, type=click.Path(path_type=Path),
              help="Read the store that this file names.")
@click.option("--store", "file", type=click.Path(path_type=Path), help="Read this SQLite store instead.")
@click.option("--admin", metavar="URL", help="Ask the admin port of a running gateway instead.")
def report(capability: str | None, output: str, config: Path, file: Path | None, admin: str | None) -> None:
    """Print what the shadow lane has found: of CAPABILITY, or of all.

    Exits with 2 where there is no such capability or no store to read, with 3 where the gateway cannot be reached.
    """
    if file and admin:
        raise click.UsageError("--store and --admin exclude each other")
    if output == "html" and capability is None:
        raise click.UsageError("-o html is a page for one capability: name it")
    try:
        if admin:
            found = _asked(admin, capability)
        elif file:
            found = _read(_sqlite(file), capability, ())
        else:
            found = _configured(config, capability)
    except _Refused as refused:
        click.echo(f"figway: {refused}", err=True)
        sys.exit(refused.status)
    match output:
        case "json":
            click.echo(to_json(found), nl=False)
        case "markdown":
            click.echo(to_markdown(found), nl=False)
        case "csv":
            click.echo(to_csv(found), nl=False)
        case "html":
            click.echo(html.page(found.capabilities[0]))
        case _:
            show(found, terminal())


def _configured(config: Path, capability: str | None) -> Report:
    try:
        built = build(config)
    except Invalid as invalid:
        raise _Refused("\n".join(map(str, invalid.problems))) from None
    name, options = built.store
    if name == "memory":
        raise _Refused(f"{config} keeps what is found in the gateway's memory, where only the gateway can read it: "
                       "ask it with --admin URL, or give it `store: {sqlite: {path: figway.db}}`")
    known = tuple(built.table.capabilities)
    if capability is not None and capability not in known:
        raise _Refused(f'there is no capability "{capability}"{did_you_mean(capability, known)}')
    if name == "sqlite":
        return _read(_sqlite(options.path), capability, known)
    try:
        store: Store = plugins.load("figway.stores", name)(options)
    except (plugins.PluginError, StoreError) as error:
        raise _Refused(str(error)) from None
    return _read(store, capability, known)


def _sqlite(file: Path) -> Store:
    # Reading must not make a store where there is none.
    if not file.is_file():
        raise _Refused(f"there is no store at {file} yet: it is made when a gateway starts")
    kind: Any = plugins.load("figway.stores", "sqlite")
    try:
        store: Store = kind(kind.Options(file))
    except StoreError as error:
        raise _Refused(f"{file}: {error}") from None
    return store


def _read(store: Store, capability: str | None, known: tuple[str, ...]) -> Report:
    try:
        found = fold(store.read(capability), known if capability is None else {capability}.intersection(known))
    except StoreError as error:
        raise _Refused(str(error)) from None
    finally:
        store.close()
    if capability is not None and not found.capabilities:
        raise _Refused(f'the store knows no capability "{capability}"')
    return found


def _asked(admin: str, capability: str | None) -> Report:
    if urlsplit(admin).scheme not in ("http", "https"):
        raise _Refused("--admin takes an http:// or https:// URL")
    try:
        with httpx2.Client(trust_env=False, timeout=ADMIN_SECONDS) as client:
            answer = client.get(f"{admin.rstrip('/')}/report", params={"capability": capability} if capability else {})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _Refused(f"the gateway cannot be reached at {admin} ({type(error).__name__})", 3) from None
    if answer.status_code == 404 and capability is not None:
        raise _Refused(f'the gateway knows no capability "{capability}"')
    if answer.status_code != 200:
        raise _Refused(f"the gateway at {admin} answers {answer.status_code} instead of a report", 3)
    try:
        return TypeAdapter(Report).validate_json(answer.content)
    except ValidationError:
        raise _Refused(f"what {admin} answers is no report of this version of Figway", 3) from None
