"""What tests of several files share: a gateway with strict limits, gateways that outlive a test, and an upstream behind
these."""

from contextlib import ExitStack

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


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A gateway for tests that come one after another and leave it as it was: kept(config, *options) is the one before,
    if it has this configuration and these options, else a new one in its place."""
    known = None, None
    with ExitStack() as stack:

        def start(config, *options):
            nonlocal known
            if known[0] != (config, options):
                stack.close()
                known = (config, options), stack.enter_context(
                    running(tmp_path_factory.mktemp("kept"), config, *options))
            return known[1]

        yield start
