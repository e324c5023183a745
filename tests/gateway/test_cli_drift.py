"""figway drift: what is in force and not in the file, and the patch that writes it there."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.config.compile import build
from gateway.flips import copy
from gateway.flips.base import Actor, Flip, Kind, Position
from gateway.flips.fitting import written
from gateway.flips.sqlite import SqliteStages
from gateway.stage import Stage
from tests.backends.packages import needs

FILE = """\
# Our clinic. Änderungen nur mit Ticket!
version: 1
store: {sqlite: {path: figway.db}}
include: [conf.d/*.yaml]
upstreams: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
default: {upstream: old}
capabilities:
  labs:
    owner: a   # shadow
    operations: {read: {path: "/labs/{id}"}}
    legacy: old
    modern: new
    stage: 'shadow'   # since May

    split: {percent: 5%, sticky: [client_ip]}
    shadow: {sample: 50%}
"""
ROOMS = """\
capabilities: {rooms: {owner: a, operations: {read: {path: /rooms}}, legacy: old, modern: new, stage: legacy,
  shadow: {sample: 1%}, split: {percent: 10%, sticky: [client_ip]}}}"""
ANNA = Actor("anna", "operator", "socket")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf.d").mkdir()
    Path("routes.yaml").write_text(FILE)
    Path("conf.d/rooms.yaml").write_text(ROOMS)
    return tmp_path


def flip(*flips, path="routes.yaml"):
    """Make flips, as a gateway would that has started with this file."""
    built = build(path)
    stages = SqliteStages(built.control.path)
    stages.adopt(written(built.table.capabilities), Actor("start", source="start"))
    for one in flips:
        stages.flip(one)
    stages.close()


def to(capability, reads=None, writes=None, share=None, kind=Kind.FLIP):
    return Flip(kind, capability, ANNA, "ticket 7", reads, writes, share)


def drift(*options):
    return CliRunner().invoke(main, ["drift", *options], catch_exceptions=False)


def in_force(path="routes.yaml"):
    return written(build(path).table.capabilities)


LABS = to("labs", Stage.CANARY, Stage.CANARY, 1250)


def test_without_a_flip_nothing_drifts():
    assert (drift().exit_code, drift().output) == (0, "nothing drifts\n")
    assert not Path("figway.db.control").exists()
    flip()
    assert (drift("--patch").exit_code, drift("--patch").output) == (0, "")
    assert (drift("-o", "json").exit_code, drift("-o", "json").output) == (0, "[]\n")


def test_a_flip_is_drift_until_the_file_says_it():
    flip(LABS)
    done = drift()
    assert done.exit_code == 1
    assert done.output.startswith("labs: reads canary 12.5%, writes canary 12.5%, and routes.yaml:13 says reads "
                                  "shadow, writes legacy (by anna at ")
    assert done.output.endswith(": ticket 7)\n")
    [one] = json.loads(drift("-o", "json").output)
    assert one == {"capability": "labs", "place": "routes.yaml:13", "by": "override", "reason": "ticket 7",
                   "file": {"reads": "shadow", "writes": "legacy", "share": 500},
                   "in_force": {"reads": "canary", "writes": "canary", "share": 1250}}
    Path("routes.yaml").write_text(FILE.replace("'shadow'", "canary").replace("5%,", "12.5%,").replace(
        "    modern: new\n", "    modern: new\n    writes: canary\n"))
    assert drift().output == "nothing drifts\n"


def test_the_patch_is_what_a_person_would_have_written():
    flip(LABS)
    assert drift("--patch").output == """\
--- a/routes.yaml
+++ b/routes.yaml
@@ -10,7 +10,8 @@
     operations: {read: {path: "/labs/{id}"}}
     legacy: old
     modern: new
-    stage: 'shadow'   # since May
+    stage: 'canary'   # since May
+    writes: canary
{}
-    split: {percent: 5%, sticky: [client_ip]}
+    split: {percent: 12.5%, sticky: [client_ip]}
     shadow: {sample: 50%}
""".replace("{}", " ")


@pytest.mark.parametrize("tool", [["patch", "-p1", "-s"], ["git", "apply", "-"]], ids=["patch", "git"])
@pytest.mark.parametrize("form", ["plain", "crlf", "mark", "no newline", "blank in a name"])
def test_real_tools_apply_it_and_every_other_byte_stays(tool, form):
    needs(tool[0])
    routes, rooms = FILE, ROOMS
    name = "our routes.yaml" if form == "blank in a name" else "routes.yaml"
    if form == "crlf":
        routes, rooms = routes.replace("\n", "\r\n"), rooms.replace("\n", "\r\n")
    if form == "no newline":
        routes = routes.rstrip("\n")
    mark = b"\xef\xbb\xbf" if form == "mark" else b""
    Path("routes.yaml").unlink()
    Path(name).write_bytes(mark + routes.encode())
    Path("conf.d/rooms.yaml").write_bytes(mark + rooms.encode())
    flip(LABS, to("rooms", Stage.VERIFY), to("rooms", writes=Stage.CANARY), path=name)
    done = drift("--config", name, "--patch")
    assert done.exit_code == 1
    assert done.stderr == ""
    subprocess.run(tool, input=done.stdout_bytes, check=True)
    newline = "\r\n" if form == "crlf" else "\n"
    assert Path(name).read_bytes() == mark + routes.replace("'shadow'   # since May", (
        f"'canary'   # since May{newline}    writes: canary")).replace("5%,", "12.5%,").encode()
    assert Path("conf.d/rooms.yaml").read_bytes() == mark + rooms.replace(
        "stage: legacy", "stage: verify, writes: canary").encode()
    assert in_force(name) == {"labs": Position(Stage.CANARY, Stage.CANARY, 1250),
                              "rooms": Position(Stage.VERIFY, Stage.CANARY, 1000)}
    assert drift("--config", name).exit_code == 0
    assert not list(Path.cwd().glob("**/*.orig"))


def test_from_modern_on_the_patch_says_the_stage_of_writes():
    needs("git")
    flip(to("labs", Stage.MODERN))
    patch = drift("--patch").stdout_bytes
    subprocess.run(["git", "apply", "-"], input=patch, check=True)
    assert in_force()["labs"] == Position(Stage.MODERN, Stage.LEGACY, 500)
    assert "    stage: 'modern'   # since May\n    writes: legacy\n" in Path("routes.yaml").read_text()


def test_a_latch_and_a_rollback_drift_too():
    flip(to("labs", Stage.LEGACY, kind=Kind.TRIP), to("rooms", Stage.SHADOW))
    labs, rooms = drift().output.splitlines()
    assert labs.startswith("labs: reads legacy, writes legacy, and routes.yaml:13 says reads shadow, writes legacy "
                           "(held by anna since ")
    assert rooms.startswith("rooms: reads shadow, writes legacy, and conf.d/rooms.yaml:1 says reads legacy, writes "
                            "legacy (by anna at ")


def test_what_cannot_be_written_is_told_and_the_rest_is_in_the_patch():
    Path("routes.yaml").write_text(FILE.replace("'shadow'", "${STAGE:-shadow}"))
    flip(to("labs", Stage.LEGACY), to("rooms", Stage.SHADOW))
    done = drift("--patch")
    assert done.stderr == ("figway: labs is not in the patch: capabilities.labs.stage comes from a reference, "
                           "${STAGE:-shadow}: set that instead\n")
    assert done.stdout.startswith("--- a/conf.d/rooms.yaml\n+++ b/conf.d/rooms.yaml\n")


def test_an_edit_that_is_not_in_force_yet_is_told_as_such():
    flip()
    Path("routes.yaml").write_text(FILE.replace("'shadow'", "legacy"))
    assert drift().output == ("labs: reads shadow, writes legacy, and routes.yaml:13 says reads legacy, writes legacy "
                              "(the file was edited, and is not in force yet)\n")
    done = drift("--patch")
    assert done.stderr == "figway: labs was edited, and is not in force yet: the patch takes that back\n"
    assert "+    stage: shadow   # since May\n" in done.stdout


def test_a_patch_of_files_elsewhere_begins_where_they_are(folder, monkeypatch, tmp_path_factory):
    needs("git")
    flip(LABS)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    done = drift("--config", str(folder / "routes.yaml"), "--patch")
    assert done.stderr == f"figway: apply this patch in {folder}\n"
    subprocess.run(["git", "apply", "-"], input=done.stdout_bytes, check=True, cwd=folder)
    assert drift("--config", str(folder / "routes.yaml")).exit_code == 0


def test_a_patch_of_an_included_file_in_another_folder_begins_in_the_one_above(folder):
    needs("git")
    Path("etc").mkdir()
    Path("etc/routes.yaml").write_text(FILE.replace("conf.d/*.yaml", "../conf.d/*.yaml"))
    flip(LABS, to("rooms", Stage.SHADOW), path="etc/routes.yaml")
    done = drift("--config", "etc/routes.yaml", "--patch")
    assert (done.stderr, "+++ b/conf.d/rooms.yaml\n" in done.stdout) == ("", True)
    subprocess.run(["git", "apply", "-"], input=done.stdout_bytes, check=True)
    assert drift("--config", "etc/routes.yaml").exit_code == 0


def test_a_lost_control_file_leaves_its_copy(folder):
    flip(LABS)
    stages = SqliteStages(folder / "figway.db.control")
    copy.keep(folder / "figway.db.control.stages", stages.read(), stages.read)
    stages.close()
    Path("figway.db.control").unlink()
    assert drift().exit_code == 1
    assert not Path("figway.db.control").exists()


def test_what_cannot_be_read_has_its_own_exit_codes():
    flip(LABS)
    Path("figway.db.control").write_bytes(b"not a database, and long enough to be sure of it" * 100)
    done = drift()
    assert (done.exit_code, done.stderr.startswith("figway: ")) == (5, True)
    Path("routes.yaml").write_text(FILE.replace("stage:", "stag:"))
    done = drift()
    assert done.exit_code == 2
    assert "[unknown_key]" in done.stderr
