"""The demo as a newcomer runs it: as a process of its own, from the folder that holds routes.yaml."""

import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.demo.defects import DEFECTS
from tests.backends.processes import FIGWAY, LONG, ended, started
from tests.backends.upstream import until

ROOT = Path(__file__).parents[2]
NO_LIMITS = MappingProxyType({})


@pytest.fixture
def folder(tmp_path):
    """A folder with a copy of routes.yaml, where the demo may write."""
    shutil.copy(ROOT / "routes.yaml", tmp_path)
    return tmp_path


def environment():
    # Proxies of the machine must not come between the demo's clients and its gateway.
    return {name: value for name, value in os.environ.items() if not name.startswith("FIGWAY_")} | {
        "COLUMNS": "100", "HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}


@contextmanager
def demo(folder, *options, limits=NO_LIMITS):
    """The demo as a process. What is left of it at the end of the block is killed, and so is what it started."""
    try:
        with started([*FIGWAY, "demo", *options], cwd=folder, env=environment(), text=True,
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for what, bounds in limits.items():
                resource.prlimit(process.pid, what, bounds)
            yield process
    finally:
        end_processes_of(folder)


@pytest.fixture
def start(folder):
    """Starts the demo in `folder`."""
    with ExitStack() as stack:
        yield lambda *options, **more: stack.enter_context(demo(folder, *options, **more))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A demo that was run to its end: its folder, and what it printed to both streams."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(ROOT / "routes.yaml", folder)
    with demo(folder, "--requests", "300") as process:
        out, err = process.communicate(timeout=LONG)
        assert process.returncode == 0, out + err
        assert processes_of(folder) == {}
    return folder, out, err


def report(folder, capability):
    done = ended([*FIGWAY, "report", capability, "-o", "markdown"], cwd=folder, env=environment())
    return done.stdout + done.stderr


def get(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        return answer.read()


def revision(admin):
    return re.search(rb"revision (\w+)", get(f"{admin}/readyz?verbose"))[1]


def processes_of(folder):
    """Process id → command line of all processes that work in `folder`: the demo, and whatever it started."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder):
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def end_processes_of(folder):
    """Each of the demo's processes leads a group of its own, so that none goes with the demo's."""
    for pid in processes_of(folder):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_the_demo_finds_every_seeded_defect_and_nothing_else_and_leaves_no_process(done):
    folder, out, err = done
    assert err == ""
    assert f"{len(DEFECTS)} of {len(DEFECTS)} seeded defects found" in out
    assert "nothing else differs" in out
    for defect in DEFECTS:
        assert defect.says in re.sub(r"\s+", " ", out)
    stages = dict(re.findall(r"(?m)^([a-z-]+|\(all the rest\)) +(legacy|shadow|canary|verify|modern|retired) ", out))
    assert stages == {
        "patient-search": "legacy", "patients": "shadow", "results": "shadow", "appointments": "canary",
        "documents": "verify", "downloads": "modern", "departments": "retired", "(all the rest)": "legacy",
    }
    # The end: a verdict for each capability, SAFE on the mended modern, and a page for each, which a link leads to.
    stage = "legacy|shadow|canary|verify|modern|retired"
    verdicts = dict(re.findall(rf"(?m)^ ([a-z-]+) +(?:{stage}) +([A-Z ]+|not shadowed)  ", out))
    assert verdicts.keys() == stages.keys() - {"(all the rest)"}
    assert verdicts["patients"].strip() == "SAFE"
    assert "patients: NOT SAFE; next: mend " in out
    assert "✔ patients, on modern's build 2.1: SAFE for reads." in out
    page = Path(re.search(r"file://(\S+)", out)[1])
    assert page.parent == folder / "out" / "report"
    links = set(re.findall(r'<a href="([a-z_-]+\.html)"', page.read_text()))
    assert links == {f"{name}.html" for name in (*verdicts, "_default")}
    for link in links:
        assert "</html>" in page.with_name(link).read_text()
    assert ended([*FIGWAY, "gate", "patients"], cwd=folder, env=environment()).returncode == 0


def test_its_store_is_there_for_the_report(done):
    folder, _, _ = done
    assert "/telecom/phone" in report(folder, "patients")


def test_kept_up_it_answers_and_takes_up_a_changed_file_until_it_is_interrupted(folder, start):
    process = start("--requests", "50", "--keep")
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        page = "".join(lines)
        gateway = re.search(r"gateway +(http://\S+)", page)[1]
        admin = re.search(r"curl (http://\S+)/readyz", page)[1]
        assert f"curl -i {gateway}/patients/P-1001" in page
        assert b"Synthetic" in get(f"{gateway}/")
        # What the tour in routes.yaml proposes: move the capability that is in legacy on to shadow.
        before, file = revision(admin), folder / "routes.yaml"
        file.write_text(file.read_text().replace("stage: legacy", "stage: shadow\n    shadow: {sample: 100%}"))
        until(lambda: revision(admin) != before, "the gateway does not take up the changed file")
        assert b"Testperson" in get(f"{gateway}/patients?name=test")
    finally:
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=LONG)
    assert process.returncode == 0, rest + err
    assert processes_of(folder) == {}
    assert "0 of 1 compared exchanges differ" in report(folder, "patient-search")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_in_the_middle_it_leaves_no_process(folder, start, number):
    process = start("--requests", "20000")
    for line in process.stdout:
        if "as routes.yaml says" in line:
            break
    threading.Event().wait(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=LONG)
    # Python ends itself by SIGINT where that came while a class was being made. A shell shows that as 130, too.
    assert process.returncode in (130, -signal.SIGINT), out + err
    assert "Traceback" not in err
    assert processes_of(folder) == {}


def test_where_it_has_too_few_file_descriptors_it_says_what_clients_got_and_why(folder, start):
    process = start("--requests", "50", limits={resource.RLIMIT_NOFILE: (64, 64)})
    out, err = process.communicate(timeout=LONG)
    assert (process.returncode, err) == (1, "")
    assert "✘ wrong: patients.read: status 503 (" in out.split("Modern is mended")[1]
    assert re.search(r"✘ the gateway says: connections: \d+ of \d+, .* turned away", re.sub(r"\s+", " ", out))
    assert processes_of(folder) == {}


def test_where_it_may_not_write_it_says_where(folder, start):
    (folder / "out").write_text("in the way")
    process = start()
    _, err = process.communicate(timeout=LONG)
    assert process.returncode == 1
    assert re.fullmatch(r"Error: \S*out: File exists\n", err)


def test_a_gateway_that_does_not_start_is_told_in_its_own_words(folder, start):
    (folder / "routes.yaml").write_text("version: 1\n")
    process = start()
    out, err = process.communicate(timeout=LONG)
    assert process.returncode == 1, out
    assert "the gateway process has ended; it said:" in err
    assert "routes.yaml:" in err
    assert processes_of(folder) == {}


def test_where_there_is_no_routes_yaml_it_says_what_to_do(folder, start):
    (folder / "routes.yaml").unlink()
    process = start()
    _, err = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert "there is no routes.yaml here" in err
