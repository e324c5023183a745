"""The short form of `make chaos`: whatever fails, no client fails by the gateway's doing, and every exchange is judged
or counted as lost with its reason."""

from tests.chaos.chaos import suffer
from tests.chaos.faults import FAULTS

SECONDS = 0.5


def test_no_fault_stops_traffic_and_none_loses_evidence_in_silence(tmp_path):
    lines = list(suffer(FAULTS, tmp_path, SECONDS))
    assert [line for line in lines if not line.holds] == []
    assert all(line.asked for line in lines)
    lost = {line.fault: set(line.lost) for line in lines if line.lost}
    assert lost["the store is deleted"] == {"store_deleted"}
    assert lost.keys() <= {"a worker is killed", "a worker is killed, the store being locked", "the store is deleted",
                           "the store is replaced by another", "the store is damaged"}
