"""Which authentication logs in a connection instead of a request (RFC 4559 section 6; RFC 9110 section 11).

Some schemes are known for it. Any other gives itself away by a challenge that carries a token, or something new in
reply to credentials of the same scheme: whoever is to answer that must be on the same connection.
"""

import re

# Some servers strip more than blanks from a value, such as the no-break space of Latin-1.
_CONNECTION = re.compile(rb"[^!-~]*(?:ntlm|nego|kerberos|spnego|gss|credssp)", re.IGNORECASE)
# Schemes of RFC 9110's registry, and common ones beside it, whose every request stands alone.
_REQUEST = frozenset({
    b"basic", b"bearer", b"digest", b"dpop", b"gnap", b"hoba", b"mutual", b"oauth", b"privatetoken", b"scram-sha-1",
    b"scram-sha-256", b"vapid", b"concealed", b"aws4-hmac-sha256", b"token", b"apikey", b"hawk", b"signature",
})
# Parameters by which a challenge says what it wants, and continues nothing.
_STANDING = frozenset({b"realm", b"charset", b"scope", b"error", b"error_description", b"error_uri", b"title", b"uri"})
# One element of a list of challenges: a quoted string may hold commas.
_ELEMENT = re.compile(rb'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(rb"[ \t]*([^\s=,\"]+)[ \t]*=[ \t]*[^\s=]")
_SCHEME = re.compile(rb"[ \t]*([^\s=,\"]+)[ \t]*(.*)", re.DOTALL)
_AUTHORIZATION = re.compile(rb"^authorization:[ \t]*([^\s,]+)", re.IGNORECASE | re.MULTILINE)


def logs_in(authorization: bytes) -> bool:
    """Whether an Authorization field's value is of a scheme that is known to log in the connection."""
    return _CONNECTION.match(authorization) is not None


def login(fields: list[tuple[bytes, bytes]]) -> tuple[bytes, ...] | None:
    """What the WWW-Authenticate and Persistent-Auth fields of an answer say of its connection. None: it stays
    anybody's. (): it belongs to the client that was answered. Schemes, in lower case: it belongs to that client if
    the request had credentials of one of them."""
    perhaps: list[bytes] = []
    for name, value in fields:
        if name.lower() == b"persistent-auth":
            return ()
        scheme = b""
        for element in _ELEMENT.findall(value):
            rest = element
            if _PARAMETER.match(element) is None:
                found = _SCHEME.match(element)
                if found is None:
                    continue
                scheme, rest = found[1].lower(), found[2].strip(b" \t")
                if _CONNECTION.match(scheme) is not None:
                    return ()
            if scheme in _REQUEST or not rest:
                continue
            parameter = _PARAMETER.match(rest)
            if parameter is None:
                return ()
            if parameter[1].lower() not in _STANDING:
                perhaps.append(scheme)
    return tuple(perhaps) or None


def offered(head: bytes, schemes: tuple[bytes, ...]) -> bool:
    """Whether a request's head, as it went out, has credentials of one of these schemes."""
    return any(found.lower() in schemes for found in _AUTHORIZATION.findall(head))
