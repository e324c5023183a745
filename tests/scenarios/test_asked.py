"""Legacy is in production: what it is asked, by whom, and with what, through real gateways."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import orjson
import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.once import Polls, Queue
from tests.backends.upstream import until
from tests.backends.wire import request, response

OUTCOMES = "figway_shadow_total"
CLIENTS = 10


def config(legacy, modern, shadow="sample: 100%"):
    return f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}, modern: {{url: "{modern.url}"}}}}
capabilities:
  results:
    owner: results-team
    operations:
      read: {{method: GET, path: "/results/{{id}}"}}
      next: {{method: GET, path: /queue}}
      open: {{method: GET, path: /polls}}
      poll: {{method: GET, path: "/polls/{{sid}}"}}
    legacy: legacy
    modern: modern
    stage: shadow
    shadow: {{{shadow}}}
default: {{upstream: legacy}}
"""


def answers(figway, target, times):
    """The answers to one client that asks this often: (status, body)."""
    wire, found = figway.connect(), []
    for _ in range(times):
        reply = wire.send(request("GET", target)).read_reply()
        found.append((reply.status, orjson.loads(reply.body) if reply.body else None))
    wire.close()
    return found


def asked_again(figway, modern, requests):
    """Wait until a mismatch has been asked again."""
    until(lambda: figway.eligible() >= requests, "not all arrived")
    until(lambda: len(modern.asked) > requests, "nothing is asked again")


def test_a_queue_that_gives_each_item_once_loses_nothing_under_a_default_shadow(gateway, legacy, modern):
    legacy.does(Queue(CLIENTS * 20))
    modern.does(Queue(5))  # it differs, so mismatches are asked again
    figway = gateway(config(legacy, modern))
    with ThreadPoolExecutor(CLIENTS) as pool:
        got = [one for found in pool.map(lambda _: answers(figway, "/queue", 20), range(CLIENTS)) for one in found]
    assert sorted(body["item"] for status, body in got if status == 200) == list(range(CLIENTS * 20))
    asked_again(figway, modern, CLIENTS * 20)
    assert len(legacy.asked) == CLIENTS * 20
    assert figway.metric("figway_legacy_extra_total", capability="results") == 0


def test_long_polls_lose_nothing_under_a_default_shadow(gateway, legacy, modern):
    events = 10
    legacy.does(Polls(events))
    modern.does(Polls(events))
    figway = gateway(config(legacy, modern))

    def client(_):
        [(status, opened)] = answers(figway, "/polls", 1)
        return [(status, opened)], answers(figway, f"/polls/{opened['sid']}", events)

    with ThreadPoolExecutor(CLIENTS) as pool:
        got = list(pool.map(client, range(CLIENTS)))
    for opened, polled in got:
        assert [status for status, _ in (*opened, *polled)] == [200] * (1 + events), "no client meets an error"
        assert [body["event"] for _, body in polled] == list(range(events)), "no event is lost"
    assert len(legacy.asked) == CLIENTS * (1 + events)


BASIC = ("Authorization", "Basic eDp5")


def guarded(serial=None):
    """A server with Basic authentication. With `serial` each of its answers is another."""
    def handler(wire, asked):
        wire.read_body(asked)
        if asked.get("Authorization") != BASIC[1]:
            wire.send(response(401, ("WWW-Authenticate", 'Basic realm="clinic"')))
        else:
            body = {"id": 7, "dose": 5 if serial is None else next(serial)}
            wire.send(response(200, ("Content-Type", "application/json"), body=orjson.dumps(body)))

    return handler


def test_a_recheck_of_legacy_carries_what_the_client_sent_and_modern_gets_none_of_it(gateway, legacy, modern):
    legacy.does(guarded())
    modern.does(lambda wire, asked: (wire.read_body(asked), wire.send(
        response(200, ("Content-Type", "application/json"), body=b'{"id": 7, "dose": 50}'))))
    figway = gateway(config(
        legacy, modern, "sample: 100%, noise: 100%, recheck: {after: [50ms], budget: 100%, legacy: true}"))
    assert figway.ask("GET", "/results/7;jsessionid=S1?access_token=S2", BASIC).status == 200
    until(lambda: figway.metric(OUTCOMES) == 1, "there is no outcome")
    assert figway.metric(OUTCOMES, outcome="mismatch", reason="reproduced_1") == 1, "legacy does not seem to drift"
    assert len(legacy.asked) > 2
    assert {(one.get("Authorization"), one.target) for one in legacy.asked} == {
        (BASIC[1], b"/results/7;jsessionid=S1?access_token=S2")}
    assert {(one.get("Authorization"), one.target) for one in modern.asked} == {(None, b"/results/7")}
    assert figway.metric("figway_legacy_extra_total", capability="results") == len(legacy.asked) - 1


def gate(figway, *options):
    """What `figway gate` prints of the running gateway."""
    done = CliRunner().invoke(main, ["gate", "results", "--admin", f"http://127.0.0.1:{figway.admin_port}", *options])
    return done.output


def test_a_pair_with_basic_authentication_says_in_one_line_what_to_change(gateway, legacy, modern):
    for one in (legacy, modern):
        one.does(guarded())
    figway = gateway(config(legacy, modern))
    for number in range(5):
        assert figway.ask("GET", f"/results/{number}", BASIC).status == 200
    until(lambda: figway.metric(OUTCOMES, outcome="not_comparable", reason="credentials") == 5, "no outcome")
    assert figway.metric(OUTCOMES) == 5
    until(lambda: "credentials: pass" in gate(figway), "nobody says what to change")
    [line] = [one for one in gate(figway).splitlines() if "credentials: pass" in one]
    assert line.strip() == ("note: 5 mirrors were refused, because they carry none of the client's credentials: if the "
                            "other arm may have them, write credentials: pass under capabilities.results.shadow")
    [found] = orjson.loads(figway.admin("/report").body)["capabilities"]
    assert (found["mismatching"], found["not_comparable"], len(found["advice"])) == (0, {"credentials": 5}, 1)
    assert found["noise"] == [], "legacy is not said to drift"
    assert found["evidence"]["answer"] == "NOT ENOUGH EVIDENCE", "nothing is known against modern"
    assert found["evidence"]["action"].startswith("let mirrors carry the credentials")
    assert "credentials: pass" in figway.admin("/report.html?capability=results").body.decode()


def test_asking_legacy_again_stops_where_it_takes_something_away(gateway, legacy, modern):
    legacy.does(Queue(1))
    modern.does(Queue(10))
    figway = gateway(config(legacy, modern, "sample: 100%, noise: 100%, recheck: {after: []}"))
    assert figway.ask("GET", "/queue").status == 200
    until(lambda: figway.metric("figway_legacy_extra_total", capability="results") == 1, "legacy is not asked again")
    for _ in range(5):
        assert figway.ask("GET", "/queue").status == 204
    until(lambda: figway.metric(OUTCOMES) == 6, "there is no outcome")
    assert figway.metric("figway_legacy_extra_total", capability="results") == 1
    assert figway.metric("figway_legacy_spared", capability="results", operation="next", reason="another_kind") == 1
    until(lambda: any(line["event"] == "legacy_spared" for line in figway.log()), "the log says nothing")
    until(lambda: "stopped in next" in gate(figway), "the verdict says nothing")


@pytest.mark.parametrize(("own", "extra"), [("noise: 100%", 3), ("noise: 0%", 0), ("", 0)])
def test_an_operation_may_opt_in_or_out_by_itself(gateway, legacy, modern, own, extra):
    serial = count()
    for one in (legacy, modern):
        one.does(guarded(serial))
    shared = "0%" if extra else "100%" if own else "0%"
    text = config(legacy, modern, f"sample: 100%, credentials: pass, noise: {shared}, recheck: {{after: []}}")
    figway = gateway(text.replace('"/results/{id}"}', f'"/results/{{id}}", {own}}}' if own else '"/results/{id}"}'))
    for number in range(3):
        figway.ask("GET", f"/results/{number}", BASIC)
    until(lambda: figway.metric(OUTCOMES) == 3, "there is no outcome")
    assert figway.metric("figway_legacy_extra_total", capability="results") == extra
    assert len(legacy.asked) == 3 + extra
