"""The short form of `make siege`: whatever is done to the gateway, a client that behaves well is answered, and what the
gateway holds stays under its bound. (`make siege` takes longer, attacks harder, and measures nginx beside it.)"""

import pytest

from tests.benchmarks.child import raise_file_limit
from tests.siege.attacks import ATTACKS
from tests.siege.gateways import figway
from tests.siege.siege import SLACK, besiege, upstream

MEMORY = 64 << 20
SECONDS = 2.0


@pytest.fixture(scope="module")
def behind():
    raise_file_limit()
    with upstream() as port:
        yield port


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_nobody_who_behaves_well_notices(attack, behind, tmp_path):
    line = besiege(attack, "Figway", figway, tmp_path, behind, count=attack.few, seconds=SECONDS, memory=MEMORY)

    assert line.asked > 0
    assert line.failed == 0
    assert line.peak - line.before < MEMORY + SLACK
