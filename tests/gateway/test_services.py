"""What a policy gets that asks for services, and what becomes of one that does not."""

from dataclasses import dataclass
from textwrap import dedent

import pytest

from adapters.message import Headers, Request, Response
from gateway.call import Call, Refused
from gateway.config.compile import build
from gateway.config.problem import Invalid
from gateway.plugins import load
from gateway.services import Services
from shadow.observation import Failure
from tests.backends.upstream import Upstream
from tests.backends.wire import response

ROUTES = """\
    version: 1
    upstreams:
      legacy: {{url: "http://127.0.0.1:1"}}
      judge: {{url: "{url}"}}
    policies:
      asked: {{judged: {{upstream: {upstream}}}}}
    default: {{upstream: legacy, policies: [asked]}}
    capabilities: {{}}
"""


class Judged:
    """Has an upstream decide."""

    @dataclass(frozen=True)
    class Options:
        upstream: str

    credentials = ()

    def __init__(self, name: str, options: Options, *, services: Services) -> None:
        self.services = services
        self._upstream = services.upstream(options.upstream)

    async def admit(self, call: Call) -> Refused | None:
        asked = Request("POST", b"/judge", Headers([(b"X-Client", call.client.encode())]), b"may it?")
        self.answer = await self._upstream.ask(asked, seconds=60.0, limit=1000)
        admits = isinstance(self.answer, Response) and self.answer.status == 200
        return None if admits else Refused("forbidden", "asked")

    async def close(self) -> None: ...


class Plain:
    """Made from its name and options alone, as policies were before there were services."""

    @dataclass(frozen=True)
    class Options:
        upstream: str

    credentials = ()

    def __init__(self, name: str, options: Options) -> None:
        self.name, self.options = name, options

    async def close(self) -> None: ...


@pytest.fixture
def judge():
    made = Upstream()
    yield made
    made.close()
    assert made.failures == []


@pytest.fixture
def configured(judge, tmp_path):
    def configured(previous=None, policy=Judged, upstream="judge", url=judge.url):
        path = tmp_path / "routes.yaml"
        path.write_text(dedent(ROUTES.format(upstream=upstream, url=url)))
        return build(path, previous, find=lambda group, name: policy if name == "judged" else load(group, name))

    return configured


def call():
    return Call(Request("GET", b"/", Headers()), "results", "read", True, "192.0.2.1")


async def test_a_policy_asks_an_upstream_of_the_configuration(configured, judge):
    configuration = configured()
    policy = configuration.policies["asked"]
    judge.answers(response(200, ("X-Why", "known"), body=b"yes"), response(403))
    assert await policy.admit(call()) is None
    assert (policy.answer.status, policy.answer.body, policy.answer.headers.get(b"x-why")) == (200, b"yes", b"known")
    assert await policy.admit(call()) == Refused("forbidden", "asked")
    asked, _ = judge.settled()
    assert (asked.method, asked.target, asked.body) == ("POST", b"/judge", b"may it?")
    assert dict(asked.headers)[b"X-Client"] == b"192.0.2.1"
    await configuration.upstreams["judge"].close()


async def test_an_answer_that_is_too_long_and_an_upstream_that_is_gone_are_failures(configured, judge):
    configuration = configured()
    policy = configuration.policies["asked"]
    judge.answers(response(200, body=b"x" * 1001))
    assert await policy.admit(call()) == Refused("forbidden", "asked")
    assert policy.answer == Failure("oversize", sent=True)
    await configuration.upstreams["judge"].close()
    policy = configured(url="http://127.0.0.1:1").policies["asked"]
    assert await policy.admit(call()) == Refused("forbidden", "asked")
    assert policy.answer.kind == "connect_refused"


def test_an_upstream_that_only_a_policy_asks_is_in_use(configured):
    configuration = configured()
    assert configuration.upstreams.keys() == {"legacy", "judge"}
    assert [warning.code for warning in configuration.warnings] == []


def test_an_upstream_that_is_not_there_is_a_problem_of_the_options(configured):
    with pytest.raises(Invalid) as invalid:
        configured(upstream="juge")
    assert [(problem.code, problem.message) for problem in invalid.value.problems] == [
        ("bad_option", 'no upstream "juge"; did you mean "judge"?')]


def test_an_upstream_with_a_problem_is_reported_once(configured):
    with pytest.raises(Invalid) as invalid:
        configured(url="ftp://judge")
    assert [problem.code for problem in invalid.value.problems] == ["bad_url"]


def test_a_reload_keeps_a_policy_while_the_upstream_that_it_asks_is_the_same(configured):
    first = configured()
    kept = configured(first)
    assert kept.policies["asked"] is first.policies["asked"]
    assert kept.upstreams["judge"] is first.upstreams["judge"]
    moved = configured(kept, url="http://127.0.0.1:2")
    assert moved.policies["asked"] is not first.policies["asked"]


def test_each_policy_has_a_state_of_its_own(configured):
    first, second = (configured().policies["asked"].services.state for _ in range(2))
    first["client"] = 1
    assert (first, second) == ({"client": 1}, {})


def test_a_policy_that_does_not_ask_for_services_is_made_from_its_options(configured):
    policy = configured(policy=Plain).policies["asked"]
    assert (policy.name, policy.options) == ("asked", Plain.Options("judge"))


def test_without_a_configuration_there_are_no_upstreams():
    with pytest.raises(ValueError, match='no upstream "judge"'):
        Services().upstream("judge")
