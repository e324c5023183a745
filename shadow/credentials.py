"""Credentials in a request: which header fields, query and path parameters hold them. Pure.

A mirror is sent to a system that the client did not choose. So credentials stay behind unless the capability passes
them: by the names below, which gateways and servers use for them (Kong, Azure API Management, AWS, Google Cloud,
oauth2-proxy, OpenStack, Tomcat, PHP, ASP.NET), and by the endings that others of their kind have.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from adapters.message import Headers, Request

SECRETS = frozenset({
    b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"client-cert", b"client-cert-chain",
    b"x-forwarded-client-cert", b"x-client-cert", b"x-ssl-client-cert", b"ssl-client-cert", b"x-arr-clientcert",
    b"x-amzn-mtls-clientcert", b"x-amzn-mtls-clientcert-leaf",
    b"apikey", b"api-key", b"ocp-apim-subscription-key", b"x-functions-key", b"x-goog-api-key", b"x-auth-key",
    b"x-auth-token", b"x-access-token", b"x-session-token", b"x-session-id", b"x-token", b"token", b"x-vault-token",
    b"private-token", b"x-subject-token", b"x-amz-security-token", b"x-amzn-oidc-data", b"x-amzn-oidc-accesstoken",
    b"cf-access-jwt-assertion", b"x-goog-iap-jwt-assertion", b"x-forwarded-access-token", b"x-forwarded-authorization",
    b"x-auth-request-access-token", b"x-ms-client-principal", b"x-ms-token-aad-access-token", b"dpop",
    b"x-authorization", b"authentication",
})
"""Request header fields, in lower case, that hold credentials: their values are never kept."""

# The name of a parameter or a field, without its case and its "-", "_" and ".".
_NAMES = re.compile(
    rb".*(?:access|auth|authentication|bearer|id|jwt|login|private|refresh|security|session|sso|subject|user)token"
    rb"|.*(?:api|auth|subscription)key|.*(?:authorization|jwtassertion|(?:api|app|client|shared)secret|passwd|password)"
    rb"|jwt|token|pwd|samlresponse|sessionid|jsessionid|phpsessid|aspnetsessionid|xamzsignature|xamzcredential|xgoogsignature|xgoogcredential")
# The name of a field alone: what is no credential under a parameter's name, such as a session of a conference, is one
# there. Tokens by which a client goes on reading, and those against forged requests, are none.
_FIELD_NAMES = re.compile(
    rb"(?!.*(?:continuation|csrf|cursor|next|page|sync|xsrf)token).*(?:token|secret|wsse|credentials?)"
    rb"|x?(?:auth|bearer|jwt|session|sessionid|sid)")
_FILLING = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"), b"-_."

# Tomcat's ;jsessionid=…, also encoded, and ASP.NET's /(S(…))/. A server may read "%3B" as a semicolon.
_IN_PATH = re.compile(rb"(?i)(?:;|%3b)((?:(?!%3b|%3d)[^;/=])*)(?:=|%3d)(?:(?!%3b)[^;/])*")
_COOKIELESS = re.compile(rb"(?i)/\((?:[asf]\([^/()]*\))+\)(?=/|$)")
_FIELDS, _ENDED, _NAME_END = re.compile(rb"[&;]"), re.compile(rb"[^&;]*[&;]?"), re.compile(rb"[=&;]")
_LOGIN = re.compile(
    rb"(?i)(?:^|[/._-])(?:log-?[io]n|sign-?[io]n|sso|auth|authorize|authenticate|oauth2?|oidc|saml2?|cas|adfs|idp|accounts)"
    rb"(?:$|[/._;-])")
# What a target has that holds one.
_MAY_HOLD = re.compile(rb"[;%(?]")
_FORM = b"application/x-www-form-urlencoded"


@lru_cache(maxsize=1024)
def is_credential(field: bytes) -> bool:
    """Whether a header field of this name holds a credential."""
    return field.lower() in SECRETS or _is_parameter(field) or _FIELD_NAMES.fullmatch(_plain(field)) is not None


def _is_parameter(name: bytes) -> bool:
    """Whether a parameter of this name, percent-encoded or not, holds a credential."""
    return _NAMES.fullmatch(_plain(name)) is not None


def _plain(name: bytes) -> bytes:
    return unquote_to_bytes(name).translate(*_FILLING)


def without_in_path(path: bytes) -> bytes:
    """The path, or a part of it, without the parameters that hold credentials."""
    if b";" in path or b"%" in path:
        path = _IN_PATH.sub(_kept, path)
    return _COOKIELESS.sub(b"", path) or b"/" if b"(" in path else path


def _kept(found: re.Match[bytes]) -> bytes:
    name = _plain(found[1])
    return b"" if _NAMES.fullmatch(name) or name.endswith((b"sessionid", b"sessid", b"sid")) else found[0]


def without_in_query(query: bytes) -> bytes:
    """A query, or the body of a form, without the fields that hold credentials."""
    if not (_is_suspect(query.lower()) and any(_is_parameter(one.partition(b"=")[0]) for one in _FIELDS.split(query))):
        return query
    return b"".join(one for one in _ENDED.findall(query) if not _is_parameter(_NAME_END.split(one, 1)[0])).rstrip(b"&;")


def _is_suspect(query: bytes) -> bool:
    """Whether a query in lower case may hold a credential: no name of one lacks all of these. It is quick."""
    return (b"token" in query or b"key" in query or b"pwd" in query or b"saml" in query
            or b"sess" in query or b"pass" in query or b"jwt" in query
            or b"auth" in query or b"assert" in query or b"secret" in query or b"sign" in query or b"cred" in query
            or b"%" in query)


def without_in_target(target: bytes) -> bytes:
    """A request target without credentials: the same object if there are none."""
    if _MAY_HOLD.search(target) is None:
        return target
    path, mark, query = target.partition(b"?")
    bare = without_in_path(path) if b";" in path or b"%" in path or b"(" in path else path
    rest = without_in_query(query) if query else query
    if (bare, rest) == (path, query):
        return target
    return bare + mark + rest if rest else bare


def without_in_body(request: Request) -> bytes:
    """A request's body without credentials: the same object if there are none, or if it is no form (RFC 6750 section
    2.2)."""
    body = request.body
    is_form = body and (request.headers.get(b"content-type") or b"").lower().startswith(_FORM)
    return without_in_query(body) if is_form else body


def is_refusal(status: int, headers: Headers) -> bool:
    """Whether an answer wants credentials: 401, 403, or a redirect to a page at which a person logs in."""
    if status in (301, 302, 303, 307, 308):
        place = (headers.get(b"location") or b"").partition(b"?")[0]
        return _LOGIN.search(place) is not None
    return status in (401, 403)


def carries_credentials(request: Request, names: frozenset[bytes]) -> bool:
    """Whether a request has a credential, in its fields (those called `names`, in lower case, too), its target or its
    form."""
    return (
        _holds(request.headers.names, names)
        or without_in_target(request.target) is not request.target
        or without_in_body(request) is not request.body
    )


@lru_cache(maxsize=512)
def _holds(fields: tuple[bytes, ...], names: frozenset[bytes]) -> bool:
    """Whether one of these fields holds a credential. Most requests have the fields of one before."""
    return any(field.lower() in names or is_credential(field) for field in fields)
