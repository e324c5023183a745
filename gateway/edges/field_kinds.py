"""The kinds of request fields that the gateway treats specially, and how it recognises their names.

Some servers behind the gateway accept other spellings of a name. CGI-like servers take "Content_Length" for
Content-Length. PHP also takes a dot for an underscore, and lighttpd any character that is no letter or digit. So that
no client can slip a field past the gateway in such a spelling, each name is also looked up in its plain spelling.
"""

(KEEP, HOST, LENGTH, CODING, CONNECTION, DROP, TE, UPGRADE, EXPECT, FORWARDED, TRACE, TRACE_STATE, REQUEST_ID, VIA,
 OURS, MAX_FORWARDS, AUTHORIZATION, OVERRIDE) = range(18)

KINDS: dict[bytes, int] = {
    b"host": HOST, b"content-length": LENGTH, b"transfer-encoding": CODING, b"connection": CONNECTION,
    b"keep-alive": DROP, b"proxy-connection": DROP, b"proxy-authorization": DROP, b"http2-settings": DROP,
    b"trailer": DROP, b"te": TE, b"upgrade": UPGRADE, b"expect": EXPECT,
    b"forwarded": FORWARDED, b"x-forwarded-for": FORWARDED, b"x-forwarded-proto": FORWARDED,
    b"x-forwarded-host": FORWARDED, b"x-forwarded-port": FORWARDED, b"x-forwarded-prefix": FORWARDED,
    b"x-forwarded-ssl": FORWARDED, b"x-forwarded-scheme": FORWARDED, b"x-real-ip": FORWARDED,
    b"traceparent": TRACE, b"tracestate": TRACE_STATE, b"x-request-id": REQUEST_ID, b"via": VIA,
    b"max-forwards": MAX_FORWARDS, b"authorization": AUTHORIZATION,
    b"x-http-method-override": OVERRIDE, b"x-http-method": OVERRIDE, b"x-method-override": OVERRIDE,
}
"""Lower-case name → kind. A field that is not listed is kept as it is."""

_SPECIAL = b"_.!#$%&'*+^`|~"
_TO_HYPHENS = bytes.maketrans(_SPECIAL, b"-" * len(_SPECIAL))
# gunicorn believes these from a proxy that it trusts: they say which part of the path belongs to the application.
_FORGED = frozenset({b"script_name", b"path_info"})


def plain(name: bytes) -> bytes:
    """A lower-case name in its plain spelling: every special character is a hyphen."""
    return name.translate(_TO_HYPHENS)


def kind_of(name: bytes, read: frozenset[bytes]) -> int:
    """The kind of the field called `name`; `read` holds the lower-case names that policies and operations read."""
    lower = name.lower()
    spelled = plain(lower)
    if spelled.startswith(b"x-figway-"):
        return OURS
    kind = KINDS.get(spelled, KEEP)
    if lower != spelled and kind not in (KEEP, FORWARDED, OVERRIDE):
        # Another spelling of a field that the gateway judges, such as Content_Length. Some servers would obey it.
        return DROP
    if lower in _FORGED or (lower != spelled and spelled in read and lower not in read):
        return DROP
    return kind
