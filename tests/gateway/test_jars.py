"""Cookies that are an arm's own: the names that clients see, and what each arm gets of a client's cookies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message import Headers
from gateway.jars import Jar, as_said

JARS = frozenset({b"legacy", b"modern"})
LEGACY = Jar("legacy", ("JSESSIONID", "ASPSESSIONID*", "__Host-sid"), adopts=True, jars=JARS)
MODERN = Jar("modern", ("JSESSIONID",), adopts=False, jars=JARS)
STRANGER = Jar("", jars=JARS)


def got(jar, *cookies):
    """The Cookie fields that an arm gets of these, and the plain names that were noted."""
    headers, plain = jar.opened(Headers([(b"Host", b"clinic"), *((b"Cookie", one.encode()) for one in cookies)]))
    return [value.decode() for value in headers.get_all(b"cookie")], {one.decode() for one in plain}


def set_by(jar, *cookies, plain=()):
    """The Set-Cookie fields that a client gets of these."""
    headers = jar.kept(Headers([(b"Set-Cookie", one.encode()) for one in cookies]),
                       frozenset(one.encode() for one in plain))
    return [value.decode() for value in headers.get_all(b"set-cookie")]


@pytest.mark.parametrize(("said", "shown"), [
    ("JSESSIONID=ab; Path=/; HttpOnly", "legacy~JSESSIONID=ab; Path=/; HttpOnly"),
    ("JSESSIONID =a=b", "legacy~JSESSIONID=a=b"),
    ("JSESSIONID=", "legacy~JSESSIONID="),
    ("ASPSESSIONIDQABCDEF=1; path=/", "legacy~ASPSESSIONIDQABCDEF=1; path=/"),
    ("__Host-sid=1; Secure; Path=/", "__Host-legacy~sid=1; Secure; Path=/"),
    ("jsessionid=ab", "legacy~jsessionid=ab"), ("theme=dark", "theme=dark"), ("JSESSIONID", "JSESSIONID"),
    ("flag; Path=/?JSESSIONID=1", "flag; Path=/?JSESSIONID=1"), ("=JSESSIONID", "=JSESSIONID"), ("", ""),
    ('JSESSIONID="a;b"', 'legacy~JSESSIONID="a;b"'),
])
def test_own_cookies_are_set_under_the_jars_name(said, shown):
    assert set_by(LEGACY, said) == [shown]


def test_several_cookies_keep_their_order():
    assert set_by(LEGACY, "a=1", "JSESSIONID=2", "b=3", "JSESSIONID=4") == [
        "a=1", "legacy~JSESSIONID=2", "b=3", "legacy~JSESSIONID=4"]


@pytest.mark.parametrize(("held", "legacy", "modern"), [
    ("legacy~JSESSIONID=l; modern~JSESSIONID=m", "JSESSIONID=l", "JSESSIONID=m"),
    ("a=1; legacy~JSESSIONID=l; b=2; modern~JSESSIONID=m", "a=1; JSESSIONID=l; b=2", "a=1; b=2; JSESSIONID=m"),
    ("modern~JSESSIONID=m;a=1", "a=1", "JSESSIONID=m;a=1"),
    ("legacy~JSESSIONID=1; legacy~JSESSIONID=2", "JSESSIONID=1; JSESSIONID=2", None),
    ("__Host-legacy~sid=1; __host-legacy~sid=2", "__Host-sid=1; __host-sid=2", None),
    ("legacy~theme=1", None, None), ("legacy~=1; ~JSESSIONID=2", "~JSESSIONID=2", "~JSESSIONID=2"),
    ("other~JSESSIONID=1", "other~JSESSIONID=1", "other~JSESSIONID=1"),
    ("legacy~JSESSIONID", "legacy~JSESSIONID", "legacy~JSESSIONID"),
    ('a="x; modern~JSESSIONID=m"; b', 'a="x; b', 'a="x; JSESSIONID=m"; b'),
])
def test_each_arm_gets_its_own_cookies_and_no_others(held, legacy, modern):
    for jar, wanted in ((LEGACY, legacy), (MODERN, modern)):
        assert got(jar, held)[0] == ([] if wanted is None else [wanted])


def test_an_arm_without_own_cookies_gets_those_of_no_jar():
    assert got(STRANGER, "a=1; legacy~JSESSIONID=l", "modern~JSESSIONID=m") == (["a=1"], set())
    assert set_by(STRANGER, "JSESSIONID=1") == ["JSESSIONID=1"]


def test_a_request_without_such_cookies_stays_the_same_object():
    for headers in (Headers([(b"Host", b"clinic")]), Headers([(b"Cookie", b" a=1;  b")])):
        assert LEGACY.opened(headers)[0] is headers
    answer = Headers([(b"Set-Cookie", b"a=1"), (b"X", b"JSESSIONID=1")])
    assert LEGACY.kept(answer, frozenset()) is answer


def test_a_cookie_from_before_is_adopted_until_the_jar_has_one():
    assert got(LEGACY, "JSESSIONID=old; a=1") == (["JSESSIONID=old; a=1"], {"JSESSIONID"})
    assert got(LEGACY, "JSESSIONID=old; legacy~JSESSIONID=new") == (["JSESSIONID=new"], {"JSESSIONID"})
    assert got(LEGACY, "JSESSIONID=old", "legacy~JSESSIONID=new; a=1") == (["JSESSIONID=new; a=1"], {"JSESSIONID"})


def test_a_cookie_from_before_that_several_arms_may_have_set_stays():
    both = Jar("legacy", ("JSESSIONID",), adopts=True, clears=False, jars=JARS)
    assert got(both, "JSESSIONID=old; a=1") == (["JSESSIONID=old; a=1"], set())


def test_a_cookie_from_before_is_given_to_no_other_arm():
    assert got(MODERN, "JSESSIONID=old; a=1") == (["a=1"], set())
    assert got(MODERN, "JSESSIONID=old") == ([], set())


@pytest.mark.parametrize(("said", "deleted"), [
    ("JSESSIONID=new; Path=/; HttpOnly",
     "JSESSIONID=; Path=/; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"),
    ("JSESSIONID=; Max-Age=0; Domain=clinic; expires=Wed, 01 Jan 2020 00:00:00 GMT; Path=/a",
     "JSESSIONID=; Domain=clinic; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"),
    ("JSESSIONID=new", "JSESSIONID=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"),
])
def test_a_cookie_from_before_goes_when_the_arm_sets_it_anew_or_deletes_it(said, deleted):
    assert set_by(LEGACY, said, plain=["JSESSIONID"]) == [f"legacy~{said}", deleted]
    assert set_by(LEGACY, said, plain=["other"]) == [f"legacy~{said}"]


def test_what_the_arm_has_said_is_known():
    said = Headers([(b"Set-Cookie", b"JSESSIONID=1")])
    assert as_said(LEGACY.kept(said, frozenset({b"JSESSIONID"}))) is said
    assert as_said(said) is said


def test_all_cookies_may_be_an_arms_own():
    jar = Jar("legacy", ("*",), jars=JARS)
    assert set_by(jar, "a=1", "__Secure-b=2") == ["legacy~a=1", "__Secure-legacy~b=2"]
    assert got(jar, "legacy~a=1; c=3; __Secure-legacy~b=2")[0] == ["a=1; __Secure-b=2"]


_NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7e, exclude_characters='=;,"'), max_size=20)
_PREFIXES = st.sampled_from(["", "__Host-", "__Secure-", "__Host-Http-", "__host-", "legacy~", "modern~"])


@given(_PREFIXES, _NAMES, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7e, exclude_characters=";")))
def test_what_an_arm_sets_comes_back_to_it_and_to_no_other(prefix, name, value):
    legacy, modern = (Jar(jar, ("*",), jars=JARS) for jar in ("legacy", "modern"))
    said = f"{prefix}{name}={value}"
    [shown] = set_by(legacy, said)
    assert shown.startswith(prefix if prefix.startswith("__") else "legacy~")
    assert got(legacy, f"a~b=1; {shown}")[0] == [said]
    assert got(modern, shown) == got(STRANGER, shown) == ([], set())
