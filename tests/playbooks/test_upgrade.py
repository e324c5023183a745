"""An upgrade: after 101 (Switching Protocols), bytes go both ways as they come."""

from gateway.room import STALLED
from gateway.stage import Stage
from tests.playbooks.script import (
    Play,
    answers,
    asks,
    begins,
    blocked,
    data,
    ends,
    fails,
    gone,
    head,
    reply,
    resumed,
    says,
)

UPGRADE = {"upgrade": b"websocket"}


async def test_a_tunnel_carries_what_both_sides_say():
    assert (
        Play(Stage.MODERN)
        >> head(**UPGRADE) << asks("modern")
        >> begins(101) << "head 101"
        >> data("hello") << "modern gets hello"
        >> says("world") << "client gets world"
        >> ends << "end: 101"
    )


async def test_a_tunnel_has_no_limit_of_its_bytes():
    assert (
        Play(Stage.MODERN, body_limit=8)
        >> head(**UPGRADE) << asks("modern")
        >> begins(101) << "head 101"
        >> data("more than eight bytes") << "modern gets more than eight bytes"
        >> gone << "modern is let go"
    )


async def test_a_tunnel_that_breaks_is_cut():
    assert (
        Play(Stage.MODERN) >> head(**UPGRADE) << asks("modern")
        >> begins(101) << "head 101"
        >> fails("reset") << "cut"
    )


async def test_an_upgrade_that_is_declined_is_an_answer_like_any_other():
    assert Play(Stage.MODERN) >> head(**UPGRADE) << asks("modern") >> reply(426) << answers(426)


async def test_an_upgrade_is_never_mirrored():
    assert (
        Play(shadow=True) >> head(**UPGRADE) << "no mirror: upgraded" << asks("modern")
        >> begins(101) << "head 101" >> ends << "end: 101"
    )


async def test_where_the_capability_takes_no_upgrade_the_request_is_an_ordinary_one():
    assert (
        Play(shadow=True, upgrade=False) >> head(**UPGRADE) << asks("modern")
        >> reply(200) << answers(200) << "mirror to legacy"
    )


async def test_what_a_stalled_tunnel_holds_is_counted_and_given_back():
    play = Play(Stage.MODERN, room=STALLED) >> head(**UPGRADE) << asks("modern") >> begins(101) << "head 101"
    play >> blocked << "client waits"
    assert play.pipeline.room.held == STALLED
    play >> resumed << "client goes on"
    assert play.pipeline.room.held == 0
    assert play >> blocked << "client waits" >> gone << "modern is let go"


async def test_a_stalled_tunnel_is_cut_where_there_is_no_room_for_it():
    play = Play(Stage.MODERN, room=STALLED - 1) >> head(**UPGRADE) << asks("modern") >> begins(101) << "head 101"
    play >> blocked << "client waits"
    await play.until("cut")
    assert play << "cut" << "modern is let go"
