"""Which volumes are read while which pods are held still."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.model.hooks import Hook, When
from holdfast.model.placement import Placement
from holdfast.model.volume import VolumeRecord
from holdfast.objects.hooks.select import PodHooks
from holdfast.objects.storage.claims import ClaimFacts
from holdfast.operations.volumes_of_backup.groups import group_volumes
from holdfast.operations.volumes_of_backup.plan import Move


def move(name, *pods):
    facts = ClaimFacts(
        namespace="shop",
        name=name,
        claim={},
        pods=[{"metadata": {"namespace": "shop", "name": pod}} for pod in pods],
    )
    return Move(facts=facts, placement=Placement(), record=VolumeRecord(namespace="shop", name=name, saved=False))


def hooked(pod, **times):
    hooks = {time: (Hook(name="h", when=When.BEFORE_BACKUP),) for time in times or ("before",)}
    return PodHooks(namespace="shop", pod=pod, workload="", **hooks)


def grouped(moves, hooks):
    return [
        (sorted(pod.pod for pod in group.pods), sorted(one.facts.name for one in group.moves))
        for group in group_volumes(moves, hooks)
    ]


def test_volumes_that_nobody_holds_still_are_read_together():
    assert grouped([move("a"), move("b", "web")], []) == [([], ["a", "b"])]


def test_a_pod_with_hooks_is_held_still_for_its_own_volumes():
    moves = [move("a", "db-0"), move("b", "db-1"), move("c", "web"), move("d", "db-0")]
    assert grouped(moves, [hooked("db-0"), hooked("db-1")]) == [
        (["db-0"], ["a", "d"]),
        (["db-1"], ["b"]),
        ([], ["c"]),
    ]


def test_pods_that_share_a_volume_are_held_still_together():
    moves = [move("a", "x", "y"), move("b", "y", "z"), move("c", "z"), move("d", "w")]
    assert grouped(moves, [hooked(pod) for pod in "xyzw"]) == [(["x", "y", "z"], ["a", "b", "c"]), (["w"], ["d"])]


def test_a_pod_without_a_volume_to_read_has_its_hooks_run_all_the_same():
    assert grouped([], [hooked("cache")]) == [(["cache"], [])]


def test_dumps_hold_nothing_still():
    assert grouped([move("a", "db-0")], [hooked("db-0", dumps=True)]) == [([], ["a"])]


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.sets(NAMES, max_size=3), max_size=8), st.sets(NAMES))
def test_every_volume_and_every_pod_is_in_one_group(users, with_hooks):
    moves = [move(str(number), *sorted(pods)) for number, pods in enumerate(users)]
    groups = group_volumes(moves, [hooked(pod) for pod in sorted(with_hooks)])
    assert sorted(one.facts.name for group in groups for one in group.moves) == sorted(one.facts.name for one in moves)
    assert sorted(pod.pod for group in groups for pod in group.pods) == sorted(with_hooks)
    for group in groups:
        own = {pod.pod for pod in group.pods}
        for one in group.moves:
            assert {pod["metadata"]["name"] for pod in one.facts.pods} & with_hooks <= own
