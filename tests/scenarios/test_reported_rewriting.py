"""What people have reported of other proxies that rewrite Location and cookies, tried on this one; and the answers that
nginx and Apache rewrite, held against ours."""

import subprocess

import pytest

from tests.backends.figway import running
from tests.backends.packages import needs
from tests.backends.processes import started
from tests.backends.upstream import Upstream, closed_port, until
from tests.backends.wire import connect, request, response

ALL = "rewrite: {location: true, cookie_domain: true, cookie_path: {/app: /}}"


def config(url, *, host="keep", server="", rewrite=ALL):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}{server}}}
upstreams: {{legacy: {{url: "{url}", host: {host}, {rewrite}}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture(scope="module")
def behind(everlasting_legacy, tmp_path_factory):
    """A gateway that believes one proxy before it, and asks legacy by the name legacy.internal."""
    trust = ", trusted_hops: 1, trusted_fields: x-forwarded"
    with running(tmp_path_factory.mktemp("behind"),
                 config(everlasting_legacy.url, host="legacy.internal", server=trust)) as figway:
        yield figway


def told(figway, upstream, field, *values, asked=()):
    """The fields of this name that a client of https://portal.example gets."""
    upstream.answers(response(302, *((field, value) for value in values)))
    fields = asked or (("Host", "10.0.0.1"), ("X-Forwarded-Host", "portal.example"), ("X-Forwarded-Proto", "https"))
    reply = figway.say(request("GET", "/", *fields))
    return [value.decode() for value in reply.headers.get_all(field.lower().encode())]


@pytest.mark.parametrize(("field", "said", "heard"), [
    # node-http-proxy 318, spring-cloud-gateway 1455, h2o 65, reverse_proxy_plug 94: the upstream's host and port.
    ("Location", "http://legacy.internal/foo/bar", "https://portal.example/foo/bar"),
    # node-http-proxy 976: the scheme's own port, written out.
    ("Location", "https://legacy.internal:443/", "https://portal.example/"),
    # ansible-nginx-revproxy 35, traefik 7279: http where the client used https.
    ("Location", "http://portal.example/a", "https://portal.example/a"),
    # traefik 5807, spring-cloud-gateway 2820, node-http-proxy 836: somebody else's address.
    ("Location", "http://elsewhere.example/a", "http://elsewhere.example/a"),
    ("Location", "https://github.com/login/oauth/authorize?redirect_uri=http://legacy.internal/",
     "https://github.com/login/oauth/authorize?redirect_uri=http://legacy.internal/"),
    # h2o 190, pagespeed-ngx 920: no host at all.
    ("Location", "/home", "/home"), ("Location", "../a;b?c#d", "../a;b?c#d"),
    # linkerd 1110, trusted-server 1128: other fields than Location.
    ("Refresh", "0; url=http://legacy.internal/a", "0; url=https://portal.example/a"),
    ("Link", "<http://legacy.internal/a.css>; rel=preload; as=style",
     "<https://portal.example/a.css>; rel=preload; as=style"),
    ("Content-Location", "http://legacy.internal/a", "https://portal.example/a"),
    # ingress-nginx 3042 and 3083, next.js 23036: a cookie for the upstream's domain; the client's is the proxy's word.
    ("Set-Cookie", "ss_foo=1; Domain=legacy.internal; Path=/; HttpOnly",
     "ss_foo=1; Domain=portal.example; Path=/; HttpOnly"),
    # http-proxy-middleware 970: only the first letter was taken.
    ("Set-Cookie", *("PHPSESSID=1; path=/; domain=magento2.docker; secure",) * 2),
    # http-proxy-middleware 806: a domain that the client is in.
    ("Set-Cookie", "a=1; Domain=.example", "a=1; Domain=.example"),
    # angular-cli 12875, charon 120: the path of an application.
    ("Set-Cookie", "JSESSIONID=1; Path=/app; HttpOnly", "JSESSIONID=1; Path=/; HttpOnly"),
])
def test_what_was_reported_of_other_proxies(behind, legacy, field, said, heard):
    assert told(behind, legacy, field, said) == [heard]


def test_several_cookies_stay_several(behind, legacy):
    """mitmproxy 7423, prism 2676, node-http-proxy 1101."""
    said = ["a=1; Domain=legacy.internal; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "b=2; Path=/app", "c=3"]
    assert told(behind, legacy, "Set-Cookie", *said) == [
        "a=1; Domain=portal.example; Expires=Wed, 01 Jan 2031 00:00:00 GMT", "b=2; Path=/", "c=3"]


def test_a_port_that_is_the_upstreams_own(legacy, tmp_path):
    """ingress-nginx 166, Oryx 1374: the client's host, with the port at which the upstream listens."""
    with running(tmp_path, config(legacy.url)) as figway:
        heard = told(figway, legacy, "Location", f"http://portal.example:{legacy.port}/a/",
                     asked=[("Host", "portal.example")])
    assert heard == ["http://portal.example/a/"]


# --- beside nginx and Apache ---

# What an upstream at http://127.0.0.1:PORT says. In all of it, PORT is replaced.
DEEPER = "a=1; Path=/app/x; Secure"
LOCATIONS = [
    "http://127.0.0.1:PORT/", "http://127.0.0.1:PORT/a/b?c=d#e", "http://127.0.0.1:PORT/a%20b",
    "http://elsewhere.example/", "https://elsewhere.example:8443/a", "http://127.0.0.1:1/a", "http://127.0.0.1:PORT0/a",
    "/a", "/a?b=http://127.0.0.1:PORT/",
]
COOKIES = [
    "a=1; Path=/app", "a=1; path=/app/", "a=1; Path=/", "a=1", "a=1; Domain=127.0.0.1; Path=/app",
    "a=1; Path=/other; HttpOnly", "a=/app; Path=/app; SameSite=Lax", DEEPER,
]


def nginx(folder, port, upstream):
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_set_header Host $http_host;
      proxy_redirect http://127.0.0.1:{upstream}/ http://$http_host/;
      proxy_cookie_domain 127.0.0.1 portal.example;
      proxy_cookie_path ~^/app(/(.*))?$ /$2;
    }}
  }}
}}
""")
    return [needs("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def apache(folder, port, upstream):
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                        for name in ("mpm_event", "authz_core", "proxy", "proxy_http"))
    (folder / "apache.conf").write_text(f"""
{modules}
ServerRoot {folder}
ServerName portal.example
UseCanonicalName Off
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:{upstream}/
ProxyPassReverse / http://127.0.0.1:{upstream}/
ProxyPassReverseCookieDomain 127.0.0.1 portal.example
ProxyPassReverseCookiePath /app/ /
ProxyPassReverseCookiePath /app /
""")
    return [needs("apache2"), "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"]


def through(port, upstream, field, said):
    """What a client of portal.example gets of a field by the proxy at this port."""
    upstream.answers(response(302, (field, said)))
    wire = connect(port)
    try:
        reply = wire.send(request("GET", "/", ("Host", "portal.example"), ("Connection", "close"))).read_reply()
    finally:
        wire.close()
    return [value.decode() for value in reply.headers.get_all(field.lower().encode())]


def opens(port):
    try:
        connect(port).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("peer", [nginx, apache])
def test_what_others_rewrite_is_rewritten_alike(peer, tmp_path):
    upstream, port = Upstream(), closed_port()
    theirs, ours = tmp_path / "peer", tmp_path / "figway"
    for folder in (theirs, ours):
        folder.mkdir()
    command = peer(theirs, port, upstream.port)
    with started(command, stdin=subprocess.DEVNULL), running(ours, config(upstream.url)) as figway:
        until(lambda: opens(port), "it does not start")
        for field, values in (("Location", LOCATIONS), ("Set-Cookie", COOKIES)):
            for value in values:
                if peer is apache and value is DEEPER:
                    continue  # it leaves off the rest of the path
                said = value.replace("PORT", str(upstream.port))
                expected = through(port, upstream, field, said)
                assert through(figway.port, upstream, field, said) == expected, said
    upstream.close()
