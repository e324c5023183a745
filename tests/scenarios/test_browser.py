"""Chromium logs in to Tomcat and to Django behind one host, and moves between them without losing either session.

Tomcat is asked by another name than the browser uses, and redirects to whole URLs with that name.
"""

import pytest

from tests.backends.browser import browser
from tests.backends.figway import running
from tests.backends.portals import PASSWORD, USER, django_admin, tomcat
from tests.backends.upstream import until

HOST = "portal.example"
INSIDE = "/examples/jsp/security/protected/index.jsp"
HEADERS = "/examples/servlets/servlet/RequestHeaderExample"
STAFF = "/admin/"
OWN = "cookies: {own: [JSESSIONID]}"


def config(tomcat, django, legacy="", modern=""):
    """routes.yaml, with what is said of the cookies of both."""
    def arm(name, said):
        return f"{{upstream: {name}, {said}}}" if said else name

    return f"""
version: 1
server: {{drain: {{grace: 5s}}}}
upstreams:
  tomcat: {{url: "http://127.0.0.1:{tomcat}", host: upstream, rewrite: {{location: true}}}}
  django: {{url: "http://127.0.0.1:{django}"}}
capabilities:
  imaging:
    owner: t
    operations: {{any: {{path: "/examples/{{rest*}}"}}}}
    legacy: {arm("tomcat", legacy)}
    stage: legacy
  staff:
    owner: t
    operations: {{any: {{path: "/admin/{{rest*}}"}}}}
    legacy: tomcat
    modern: {arm("django", modern)}
    stage: modern
    writes: modern
default: {{upstream: tomcat}}
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """Tomcat's and Django's."""
    with tomcat(tmp_path_factory.mktemp("tomcat")) as one, django_admin(tmp_path_factory.mktemp("django")) as other:
        yield one, other


@pytest.fixture
def page(tmp_path):
    with browser(tmp_path, HOST) as page:
        yield page


class Visitor:
    """A person with a browser, before a gateway."""

    def __init__(self, page, figway):
        self.page = page
        self.at = f"http://{HOST}:{figway.port}"

    def enters_imaging(self):
        self.page.go(self.at + INSIDE)
        self.page.fill("[name=j_username]", USER)
        self.page.fill("[name=j_password]", PASSWORD)
        self.page.submit("[name=j_username]")
        assert f"You are logged in as remote user {USER}" in self.page.text()
        assert self.page.place().startswith(self.at)

    def enters_staff(self):
        self.page.go(self.at + STAFF)
        self.page.fill("[name=username]", USER)
        self.page.fill("[name=password]", PASSWORD)
        self.page.submit("[name=username]")
        assert f"Welcome, {USER}" in self.page.text().replace(USER.upper(), USER)
        assert self.page.place() == self.at + STAFF

    def is_in_imaging(self):
        self.page.go(self.at + INSIDE)
        return f"You are logged in as remote user {USER}" in self.page.text()

    def is_in_staff(self):
        self.page.go(self.at + STAFF)
        return "Site administration" in self.page.text()


def test_without_own_cookies_each_login_ends_the_other(ports, page, tmp_path_factory):
    with running(tmp_path_factory.mktemp("figway"), config(*ports)) as figway:
        visitor = Visitor(page, figway)
        visitor.enters_imaging()
        visitor.enters_staff()
        assert not visitor.is_in_imaging()
        assert not visitor.is_in_staff()


@pytest.mark.parametrize("said", [(OWN, OWN), ("", OWN)], ids=["both", "modern"])
def test_a_browser_moves_between_the_arms_and_stays_logged_in(ports, page, tmp_path_factory, said):
    with running(tmp_path_factory.mktemp("figway"), config(*ports, *said)) as figway:
        visitor = Visitor(page, figway)
        visitor.enters_imaging()
        visitor.enters_staff()
        for _ in range(3):
            assert visitor.is_in_imaging()
            assert visitor.is_in_staff()
        legacys = "tomcat~JSESSIONID" if said[0] else "JSESSIONID"
        assert page.cookies() == {legacys: "/", "django~JSESSIONID": "/", "csrftoken": "/"}
        page.go(visitor.at + HEADERS)
        [shown] = [line for line in page.text().splitlines() if line.lower().startswith("cookie")]
        assert "JSESSIONID=" in shown
        assert "~" not in shown
        page.go(visitor.at + STAFF)
        page.submit("#logout-form")
        assert not visitor.is_in_staff()
        assert visitor.is_in_imaging()


def test_whoever_is_logged_in_when_own_cookies_are_added_stays_so(ports, page, tmp_path_factory):
    with running(tmp_path_factory.mktemp("figway"), config(*ports)) as figway:
        visitor = Visitor(page, figway)
        visitor.enters_imaging()
        assert "JSESSIONID" in page.cookies()
        reloads = figway.metric("figway_config_reloads_total")
        figway.reload(config(*ports, OWN, OWN))
        until(lambda: figway.metric("figway_config_reloads_total") > reloads, "the file is not read again")
        assert visitor.is_in_imaging()
        visitor.enters_staff()
        assert visitor.is_in_imaging()
        assert visitor.is_in_staff()
        assert page.cookies() == {"JSESSIONID": "/", "django~JSESSIONID": "/", "csrftoken": "/"}
