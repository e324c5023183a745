"""Fetches and keeps the keys that tokens are verified with: a JWK Set (RFC 7517) from a file or a URL.

There is no timer. The first call after the keys are due starts a refresh, which all calls share. While it runs, calls
go on with keys that are up to MAX_REFRESH old; with older keys, or none, they wait for it. In an outage the last good
keys are kept for a day; an answer without a usable key counts as an outage.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.files import read_plain
from gateway.own_thread import in_own_thread
from gateway.units import seconds

Key = RSAKey | ECKey
Keys = dict[tuple[str | None, str], Key]

MAX_BYTES = 512 << 10
FETCH_SECONDS = 3.0
MAX_REFRESH = 600.0
RETRY_SECONDS = 5.0
REFETCH_SECONDS = 60.0
HOLD_SECONDS = 24 * 3600.0
FILE_SECONDS = 5.0
MIN_RSA_BITS = 2048

# What a key must be to verify an algorithm (RFC 7518 section 3.1): its type, and its curve or None.
KEY_FITS: dict[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None), "RS384": ("RSA", None), "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"),
}

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The JWK Set could not be read. The message contains neither its address nor its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JwksOptions:
    """Where the JWK Set is: in a `file`, or at a `url`.

    A file is read again within seconds of a change. A URL is fetched every `refresh`, at most 10m; `ca` is a PEM file
    with the only root certificates to trust. `plain_http` allows http: to other machines than this one.
    """

    file: Path | None = None
    url: str | None = None
    refresh: str | float = "5m"
    ca: Path | None = None
    plain_http: bool = False


class Source(Protocol):
    """Where a JWK Set comes from."""

    every: float
    """Seconds after which it is read again."""

    async def read(self) -> bytes:
        """The JWK Set as it is now. Raises KeysUnavailable."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class FileSource:
    """A JWK Set in a file."""

    def __init__(self, path: Path) -> None:
        self.every = FILE_SECONDS
        self._path = path

    async def read(self) -> bytes:
        """See Source."""
        return await in_own_thread(self._read)

    def _read(self) -> bytes:
        try:
            return read_plain(self._path, MAX_BYTES)
        except OSError as error:
            raise KeysUnavailable(error.strerror or type(error).__name__) from error

    async def close(self) -> None:
        """See Source."""


class UrlSource:
    """A JWK Set at a URL. Redirects are not followed, and the environment's proxies are not used."""

    def __init__(self, options: JwksOptions) -> None:
        self.every = seconds("jwks.refresh", options.refresh)
        if not 1 <= self.every <= MAX_REFRESH:
            raise ValueError("jwks.refresh: must be from 1s to 10m")
        self._url = options.url or ""
        parts = urlsplit(self._url)
        local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or parts.scheme not in {"https", "http"}:
            raise ValueError("jwks.url: not an https URL")
        if parts.scheme == "http" and not (local or options.plain_http):
            raise ValueError("jwks.url: must be https (or say plain_http: true)")
        self._ca = options.ca
        self._client: httpx2.AsyncClient | None = None

    async def read(self) -> bytes:
        """See Source. It takes at most FETCH_SECONDS."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._read()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise KeysUnavailable(type(error).__name__) from error

    async def _read(self) -> bytes:
        if self._client is None:
            verify = True if self._ca is None else ssl.create_default_context(cafile=self._ca)
            self._client = httpx2.AsyncClient(verify=verify, trust_env=False, follow_redirects=False)
        raw = bytearray()
        # Raw bytes under the identity coding: nothing is decompressed, so that a small answer cannot become large.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != 200:
                raise KeysUnavailable(f"status {response.status_code}")
            async for piece in response.aiter_raw():
                raw += piece
                if len(raw) > MAX_BYTES:
                    raise KeysUnavailable("too large")
        return bytes(raw)

    async def close(self) -> None:
        """See Source."""
        if self._client is not None:
            await self._client.aclose()


def source(options: JwksOptions) -> Source:
    """Make the source that the options describe. Raises ValueError, with an option's name, if they are wrong."""
    if (options.file is None) == (options.url is None):
        raise ValueError("jwks: needs either file or url")
    return UrlSource(options) if options.file is None else FileSource(options.file)


def read_keys(raw: bytes, algorithms: Iterable[str]) -> Keys:
    """Return the usable keys of a JWK Set by (kid, algorithm).

    There is a (None, algorithm) too if exactly one key fits the algorithm. A member that none of `algorithms` can
    use is ignored (RFC 7517 section 5). Raises KeysUnavailable if the bytes are not a JWK Set.
    """
    try:
        members = orjson.loads(raw)["keys"]
        candidates = [member for member in members if isinstance(member, dict)]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise KeysUnavailable("not a JWK Set") from error
    keys: Keys = {}
    for algorithm in algorithms:
        fitting = [(member.get("kid"), key) for member in candidates if (key := _key(member, algorithm)) is not None]
        for kid, key in fitting:
            if isinstance(kid, str):
                keys.setdefault((kid, algorithm), key)
        if len(fitting) == 1:
            keys[None, algorithm] = fitting[0][1]
    return keys


def _key(member: dict[str, Any], algorithm: str) -> Key | None:
    """Return the member as a key for the algorithm, or None if it does not fit."""
    kind, curve = KEY_FITS[algorithm]
    operations = member.get("key_ops", ["verify"])
    if (
        member.get("kty") != kind or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig"
        or not isinstance(operations, list) or "verify" not in operations
    ):
        return None
    # Public members only, so that the library does not act on anything else that the set says about the key.
    try:
        if kind == "RSA" and _bits(member["n"]) >= MIN_RSA_BITS:
            return RSAKey.import_key({name: member[name] for name in ("kty", "n", "e")})
        if kind == "EC" and member.get("crv") == curve:
            return ECKey.import_key({name: member[name] for name in ("kty", "crv", "x", "y")})
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    return None


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()


class KeyRing:
    """The keys of one source. `changed` is called when the keys change: what the old ones verified no longer counts."""

    def __init__(
        self, name: str, source: Source, algorithms: tuple[str, ...], changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._source = source
        self._algorithms = algorithms
        self._changed = changed
        self._clock = clock
        self._raw: bytes | None = None
        self._keys: Keys = {}
        self._fetched_at = self._tried_at = self._due_at = float("-inf")
        self._failing = False
        self._flight: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether there are keys to verify tokens with."""
        return self._raw is not None

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key for this kid and algorithm, if it is among those that are held now."""
        return self._keys.get((kid, algorithm))

    def tend(self) -> Awaitable[None] | None:
        """Start a refresh if one is due. Returns None if the keys held now may be used, else what to await first."""
        now = self._clock()
        if now < self._due_at:
            return None
        waiting = self._refresh_shared()
        age = now - self._fetched_at
        return None if age < MAX_REFRESH or (self._failing and age < HOLD_SECONDS) else waiting

    def refetch(self) -> Awaitable[None] | None:
        """Refresh because a key is not held. Returns what to await, or None if the last try is too recent."""
        if self._flight is None and self._clock() - self._tried_at < min(self._source.every, REFETCH_SECONDS):
            return None
        return self._refresh_shared()

    def _refresh_shared(self) -> Awaitable[None]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._refresh())
        # A call that is cancelled must not cancel the refresh, which others wait for.
        return asyncio.shield(self._flight)

    async def _refresh(self) -> None:
        try:
            raw = await self._source.read()
            if raw != self._raw:
                keys = read_keys(raw, self._algorithms)
                if not keys:
                    # No issuer removes all keys on purpose, so this counts as a fault, like a missing answer.
                    raise KeysUnavailable("no key that can be used")
                self._keys = keys
                self._raw = raw
                self._changed()
            self._fetched_at, self._failing = self._clock(), False
            self._due_at = self._fetched_at + self._source.every
        except KeysUnavailable as error:
            self._failed(error)
        finally:
            self._tried_at, self._flight = self._clock(), None

    def _failed(self, error: KeysUnavailable) -> None:
        if not self._failing:
            _log.warning("policy %s: the keys cannot be read (%s)", self._name, error)
        now = self._clock()
        self._failing = True
        self._due_at = now + RETRY_SECONDS
        if self._raw is not None and now - self._fetched_at >= HOLD_SECONDS:
            self._raw, self._keys = None, {}
            self._changed()

    async def close(self) -> None:
        """Stop the refresh and close the source."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])
        await self._source.close()
