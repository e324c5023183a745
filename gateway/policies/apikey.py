"""The policy `apikey`: a client sends a long random key in a header; the configuration holds only the key's SHA-256.

A key is not a password: it has at least 128 random bits, so a plain, fast hash is enough. This command prints a new
key, and its hash for the configuration:

    python -c "import hashlib, secrets; key = secrets.token_urlsafe(32);
    print(key, 'sha256:' + hashlib.sha256(key.encode()).hexdigest())"
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any, ClassVar

from adapters.message import Headers
from gateway.call import Call, Principal, Refused
from gateway.policies.base import Verdict

MAX_KEY = 1024
# Bytes of a digest that find the client. The whole digest is then compared in constant time.
_INDEX = 8
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyOptions:
    """`keys` maps a client's name to "sha256:HEX" of its key, or to several while one key replaces another.

    `header` is the field that carries the key. With `forward` it is also sent to the upstream.
    """

    keys: Mapping[str, str | tuple[str, ...]]
    header: str = "X-API-Key"
    forward: bool = False


class ApiKey:
    """Admits calls with a known key; the principal's subject is the client's name."""

    Options: ClassVar[type[Any]] = ApiKeyOptions

    def __init__(self, name: str, options: ApiKeyOptions) -> None:
        if _TOKEN.fullmatch(options.header) is None:
            raise ValueError("header: not a header name")
        self._header = options.header.lower().encode()
        self.credentials: tuple[bytes, ...] = (self._header,)
        self._forward = options.forward
        self._clients: dict[bytes, tuple[bytes, Principal]] = {}
        for client, hashes in options.keys.items():
            for written in [hashes] if isinstance(hashes, str) else hashes:
                self._add(client, written)
        if not self._clients:
            raise ValueError("keys: needs at least one")
        # A 401 must carry a challenge (RFC 9110 section 15.5.2). It is the same for no key, a wrong key and two keys.
        self._refused = Refused("unauthenticated", name, headers=((b"WWW-Authenticate", b"ApiKey"),))

    def _add(self, client: str, written: str) -> None:
        found = _HASH.fullmatch(written)
        if found is None:
            raise ValueError(f'keys: the hash of "{client}" is not "sha256:" and 64 hexadecimal digits')
        digest = bytes.fromhex(found[1])
        if digest[:_INDEX] in self._clients:
            raise ValueError(f'keys: the key of "{client}" is there twice')
        self._clients[digest[:_INDEX]] = digest, Principal("apikey", client)

    def admit(self, call: Call) -> Verdict:
        """See Policy. Never waits."""
        wanted = self._header
        headers = call.request.headers
        places = [place for place, pair in enumerate(headers) if pair[0].lower() == wanted]
        if len(places) != 1:
            return self._refused
        place = places[0]
        key = headers[place][1].strip(b" \t")
        digest = sha256(key).digest()
        known = self._clients.get(digest[:_INDEX])
        if known is None or len(key) > MAX_KEY or not compare_digest(known[0], digest):
            return self._refused
        call.principal = known[1]
        if not self._forward:
            call.request.headers = Headers(headers[:place] + headers[place + 1:])
        return None

    async def close(self) -> None:
        """See Policy."""
