"""Reads access logs: Common, Combined, and W3C Extended as IIS writes it. A log is read line by line, and nothing of a
line is kept but what becomes a template."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from gateway.cli.sources import Refused

_LONGEST = 64 << 10
_BROKEN = (OSError, EOFError, zlib.error)
# Common Log Format, and Combined, which goes on with Referer and User-Agent; a virtual host may come before it.
_COMMON = re.compile(
    r'\S+ \S+ .{0,256}?\[[^\]]{1,64}\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>[0-9]{3}|-)(?: |\Z)')
# Apache and nginx write the virtual host with its port, where they are told to.
_HOST = re.compile(r"([A-Za-z0-9.-]{1,100}):[0-9]{1,5} ")
_HOSTS = ("cs-host", "cs(host)")
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+)(?: HTTP/[0-9.]+)?")
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.)")
IIS = "Microsoft Internet Information Services"


class Line(NamedTuple):
    """One request of a log. `host` is the one that was asked for, and `client` the address that asked; "" if the log
    does not say."""

    method: str
    target: str
    status: int
    host: str = ""
    client: str = ""


class Log(NamedTuple):
    """What a log was: how many lines were requests, how many could not be read, the number of the first of those, and
    whether IIS wrote it."""

    requests: int
    unread: int
    first_unread: int
    iis: bool


def read(path: Path, each: Callable[[Line], None]) -> Log:
    """Hand each request of a log to `each`. Raises Refused, with the place, for a file that is no such log."""
    try:
        with _opened(path) as file:
            return _read(path, file, each)
    except _BROKEN as error:
        raise _refused(path, error) from None


def is_iis(path: Path) -> bool:
    """Whether a log says in its first lines that IIS wrote it. Raises Refused if it cannot be read."""
    try:
        with _opened(path) as file:
            return IIS.encode() in file.read(4096)
    except _BROKEN as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: Exception) -> Refused:
    return Refused(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not a whole gzip file'}")


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read(path: Path, file: BinaryIO, each: Callable[[Line], None]) -> Log:
    columns: dict[str, int] = {}
    requests = unread = first = 0
    iis = False
    for number, raw in enumerate(_lines(file), 1):
        text = raw.decode("latin-1").strip()
        if number == 1 and text.startswith("{"):
            raise Refused(f"{path}:1: these are JSON lines: Figway's own log has no paths, so give legacy's access log")
        if text.startswith("#"):
            iis |= IIS in text
            if text.startswith("#Fields:"):
                columns = {name.lower(): at for at, name in enumerate(text.removeprefix("#Fields:").split())}
            continue
        if not text:
            continue
        line = _w3c(text, columns) if columns else _common(text)
        if line is None:
            unread, first = unread + 1, first or number
            continue
        requests += 1
        each(line)
    if not requests:
        raise Refused(f"{path}:{first or 1}: no line of a Common, Combined or W3C access log"
                      if unread else f"{path}: there is no request in it")
    return Log(requests, unread, first, iis)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, its beginning."""
    while line := file.readline(_LONGEST):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(_LONGEST)


def _common(text: str) -> Line | None:
    found = _COMMON.match(text)
    if found is None:
        return None
    said = _ESCAPED.sub(lambda one: chr(int(one[1], 16)) if one[1] else one[2], found["request"])
    request = _REQUEST.fullmatch(said)
    status = int(found["status"]) if found["status"] != "-" else 0
    # What was no request (a TLS handshake, "-") was answered 400 by the server itself.
    if request is None:
        return Line("", "", status or 400)
    host = _HOST.match(text)
    client = (text[host.end():] if host is not None else text).partition(" ")[0]
    return Line(request[1], _path(request[2]), status, host[1].lower() if host is not None else "", client)


def _w3c(text: str, columns: dict[str, int]) -> Line | None:
    values = text.split()
    try:
        method, target = values[columns["cs-method"]], values[columns["cs-uri-stem"]]
        status = values[columns["sc-status"]] if "sc-status" in columns else "0"
        query = values[columns["cs-uri-query"]] if "cs-uri-query" in columns else "-"
    except (KeyError, IndexError):
        return None
    if not (_REQUEST.fullmatch(f"{method} {target}") and status.isdigit()):
        return None
    host = next((values[at] for name in _HOSTS if (at := columns.get(name, len(values))) < len(values)), "-")
    named = _HOST.match(f"{host.partition(':')[0]}:0 ")
    client = values[columns["c-ip"]] if columns.get("c-ip", len(values)) < len(values) else "-"
    return Line(method, target if query == "-" else f"{target}?{query}", int(status),
                named[1].lower() if named is not None and host != "-" else "", client if client != "-" else "")


def _path(target: str) -> str:
    """A target in absolute form (RFC 9112 section 3.2.2) without its scheme and host; any other as it is."""
    if target.startswith(("http://", "https://")):
        _, slash, rest = target.partition("://")[2].partition("/")
        return f"{slash}{rest}" or "/"
    return target
