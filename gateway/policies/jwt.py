"""The policy `jwt`: JSON Web Tokens (RFC 7519) in `Authorization: Bearer` (RFC 6750), as RFC 8725 recommends.

The algorithm must be one that the options list, and the key must be of its type. `kid` is used to look a key up in a
dictionary, for nothing else. Keys in the token itself (`jwk`, `jku`, `x5u`, `x5c`) are ignored. Every invalid token
gets the same answer. A verified token is remembered by its digest until `exp`, or until the keys change.
"""

import base64
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, TypeGuard

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from gateway.call import Call, Principal, Refused
from gateway.policies.base import Verdict
from gateway.policies.jwks import JwksOptions, Key, KeyRing, source
from gateway.services import Services
from gateway.units import seconds

MAX_TOKEN = 8 << 10
MAX_LEEWAY = 60.0
MAX_REMEMBERED = 10_000
# The largest NumericDate that is accepted. Beyond it, a float cannot hold single seconds.
_MAX_DATE = 1 << 53


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtOptions:
    """The token's `iss` must be `issuer`, and its `aud` must hold one of `audience`.

    `exp` and `nbf` allow for clocks that differ by `leeway` (at most 60s). The token must grant all `scopes`, in its
    claim `scope` or `scp`.
    """

    issuer: str
    audience: str | tuple[str, ...]
    jwks: JwksOptions
    algorithms: tuple[Literal["RS256", "RS384", "ES256", "ES384"], ...] = ("RS256",)
    leeway: str | float = "30s"
    scopes: tuple[str, ...] = ()


class _Verified(NamedTuple):
    until: float
    principal: Principal
    verdict: Verdict


class _Invalid(Exception):
    """The token is invalid. Clients do not learn why."""


class Jwt:
    """Admits calls with a valid token of one issuer. The principal's subject is `sub`, its claims are the token's."""

    Options: ClassVar[type[Any]] = JwtOptions
    credentials: tuple[bytes, ...] = (b"authorization",)

    def __init__(self, name: str, options: JwtOptions, services: Services) -> None:
        self._leeway = seconds("leeway", options.leeway)
        if self._leeway > MAX_LEEWAY:
            raise ValueError("leeway: must be at most 60s")
        if not options.algorithms:
            raise ValueError("algorithms: needs at least one")
        if not options.issuer:
            raise ValueError("issuer: must not be empty")
        self._audience = frozenset([options.audience] if isinstance(options.audience, str) else options.audience)
        if not self._audience or "" in self._audience:
            raise ValueError("audience: must not be empty")
        if any(not scope.isascii() or not scope.isprintable() or set(' "\\') & set(scope) for scope in options.scopes):
            raise ValueError("scopes: not a scope token (RFC 6749 section 3.3)")
        self._issuer = options.issuer
        self._scopes = frozenset(options.scopes)
        self._algorithms = frozenset(options.algorithms)
        # The library's limit on headers is too low for some real issuers. The limit on the whole token replaces it.
        self._registry = jws.JWSRegistry(algorithms=list(options.algorithms), strict_check_header=False)
        self._registry.max_header_length = MAX_TOKEN
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()
        self._ring = KeyRing(
            name, source(options.jwks), options.algorithms, self._remembered.clear, services.clock.monotonic)
        self._clock = services.clock.now

        def refused(code: str, challenge: str) -> Refused:
            return Refused(code, name, headers=((b"WWW-Authenticate", challenge.encode()),))

        wanted = " ".join(sorted(options.scopes))
        self._missing = refused("unauthenticated", "Bearer")
        self._invalid = refused("unauthenticated", 'Bearer error="invalid_token"')
        # The client gets the same answer as with `_invalid`. It is another object, so that `admit` fetches new keys.
        self._unknown_key = replace(self._invalid)
        self._forbidden = refused("forbidden", f'Bearer error="insufficient_scope", scope="{wanted}"')
        self._unavailable = Refused("policy_unavailable", name)

    def admit(self, call: Call) -> Verdict | Awaitable[Verdict]:
        """See Policy. Waits only if keys must be fetched."""
        given = call.request.headers.get_all(b"authorization")
        if not given:
            return self._missing
        scheme, _, token = given[0].partition(b" ")
        token = token.strip(b" ")
        if scheme.lower() != b"bearer" or not token:
            return self._missing
        if len(given) > 1 or len(token) > MAX_TOKEN:
            return self._invalid
        digest = sha256(token).digest()
        waiting = self._ring.tend()
        if waiting is None:
            verdict = self._judge(call, token, digest)
            if verdict is not self._unknown_key:
                return verdict
            waiting = self._ring.refetch()
            if waiting is None:
                return verdict
        return self._judge_after(waiting, call, token, digest)

    async def close(self) -> None:
        """See Policy."""
        await self._ring.close()

    async def _judge_after(self, waiting: Awaitable[None], call: Call, token: bytes, digest: bytes) -> Verdict:
        await waiting
        return self._judge(call, token, digest)

    def _judge(self, call: Call, token: bytes, digest: bytes) -> Verdict:
        """Return the verdict by the keys that are held now."""
        known = self._remembered.get(digest)
        now = self._clock()
        if known is not None and now < known.until:
            self._remembered.move_to_end(digest)
        else:
            if not self._ring.ready:
                return self._unavailable
            try:
                algorithm, kid = self._read_header(token)
                key = self._ring.find(kid, algorithm)
                if key is None:
                    return self._unknown_key
                known = self._verify(token, key, now)
            except _Invalid:
                return self._invalid
            self._remember(digest, known)
        call.principal = known.principal
        return known.verdict

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._remembered[digest] = verified
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    def _read_header(self, token: bytes) -> tuple[str, str | None]:
        """Return the algorithm and `kid` of a token. Raises _Invalid if its header alone makes it invalid."""
        encoded = token.partition(b".")[0]
        try:
            header = orjson.loads(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
        except ValueError as error:
            raise _Invalid from error
        # No extension is supported, so a token with a critical one is invalid (RFC 7515 section 4.1.11).
        if not isinstance(header, dict) or "crit" in header or "b64" in header:
            raise _Invalid
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise _Invalid
        if kid is not None and not isinstance(kid, str):
            raise _Invalid
        return algorithm, kid

    def _verify(self, token: bytes, key: Key, now: float) -> _Verified:
        try:
            payload = jws.deserialize_compact(token, key, registry=self._registry).payload
            claims = orjson.loads(payload or b"")
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _Invalid from error
        if not isinstance(claims, dict):
            raise _Invalid
        until = self._check_claims(claims, now)
        principal = Principal("jwt", claims["sub"], MappingProxyType(claims))
        return _Verified(until, principal, None if self._scopes <= _granted(claims) else self._forbidden)

    def _check_claims(self, claims: dict[str, Any], now: float) -> float:
        """Return `exp`. Raises _Invalid if a registered claim does not hold (RFC 7519 section 4.1)."""
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        subject = claims.get("sub")
        expires = claims.get("exp")
        starts = claims.get("nbf", 0)
        if (
            claims.get("iss") != self._issuer
            or not isinstance(audiences, list) or not any(isinstance(one, str) and one in self._audience
                                                          for one in audiences)
            or not isinstance(subject, str) or not subject
            or not _is_date(expires) or not _is_date(starts)
            or now >= expires + self._leeway or now < starts - self._leeway
        ):
            raise _Invalid
        return float(expires)


def _is_date(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_DATE


def _granted(claims: dict[str, Any]) -> frozenset[str]:
    """Return the scopes of a token: `scope`, separated by spaces (RFC 8693 section 4.2), or `scp`, as some issuers
    send."""
    granted = claims.get("scope", claims.get("scp", ""))
    words = granted.split(" ") if isinstance(granted, str) else granted
    return frozenset(word for word in words if isinstance(word, str)) if isinstance(words, list) else frozenset()
