"""The five minutes of the README, as a reader spends them: every block in its order, on real servers."""

import http.client
import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from gateway.config.compile import build
from tests.backends.processes import LONG, end_group
from tests.backends.upstream import closed_port, until
from tests.markdown import blocks, sections, top_level

README = (Path(__file__).parents[2] / "README.md").read_text()

STAND_IN = """#!{python}
'''curl, as far as the README calls it: not every machine that runs the tests has it.'''
import http.client, re, sys, time, urllib.parse
arguments = sys.argv[1:]
url = urllib.parse.urlsplit(arguments.pop())
into = arguments[arguments.index('-o') + 1] if '-o' in arguments else None
before, first, last, after = re.fullmatch(r'([^[]*)(?:\\[(\\d+)-(\\d+)\\])?(.*)', url.path).groups()
for path in [f'{{before}}{{n}}{{after}}' for n in range(int(first), int(last) + 1)] if first else [url.path]:
    # curl waits twice as long before each retry, so nine of them take eight minutes.
    for turn in range({seconds:.0f} * 10 if '--retry' in arguments else 1):
        try:
            connection = http.client.HTTPConnection(url.netloc, timeout=60)
            connection.request('GET', path)
            body = connection.getresponse().read()
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    else:
        sys.exit(7)
    open(into, 'wb').write(body) if into else print(body.decode())
"""


class Reader:
    """Does what the README says, in one shell and one folder, on ports that are free."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "routes.yaml"
        self.ports = {written: str(closed_port()) for written in ("9101", "9102", "8080", "9090")}
        tools = folder / "tools"
        tools.mkdir()
        (tools / "curl").write_text(STAND_IN.format(python=sys.executable, seconds=LONG))
        (tools / "curl").chmod(0o755)
        path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        # What it starts in the background may outlive it, and would keep a pipe open: so it prints to a file.
        self.said, self.read = folder / "said", 0
        with self.said.open("wb") as said:
            self.shell = subprocess.Popen(
                ["bash", "-eo", "pipefail"], cwd=folder, env=os.environ | {"PATH": path}, text=True,
                start_new_session=True, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT,
            )

    def saves(self, text: str) -> None:
        """Put the block's top-level keys in place of the file's; a running gateway takes them up."""
        before = top_level(self.file.read_text()) if self.file.exists() else {}
        self.file.write_text("".join((before | top_level(self._here(text))).values()))
        if before:
            revision = build(self.file).revision
            until(lambda: revision in self._admin("/readyz?verbose"), "the gateway does not take up the file")

    def runs(self, text: str) -> str:
        """What the commands print."""
        if re.search("figway (report|gate)", text):
            until(self._settled, "the shadow does not come to rest")
        listen = f"figway serve --listen 127.0.0.1:{self.ports['8080']} --admin 127.0.0.1:{self.ports['9090']}"
        self.shell.stdin.write(self._here(text).replace("figway serve", listen) + "echo; echo done and well\n")
        self.shell.stdin.flush()
        done = b"\ndone and well\n"

        def has_ended() -> bool:
            return self.shell.poll() is not None or done in self.said.read_bytes()[self.read:]

        until(has_ended, "the shell does not come to an end", LONG)
        said, end, _ = self.said.read_bytes()[self.read:].partition(done)
        assert end, f"the shell gave up: {said.decode()}"
        self.read += len(said) + len(end)
        return said.decode()

    def leaves(self) -> None:
        """End whatever still runs."""
        end_group(self.shell)
        self.shell.stdin.close()

    def _here(self, text: str) -> str:
        return re.sub(r"\b(9101|9102|8080|9090)\b", lambda found: self.ports[found[1]], text)

    def _admin(self, target: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.ports["9090"]), timeout=LONG)
        try:
            connection.request("GET", target)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def _settled(self) -> bool:
        """Whether the store holds everything that the gateway has counted."""
        metrics = self._admin("/metrics")

        def total(name: str) -> float:
            return sum(map(float, re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", metrics)))

        known = orjson.loads(self._admin("/report"))["capabilities"]
        return (not total("figway_shadow_unfinished")
                and sum(one["eligible"] for one in known) == total("figway_shadow_total")
                and sum(one["requests"] for one in known) == total("figway_requests_total"))


@pytest.fixture
def reader(tmp_path):
    one = Reader(tmp_path)
    yield one
    one.leaves()


def promised(line: str) -> re.Pattern[str]:
    """A line as the README shows it: blanks count as one, … stands for anything."""
    return re.compile(".*".join(map(re.escape, " ".join(line.split()).split("…"))))


def test_the_first_capability_takes_the_commands_that_the_readme_says(reader):
    story = blocks(dict(sections(README))["The first capability in five minutes"])
    assert {language for language, _ in story} == {"yaml", "sh", "text"}
    said: list[str] = []
    for language, text in story:
        if language == "yaml":
            reader.saves(text)
        elif language == "sh":
            said = [" ".join(line.split()) for line in reader.runs(text).splitlines()]
        else:
            left = iter(said)
            for line in text.splitlines():
                assert any(promised(line).fullmatch(one) for one in left), f"{line!r} is not in {said}"
    log = reader.file.with_name("access.log")
    until(lambda: '"event":"stopped"' in log.read_text(), "the gateway does not stop")
    requests = [one for one in map(orjson.loads, log.read_text().splitlines()) if one["event"] == "request"]
    assert len(requests) == 1 + 100 + 600
    assert all(one["status"] == 200 and "error" not in one for one in requests)
