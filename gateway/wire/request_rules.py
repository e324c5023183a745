"""The rules of HTTP/1.1 and TLS that a client can break, by the names that logs, metrics and problems give them.

A request that breaks one is refused, and none is repaired. The rule is looked for after the refusal: the grammar that
heads are matched against (heads.py) says only that one of them is broken.
"""

import re
import ssl

from gateway.wire.heads import TARGET, TOKEN

REQUEST_RULES: dict[str, str] = {
    "tls": "it speaks TLS to a port without TLS",
    "blank_start": "a blank or LF comes before the request line",
    "line_ends": "lines end with LF alone",
    "bare_cr": "a CR stands within a line of the head",
    "nul": "a NUL stands in the head",
    "http_0_9": "the request line has no version, as in HTTP/0.9",
    "request_line": "the request line is not a method, a target and a version with one blank between them",
    "blank_in_target": "a blank stands in the request target",
    "target_characters": "a control character stands in the request target",
    "method_name": "the method holds characters that no method has",
    "version": "the version is neither HTTP/1.1 nor HTTP/1.0",
    "folded_field": "a field goes on in the next line",
    "no_colon": "a line of the head has no colon",
    "no_name": "a field has no name",
    "blank_before_colon": "blanks stand before the colon of a field",
    "field_name": "a field's name holds characters that no name has",
    "control_characters": "a field's value holds control characters",
    "head_unfinished": "the client ended its side within the head",
    "no_host": "there is no Host",
    "host_twice": "Host is there more than once",
    "host_value": "Host is neither a name nor an address",
    "bad_length": "Content-Length is no number of 1 to 18 digits",
    "lengths_differ": "it gives two lengths that differ",
    "length_and_chunked": "Content-Length is there beside Transfer-Encoding",
    "coding": "the transfer coding is not chunked",
    "coding_on_http_1_0": "Transfer-Encoding is there on HTTP/1.0",
    "chunk": "the chunks of the body are malformed",
}
"""The rules of HTTP, and what the request did. Any other refusal goes by its code (gateway.errors.CODES)."""

TLS_RULES: dict[str, str] = {
    "tls_version": "the client speaks only versions of TLS that are not permitted",
    "tls_suites": "the client has no suite in common with what is permitted",
    "tls_groups": "the client has no group in common with what is permitted",
    "tls_signatures": "the client has no signature in common with what is permitted, or none for the certificate's key",
    "tls_certificate": "the client does not accept the certificate of the data port",
    "tls_not_spoken": "the client does not speak TLS",
    "tls_timeout": "the handshake took too long",
    "tls_left": "the client closed the connection within the handshake",
    "tls_handshake": "the handshake failed for another reason",
}
"""The rules of a handshake on the data port, and what happened."""

_ENDED = re.compile(rb"[^\n]*\n")
_VERSION = re.compile(rb"HTTP/1\.[01]")
_ANY_VERSION = re.compile(rb"HTTP/[0-9.]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HANDSHAKES = (b"\x16\x03", b"\x80")  # of TLS, and of SSL 2


def broken_rule(code: str, head: bytes) -> str:
    """The rule that a refused request broke, by the code that it got and what came of its head. It is the code itself
    where no rule is known. Takes time that grows with the head's length alone."""
    match code:
        case "bad_request" | "request_timeout" | "version_not_supported":
            return _of_lines(head) or _of_framing(head) or (
                "head_unfinished" if code == "bad_request" and head and not head.endswith(b"\r\n\r\n") else code)
        case "bad_host":
            hosts = len(_values(head, b"host"))
            return "no_host" if not hosts else "host_twice" if hosts > 1 else "host_value"
        case "bad_framing":
            return _of_framing(head) or "chunk"
        case "bad_target" if head.startswith(b"CONNECT "):
            return "method_not_supported"
        case _:
            return code


def _of_lines(head: bytes) -> str:
    """The first rule that a head breaks, line by line; "" if it breaks none as far as it goes."""
    if head.startswith(_HANDSHAKES):
        return "tls"
    if head[:1] in (b" ", b"\t", b"\n"):
        return "blank_start"
    lines = _ENDED.findall(head)
    if not lines:
        return "bare_cr" if b"\r" in head[:-1] else ""
    if any(not line.endswith(b"\r\n") for line in lines):
        return "line_ends"
    first, *others = (line[:-2] for line in lines)
    if any(b"\r" in line for line in (first, *others)):
        return "bare_cr"
    if any(b"\0" in line for line in (first, *others)):
        return "nul"
    return _of_request_line(first) or next((found for line in others if line and (found := _of_field(line))), "")


def _of_request_line(line: bytes) -> str:
    method, *rest = line.split(b" ")
    if not rest or TOKEN.fullmatch(method) is None:
        return "method_name" if rest and method else "request_line"
    *target, version = rest
    if not target:
        return "request_line" if _ANY_VERSION.fullmatch(version) else "http_0_9"
    if _VERSION.fullmatch(version) is None:
        return "version" if _ANY_VERSION.fullmatch(version) else "request_line"
    if len(target) > 1:
        return "blank_in_target" if all(target) else "request_line"
    return "" if TARGET.fullmatch(target[0]) else "target_characters" if target[0] else "request_line"


def _of_field(line: bytes) -> str:
    if line[:1] in (b" ", b"\t"):
        return "folded_field"
    name, colon, value = line.partition(b":")
    if not colon:
        return "no_colon"
    if not name:
        return "no_name"
    if TOKEN.fullmatch(name) is None:
        return "blank_before_colon" if TOKEN.fullmatch(name.rstrip(b" \t")) else "field_name"
    return "control_characters" if _CONTROL.search(value) else ""


def _of_framing(head: bytes) -> str:
    """The rule that the fields break which say where the body ends; "" if they break none."""
    lengths, codings = _values(head, b"content-length"), _values(head, b"transfer-encoding")
    if codings:
        if lengths:
            return "length_and_chunked"
        if head[:head.find(b"\r\n")].endswith(b"HTTP/1.0"):
            return "coding_on_http_1_0"
        return "" if [one.strip(b" \t").lower() for one in codings] == [b"chunked"] else "coding"
    numbers = {one.strip(b" \t") for value in lengths for one in value.split(b",")}
    if any(_LENGTH.fullmatch(one) is None for one in numbers):
        return "bad_length"
    return "lengths_differ" if len(numbers) > 1 else ""


def _values(head: bytes, name: bytes) -> list[bytes]:
    """The values of the fields of this name, which is in lower case."""
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value for field, _, value in fields if field.strip(b" \t").lower() == name]


# --- TLS -------------------------------------------------------------------------------------------------------------

_REASONS = {
    "UNSUPPORTED_PROTOCOL": "tls_version", "VERSION_TOO_LOW": "tls_version", "WRONG_SSL_VERSION": "tls_version",
    "UNKNOWN_PROTOCOL": "tls_version", "TLSV1_ALERT_PROTOCOL_VERSION": "tls_version",
    "INAPPROPRIATE_FALLBACK": "tls_version",
    "UNEXPECTED_EOF_WHILE_READING": "tls_left",
    "NO_SHARED_CIPHER": "tls_suites", "NO_CIPHERS_SPECIFIED": "tls_suites",
    "NO_SHARED_GROUP": "tls_groups", "NO_SHARED_GROUPS": "tls_groups", "NO_SUITABLE_GROUPS": "tls_groups",
    "NO_SUITABLE_KEY_SHARE": "tls_groups", "DH_KEY_TOO_SMALL": "tls_groups",
    "NO_SHARED_SIGNATURE_ALGORITHMS": "tls_signatures", "NO_SUITABLE_SIGNATURE_ALGORITHM": "tls_signatures",
    "WRONG_SIGNATURE_TYPE": "tls_signatures", "LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED": "tls_signatures",
    "TLSV1_ALERT_UNKNOWN_CA": "tls_certificate", "SSLV3_ALERT_BAD_CERTIFICATE": "tls_certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "tls_certificate", "SSLV3_ALERT_CERTIFICATE_EXPIRED": "tls_certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "tls_certificate", "TLSV1_ALERT_ACCESS_DENIED": "tls_certificate",
    "HTTP_REQUEST": "tls_not_spoken", "HTTPS_PROXY_REQUEST": "tls_not_spoken",
    "WRONG_VERSION_NUMBER": "tls_not_spoken", "RECORD_TOO_SMALL": "tls_not_spoken",
    "PACKET_LENGTH_TOO_LONG": "tls_not_spoken", "BAD_RECORD_TYPE": "tls_not_spoken",
}


def broken_handshake(error: BaseException) -> str:
    """The rule for which a handshake on the data port failed; "" if the gateway itself ended it."""
    if isinstance(error, ssl.SSLError):
        return _REASONS.get(error.reason or "", "tls_handshake")
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return "tls_timeout"
    return "tls_left" if isinstance(error, OSError) else ""
