"""Who asks is told by what a policy verified, else by the address, and by the groups that are declared."""

import pytest

from adapters.message import Headers, Request
from gateway.call import Call, Principal
from gateway.members import members
from shadow.plan import CLIENTS

GROUPS = (*CLIENTS, ("facility", "header", "X-Facility"), ("tenant", "claim", "tenant"), ("ward", "parameter", "ward"))


def call(principal=None, **more):
    return Call(Request("GET", b"/", Headers([(b"x-facility", b" clinic-7 ")])), "results", "read", True, "192.0.2.7",
                principal=principal, **more)


def test_a_client_without_a_name_is_its_address():
    assert members(CLIENTS, call()) == (("client", "192.0.2.7"),)


def test_a_client_with_a_name_is_its_name_and_groups_come_from_claims_fields_and_paths():
    principal = Principal("jwt", "ann", {"tenant": 7, "roles": ["a"]})
    assert members(GROUPS, call(principal, params={"ward": "3"})) == (
        ("client", "jwt ann"), ("facility", "clinic-7"), ("tenant", "7"), ("ward", "3"))


def test_a_group_that_cannot_be_told_is_left_out():
    groups = (("tenant", "claim", "tenant"), ("ward", "parameter", "ward"), ("other", "header", "X-Other"))
    assert members(groups, call()) == ()
    assert members(groups, call(Principal("jwt", "ann", {"tenant": ["a", "b"]}))) == ()


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no groups by cookie"):
        members((("tenant", "cookie", "x"),), call())
