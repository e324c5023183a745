"""Normalisers: each takes away its one variation, on both sides alike, and makes nothing valid that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.document import Number
from gateway import plugins
from shadow.testing import check_normaliser

SAMPLES = [
    "2024-02-29T11:00:00+0100", "2024-02-29T10:00:00.000+0000", "2024-02-29T10:00:00-00:00",
    "2024-02-29T10:00:00Z", "2024-02-29T11:00:00+01:00", "2024-02-29T10:00:00.000Z", "2024-02-29T10:00:00.5Z",
    "2023-02-29T10:00:00Z", "2024-02-29", "2024-02-29T10:00:00", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+14:00",
    "00000000-0000-4000-8000-000000000000", "urn:uuid:00000000-0000-4000-8000-000000000001",
    "http://a.example/fhir/Patient/1?x=1", "https://b.example/Patient/1?x=1", "http://b.example", "/Patient/1",
    "Glucose", "GLUCOSE", " glucose\t", "Straße", "STRASSE", "x" * 600, " ", "a b", "12", "-3.50", "1e5", "٣",
    Number("1"), Number("1.0"), Number("1.05"), Number("-7"), Number("1e999"), Number("9" * 30),
]
NUMBERS = st.from_regex(r"-?[0-9]+(\.[0-9]+)?(e[0-9])?", fullmatch=True).map(Number)
BUILT = [
    ("volatile", ("instant",)), ("volatile", ("uuid",)), ("volatile", ("opaque",)), ("volatile", ("url",)),
    ("volatile", ("int",)), ("tolerance", (0.1,)), ("tolerance", (0.0, 0.01)), ("tolerance", (0.0, 0.0, 1.0)),
    ("instants", ()), ("case", ()), ("space", ()), ("host", ()), ("host", (("/fhir",),)),
]


def make(name, *options):
    kind = plugins.load("figway.normalisers", name)
    return kind(kind.Options(*options))


@pytest.mark.parametrize(("name", "options"), BUILT)
def test_every_normaliser_keeps_its_contract(name, options):
    check_normaliser(make(name, *options), SAMPLES)


@pytest.mark.parametrize(("name", "options"), BUILT)
@given(one=st.text() | st.none() | st.booleans() | NUMBERS, other=st.text() | NUMBERS)
def test_no_value_breaks_a_normaliser(name, options, one, other):
    check_normaliser(make(name, *options), [one, other])


def test_all_that_is_registered_is_checked():
    assert {name for name, _ in BUILT} == set(plugins.names("figway.normalisers"))


@pytest.mark.parametrize(("name", "options", "legacy", "modern", "alike"), [
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2025-01-01T00:00:00+02:00", True),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2024-02-29", False),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2023-02-29T10:00:00Z", False),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "", False),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2025-01-01T00:00:00.5+0200", True),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2025-01-01T00:00:00+02", False),
    ("volatile", ("instant",), "2024-02-29T10:00:00Z", "2025-01-01T00:00:00+0260", False),
    ("instants", (), "2024-02-29T10:00:00Z", "2024-02-29T12:00:00.0+0200", True),
    ("instants", (), "2024-02-29T10:00:00Z", "2024-02-29T10:00:00+0200", False),
    ("volatile", ("uuid",), "00000000-0000-4000-8000-000000000000", "10000000-0000-4000-8000-00000000000", False),
    ("volatile", ("opaque",), "abc", "d", True), ("volatile", ("opaque",), "abc", "d e", False),
    ("volatile", ("int",), Number("1"), Number("22"), True), ("volatile", ("int",), Number("1"), Number("2.5"), False),
    ("volatile", ("int",), Number("1"), "1", False),
    ("tolerance", (0.1,), Number("72.5"), Number("72.6"), True),
    ("tolerance", (0.1,), Number("72.5"), Number("72.61"), False),
    ("tolerance", (0.1,), Number("0.30000000000000000001"), Number("0.4"), True),
    ("tolerance", (0.1,), "72.5", "72.60", True), ("tolerance", (0.1,), "72.5 mg", "72.5 g", False),
    ("tolerance", (0.0, 0.01), Number("100"), Number("101"), True),
    ("tolerance", (0.0, 0.01), Number("-100"), Number("100"), False),
    ("tolerance", (0.0, 0.0, 1.0), Number("1.23"), Number("1.2"), True),
    ("tolerance", (0.0, 0.0, 1.0), Number("1.23"), Number("1.25"), False),
    ("instants", (), "2024-02-29T10:00:00Z", "2024-02-29T11:00:00+01:00", True),
    ("instants", (), "2024-02-29T10:00:00.5Z", "2024-02-29T10:00:00.500Z", True),
    ("instants", (), "2024-02-29T10:00:00Z", "2024-02-29T10:00:00+01:00", False),
    ("instants", (), "2024-02-29T10:00:00Z", "2024-02-29T10:00:00.000000001Z", False),
    ("instants", (), "2024-02-29T10:00:00", "2024-02-29T10:00:00Z", False),
    ("case", (), "Straße", "STRASSE", True), ("case", (), "a", "b", False),
    ("space", (), "a  b ", "a\nb", True), ("space", (), "ab", "a b", False), ("space", (), " ", "", False),
    ("host", (), "http://a/x?y=1", "https://b:8080/x?y=1", True), ("host", (), "http://a/x?y=1", "http://a/x", False),
    ("host", (("/fhir",),), "http://a/fhir/Patient", "http://b/Patient", True),
    ("host", (), "http://a", "http://b/", True), ("host", (), "/x", "http://a/x", False),
])
def test_what_is_alike(name, options, legacy, modern, alike):
    assert make(name, *options).alike(legacy, modern) is alike


@pytest.mark.parametrize(("name", "options"), [
    ("tolerance", ()), ("tolerance", (-1.0,)), ("tolerance", (0.0, 1.0)), ("host", (("fhir",),)), ("host", (("/",),)),
])
def test_options_that_make_no_sense_are_refused_by_name(name, options):
    with pytest.raises(ValueError, match=r"^(absolute|bases): "):
        make(name, *options)
