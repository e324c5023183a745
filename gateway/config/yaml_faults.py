"""What to write in place of text that is no YAML: advice on the mistakes that people make. Pure.

A message quotes a path or a "${…}", and no other value: that could be a secret.
"""

import re

# A plain text in a map or list in braces, with braces of its own: "/patients/{id}", "${URL}".
_BEFORE = re.compile(r"[^\s,\[\]{}\"']*\Z")
_BRACED = re.compile(r"(?:[{\[][^{}\[\]\n]*[}\]][^\s,{}\[\]]*)+")
_SHOWN = re.compile(r"/[^\s\"]*|\$\{[^{}\s\"]*\}[^\s\"]*")
_CLOSED = re.compile(r"[\"'][ \t]*\Z")
_OPENING = ("{", "[", '"', "'")
_SIGNS = "%@`|>*&!"


def advice(text: str, at: int, began: int | None) -> str:
    """What to write instead, to follow a message about the character at index `at`; "" if that is not plain. `began`
    is where the map, list or text begins that the parser was in."""
    here, before = text[at:at + 1], text[max(0, at - 1):at]
    line = text[text.rfind("\n", 0, at) + 1:at]
    if here in ("{", "[") and before.strip() and before not in ",[{" and (rest := _BRACED.match(text, at)):
        found = _BEFORE.search(line)
        whole = (found[0] if found else "") + rest[0]
        shown = f': write "{whole}"' if _SHOWN.fullmatch(whole) else ""
        return f'text with "{here}" in it must be in quotes inside {{…}} and […]{shown}'
    if at >= len(text.rstrip()) and began is not None and text[began:began + 1] in _OPENING:
        return f'the {text[began]} at line {text.count(chr(10), 0, began) + 1} is never closed'
    if here == "\t":
        return "YAML is indented with blanks, never with tabs"
    sign = here if here and here in "%@`" else before if before and before in _SIGNS else ""
    if sign and not line.removesuffix(sign).rstrip(" ")[-1:].isalnum():
        return f'text that begins with "{sign}" must be in quotes'
    if before == "\\" or here == "\\":
        return r'''in "…" a backslash is written twice: "\\d"; in '…' it is written once'''
    if here == ":" and ":" in line:
        return 'text with ": " in it must be in quotes'
    if _CLOSED.search(line):
        return "the text in quotes ends before this: inside '…' write a quote twice"
    return ""
