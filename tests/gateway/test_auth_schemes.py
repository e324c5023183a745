"""Which credentials and challenges log in a connection, and which a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.http.auth_schemes import login, logs_in, offered


@pytest.mark.parametrize(("value", "expected"), [
    (b"NTLM TlRM", True), (b"ntlm TlRM", True), (b"Negotiate YII=", True), (b"NEGOTIATE YII=", True),
    (b"Nego2 YII", True), (b" NTLM x", True), (b"Kerberos x", True), (b"Basic TlRM", False), (b"Bearer NTLM", False),
    (b"", False), (b"Digest username=\"NTLM\"", False), (b"X-NTLM x", False), (b"\xa0NTLM x", True),
])
def test_credentials_of_a_connection_are_known_by_their_scheme(value, expected):
    assert logs_in(value) is expected


@pytest.mark.parametrize(("challenge", "expected"), [
    (b"NTLM", ()), (b"ntlm", ()), (b"Negotiate", ()), (b"Negotiate oYG2MIG=", ()), (b"NTLM TlRMTVNTUAAC", ()),
    (b'Basic realm="x", NTLM', ()), (b'Basic realm="a, b", Negotiate', ()), (b'Bearer realm="x" , Nego2', ()),
    (b"Acme dG9rZW4=", ()), (b"Acme dG9rZW4", ()), (b'Basic realm="x", Acme abc==', ()),
    (b"Acme abc, Basic realm=x", ()),
    (b'Acme data="abc"', (b"acme",)), (b'Acme realm="x", nonce=abc', (b"acme",)), (b"ACME nonce = abc", (b"acme",)),
    (b"Acme", None), (b'Acme realm="x"', None), (b'Acme realm="NTLM abc==", error="NTLM"', None),
    (b'Basic realm="NTLM, Negotiate"', None), (b'Basic realm="a\\", NTLM"', None), (b"Bearer", None),
    (b'Digest realm="x", nonce="abc==", qop="auth, auth-int", stale=true', None), (b'Bearer error="x", NTLM=1', None),
    (b"", None), (b",, ,", None), (b'"', None),
])
def test_a_challenge_says_whether_its_connection_is_one_clients(challenge, expected):
    assert login([(b"WWW-Authenticate", challenge)]) == expected


def test_several_fields_are_read_as_one_and_persistent_auth_alone_is_enough():
    assert login([(b"WWW-Authenticate", b"Basic realm=x"), (b"www-authenticate", b"NTLM")]) == ()
    assert login([(b"Persistent-Auth", b"true")]) == ()
    assert login([]) is None


def test_credentials_that_went_out_are_found_by_their_scheme():
    head = b"GET / HTTP/1.1\r\nX-Authorization: acme x\r\nauthorization:  ACME x\r\nHost: a\r\n\r\n"
    assert offered(head, (b"acme",))
    assert not offered(head, (b"other",))
    assert not offered(b"GET /authorization:acme HTTP/1.1\r\nX-A: authorization: acme x\r\n\r\n", (b"acme",))


_PIECES = [b"NTLM", b"Basic", b"Acme", b" ", b",", b"=", b'"', b"\\", b"realm", b"abc=="]
_VALUE = st.lists(st.sampled_from(_PIECES)).map(b"".join)


@given(_VALUE)
def test_no_value_is_too_odd_and_a_scheme_between_commas_is_never_overlooked(value):
    login([(b"WWW-Authenticate", value)])
    if value.count(b'"') % 2 == 0:
        assert login([(b"WWW-Authenticate", value.replace(b"\\", b"") + b", NTLM")]) == ()
