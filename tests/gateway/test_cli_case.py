"""figway shadow case: a minimised case against a real server, before and after modern is mended."""

import json
import socket
import threading

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.backends.upstream import Upstream, closed_port
from tests.backends.wire import response

LEGACY = {"id": "P-1010", "telecom": {"phone": "0123 456"}}
MODERN = {"id": "P-1010", "telecom": {}}


def figway(*arguments):
    found = CliRunner().invoke(main, ["shadow", *map(str, arguments)])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    assert "Traceback" not in found.output
    return found


@pytest.fixture
def case(tmp_path):
    for name, body in (("legacy", LEGACY), ("modern", MODERN)):
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
    file = tmp_path / "test_case.py"
    done = figway("minimise", "--legacy", tmp_path / "legacy.json", "--modern", tmp_path / "modern.json", "-o", file)
    assert done.exit_code == 0
    return file


@pytest.fixture
def modern():
    server = Upstream()
    yield server
    server.close()


def serves(server, body):
    server.answers(response(200, ("Content-Type", "application/json"), body=json.dumps(body).encode()))


def test_mending_modern_changes_the_result(case, modern):
    serves(modern, MODERN | {"id": "P-7", "more": [1]})
    broken = figway("case", case, "--against", f"{modern.url}/patients/P-7?x=1", "-H", "Accept: application/json")
    assert broken.exit_code == 1
    head, line = broken.stdout.splitlines()
    assert (head.startswith("modern 200 in "), head.endswith(": 0 of 1 differences gone")) == (True, True)
    assert line.split() == ["again", "major", "missing", "/telecom/phone:", "string", "text", "→", "absent"]
    [asked] = modern.asked
    assert (asked.method, asked.target, asked.get("Accept")) == ("GET", b"/patients/P-7?x=1", "application/json")
    serves(modern, {"id": "P-7", "telecom": {"phone": "0987 654"}})
    mended = figway("case", case, "--against", f"{modern.url}/patients/P-7", "-o", "json")
    told = json.loads(mended.stdout)
    assert (mended.exit_code, told["status"], told["mended"]) == (0, 200, True)
    assert [(one["path"], one["state"]) for one in told["differences"]] == [("/telecom/phone", "gone")]
    assert "0987" not in mended.output


def test_with_legacy_both_are_asked(case, modern):
    serves(modern, LEGACY)
    found = figway("case", case, "--against", f"{modern.url}/modern", "--legacy", f"{modern.url}/legacy")
    assert found.exit_code == 0
    assert modern.targets() == ["/modern", "/legacy"]


def test_a_redirect_is_an_answer_and_is_not_followed(case, modern):
    modern.answers(response(302, ("Location", "/elsewhere")))
    found = figway("case", case, "--against", modern.url)
    assert (found.exit_code, "not known" in found.stdout, len(modern.asked)) == (1, True, 1)


def test_whoever_does_not_answer_is_named(case, modern):
    gone = f"http://127.0.0.1:{closed_port()}/"
    found = figway("case", case, "--against", gone)
    assert (found.exit_code, found.stdout, "modern cannot be asked (ConnectError)" in found.stderr) == (2, "", True)
    serves(modern, LEGACY)
    found = figway("case", case, "--against", modern.url, "--legacy", gone)
    assert (found.exit_code, "legacy cannot be asked" in found.stderr) == (2, True)
    modern.does(lambda wire, asked: (wire.send(response(200, ("Content-Length", "50"), body=b"short")), wire.close()))
    found = figway("case", case, "--against", modern.url)
    assert (found.exit_code, "modern cannot be asked" in found.stderr) == (2, True)


def test_an_answer_that_never_ends_takes_no_longer_than_it_may(case):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        held = []
        taker = threading.Thread(target=lambda: held.append(silent.accept()))
        taker.start()
        found = figway("case", case, "--against", f"http://127.0.0.1:{silent.getsockname()[1]}/", "--timeout", "0.2")
        taker.join()
        held[0][0].close()
    assert (found.exit_code, found.stderr) == (2, "figway: modern does not answer within 0.2 s\n")


@pytest.mark.parametrize(("text", "says"), [
    (None, "there is no file"), ("(", "cannot be run: SyntaxError"), ("LEGACY = 1", "is no case"),
    ("raise OSError('Zebulon')", "cannot be run: OSError"),
    ("import nothing_of_this_name", "cannot be run: ModuleNotFoundError"),
])
def test_a_file_that_is_no_case_is_refused(tmp_path, text, says):
    file = tmp_path / "test_no_case.py"
    if text is not None:
        file.write_text(text)
    found = figway("case", file, "--against", "http://127.0.0.1:1/")
    assert (found.exit_code, says in found.stderr, "Zebulon" in found.output) == (2, True, False)


@pytest.mark.parametrize(("option", "value"), [
    ("--against", "127.0.0.1:80"), ("--against", "file:///etc/passwd"), ("-H", "Accept"),
])
def test_wrong_usage_is_refused_before_anybody_is_asked(case, option, value):
    found = figway("case", case, "--against", "http://127.0.0.1:1/", option, value)
    assert found.exit_code == 2
    assert found.stdout == ""
