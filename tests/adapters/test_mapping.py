"""The field map: what becomes of a tree, and what it refuses to guess."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters import document, xml
from adapters.base import AdapterError
from adapters.mapping import Field, FieldMap


def read(field, text, namespaces=None):
    return FieldMap(field, xml.XmlSource(namespaces)).read(xml.parse(text.encode()))


@pytest.mark.parametrize(("kind", "text", "json"), [
    ("string", "00123", '"00123"'),
    ("string", "  two  ", '"  two  "'),
    ("string", "", '""'),
    ("decimal", "72.50", "72.50"),
    ("decimal", "+007.10", "7.10"),
    ("decimal", ".5", "0.5"),
    ("decimal", "5.", "5"),
    ("decimal", "-0.0", "-0.0"),
    ("decimal", "1.0E-3", "1.0E-3"),
    ("decimal", " 123456789012345678901234567890.10\n", "123456789012345678901234567890.10"),
    ("integer", "-007", "-7"),
    ("integer", "000", "0"),
    ("boolean", "1", "true"),
    ("boolean", " false ", "false"),
    ("date", "2024-02-29", '"2024-02-29"'),
    ("datetime", "2024-02-29T10:00:00.123456789", '"2024-02-29T10:00:00.123456789"'),
    ("instant", "2024-02-29T10:00:00+01:00", '"2024-02-29T10:00:00+01:00"'),
])
def test_a_value_keeps_its_digits(kind, text, json):
    assert document.dump(read(Field(path="V", type=kind), f"<r><V>{text}</V></r>")) == json.encode()


@pytest.mark.parametrize(("kind", "text"), [
    ("decimal", "INF"), ("decimal", "1,5"), ("decimal", "."), ("decimal", "1.2.3"), ("decimal", "\u0664"),
    ("integer", "1.0"), ("integer", "1e3"), ("boolean", "yes"), ("boolean", "TRUE"),
    ("date", "2023-02-29"), ("date", "2024-01-01Z"), ("date", "20240101"), ("date", "2024-W01-1"),
    ("datetime", "2024-13-01T00:00:00"), ("datetime", "2024-01-01"), ("instant", "2024-01-01T00:00:00"),
])
def test_a_value_of_another_type_is_an_error_that_does_not_tell_it(kind, text):
    with pytest.raises(AdapterError) as caught:
        read(Field(fields={"value": Field(path="V", type=kind)}), f"<r><V>{text}</V></r>")
    assert caught.value.detail == f"/value is not of type {kind}"
    assert caught.value.side == "response"


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_stays_the_same_number_with_the_same_digits(number):
    body = document.dump(read(Field(type="decimal"), f"<v>{number}</v>"))
    assert body.decode() == str(number)


def test_a_list_is_a_list_however_many_there_are():
    field = Field(path="R", list=True, fields={"id": "@Id"})
    assert read(field, "<r/>") == []
    assert read(field, "<r><R Id='1'/></r>") == [{"id": "1"}]
    assert read(field, "<r><R Id='1'/><R Id='02'/></r>") == [{"id": "1"}, {"id": "02"}]
    assert read(Field(path="V", list=True, type="integer"), "<r><V>1</V><V/></r>") == [
        document.Number("1"), None]


def test_what_is_not_there_is_an_error_unless_the_map_says_what_it_is():
    fields = {"a": Field(path="A", missing="null"), "b": Field(path="B", missing="omit"), "c": "C"}
    assert read(Field(fields=fields), "<r><C>x</C></r>") == {"a": None, "c": "x"}
    with pytest.raises(AdapterError, match=r"^/c is missing$"):
        read(Field(fields=fields), "<r/>")
    with pytest.raises(AdapterError, match=r"^/c is there more than once$"):
        read(Field(fields=fields), "<r><C>x</C><C>y</C></r>")


def test_an_empty_number_is_not_there_and_a_nil_one_is_null():
    nil = '<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><V i:nil="true"/></r>'
    omitted = Field(fields={"v": Field(path="V", type="decimal", missing="omit")})
    assert read(omitted, "<r><V> </V></r>") == {}
    assert read(omitted, nil) == {"v": None}
    assert read(Field(path="V", fields={"w": "W"}), nil) is None


def test_codes_are_translated_by_a_closed_table():
    field = Field(path="F", values={"H": "high", "N": False})
    assert read(field, "<r><F>H</F></r>") == "high"
    assert read(field, "<r><F>N</F></r>") is False
    with pytest.raises(AdapterError, match="table of values"):
        read(field, "<r><F>h</F></r>")


def test_paths_choose_by_name_namespace_attribute_and_condition():
    text = """<r xmlns:a="urn:a" xmlns:b="urn:b"><a:X>1</a:X><b:X>2</b:X>
        <Id type="MRN"><V>00123</V></Id><Id type="NHS"><V>999</V></Id><P><K>x/y</K><V>3</V></P></r>"""
    assert read("a:X", text, {"a": "urn:a"}) == "1"
    assert read(Field(path="X", list=True), text) == ["1", "2"]
    assert read("Id[@type=MRN]/V", text) == "00123"
    assert read("P[K='x/y']/V", text) == "3"
    assert read(Field(path="Id/@type", list=True), text) == ["MRN", "NHS"]


def test_a_text_with_elements_in_it_is_not_cut_off():
    with pytest.raises(AdapterError, match=r"^/v is not a single value$"):
        read(Field(fields={"v": "V"}), "<r><V>1<b/>2</V></r>")


def test_a_comment_does_not_cut_a_text_off():
    assert read("V", "<r><V>00<!-- -->12<?x?>3<![CDATA[4]]></V></r>") == "001234"


@pytest.mark.parametrize("field", [
    "", "/a", "a//b", "a/", "@a/b", "a[b]", "x:a", "a b", "a/../b",
    Field(fields={}, type="date"), Field(values={}, type="date"), Field(literal="x", path="y"),
    Field(list=True, missing="null"),
])
def test_a_map_that_contradicts_itself_says_where(field):
    with pytest.raises(ValueError, match=r"^/inner: "):
        FieldMap(Field(fields={"inner": field}), xml.XmlSource())


def test_a_map_is_written_as_yaml_has_it():
    field = TypeAdapter(Field | str).validate_python(
        {"fields": {"kind": {"literal": "result"}, "items": {"path": "R", "list": True, "fields": {"id": "@Id"}}}})
    assert read(field, "<r><R Id='1'/></r>") == {"kind": "result", "items": [{"id": "1"}]}
