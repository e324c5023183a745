"""What figway plan says of a log is what a gateway then does with the same requests; and which cookies move with them.
"""

import json
import re

from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.upstream import until
from tests.backends.wire import response

HOST = ("Host", "clinic.example")


def config(legacy, modern, stage="legacy"):
    def capability(name, sticky, percent):
        return f"""
  {name}:
    owner: tests
    operations: {{read: {{path: "/{name}/{{facility}}/{{id}}"}}, find: {{path: "/{name}/{{facility}}"}}}}
    legacy: legacy
    modern: modern
    stage: {stage}
    split: {{percent: {percent}%, sticky: [{sticky}], group: all}}
    shadow: {{sample: 100%, recheck: {{after: []}}}}"""

    return f"""
version: 1
server: {{drain: {{grace: 2s}}, trusted_hops: 1, trusted_fields: x-forwarded}}
store: {{sqlite: {{path: figway.db}}}}
upstreams: {{legacy: {{url: "{legacy}"}}, modern: {{url: "{modern}"}}}}
capabilities:{capability("labs", "path:facility", 40)}{capability("rooms", "query:ward, client_ip", 15)}
default: {{upstream: legacy}}
"""


def asked():
    """Requests, with the address of their client."""
    for number in range(60):
        yield f"/labs/f{number % 13}/{number}", f"192.0.2.{number % 7}"
        yield f"/labs/f%{0x30 + number % 10:x}", f"192.0.2.{number % 7}"
        yield f"/rooms/f1/{number}?ward=w{number % 9}", f"2001:db8::{number % 11:x}"
        yield f"/rooms/f1/{number}", f"2001:DB8:0::{number % 11:X}"
    yield "/elsewhere", "192.0.2.1"


def plan(figway, log, capability, to, *options):
    done = CliRunner().invoke(main, ["plan", "--config", str(figway.file), "--against", str(log), "--capability",
                                     capability, "--to", to, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.output


def test_what_is_planned_is_what_happens(gateway, legacy, modern, tmp_path):
    legacy.answers(response(200, ("X-From", "legacy"), body=b"x"))
    modern.answers(response(200, ("X-From", "modern"), body=b"x"))
    log = tmp_path / "access.log"
    log.write_text("".join(f'{client} - - [01/Mar/2026:00:00:00 +0000] "GET {target} HTTP/1.1" 200 1 "-" "curl"\n'
                           for target, client in asked()))
    figway = gateway(config(legacy.url, modern.url))
    found = {name: json.loads(plan(figway, log, name, "canary", "-o", "json"))["traffic"] for name in ("labs", "rooms")}
    figway.reload(config(legacy.url, modern.url, "canary"))
    until(lambda: figway.metric("figway_config_reloads_total") >= 1, "the file is not read again")
    served = {"labs": 0, "rooms": 0}
    for target, client in asked():
        answer = figway.ask("GET", target, HOST, ("X-Forwarded-For", client))
        if answer.get("X-From") == "modern":
            served[re.split("/", target)[1]] += 1
    for name, traffic in found.items():
        [one] = traffic["capabilities"]
        assert one["unknown"] == 0
        assert one["to_modern"] == served[name]
        assert 0 < served[name] < one["requests"] == 120
        assert traffic["modern"][1] == served[name] / 241


def test_cookies_that_only_one_arm_sets_are_named_as_far_as_mirrors_have_shown(gateway, legacy, modern, tmp_path):
    legacy.answers(response(200, ("Set-Cookie", "JSESSIONID=secret1; Path=/; HttpOnly"), ("Set-Cookie", "lang=de"),
                            ("Set-Cookie", "clinic_portal=secret2"), body=b"x"))
    modern.answers(response(200, ("Set-Cookie", "sid=secret3; Path=/"), ("Set-Cookie", "lang=de"), body=b"x"))
    log = tmp_path / "access.log"
    log.write_text('192.0.2.1 - - [x] "GET /labs/f1/1 HTTP/1.1" 200 1\n')
    figway = gateway(config(legacy.url, modern.url, "shadow"))
    figway.ask("GET", "/labs/f1/1", HOST)
    until(lambda: figway.metric("figway_shadow_total", outcome="mismatch") == 1, "nothing is compared")
    figway.stop()
    assert json.loads(plan(figway, log, "labs", "verify", "-o", "json"))["cookies"] == [
        {"capability": "labs", "set_by": "legacy", "names": ["JSESSIONID"], "unnamed": 1},
        {"capability": "labs", "set_by": "modern", "names": ["sid"], "unnamed": 0}]
    shown = plan(figway, log, "labs", "verify")
    assert shown.endswith("""
Cookies that one arm sets, and the other would now receive, as far as mirrors have shown:
  labs: legacy sets JSESSIONID, 1 whose name is not kept
  labs: modern sets sid
""")
    assert "secret" not in shown
    apart = figway.file.read_text().replace(
        "legacy: legacy\n    modern: modern", "legacy: {upstream: legacy, cookies: {own: [JSESSIONID]}}\n"
        "    modern: {upstream: modern, cookies: {own: [\"*\"]}}", 1)
    figway.file.write_text(apart)
    assert json.loads(plan(figway, log, "labs", "verify", "-o", "json"))["cookies"] == [
        {"capability": "labs", "set_by": "legacy", "names": [], "unnamed": 1}]
