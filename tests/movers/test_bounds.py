"""How many movers are at work at once, and how far all are together."""

import pytest
from tests.movers.lab import Recorder, moved, told

from holdfast.model.placement import Placement
from holdfast.operations.movers.slots import Slots
from holdfast.operations.movers.tally import Tally
from holdfast.operations.movers.task import MoverTask


def task(name, node="", nodes=(), size=0):
    placement = Placement(nodes=nodes)
    return MoverTask(
        namespace="shop", claim=name, mounted_claim=name, command=[], node=node, placement=placement, bytes=size
    )


def taken(slots, waiting):
    found = []
    while (one := slots.take(waiting)) is not None:
        found.append(one.claim)
    return found


def test_no_more_than_are_allowed_in_all():
    slots, waiting = Slots(2, 2), [task("a"), task("b"), task("c")]
    first = waiting[0]
    assert taken(slots, waiting) == ["a", "b"]
    slots.free(first)
    assert taken(slots, waiting) == ["c"]


def test_no_more_than_are_allowed_on_a_node_and_others_go_first():
    slots, waiting = Slots(4, 1), [task("a", "one"), task("b", nodes=("one",)), task("c", "two"), task("d")]
    first = waiting[0]
    assert taken(slots, waiting) == ["a", "c", "d"]
    slots.free(first)
    assert taken(slots, waiting) == ["b"]


def test_a_node_that_is_learned_counts():
    slots, waiting = Slots(4, 1), [task("a"), task("b", "one")]
    slots.seen(slots.take(waiting), "one")
    assert taken(slots, waiting) == []


def test_who_waits_for_room_knows_whether_others_are_at_work():
    slots, waiting = Slots(4, 2), [task("a"), task("b")]
    a, b = waiting
    taken(slots, waiting)
    assert not slots.others_at_work(b)
    slots.seen(a, "one")
    assert slots.others_at_work(b)
    assert not slots.others_at_work(a)
    slots.free(a)
    assert not slots.others_at_work(b)


@pytest.fixture
def progress():
    return Recorder()


def test_progress_is_that_of_all(progress):
    a, b = task("a"), task("b")
    tally = Tally(progress, [a, b])
    tally.told(a, told(2, 200))
    tally.told(b, told(1, 50))
    tally.told(a, told(3, 300))
    assert (progress.files, progress.bytes) == (4, 350)


def test_another_try_does_not_count_twice(progress):
    a = task("a")
    tally = Tally(progress, [a])
    for files in (1, 5, 1, 3, 6):
        tally.told(a, told(files, files * 10))
    assert (progress.files, progress.bytes) == (6, 60)


def test_totals_are_told_once_all_are_known(progress):
    a, b = task("a", size=100), task("b")
    tally = Tally(progress, [a, b])
    tally.told(a, told(1, 10, total_files=4, total_bytes=120))
    tally.told(b, told(1, 10, total_files=6, total_bytes=50))
    tally.told(b, told(2, 10, total_files=6, total_bytes=50))
    assert progress.expected == [(10, 170)]


def test_what_was_expected_of_a_volume_helps_before_its_mover_speaks(progress):
    Tally(progress, [task("a", size=100), task("b", size=50)])
    assert progress.expected == [(None, 150)]


def test_a_mover_at_its_end_is_not_waited_for(progress):
    a, b = task("a", size=100), task("b", size=50)
    tally = Tally(progress, [a, b])
    tally.told(a, told(1, 10))
    tally.ended(a, None)
    tally.ended(b, moved(files=7, bytes=70))
    assert progress.expected[-1] == (8, 80)
    assert (progress.files, progress.bytes) == (8, 80)
