"""The decisions of prune, without any repository."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.ids import PackId
from holdfast.repository.pack import BlobType
from holdfast.repository.prune_plan import Action, PackUse, PruneOptions, plan_prune
from holdfast.repository.writer import PACK_SIZE

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
BIG = 6 << 20  # no small pack, whatever its type


def pack(number, used=0, unused=0, *, marked=None, blob_type=BlobType.DATA, size=None):
    """`used` and `unused` bytes, in one blob each."""
    return PackUse(
        PackId.of(b"%d" % number),
        blob_type,
        size if size is not None else used + unused,
        int(used > 0),
        used,
        int(unused > 0),
        unused,
        marked,
    )


def unlisted(number, marked=None):
    return PackUse(PackId.of(b"%d" % number), None, 500, marked=marked)


def actions(*packs, **options):
    """What is done with each, in the order in which they were given."""
    made = dict(plan_prune(packs, PruneOptions(**options), NOW).actions)
    return [made[one].value for one in packs]


# one pack


@pytest.mark.parametrize(
    ("one", "action"),
    [
        (pack(1, used=BIG), "keep"),
        (pack(1, unused=BIG), "mark"),
        (pack(1, unused=BIG, marked=NOW), "wait"),
        (pack(1, unused=BIG, marked=NOW - DAY + dt.timedelta(seconds=1)), "wait"),
        (pack(1, unused=BIG, marked=NOW - DAY), "delete"),
        (pack(1, unused=BIG, marked=NOW + DAY), "wait"),  # by a machine whose clock is ahead
        (pack(1, used=BIG, marked=NOW), "recover"),
        (pack(1, used=BIG, marked=NOW - 2 * DAY), "recover"),
        (pack(1, used=BIG, unused=BIG), "repack"),
        (pack(1, used=BIG, unused=BIG, marked=NOW - DAY), "repack"),
        (unlisted(1), "mark"),
        (unlisted(1, marked=NOW), "wait"),
        (unlisted(1, marked=NOW - DAY), "delete"),
    ],
)
def test_each_state_of_a_pack_has_its_action(one, action):
    assert actions(one) == [action]


def test_the_grace_period_is_what_was_asked_for():
    marked = pack(1, unused=BIG, marked=NOW - dt.timedelta(hours=2))
    assert actions(marked, grace=dt.timedelta(hours=2)) == ["delete"]
    assert actions(marked, grace=dt.timedelta(hours=3)) == ["wait"]
    assert actions(pack(1, unused=BIG, marked=NOW), grace=dt.timedelta(0)) == ["delete"]


# how much is repacked


def test_what_is_allowed_to_be_unused_is_a_part_of_what_is_stored_afterwards():
    nearly = [pack(1, used=95 * BIG), pack(2, used=BIG // 2, unused=5 * BIG)]
    assert actions(*nearly) == ["keep", "keep"]  # 5 of 100.5
    assert actions(*nearly, max_unused=0.04) == ["keep", "repack"]


def test_the_packs_with_the_largest_unused_part_go_first_and_no_more_than_needed():
    little, much = pack(1, used=90 * BIG, unused=10 * BIG), pack(2, used=10 * BIG, unused=90 * BIG)
    assert actions(little, much, max_unused=0.1) == ["keep", "repack"]
    assert actions(little, much, max_unused=0) == ["repack", "repack"]


def test_unlimited_repacks_nothing():
    assert actions(pack(1, used=BIG, unused=99 * BIG), max_unused=1.0) == ["keep"]


def test_max_repack_bounds_the_bytes_and_what_does_not_fit_makes_room_for_what_does():
    large, small = pack(1, used=BIG, unused=9 * BIG), pack(2, used=BIG, unused=BIG)
    assert actions(large, small, max_unused=0, max_repack=10 * BIG) == ["repack", "keep"]
    assert actions(large, small, max_unused=0, max_repack=10 * BIG - 1) == ["keep", "repack"]
    assert actions(large, small, max_unused=0, max_repack=0) == ["keep", "keep"]


def test_max_repack_does_not_bound_what_is_marked_or_removed():
    assert actions(pack(1, unused=BIG), pack(2, unused=BIG, marked=NOW - DAY), max_repack=0) == ["mark", "delete"]


# small packs


def small_packs(count, blob_type=BlobType.DATA, start=0):
    return [pack(start + number, used=1000, blob_type=blob_type) for number in range(count)]


@pytest.mark.parametrize("blob_type", BlobType)
def test_ten_small_packs_of_one_type_are_made_few(blob_type):
    assert set(actions(*small_packs(9, blob_type))) == {"keep"}
    assert set(actions(*small_packs(10, blob_type))) == {"repack"}


def test_small_packs_of_two_types_are_not_added_up():
    assert set(actions(*small_packs(9), *small_packs(9, BlobType.TREE, start=20))) == {"keep"}


def test_a_pack_of_a_fourth_of_the_usual_size_is_not_small():
    border = PACK_SIZE[BlobType.DATA] // 4
    assert "repack" not in actions(*small_packs(9), pack(99, used=border))
    assert "repack" in actions(*small_packs(9), pack(99, used=border - 1))


def test_small_packs_fill_what_room_is_left_and_one_alone_stays():
    packs = small_packs(12)
    assert actions(*packs, max_repack=3000).count("repack") == 3
    assert actions(*packs, max_repack=1999).count("repack") == 0


def test_small_packs_that_nobody_needs_are_marked_not_repacked():
    assert set(actions(*(pack(number, unused=1000) for number in range(12)))) == {"mark"}


# sums


def test_the_sums_are_those_of_the_packs():
    waits = pack(4, unused=40, marked=NOW - dt.timedelta(hours=3))
    made = plan_prune(
        [
            pack(1, used=BIG, unused=10, size=BIG + 100),
            pack(2, used=BIG, unused=99 * BIG, size=100 * BIG + 100),
            pack(3, unused=30, size=50),
            waits,
            pack(5, unused=40, marked=NOW - dt.timedelta(hours=2)),
        ],
        PruneOptions(),
        NOW,
    )
    assert made.totals(Action.KEEP) == (1, BIG + 100)
    assert made.totals(Action.REPACK, Action.MARK) == (2, 100 * BIG + 150)
    assert made.rewritten_bytes == BIG
    assert made.unused_bytes_left == 10
    assert made.next_removal == NOW + dt.timedelta(hours=21)
    assert plan_prune([], PruneOptions(), NOW).next_removal is None


# any packs

ages = st.one_of(st.none(), st.timedeltas(dt.timedelta(days=-2), dt.timedelta(days=3)))
sizes = st.one_of(st.just(0), st.integers(33, 5000), st.integers(33, 16 << 20))


@st.composite
def some_packs(draw):
    found = []
    for number in range(draw(st.integers(0, 30))):
        age = draw(ages)
        marked = NOW - age if age is not None else None
        used, unused = draw(sizes), draw(sizes)
        if used or unused:
            blob_type = draw(st.sampled_from(BlobType))
            found.append(pack(number, used, unused, marked=marked, blob_type=blob_type, size=used + unused + 80))
        else:
            found.append(unlisted(number, marked))
    return found


options = st.builds(
    PruneOptions,
    max_unused=st.floats(0, 1),
    max_repack=st.none() | st.integers(0, 100 << 20),
    grace=st.timedeltas(dt.timedelta(0), dt.timedelta(days=2)),
)


@given(some_packs(), options)
def test_every_pack_has_one_action_that_fits_it(packs, asked):
    made = plan_prune(packs, asked, NOW)
    assert sorted(one.id for one, _ in made.actions) == sorted(one.id for one in packs)
    for one, action in made.actions:
        if one.used_blobs:
            assert action in {Action.KEEP, Action.RECOVER, Action.REPACK}
            assert (action is Action.KEEP) <= (one.marked is None)
            assert (action is Action.RECOVER) <= (one.marked is not None)
        else:
            assert action in {Action.MARK, Action.WAIT, Action.DELETE}
            assert (action is Action.MARK) == (one.marked is None)
            assert (action is Action.DELETE) == (one.marked is not None and NOW - one.marked >= asked.grace)


@given(some_packs(), options)
def test_the_bounds_are_kept(packs, asked):
    made = plan_prune(packs, asked, NOW)
    if asked.max_repack is not None:
        assert made.totals(Action.REPACK)[1] <= asked.max_repack
    else:
        used = sum(one.used_bytes for one in packs)
        left = made.unused_bytes_left
        assert left == 0 or left <= asked.max_unused * (used + left) * 1.000001


@given(some_packs(), options, st.randoms())
def test_the_order_of_the_packs_does_not_matter(packs, asked, shuffle):
    mixed = shuffle.sample(packs, len(packs))
    assert plan_prune(mixed, asked, NOW) == plan_prune(packs, asked, NOW)
