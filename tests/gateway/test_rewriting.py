"""Addresses in answers that name the upstream name the client's host instead, and all others stay as they are."""

import pytest

from adapters.message import Headers
from gateway.rewriting import Origin, Rewriting
from gateway.transports.settings import Rewrite, UpstreamSettings

HTTPS = Origin(b"https", b"portal.example")
ALL = Rewrite(location=True, domains=True)


def rewritten(name, value, *, ends=("http://legacy.internal:8080",), host="keep", rewrite=ALL, origin=HTTPS):
    settings = UpstreamSettings("legacy", ends, host, rewrite=rewrite)
    [(_, said)] = Rewriting(settings, rewrite).rewritten(Headers([(name.encode(), value.encode())]), lambda: origin)
    return said.decode()


def location(value, **how):
    said = rewritten("Location", value, **how)
    assert rewritten("content-location", value, **how) == said
    return said


@pytest.mark.parametrize(("said", "told"), [
    ("http://legacy.internal:8080/a?b=c#d", "https://portal.example/a?b=c#d"),
    ("HTTP://LEGACY.internal:8080", "https://portal.example"),
    ("http://legacy.internal:8080?a", "https://portal.example?a"),
    ("//legacy.internal:8080/a", "//portal.example/a"),
    ("https://legacy.internal:8080/a", "https://portal.example/a"),
    ("http://portal.example/a", "https://portal.example/a"),
    ("http://Portal.example:8080/a", "https://portal.example/a"),
    ("http://legacy.internal:8080/login?back=http://legacy.internal:8080/x",
     "https://portal.example/login?back=http://legacy.internal:8080/x"),
])
def test_what_names_the_upstream_names_the_clients_host(said, told):
    assert location(said) == told


@pytest.mark.parametrize("said", [
    "/a", "a", "?a", "", "../a", "https://portal.example/a", "https://portal.example:8443/a", "http://portal.example:81/",
    "http://legacy.internal/a", "http://legacy.internal:80801/a", "http://legacy.internal:8080.evil.example/",
    "http://legacy.internal.evil.example:8080/", "http://legacy.internal:8080@evil.example/",
    "http://user:secret@legacy.internal:8080/", "http://evil.example/http://legacy.internal:8080/",
    "https://login.example/authorize?redirect_uri=http://legacy.internal:8080/", "http://old.example/", "urn:oid:1.2.3",
    "mailto:a@legacy.internal:8080", "ftp://legacy.internal:8080/", "http:/legacy.internal:8080/",
    "https://portal.example:8080/a",
])
def test_what_names_anybody_else_stays(said):
    assert location(said) == said


@pytest.mark.parametrize(("ends", "said", "told"), [
    (("http://legacy",), "http://legacy/", "https://portal.example/"),
    (("http://legacy",), "http://legacy:80/", "https://portal.example/"),
    (("http://legacy:80",), "http://legacy/", "https://portal.example/"),
    (("https://legacy",), "https://legacy:443/", "https://portal.example/"),
    (("https://legacy",), "https://legacy/", "https://portal.example/"),
    (("http://[::1]:8080",), "http://[::1]:8080/", "https://portal.example/"),
    (("http://10.0.0.7:8080", "http://10.0.0.8:8080"), "http://10.0.0.8:8080/", "https://portal.example/"),
    (("unix:///run/legacy",), "http://localhost/", "https://portal.example/"),
    (("http://legacy:8080",), "http://legacy:8081/", "http://legacy:8081/"),
])
def test_endpoints_are_known_by_host_and_port(ends, said, told):
    assert location(said, ends=ends) == told


def test_a_host_that_is_sent_and_other_names_are_the_upstreams():
    assert location("https://intern.example/a", host="intern.example") == "https://portal.example/a"
    assert location("http://intern.example:80/a", host="intern.example") == "https://portal.example/a"
    assert location("http://intern.example:81/a", host="intern.example") == "http://intern.example:81/a"
    named = Rewrite(location=True, names=("legacy.internal", "legacy.internal:8443"))
    assert location("http://legacy.internal/a", rewrite=named) == "https://portal.example/a"
    assert location("https://legacy.internal:8443/a", rewrite=named) == "https://portal.example/a"


@pytest.mark.parametrize(("origin", "told"), [
    (Origin(b"http", b"portal.example:8000"), "http://portal.example:8000/a"),
    (Origin(b"", b"portal.example"), "//portal.example/a"), (Origin(b"https", b""), "/a"),
    (Origin(b"http", b"[::1]:8000"), "http://[::1]:8000/a"),
])
def test_the_client_is_told_what_it_asked(origin, told):
    assert location("http://legacy.internal:8080/a", origin=origin) == told


def test_a_port_that_a_service_leaves_out_is_the_clients():
    """The service listens at the scheme's own port, the gateway at another, and the Host was the client's."""
    said, origin = "https://10.0.0.1/graph/", Origin(b"https", b"10.0.0.1:8443")
    assert location(said, ends=("https://legacy",), origin=origin) == "https://10.0.0.1:8443/graph/"
    assert location(said, ends=("https://legacy:9443",), origin=origin) == said


def test_https_is_never_made_http():
    said = "https://portal.example/a"
    assert location(said, ends=("https://legacy:8443",), origin=Origin(b"http", b"portal.example")) == said


def test_a_client_who_asks_at_the_endpoints_port_is_not_led_elsewhere():
    said = "http://portal.example:8080/a"
    assert location(said, origin=Origin(b"http", b"portal.example:8080")) == said


@pytest.mark.parametrize(("said", "told"), [
    ("5; url=http://legacy.internal:8080/a", "5; url=https://portal.example/a"),
    ("0;URL='http://legacy.internal:8080/a'", "0;URL='https://portal.example/a'"),
    ('0, url = "http://legacy.internal:8080"', '0, url = "https://portal.example"'),
    ("3;http://legacy.internal:8080/a;b", "3;https://portal.example/a;b"),
    ("5", "5"), ("5; url=/a", "5; url=/a"), ("5; url=http://other.example/", "5; url=http://other.example/"),
])
def test_refresh_holds_a_url(said, told):
    assert rewritten("Refresh", said) == told


@pytest.mark.parametrize(("said", "told"), [
    ('<http://legacy.internal:8080/?page=2>; rel="next", </x>; rel=first, <http://legacy.internal:8080/?page=9>;rel=last',
     '<https://portal.example/?page=2>; rel="next", </x>; rel=first, <https://portal.example/?page=9>;rel=last'),
    ('</x>; anchor="http://legacy.internal:8080/y"; rel=up', '</x>; anchor="https://portal.example/y"; rel=up'),
    ("http://legacy.internal:8080/x; rel=next", "https://portal.example/x; rel=next"),
    ('<http://other.example/>; title="legacy.internal:8080"', '<http://other.example/>; title="legacy.internal:8080"'),
])
def test_link_holds_urls(said, told):
    assert rewritten("Link", said) == told


@pytest.mark.parametrize(("said", "told"), [
    ("a=1; Domain=legacy.internal; Path=/", "a=1; Domain=portal.example; Path=/"),
    ("a=1; domain=.Legacy.Internal", "a=1; domain=portal.example"),
    ("a=1; Domain=.internal; Secure", "a=1; Domain=portal.example; Secure"),
    ("a=1; Domain=example", "a=1; Domain=example"), ("a=1; Domain=portal.example", "a=1; Domain=portal.example"),
    ("a=1; Domain=other.example", "a=1; Domain=other.example"), ("a=1; Path=/", "a=1; Path=/"), ("a=1; Domain=",) * 2,
    ("Domain=legacy.internal; Path=/", "Domain=legacy.internal; Path=/"), ("a=1; Domain",) * 2,
    ("a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT; Domain=legacy.internal",
     "a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT; Domain=portal.example"),
])
def test_the_domain_of_a_cookie_may_name_the_upstream(said, told):
    assert rewritten("Set-Cookie", said) == told


@pytest.mark.parametrize("host", [b"localhost:8000", b"10.0.0.1", b"[::1]:80", b""])
def test_a_client_whose_host_is_no_domain_gets_the_cookie_for_that_host(host):
    assert rewritten("Set-Cookie", "a=1; Domain=legacy.internal; Path=/", origin=Origin(b"http", host)) == "a=1; Path=/"


def test_a_domain_that_client_and_upstream_share_stays():
    origin = Origin(b"https", b"portal.hospital.example")
    shared = "sso=1; Domain=.hospital.example"
    assert rewritten("Set-Cookie", shared, ends=("http://legacy.hospital.example",), origin=origin) == shared


@pytest.mark.parametrize(("said", "told"), [
    ("a=1; Domain=.old.example; Path=/", "a=1; Domain=new.example; Path=/"), ("a=1; Domain=OLD.example; Path=/",
     "a=1; Domain=new.example; Path=/"), ("a=1; Domain=gone.example; Path=/", "a=1; Path=/"),
    ("a=1; Domain=magento2.docker; Secure", "a=1; Domain=magento2.docker; Secure"),
])
def test_domains_may_be_mapped(said, told):
    pairs = ("old.example", "new.example"), ("gone.example", "")
    assert rewritten("Set-Cookie", said, rewrite=Rewrite(cookie_domain=pairs)) == told


def test_any_domain_may_be_taken_off():
    assert rewritten("Set-Cookie", "a=1; Domain=x.example", rewrite=Rewrite(cookie_domain=(("*", ""),))) == "a=1"


@pytest.mark.parametrize(("said", "told"), [
    ("/app", "/"), ("/app/", "/"), ("/app/x", "/x"), ("/application", "/application"), ("/", "/"), ("/old/", "/new/"),
    ("/old/x", "/new/x"), ("/app/deep/x", "/elsewhere/x"),
])
def test_paths_of_cookies_may_be_mapped(said, told):
    pairs = ("/app", "/"), ("/old/", "/new/"), ("/app/deep", "/elsewhere")
    assert rewritten("Set-Cookie", f"a=1; Path={said}; HttpOnly", rewrite=Rewrite(cookie_path=pairs)) == (
        f"a=1; Path={told}; HttpOnly")


def test_what_is_not_asked_for_stays():
    cookie, place = "a=1; Domain=legacy.internal", "http://legacy.internal:8080/"
    assert rewritten("Set-Cookie", cookie, rewrite=Rewrite(location=True)) == cookie
    assert rewritten("Location", place, rewrite=Rewrite(domains=True)) == place


def test_an_answer_with_nothing_to_rewrite_stays_the_same_object():
    settings = UpstreamSettings("legacy", ("http://legacy:8080",), rewrite=ALL)
    headers = Headers([(b"Location", b"/a"), (b"Server", b"http://legacy:8080/")])
    assert Rewriting(settings, ALL).rewritten(headers, lambda: HTTPS) is headers
