"""The keys of `figway sweep`: which operation they are for, and what is asked for a line."""

import pytest

from gateway.capability import Capability, Operation
from gateway.cli.keys import operation_of, read_keys
from gateway.cli.sources import Refused

READ = Operation("read", "/patients/{id}", frozenset({"GET"}))
VISIT = Operation("visit", "/patients/{id}/visits/{number}")
FILE = Operation("file", "/files/{rest*}")
ADD = Operation("add", "/patients/{id}", frozenset({"PUT"}))
SEARCH = Operation("search", "/patients/{id}", frozenset({"GET"}), query=(("name", None),))


def capability(*operations):
    return Capability("clinic", "us", operations, None)


def targets(lines, *operations, name=None, limit=None):
    found = read_keys([f"{one}\n".encode() for one in lines], capability(*operations), name, limit)
    assert found.faults == ()
    return [one.target.decode() for one in found.keys]


@pytest.mark.parametrize(("operation", "line", "target"), [
    (READ, "MRN-1", "/patients/MRN-1"),
    (READ, " MRN 1/2?x ", "/patients/MRN%201%2F2%3Fx"),
    (READ, "urn:oid:1,2@x|7", "/patients/urn:oid:1,2@x%7C7"),
    (READ, "Zoë", "/patients/Zo%C3%AB"),
    (VISIT, "MRN-1\t7", "/patients/MRN-1/visits/7"),
    (FILE, "a/b c", "/files/a/b%20c"),
])
def test_a_line_is_the_values_of_the_paths_parameters(operation, line, target):
    name = None if operation is not VISIT else "visit"
    assert targets([line], operation, ADD, SEARCH, name=name) == [target]


def test_a_whole_target_is_kept_as_it_is():
    assert targets(["/patients?name=A%20b&x=ü"], READ) == ["/patients?name=A%20b&x=%C3%BC"]


def test_each_key_is_asked_once_and_lines_keep_their_numbers():
    found = read_keys([b"\xef\xbb\xbf1\r\n", b"\n", b"2\n", b"1\n", b"3"], capability(READ), None, None)
    assert [(one.line, one.target) for one in found.keys] == [
        (1, b"/patients/1"), (3, b"/patients/2"), (5, b"/patients/3")]
    assert found.repeated == 1
    assert targets("12345", READ, limit=2) == ["/patients/1", "/patients/2"]


def test_a_line_that_is_no_key_is_named_by_its_number_alone():
    found = read_keys([b"1\n", b"\xff\n", b"1\t\n", b"1\t2\t3\n"], capability(VISIT), "visit", None)
    assert found.faults == ("line 1: visit takes 2 values, separated by tabs", "line 2: not UTF-8",
                            "line 3: visit takes 2 values, separated by tabs",
                            "line 4: visit takes 2 values, separated by tabs")


def test_what_a_key_says_shows_in_no_repr():
    [key] = read_keys([b"MRN-1\n"], capability(READ), None, None).keys
    assert "MRN" not in repr(key)


@pytest.mark.parametrize(("operations", "name", "why"), [
    ((READ, VISIT, FILE), None, "clinic has several read operations with one path parameter: choose with --operation "
                                "read or visit or file"),
    ((VISIT,), None, "no read operations with one path parameter: choose with --operation visit"),
    ((ADD,), None, "no read operations with one path parameter: write whole request targets"),
    ((READ, ADD), "add", "clinic.add is no read by GET"),
    ((READ,), "raed", 'clinic has no operation "raed"; did you mean "read"?'),
    ((READ, SEARCH), "search", "clinic.search has no path parameter, or has a condition on the query"),
])
def test_an_operation_that_cannot_be_swept_is_refused_with_the_choices(operations, name, why):
    with pytest.raises(Refused) as refused:
        operation_of(capability(*operations), name)
    assert why in str(refused.value)
