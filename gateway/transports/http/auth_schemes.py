"""Recognises authentication that logs in a connection, not a request (RFC 4559 section 6; RFC 9110 section 11).

Some schemes are known to do so. Another scheme is recognised by its challenge, which carries a token, or something new
in reply to credentials of the same scheme. The client must answer such a challenge on the same connection.
"""

import re

# Some servers strip more than blanks from a value, such as the no-break space of Latin-1.
_CONNECTION = re.compile(rb"[^!-~]*(?:ntlm|nego|kerberos|spnego|gss|credssp)", re.IGNORECASE)
# Schemes that log in each request by itself: those of RFC 9110's registry, and other common ones.
_REQUEST = frozenset({
    b"basic", b"bearer", b"digest", b"dpop", b"gnap", b"hoba", b"mutual", b"oauth", b"privatetoken", b"scram-sha-1",
    b"scram-sha-256", b"vapid", b"concealed", b"aws4-hmac-sha256", b"token", b"apikey", b"hawk", b"signature",
})
# Parameters that say what a challenge asks for. They do not continue a login that has begun.
_STANDING = frozenset({b"realm", b"charset", b"scope", b"error", b"error_description", b"error_uri", b"title", b"uri"})
# One element of a list of challenges: a quoted string may hold commas.
_ELEMENT = re.compile(rb'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
_PARAMETER = re.compile(rb"[ \t]*([^\s=,\"]+)[ \t]*=[ \t]*[^\s=]")
_SCHEME = re.compile(rb"[ \t]*([^\s=,\"]+)[ \t]*(.*)", re.DOTALL)
_AUTHORIZATION = re.compile(rb"^authorization:[ \t]*([^\s,]+)", re.IGNORECASE | re.MULTILINE)


def logs_in(authorization: bytes) -> bool:
    """Whether the value of an Authorization field is of a scheme that is known to log in the connection."""
    return _CONNECTION.match(authorization) is not None


def login(fields: list[tuple[bytes, bytes]]) -> tuple[bytes, ...] | None:
    """Return what an answer's WWW-Authenticate and Persistent-Auth fields say about its connection.

    None: the connection may serve any client. (): it belongs to the client that was answered. Schemes, in lower case:
    it belongs to that client if its request had credentials of one of them.
    """
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
    """Whether a request's head, as it was sent, has credentials of one of these schemes (lower case)."""
    return any(found.lower() in schemes for found in _AUTHORIZATION.findall(head))
