"""The report's page, asked of the admin port as a browser asks for it, and led to by its list."""

import orjson
import pytest
from lxml import html as lxml_html

from shadow.compare.comparison import compare
from shadow.stores.base import Batch
from shadow.stores.sqlite import Sqlite
from tests.backends.figway import running
from tests.backends.upstream import Upstream, until
from tests.backends.wire import response
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
    store.write(Batch([compare(pair({"name": "Zebulon", "unit": "mg"}, {"name": "Zebulon", "unit": "grams"}))]))
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


def test_the_gateway_knows_how_many_exchanges_have_no_outcome_yet(compared):
    assert orjson.loads(compared.admin("/report").body)["unfinished"] == 0
    assert b"no outcome yet" not in compared.admin("/report.html?capability=results").body


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


RULED = """
version: 1
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:
  results:
    owner: us
    operations: {{read: {{path: "/results/{{id}}"}}}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{sample: 100%, rules: [{{at: /madeAt, volatile: instant}}]}}
default: {{upstream: legacy}}
"""


def test_what_rules_hide_of_real_traffic_is_on_the_page(legacy, tmp_path):
    modern = Upstream()
    for arm, at in ((legacy, "2026-01-01T00:00:00Z"), (modern, "2026-01-01T00:00:01Z")):
        body = f'{{"madeAt": "{at}", "unit": "mg"}}'.encode()
        arm.answers(response(200, ("Content-Type", "application/json"), body=body))
    try:
        with running(tmp_path, RULED.format(legacy=legacy.url, modern=modern.url)) as figway:
            for _ in range(3):
                assert figway.ask("GET", "/results/1").status == 200
            until(lambda: len(hidden(figway)) == 1 and hidden(figway)[0][1:3] == ["3", "3"], "a rule's work is lost")
            [[rule, *_]] = hidden(figway)
            assert rule == "volatile /madeAt"
            assert b"2026-01-01T00:00:0" not in figway.admin("/report.html?capability=results").body
    finally:
        modern.close()


def hidden(figway):
    """The rows of the page's table of rules."""
    page = lxml_html.fromstring(figway.admin("/report.html?capability=results").body)
    return [[" ".join(cell.text_content().split()) for cell in row]
            for row in page.xpath("//section[@aria-labelledby='rules']//tbody/tr")]
