"""Whatever happens in whatever order, an exchange passes through its phases as their table says, and ends once."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.phase import DONE, TRANSITIONS, Phase
from gateway.stage import Stage
from tests.playbooks.script import (
    Play,
    begins,
    blocked,
    broken,
    data,
    ejected,
    empty,
    end,
    ends,
    fails,
    full,
    gone,
    head,
    reply,
    resumed,
    says,
)

OF_CLIENT = st.sampled_from([gone, broken("bad_framing"), full, empty])
OF_BODY = st.one_of(st.text("ab", min_size=1, max_size=9).map(data), st.just(end))
OF_ARM = st.one_of(
    st.sampled_from([200, 304, 503]).map(begins), st.sampled_from([200, 503]).map(reply), st.text("ab").map(says),
    st.sampled_from(["reset", "no_room", "malformed"]).map(fails), st.sampled_from([ends, blocked, resumed]),
    st.just(ejected("modern")),
)
KEYS = st.fixed_dictionaries({
    "stage": st.sampled_from([Stage.LEGACY, Stage.SHADOW, Stage.CANARY, Stage.MODERN]), "shadow": st.booleans(),
    "body_limit": st.sampled_from([0, 12]), "buffer_limit": st.sampled_from([6, 1 << 20]),
    "room": st.sampled_from([0, 70, 1 << 20]),
})


async def played(play, start, events):
    """Play the events that can happen: an arm says nothing before it is asked, and nothing is sent past a body's end;
    an arm answers in order."""
    play >> start
    body, begun = play.exchange._upload is not None, set()
    for event, of in events:
        if play.exchange.phase is DONE:
            break
        if of == "arm":
            if not play.calls:
                continue
            call = play.calls[-1]
            called = getattr(event, "__qualname__", "")
            starts = called.startswith(("begins", "reply"))
            if (called.startswith(("says", "ends")) and call not in begun) or (starts and call in begun):
                continue
            if starts:
                begun.add(call)
        elif of == "body":
            if not body:
                continue
            body = event is not end
        play >> event
    # The loop's own turn, in which what found no room ends the exchange.
    await asyncio.sleep(0)
    play >> gone


@settings(max_examples=400, deadline=None)
@given(
    KEYS, st.sampled_from([("GET", 0), ("POST", 9), ("POST", "chunked")]),
    st.lists(st.one_of(OF_CLIENT.map(lambda one: (one, "client")), OF_BODY.map(lambda one: (one, "body")),
                       OF_ARM.map(lambda one: (one, "arm"))), max_size=14),
)
def test_every_exchange_passes_through_its_phases_as_the_table_says(keys, start, events):
    async def run():
        play = Play(**keys)
        await played(play, head(*start), events)
        assert play.exchange.phase is DONE
        assert (play.pipeline.room.held, play.recorder.in_flight) == (0, 0)
        # What an exchange with a mirror due came to is told to the lane once.
        assert sum("mirror" in note for note in play.notes) <= 1

    asyncio.run(run())


def test_the_table_has_every_phase_and_ends_in_one():
    assert set(TRANSITIONS) == set(Phase)
    assert TRANSITIONS[DONE] == frozenset()
    assert all(DONE in after for phase, after in TRANSITIONS.items() if phase is not DONE)
    reached, open_ = {Phase.ADMITTING}, [Phase.ADMITTING]
    while open_:
        fresh = TRANSITIONS[open_.pop()] - reached
        reached |= fresh
        open_ += fresh
    assert reached == set(Phase)
