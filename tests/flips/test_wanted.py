"""What commands want, who may, and what is kept of a reason: tables, one row a test."""

import os

import pytest

from gateway.config.compile import build
from gateway.config.controlling import Controls
from gateway.config.problem import Invalid
from gateway.control.wanted import wanted
from gateway.control.who import FLIP, READ, SEE, of_peer, of_token
from gateway.flips.base import BadFlip
from gateway.flips.reasons import kept

ASKED = {"capability": "labs", "to": "canary", "reason": "why"}


@pytest.mark.parametrize(("change", "share", "lasts"), [
    ({}, None, None), ({"percent": "5"}, 500, None), ({"percent": "0.25%"}, 25, None),
    ({"percent": "100"}, 10_000, None), ({"percent": "0"}, 0, None), ({"expires": "2h"}, None, 7200.0),
])
def test_shares_and_expiries(change, share, lasts):
    found = wanted(ASKED | change, ["labs"])
    assert (found.share, found.lasts, found.reason) == (share, lasts, "why")


@pytest.mark.parametrize(("change", "why"), [
    ({"capability": "lab"}, 'no capability "lab"; did you mean "labs"'),
    ({"to": "moder"}, 'no stage "moder"; did you mean "modern"'),
    ({"kind": "rolback"}, 'no kind "rolback"; did you mean "rollback"'),
    ({"side": "write"}, 'no side "write"; did you mean "writes"'),
    ({"percentage": "5"}, 'no key "percentage"; did you mean "percent"'),
    ({"percent": "-1"}, "from 0 to 100"), ({"percent": "101"}, "from 0 to 100"), ({"percent": "many"}, "from 0 to 100"),
    ({"reason": ""}, "needs a reason"), ({"reason": " \t\n"}, "needs a reason"), ({"reason": "x" * 501}, "at most 500"),
    ({"expires": "0s"}, "a duration"), ({"expires": "tomorrow"}, "a duration"),
    ({"force": "yes"}, "wants true or false"),
    ({"revision": "7"}, "wants a number"), ({"revision": True}, "wants a number"), ({"reason": 7}, "wants text"),
    ({"to": None}, "say where to"), ({"kind": "rollback", "to": "file"}, 'no stage "file"'),
])
def test_bad_input_is_one_line(change, why):
    with pytest.raises(BadFlip, match=why) as raised:
        wanted(ASKED | change, ["labs"])
    assert "\n" not in str(raised.value)


def test_a_step_is_forced_only_where_it_says_so():
    assert [wanted(ASKED | more, ["labs"]).forces for more in ({}, {"force": False}, {"force": True})] == [
        False, False, True]


def test_something_other_than_an_object_is_refused():
    for data in ([], "flip", None):
        with pytest.raises(BadFlip, match="JSON object"):
            wanted(data, ["labs"])


@pytest.mark.parametrize(("said", "left"), [
    ("wards 4 and 7 agreed, CHG0031234", "wards 4 and 7 agreed, CHG0031234"),
    ("two\nlines\x1b[0m", "two lines [0m"),
    ("for MRN 12345678", "for [record number]"), ("patient id: 99 12 34", "[record number]"),
    ("NHS no 943 476 5919", "[record number]"), ("943 476 5919", "[number]"), ("SSN 123-45-6789", "[record number]"),
    ("123-45-6789 said so", "[number] said so"), ("call +44 20 7946 0018", "call [number]"),
    ("born 1984-02-29", "[born]"), ("DOB: 29.02.1984 is wrong", "[born] is wrong"),
    ("ask ann.lee@clinic.example", "ask [e-mail]"), ("Bearer abcdefgh12345", "[secret]"),
    ("since 2026-12-01, revision 12", "since 2026-12-01, revision 12"),
])
def test_what_could_point_to_a_patient_is_taken_out_of_a_reason(said, left):
    assert kept(said) == left


CONTROLS = """
version: 1
store: {{sqlite: {{path: figway.db}}}}
{control}
upstreams: {{legacy: {{url: "http://127.0.0.1:9"}}}}
default: {{upstream: legacy}}
"""


@pytest.fixture
def controls(tmp_path):
    def controls(text):
        file = tmp_path / "routes.yaml"
        file.write_text(CONTROLS.format(control=text))
        return build(file)

    return controls


def test_without_control_whoever_opens_the_socket_may_do_everything(controls, tmp_path):
    found = controls("").control
    assert (found.path, found.socket) == (tmp_path / "figway.db.control", tmp_path / "figway.db.control.sock")
    assert all(of_peer(0, 0, found).may(roles) for roles in (SEE, READ, FLIP))
    assert of_peer(0, 0, found).actor(FLIP).role == "operator"
    assert of_token("Bearer x", found) is None


def test_with_control_roles_decide(controls):
    found = controls('control: {roles: {operator: ["token:pipeline"], viewer: [root]}, '
                     'tokens: {pipeline: "0123456789abcdef"}}').control
    root = of_peer(0, 0, found)
    assert (root.may(SEE), root.may(READ), root.may(FLIP)) == (True, False, False)
    assert of_peer(0, 0, controls('control: {roles: {auditor: ["%root"], operator: [ann]}}').control).may(READ)
    assert of_peer(4_000_000, 4_000_000, found).roles == frozenset()
    assert of_token("bearer 0123456789abcdef", found).may(FLIP)
    assert of_token("Bearer 0123456789abcdeX", found) is None
    assert of_token("Basic 0123456789abcdef", found) is None
    assert b"0123456789abcdef" not in repr(found).encode()


@pytest.mark.parametrize(("text", "may"), [
    ("", True),
    ("control: {roles: {operator: [root]}}", False),
    ("control: {roles: {operator: [root], approver: [ann]}}", False),
    ("control: {roles: {operator: [root], approver: [root]}}", True),
    ("control: {force: [operator], roles: {operator: [root]}}", True),
    ("control: {force: [operator], roles: {operator: [ann], approver: [root]}}", False),
    ("control: {force: [], roles: {operator: [root], approver: [root]}}", False),
])
def test_who_may_force_a_step(controls, text, may):
    assert of_peer(0, 0, controls(text).control).may_force is may


def test_without_control_only_the_owner_of_the_socket_and_root_may_force(controls):
    assert of_peer(os.geteuid(), os.getegid(), controls("").control).may_force
    assert not of_peer(4_000_000, 4_000_000, controls("").control).may_force


@pytest.mark.parametrize(("text", "code"), [
    ('control: {tokens: {a: "too short"}, roles: {operator: [ann]}}', "weak_token"),
    ('control: {roles: {operator: ["token:none"]}}', "unknown_token"),
    ('control: {roles: {operator: ["a b"]}}', "bad_value"),
    ("control: {path: figway.db, roles: {operator: [ann]}}", "same_file"),
    ("control: {role: {}}", "unknown_key"),
    ("control: {force: [viewer], roles: {operator: [ann]}}", "bad_value"),
])
def test_problems_of_control(controls, text, code):
    with pytest.raises(Invalid) as raised:
        controls(text)
    assert [one.code for one in raised.value.problems] == [code]


def test_control_without_an_operator_is_a_warning(controls):
    assert [one.code for one in controls("control: {}").warnings] == ["no_operator"]


def test_control_needs_a_file(controls, tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text(CONTROLS.format(control="control: {roles: {operator: [ann]}}").replace(
        "store: {sqlite: {path: figway.db}}", ""))
    with pytest.raises(Invalid, match="needs_file"):
        build(file)


def test_a_control_that_is_left_out_has_no_file_with_the_memory_store():
    assert Controls().path is None
