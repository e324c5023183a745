"""The check that every Custody must pass. Third parties call it as `shadow.testing.check_custody`."""

from dataclasses import replace

from shadow.custody.base import KEY, LONGEST, Custody, Deed, Hold


def check_custody(custody: Custody) -> None:
    """Check an empty custody against its contract. Raises AssertionError. It is left open, and not empty."""
    _check_keys(custody)
    _check_holds(custody)
    _check_trail(custody)
    before = custody.generation
    custody.key("checked", "own", 9.0)
    assert custody.generation == before, "what this process writes leaves the generation as it is"
    assert custody.name == custody.name, "the name stays"


def _check_keys(custody: Custody) -> None:
    assert custody.scopes("checked") == {}, "starts empty"
    assert custody.find("checked", "a") is None, "looking for a key makes none"
    key = custody.key("checked", "a", 5.0)
    assert len(key) == KEY
    assert custody.key("checked", "a", 6.0) == custody.find("checked", "a") == key, "a key is made once"
    assert len({key, custody.key("checked", "b", 7.0), custody.key("other", "a", 8.0)}) == 3, (
        "each purpose and scope has a key of its own")
    assert custody.scopes("checked") == {"a": 5.0, "b": 7.0}, "it is known when a key was made"
    assert custody.destroy("checked", "a", "nothing"), "a key that was there is destroyed"
    assert not custody.destroy("checked", "a"), "once"
    assert not custody.destroy("checked"), "no scope, no key"
    assert custody.find("checked", "a") is None, "a destroyed key is not found"
    assert custody.scopes("checked") == {"b": 7.0}, "other keys stay"
    assert custody.find("other", "a") is not None, "and so does the key of that scope for another purpose"
    assert custody.key("checked", "a", 9.0) != key, "the key that is made next is another"


def _check_holds(custody: Custody) -> None:
    assert custody.holds() == {}, "nothing is held at first"
    first, second = Hold("results", 5.0, "jo", "inquiry 7"), Hold("0123456789abcdef", 4.0, "al", "inquiry 8")
    custody.hold(first)
    custody.hold(second)
    assert list(custody.holds().items()) == [(second.scope, second), (first.scope, first)], "the oldest hold is first"
    again = replace(first, at=6.0, reason="inquiry 9")
    custody.hold(again)
    assert custody.holds()["results"] == again, "another hold of a scope takes the place of the first"
    assert custody.release("results"), "a hold is released"
    assert not custody.release("results"), "once"
    assert list(custody.holds()) == [second.scope], "other holds stay"


def _check_trail(custody: Custody) -> None:
    assert custody.trail() == ((), True), "the trail is empty and whole at first"
    deeds = [Deed(float(at), "jo", "operator", "view", f"{at:016x}", "why" * at) for at in (1, LONGEST)]
    for deed in deeds:
        custody.record(deed)
    cut = replace(deeds[1], reason=deeds[1].reason[:LONGEST])
    assert custody.trail() == ((deeds[0], cut), True), "every deed is there in order, its texts cut to LONGEST"
    lines = custody.lines()
    assert [(line.deed, line.fits) for line in lines] == [(deeds[0], True), (cut, True)], "lines are those of the trail"
    assert len({line.link for line in lines} | {line.number for line in lines}) == 4, "each with a link and a number"
