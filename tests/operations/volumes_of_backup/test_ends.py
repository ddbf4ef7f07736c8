"""What records and errors say of volumes and hooks."""

import pytest

from holdfast.model.hooks import HookOutcome, HookRecord, OnError, When
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome, VolumeRecord, Way
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.task import MoverEnd, MoverTask
from holdfast.operations.volumes_of_backup.ends import hook_problems, moved_record, stopped_by, volume_problems
from holdfast.operations.volumes_of_backup.planning import notes_on_volumes

TASK = MoverTask(namespace="shop", claim="data", mounted_claim="data", command=[])
PLANNED = VolumeRecord(namespace="shop", name="data", saved=False, way=Way.LIVE, path="/volumes/shop/data")
EVICTED = Problem("the mover was evicted", "the node had no memory left", "Give it more.")


def hook(**fields):
    given = {"namespace": "shop", "pod": "db-0", "container": "db", "name": "still", "when": When.BEFORE_BACKUP}
    return HookRecord(**{**given, "outcome": HookOutcome.FAILED, "why": "it ended with exit code 7"} | fields)


def test_what_a_mover_told_is_in_the_record():
    moved = Moved(
        outcome=Outcome.DONE, part="ab", files=3, bytes=30, added=20, stored=10, started_at="a", finished_at="b"
    )
    record = moved_record(PLANNED, MoverEnd(task=TASK, moved=moved, node="node-1"))
    assert (record.saved, record.outcome, record.path) == (True, VolumeOutcome.DONE, "/volumes/shop/data")
    assert (record.files, record.bytes, record.added, record.stored) == (3, 30, 20, 10)
    assert (record.node, record.started_at, record.finished_at) == ("node-1", "a", "b")
    assert volume_problems(record) == []


def test_gaps_are_counted_and_the_first_is_named():
    gaps = [Problem(f"/volumes/shop/data/{number} cannot be read", "denied", "Look.") for number in range(50)]
    moved = Moved(outcome=Outcome.PARTIAL, part="ab", errors=gaps, error_count=70)
    record = moved_record(PLANNED, MoverEnd(task=TASK, moved=moved))
    assert (record.saved, record.outcome, record.error_count) == (True, VolumeOutcome.PARTIAL, 70)
    assert len(record.errors) < 50
    (problem,) = volume_problems(record)
    assert problem == Problem(
        "the volume shop/data was saved with 70 gaps", "/volumes/shop/data/0 cannot be read: denied", "Look."
    )


@pytest.mark.parametrize("moved", [None, Moved(outcome=Outcome.FAILED), Moved(outcome=Outcome.CANCELLED)])
def test_a_mover_that_failed_leaves_its_whole_cause(moved):
    record = moved_record(PLANNED, MoverEnd(task=TASK, moved=moved, problem=EVICTED, node="node-1"))
    assert (record.saved, record.outcome, record.path) == (False, VolumeOutcome.FAILED, "")
    (problem,) = volume_problems(record)
    assert problem == Problem(
        "the data of the volume shop/data was not saved",
        "the mover was evicted: the node had no memory left",
        "Give it more.",
    )


def test_a_failed_hook_is_an_error_of_the_run_however_it_is_to_be_taken():
    for on_error in OnError:
        (problem,) = hook_problems(hook(on_error=on_error))
        assert problem.what == "the hook still (before-backup) failed in the pod shop/db-0"
    assert hook_problems(hook(outcome=HookOutcome.LEFT_OUT)) == []


def test_a_volume_that_a_hook_kept_from_being_read_says_which_hook_and_why():
    problem = stopped_by(hook())
    assert "the hook still" in problem.why
    assert "exit code 7" in problem.why
    assert problem.next


def test_what_was_left_out_knowingly_is_told_in_a_few_lines():
    pods = [
        VolumeRecord(namespace="shop", name=f"deployment/web/{name}", kind=kind, saved=False)
        for name, kind in [("cache", "emptyDir"), ("tmp", "emptyDir"), ("logs", "hostPath")]
    ]
    claim = VolumeRecord(namespace="shop", name="old", saved=False)
    failed = VolumeRecord(namespace="shop", name="bad", saved=False, outcome=VolumeOutcome.FAILED)
    assert list(notes_on_volumes([claim, failed, *pods])) == [
        "The data of 1 volumes is not in this backup: shop/old",
        "Volumes of pods that are no claims are not in this backup: 2 emptyDir, 1 hostPath",
    ]
    assert list(notes_on_volumes([failed])) == []
