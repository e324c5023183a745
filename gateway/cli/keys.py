"""Reads the keys of `figway sweep`: one a line, each to a request target. No message quotes a key, which may be a
patient's id: messages name the line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.capability import Capability, Operation
from gateway.cli.sources import Refused
from gateway.config.problem import did_you_mean
from gateway.reading import segments

# A key is one part of a path. These characters may stand there as they are (RFC 3986 section 3.3), and clients send
# them so.
_PLAIN = ":@,"


@dataclass(frozen=True, slots=True)
class Key:
    """The request target that a line stands for. `line` is the line's number in the file, from 1."""

    line: int
    target: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a file of keys says: each key once. `repeated` counts the lines that say what a line before them said, and
    `faults` are messages about lines that are no key."""

    keys: tuple[Key, ...]
    repeated: int
    faults: tuple[str, ...]


def is_read(operation: Operation) -> bool:
    """Whether an operation may be swept: by GET, and asking changes nothing."""
    return operation.is_safe("GET") and (not operation.methods or "GET" in operation.methods)


def parameters(operation: Operation) -> int:
    """How many parameters the path of an operation has."""
    return sum(part.startswith("{") for part in segments(operation.path)) if operation.path else 0


def operation_of(capability: Capability, name: str | None) -> Operation:
    """The operation whose path the keys fill in: the one of that name, else the only read operation with one path
    parameter. Raises Refused, with the choices."""
    choices = [one for one in capability.operations if is_read(one) and parameters(one) and not one.query]
    if name is None:
        single = [one for one in choices if parameters(one) == 1]
        if len(single) == 1:
            return single[0]
        raise Refused(f"{capability.name} has {'several' if single else 'no'} read operations with one path parameter: "
                      + _choose(choices))
    known = {one.name: one for one in capability.operations}
    if name not in known:
        raise Refused(f'{capability.name} has no operation "{name}"{did_you_mean(name, known)}')
    if not is_read(known[name]):
        raise Refused(f"{capability.name}.{name} is no read by GET: a sweep must not change anything")
    if known[name] not in choices:
        raise Refused(f"{capability.name}.{name} has no path parameter, or has a condition on the query: "
                      "write whole request targets that begin with /")
    return known[name]


def _choose(choices: Sequence[Operation]) -> str:
    if not choices:
        return "write whole request targets that begin with /"
    return (f"choose with --operation {' or '.join(one.name for one in choices)}, "
            "or write whole request targets that begin with /")


def read_keys(lines: Iterable[bytes], capability: Capability, name: str | None, limit: int | None) -> Keys:
    """Read the keys, at most `limit` of them. A line that begins with "/" is a request target. Any other has the values
    of an operation's path parameters, separated by tabs. Blank lines are left out. Raises Refused if there is no
    operation for the values."""
    found: dict[bytes, Key] = {}
    faults: list[str] = []
    repeated = 0
    operation = None if name is None else operation_of(capability, name)
    for number, text in _texts(lines, faults):
        if len(found) == limit:
            break
        if text.startswith("/"):
            target = _ascii(text)
        else:
            operation = operation or operation_of(capability, None)
            values = text.split("\t")
            if len(values) != parameters(operation) or not all(values):
                wanted = parameters(operation)
                faults.append(f"line {number}: {operation.name} takes {wanted} "
                              f"{'value' if wanted == 1 else 'values, separated by tabs'}")
                continue
            target = filled(operation, values)
        if target in found:
            repeated += 1
        else:
            found[target] = Key(number, target)
    return Keys(tuple(found.values()), repeated, tuple(faults))


def _texts(lines: Iterable[bytes], faults: list[str]) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n ")
        except UnicodeDecodeError:
            faults.append(f"line {number}: not UTF-8")
            continue
        if text:
            yield number, text


def _ascii(target: str) -> bytes:
    """A target with the characters that it cannot have percent-encoded."""
    return quote(target, safe="!#$%&'()*+,/:;=?@[]~|\"<>\\^`{}").encode("ascii")


def filled(operation: Operation, values: Sequence[str]) -> bytes:
    """The request target of an operation whose path parameters have these values."""
    left = iter(values)
    parts = [_filled(part, next(left)) if part.startswith("{") else part for part in segments(operation.path or "")]
    return "/".join(("", *parts)).encode("ascii")


def _filled(part: str, value: str) -> str:
    return quote(value, safe=_PLAIN + "/" if part.endswith("*}") else _PLAIN)
