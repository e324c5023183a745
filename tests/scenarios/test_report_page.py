"""The report's page, asked of the admin port as a browser asks for it, and led to by its list."""

import pytest
from lxml import html as lxml_html

from shadow.compare import compare
from shadow.stores.sqlite import Sqlite
from tests.backends.figway import running
from tests.shadow.exchanges import pair

CONFIG = """
version: 1
store: {{sqlite: {{path: {store}}}}}
upstreams: {{legacy: {{url: "{legacy}"}}}}
capabilities:
  results: {{owner: us, operations: {{read: {{path: "/results/{{id}}"}}}}, legacy: legacy, stage: legacy}}
default: {{upstream: legacy}}
"""


@pytest.fixture(scope="module")
def compared(everlasting_legacy, tmp_path_factory):
    """A gateway whose store knows of one exchange that differs."""
    folder = tmp_path_factory.mktemp("compared")
    store = Sqlite(Sqlite.Options(folder / "figway.db"))
    store.write([compare(pair({"name": "Zebulon", "unit": "mg"}, {"name": "Zebulon", "unit": "grams"}))], {}, ())
    store.close()
    with running(folder, CONFIG.format(store=folder / "figway.db", legacy=everlasting_legacy.url)) as figway:
        yield figway


def test_the_list_leads_to_the_page_of_each_capability(compared):
    listed = compared.admin("/report.html")
    assert listed.status == 200
    [link] = lxml_html.fromstring(listed.body).xpath("//table//a/@href")
    page = compared.admin(f"/report.html{link}")
    assert page.status == 200
    assert b"/unit" in page.body
    assert b"Zebulon" not in page.body


def test_a_browser_is_told_to_run_and_to_share_nothing(compared):
    for target in ("/report.html", "/report.html?capability=results"):
        page = compared.admin(target)
        assert page.get("Content-Type") == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.get("Content-Security-Policy")
        assert "frame-ancestors 'none'" in page.get("Content-Security-Policy")
        assert "unsafe" not in page.get("Content-Security-Policy")
        assert page.get("Cache-Control") == "no-store"


def test_a_capability_that_is_not_there_has_no_page(compared):
    assert compared.admin("/report.html?capability=nothing").status == 404
