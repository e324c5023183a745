"""One table says who serves and who is mirrored in each stage."""

import pytest

from gateway.stage import READS, WRITES, Stage, roles


def test_reads_know_every_stage_and_writes_those_that_mirror_nothing():
    assert list(READS) == list(Stage)
    assert list(WRITES) == [Stage.LEGACY, Stage.CANARY, Stage.MODERN, Stage.RETIRED]


def test_no_write_is_mirrored_or_falls_back():
    assert not any(one.mirror or one.fallback for one in WRITES.values())


@pytest.mark.parametrize(("stage", "serve", "mirror", "fallback"), [
    ("legacy", "legacy", False, False), ("shadow", "legacy", True, False), ("canary", "split", True, True),
    ("verify", "modern", True, False), ("modern", "modern", False, False), ("retired", "modern", False, False),
])
def test_a_read_s_roles(stage, serve, mirror, fallback):
    found = roles(Stage(stage), safe=True)
    assert (found.serve, found.mirror, found.fallback) == (serve, mirror, fallback)


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.VERIFY])
def test_writes_have_no_stage_that_mirrors(stage):
    with pytest.raises(KeyError):
        roles(stage, safe=False)
