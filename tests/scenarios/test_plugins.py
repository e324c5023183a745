"""A plugin that breaks its contract costs its own calls a plain 500: nothing hangs, nothing leaks, nobody is blamed."""

import pytest

from tests.backends.faulty import SECRET, installed
from tests.backends.figway import running
from tests.backends.upstream import closed_port, until
from tests.backends.wire import request

FAULTY = {
    "in the response": ("adapter", "{upstream: legacy, adapter: {faulty: {}}}", "stage: legacy"),
    "in the request": ("request", "{upstream: legacy, adapter: {faulty: {when: request}}}", "stage: legacy"),
    "in the request, after a slow policy": (
        "slow", "{upstream: legacy, adapter: {faulty: {when: request}}}", "stage: legacy, policies: [slow]"),
    "in the request of a fallback": (
        "fallback", "{upstream: legacy, adapter: {faulty: {when: request}}}",
        "modern: down, stage: canary, split: {percent: 100%, sticky: [client_ip]}"),
    "in the response of a fallback": (
        "back", "{upstream: legacy, adapter: {faulty: {}}}",
        "modern: down, stage: canary, split: {percent: 100%, sticky: [client_ip]}"),
}


def config(legacy_url, policy="faulty: {}"):
    capabilities = "".join(
        f'\n  {name}: {{owner: t, operations: {{read: {{method: [GET, POST], path: "/{name}", safe: true}}}}, '
        f'legacy: {arm}, {more}}}'
        for name, arm, more in [*FAULTY.values(), (
            "shadowed", "{upstream: legacy, adapter: {faulty: {}}}",
            "modern: legacy, stage: shadow, shadow: {sample: 100%}")])
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy_url}"}}
  down: {{url: "http://127.0.0.1:{closed_port()}"}}
policies: {{slow: {{{policy}}}}}
capabilities:{capabilities}
default: {{upstream: legacy, policies: []}}
"""


@pytest.fixture(scope="module")
def plugged(everlasting_legacy, tmp_path_factory):
    """A gateway that knows the faulty plugins."""
    with installed(tmp_path_factory.mktemp("plugins")), \
            running(tmp_path_factory.mktemp("plugged"), config(everlasting_legacy.url)) as figway:
        yield figway


@pytest.mark.parametrize("fault", FAULTY)
def test_an_adapter_that_fails_is_a_plain_500(plugged, legacy, fault):
    name = FAULTY[fault][0]
    reply = plugged.ask("GET", f"/{name}")
    assert (reply.status, reply.get("Content-Type")) == (500, "application/problem+json")

    wire = plugged.connect().send(request("POST", f"/{name}", ("Content-Length", "3")))
    wire.silent(0.05)
    assert wire.send(b"abc").read_reply().status == 500
    assert wire.send(request("GET", "/")).read_reply().status == 200
    until(lambda: plugged.metric("figway_requests_in_flight") == 0, "an exchange never ends")
    assert SECRET not in plugged.stdout() + plugged.stderr() + reply.body.decode()


def test_what_the_gateway_refuses_is_no_difference_between_the_arms(plugged, legacy):
    def ended(outcome):
        return plugged.metric("figway_shadow_total", capability="shadowed", outcome=outcome)

    assert plugged.ask("GET", "/shadowed").status == 500
    until(lambda: plugged.metric("figway_shadow_total", capability="shadowed") == 1, "it has no outcome")
    assert ended("skipped") + ended("not_comparable") == 1


@pytest.mark.proves(34)
def test_a_plugin_that_cannot_be_loaded_refuses_the_reload_and_ends_no_later_one(plugged, legacy):
    def successful():
        return plugged.metric("figway_config_last_reload_successful")

    plugged.file.write_text(config(legacy.url, "unloadable: {}"))
    until(lambda: successful() == 0, "the fault is not told")
    assert plugged.ask("GET", "/").status == 200
    assert SECRET not in plugged.readiness()[1] + plugged.stdout()

    plugged.file.write_text(config(legacy.url))
    until(lambda: successful() == 1, "no later file is taken up")
