"""The rules of HTTP/1.1 that an upstream's answer can break, by the names that logs, metrics and problems give them.

A rule of REPAIRS is broken in a way that leaves one meaning: the answer is repaired (wire/untidy.py). Any other rule
is broken in a way that leaves two meanings, or none: the answer is refused. `upstreams.NAME.strict` refuses both.
"""

REPAIRS: dict[str, str] = {
    "blank_lines": "blank lines come before the status line",
    "line_ends": "lines end with LF alone, or with CR CR LF",
    "status_line": "the status line has more blanks, a sub-status or a later version",
    "status_line_twice": "the status line stands among the fields once more",
    "blank_before_colon": "blanks stand before the colon of a field",
    "folded_field": "a field goes on in the next line",
    "field_name": "a field's name holds characters that no name has",
    "control_characters": "a field's value or the reason phrase holds control characters",
    "length_twice": "Content-Length is there more than once, with the same length",
    "length_and_chunked": "Content-Length is there beside chunked",
    "chunked_twice": "chunked is there more than once",
    "chunked_on_http_1_0": "chunked is there on HTTP/1.0",
    "identity_coding": "the transfer coding is identity",
    "body_of_204": "a 204 announces a body",
    "chunk_line": "a chunk's line has blanks around its size, too many zeros or LF alone at its end",
    "last_line": "the connection ended before the empty line after the last chunk",
}
"""Rules whose breach is repaired, and what the answer did."""

RULES: dict[str, str] = REPAIRS | {
    "not_http": "it does not begin as an answer of HTTP/1",
    "head": "its head is not one of HTTP/1.1",
    "head_too_large": "its head is too large",
    "first_status_line": "its status line is not one of HTTP/1.1",
    "statuses_differ": "it has two status lines that differ",
    "bare_cr": "a CR stands within a line of its head",
    "nul": "a NUL stands in its head",
    "no_colon": "a line of its head has no colon",
    "no_name": "a field has no name",
    "blank_in_name": "a blank or a control character stands in a field's name",
    "folded_first": "the first field begins with a blank",
    "folded_blank": "a line of its head has nothing but blanks",
    "folded_length": "a field that says where the body ends goes on in the next line",
    "framing_name": "a field's name is nearly one that says where the body ends",
    "framing_value": "a control character stands in a field that rules the connection",
    "bad_length": "Content-Length is no number of 1 to 18 digits",
    "lengths_differ": "it gives two lengths that differ",
    "coding": "its transfer coding is not chunked",
    "length_and_chunked_on_http_1_0": "Content-Length is there beside chunked, on HTTP/1.0",
    "chunk_size": "a line is no chunk's size",
    "chunk_end": "a chunk is longer than its size",
    "trailer": "a trailer field is malformed",
    "chunk_allowance": "chunk extensions and trailers are too large",
    "interim_flood": "too many interim answers come before the final one",
    "unasked_upgrade": "it upgrades a connection that was not to be upgraded",
}
"""All rules, and what the answer did."""
