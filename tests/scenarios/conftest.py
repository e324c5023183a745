"""What tests of several files share: a gateway with strict limits, and an upstream behind a module's gateway."""

import pytest

from tests.backends.figway import running
from tests.backends.upstream import Upstream


@pytest.fixture(scope="session")
def strict(everlasting_legacy, tmp_path_factory):
    """A gateway with small limits and short deadlines."""
    with running(tmp_path_factory.mktemp("strict"), f"""
version: 1
server:
  limits: {{body: 1MiB}}
  timeouts: {{head: 1s, idle: 2s, body_grace: 1s}}
  body_rate: 100KiB
  drain: {{grace: 2s}}
upstreams: {{legacy: {{url: "{everlasting_legacy.url}"}}}}
capabilities:
  small:
    owner: t
    operations: {{any: {{path: "/small/{{rest*}}"}}}}
    legacy: legacy
    stage: legacy
    limits: {{body: 10B}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.fixture(scope="module")
def everlasting_modern():
    """The upstream behind `modern`, for gateways that outlive a test."""
    upstream = Upstream()
    yield upstream
    upstream.close()
