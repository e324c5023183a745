"""Stages are written into the text of a file, and every other byte stays."""

import pytest
import yaml
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gateway.config.nodes import LOADER, without_resolvers
from gateway.config.patching import Unpatchable, Wanted, patched

STAGE, WRITES = ("capabilities", "labs", "stage"), ("capabilities", "labs", "writes")
PERCENT = ("capabilities", "labs", "split", "percent")
PLAIN = "capabilities:\n  labs:\n    owner: x\n    stage: shadow\n    split: {percent: 5%}\n"


def to_canary(text):
    return patched(text, [Wanted(STAGE, "canary")])


@pytest.mark.parametrize("text", [
    PLAIN, PLAIN.replace("\n", "\r\n"), PLAIN.rstrip("\n"), f"---\n# ä 😀\n\n\n{PLAIN}\n...\n",
    PLAIN.replace("  ", "      "),
    PLAIN.replace("stage: shadow", "stage:   shadow   # shadow, since May"), PLAIN.replace("shadow", "'shadow'"),
    PLAIN.replace("shadow", '"shadow"  '), PLAIN.replace("stage: shadow", "stage:\n      # why\n      shadow"),
    PLAIN.replace("shadow", ">-\n      shadow\n    # shadow"),
    PLAIN.replace("owner: x", "owner: shadow\n    # stage: shadow\n    reason: 'stage: shadow'"),
    'capabilities: {labs: {"stage":"shadow",owner: shadow}}', '{"capabilities": {"labs": {"stage": "shadow"}}}\n',
    "capabilities: {labs: {? stage : shadow}}", "capabilities:\n  ? labs\n  : stage: shadow\n",
    "capabilities:\n  shadow: {stage: shadow}\n  labs: {stage: shadow}\n", PLAIN.replace("shadow", "&one shadow"),
    PLAIN.replace("shadow", "&shadow shadow"),
])
def test_only_the_stage_changes(text):
    after = to_canary(text)
    assert after.count("canary") == 1
    assert after.replace("canary", "shadow") == text
    assert loaded(after)["capabilities"]["labs"]["stage"] == "canary"


def test_what_has_escapes_is_replaced_whole():
    assert to_canary(PLAIN.replace("shadow", '"sh\\x61dow"')) == PLAIN.replace("shadow", "canary")


@pytest.mark.parametrize(("text", "after"), [
    ("labs: {stage: *s}\n  rooms: {owner: *s}\n", "labs: {stage: canary}\n  rooms: {owner: *s}\n"),
    ("rooms: {owner: *s}\n  labs:\n    stage: *s  # as above\n",
     "rooms: {owner: *s}\n  labs:\n    stage: canary  # as above\n"),
])
def test_an_alias_is_replaced_and_its_anchor_stays(text, after):
    head = "common: &s shadow\ncapabilities:\n  "
    assert to_canary(head + text) == head + after


def test_other_aliases_of_a_stage_say_what_they_have_said():
    text = "capabilities:\n  labs: {stage: &s 'shadow'}\n  rooms: {stage: *s, list: [*s, x]}\n  *s : 1\n"
    assert to_canary(text) == ("capabilities:\n  labs: {stage: &s 'canary'}\n"
                               "  rooms: {stage: 'shadow', list: ['shadow', x]}\n  'shadow' : 1\n")


@pytest.mark.parametrize("text", [
    "capabilities:\n  labs: &l {stage: shadow}\n  rooms: *l\n",
    "capabilities:\n  rooms: &l {stage: shadow}\n  labs: *l\n",
    "all: &all {labs: {stage: shadow}}\ncapabilities: *all\n",
])
def test_a_map_that_is_used_twice_is_left_alone(text):
    with pytest.raises(Unpatchable, match="write that map out first"):
        to_canary(text)


@pytest.mark.parametrize(("text", "why"), [
    (PLAIN.replace("shadow", "${STAGE:-shadow}"), "comes from a reference"), ("a: 1\n", "is not in the file"),
    (PLAIN.replace("shadow", "[shadow]"), "no plain value"), ("a: *b\n", "cannot be read"), ("{", "cannot be read"),
    (PLAIN.replace("shadow", ">-\n      shad\n      ow"), "several lines"),
])
def test_what_cannot_be_replaced_is_refused(text, why):
    with pytest.raises(Unpatchable, match=why):
        to_canary(text)


@pytest.mark.parametrize(("text", "after"), [
    (PLAIN, PLAIN.replace("shadow\n", "shadow\n    writes: canary\n")),
    (PLAIN.replace("\n", "\r\n"), PLAIN.replace("shadow\n", "shadow\n    writes: canary\n").replace("\n", "\r\n")),
    (PLAIN.replace("shadow", "shadow # why"), PLAIN.replace("shadow", "shadow # why\n    writes: canary")),
    ("capabilities:\n  labs:\n    stage: shadow", "capabilities:\n  labs:\n    stage: shadow\n    writes: canary"),
    ("capabilities: {labs: {stage: shadow, x: y}}", "capabilities: {labs: {stage: shadow, writes: canary, x: y}}"),
    ('{"capabilities": {"labs": {"stage": "shadow"}}}',
     '{"capabilities": {"labs": {"stage": "shadow", "writes": "canary"}}}'),
    (PLAIN.replace("shadow", ">-\n      shadow"), PLAIN.replace("shadow", ">-\n      shadow\n    writes: canary")),
    (PLAIN.replace("shadow", "|\n      shadow\n\n\n"), None),
])
def test_a_stage_of_writes_is_added_after_that_of_reads(text, after):
    found = patched(text, [Wanted(WRITES, "canary")])
    if after is not None:
        assert found == after
    assert loaded(found)["capabilities"]["labs"]["writes"] == "canary"


def test_a_stage_that_does_not_begin_its_line_gets_no_neighbour():
    with pytest.raises(Unpatchable, match="does not begin its line"):
        patched("capabilities:\n  ? labs\n  : stage: shadow\n", [Wanted(WRITES, "canary")])


def test_all_that_is_wanted_changes_at_once():
    wanted = [Wanted(STAGE, "verify"), Wanted(WRITES, "canary"), Wanted(PERCENT, "12.5%")]
    assert patched(PLAIN, wanted) == PLAIN.replace("shadow", "verify\n    writes: canary").replace("5%", "12.5%")
    assert patched(PLAIN, []) == PLAIN


# --- any file ---


def loaded(text, loader=LOADER):
    return yaml.load(text, Loader=loader)


STAGES = st.sampled_from(["legacy", "shadow", "canary", "verify", "modern", "retired"])
WORDS = ["x", "shadow", "'a: b'", '"ä\\n"', "[shadow, y]", "{shadow: canary}", "&n1 z", "|\n      shadow\n",
         ">-\n      long\n      text\n", "~", "😀 legacy", "'# no comment'"]
COMMENTS = st.sampled_from(["", "  # stage: shadow", " # ünï", "   "])
BETWEEN = st.sampled_from(["", "\n", "# stage: canary\n", "    # half in\n", "\n\n# 😀\n"])
STYLES = st.sampled_from(["{}", "'{}'", '"{}"', "&a{n} {}", "\n      {}", ">-\n      {}\n"])


@st.composite
def files(draw, *more):
    """A file with several capabilities, in the ways that people and programs write them, and their stages."""
    lines, stages = [draw(BETWEEN), "first: &a0 legacy\n", "capabilities:\n"], {}
    for number in range(draw(st.integers(1, 4))):
        name = f"c{number}"
        stage = stages[name] = draw(STAGES)
        written = draw(STYLES).replace("{n}", str(number)).replace("{}", stage)
        keys = [("stage", written)]
        keys += [(f"k{at}", draw(st.sampled_from([*WORDS, *more]))) for at in range(draw(st.integers(0, 3)))]
        keys = draw(st.permutations(keys))
        if draw(st.booleans()) and not any("\n" in value for _, value in keys):
            space = draw(st.sampled_from(["", " ", "\n    "]))
            inside = f",{space or ' '}".join(f"{key}: {value}" for key, value in keys)
            lines.append(f"  {name}: {{{space}{inside}{space}}}\n")
            continue
        lines.append(f"  {name}:{draw(COMMENTS)}\n")
        for key, value in keys:
            end = "" if value.endswith("\n") else f"{draw(COMMENTS)}\n"
            lines.append(f"    {key}: {value}{end}{draw(BETWEEN)}")
    lines.append(draw(st.sampled_from(["", "more: [shadow, canary]", "more: {stage: shadow}\n\n"])))
    return "".join(lines), stages


def changed(data, text, stages):
    """The text with another stage of one of its capabilities, what it should say, and the two stages."""
    try:
        wanted = loaded(text)
    except yaml.YAMLError:
        reject()
    name, to = data.draw(st.sampled_from(sorted(stages))), data.draw(STAGES)
    wanted["capabilities"][name]["stage"] = to
    return patched(text, [Wanted(("capabilities", name, "stage"), to)]), wanted, stages[name], to


@settings(max_examples=300)
@given(files(), st.data(), st.sampled_from(["\n", "\r\n"]))
def test_any_file_says_the_new_stage_and_keeps_all_other_bytes(file, data, newline):
    text = file[0].replace("\n", newline)
    after, wanted, old, to = changed(data, text, file[1])
    assert loaded(after) == wanted
    # Only one piece differs, and it is the word.
    begin, end = in_common(text, after), in_common(text[::-1], after[::-1])
    assert len(text) - begin - end <= len(old)
    assert len(after) - begin - end <= len(to)


@settings(max_examples=300)
@given(files("*a0", "[*a0, *a0 ]", "{*a0 : *a0 }"), st.data())
def test_any_file_with_aliases_says_what_it_said_but_for_the_stage(file, data):
    after, wanted, _, _ = changed(data, *file)
    assert loaded(after) == wanted
    assert after.count("\n") == file[0].count("\n")
    assert after.count("#") == file[0].count("#")


def in_common(one, other):
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@pytest.mark.parametrize("base", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_both_parsers_give_the_same_marks(base):
    text = "# ä😀\r\ncapabilities:\r\n  ü: {a: '😀'}\r\n  labs:\r\n    stage: shadow\r\n"
    [*_, scalar] = [event for event in yaml.parse(text, Loader=without_resolvers(base))
                    if isinstance(event, yaml.ScalarEvent)]
    assert text[scalar.start_mark.index:scalar.end_mark.index] == "shadow"
