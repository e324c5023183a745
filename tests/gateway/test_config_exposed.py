"""Files of keys and secrets that others may read: warned of where they are named, and never refused."""

import pytest

from gateway.config.compile import build

ROUTES = """
version: 1
store: {sqlite: {path: figway.db}}
shadow:
  capture: {path: figway.sealed, views: {reviewer: [root]}}
upstreams: {legacy: {url: "http://127.0.0.1:9", host: "${file:secret}"}}
default: {upstream: legacy}
"""


@pytest.fixture
def routes(tmp_path):
    for name in ("figway.db.custody", "figway.sealed", "secret"):
        (tmp_path / name).write_text("clinic.example")
        (tmp_path / name).chmod(0o600)
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    return file


def exposed(file):
    return [(one.place.line, one.message.partition(" is open")[0]) for one in build(file).warnings
            if one.code == "exposed"]


def test_what_only_its_owner_may_read_is_not_told_of(routes):
    assert exposed(routes) == []


def test_what_is_not_there_is_not_told_of(routes):
    (routes.parent / "figway.db.custody").unlink()
    assert exposed(routes) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_what_others_may_read_or_write_is_told_of_where_it_is_named(routes, mode):
    for name in ("figway.db.custody", "figway.sealed", "secret"):
        (routes.parent / name).chmod(mode)
    assert exposed(routes) == [
        (3, "the custody file"), (5, "the file of sealed records"), (6, "this file of a secret")]
    assert f"(mode {mode:04o}): chmod 600" in str(build(routes).warnings[0])


def test_a_custody_that_is_named_is_told_of_there(routes):
    routes.write_text(ROUTES.replace("shadow:\n", "shadow:\n  custody: mine\n"))
    (routes.parent / "mine").write_text("")
    (routes.parent / "mine").chmod(0o644)
    assert exposed(routes) == [(5, "the custody file")]
