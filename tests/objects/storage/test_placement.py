"""Where a mover may run, for each sort of claim and each state of its pods and nodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.storage.any_objects import LENIENT, OBJECTS
from tests.objects.storage.builders import LOCAL, expression, facts, node, nodes, pod, volume

from holdfast.model.placement import Placement
from holdfast.model.run import Problem
from holdfast.objects.storage.claims import ClaimFacts
from holdfast.objects.storage.placement import backup_placement, restore_placement

RWO, RWX, ROX, RWOP = ("ReadWriteOnce",), ("ReadWriteMany",), ("ReadOnlyMany",), ("ReadWriteOncePod",)
DEDICATED = {"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoSchedule"}
AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": []}]}}
SPEC = {
    "nodeSelector": {"pool": "db"},
    "affinity": {"nodeAffinity": AFFINITY, "podAntiAffinity": {"x": []}},
    "tolerations": [
        DEDICATED,
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
    ],
}
LOCAL_VOLUME = volume(LOCAL, hostnames=["node-1"])


def placed(found):
    assert isinstance(found, Placement), found
    return found


def refused(found):
    assert isinstance(found, Problem), found
    assert found.what == "no mover can reach the volume shop/data"
    assert found.next
    return found.why


# Where a volume is


def test_a_volume_of_one_node_is_read_where_its_pod_is():
    found = placed(backup_placement(facts(pod(), modes=RWO), nodes(node("node-1"), node("node-2"))))
    assert found.nodes == ("node-1",)
    assert found.reason == "on node-1, where pod shop/db-0 uses it"
    assert not found.node_selector


def test_without_a_look_at_nodes_they_are_believed_to_be_there():
    assert placed(backup_placement(facts(pod()))).nodes == ("node-1",)


@pytest.mark.parametrize("modes", [RWX, ROX, (*RWO, *RWX)])
def test_a_shared_volume_is_read_where_pods_that_share_it_can_run(modes):
    found = placed(backup_placement(facts(pod(**SPEC), modes=modes), nodes(node("node-2"))))
    assert found.nodes == ()
    assert found.node_selector == {"pool": "db"}
    assert found.node_affinity == AFFINITY
    assert found.tolerations == [DEDICATED]


@pytest.mark.parametrize("modes", [RWO, RWX, RWOP])
def test_what_nobody_uses_is_read_anywhere(modes):
    assert placed(backup_placement(facts(modes=modes), {})) == Placement(reason="anywhere: no pod uses it")


def test_a_pod_that_waits_for_a_node_ties_a_volume_to_none():
    assert placed(backup_placement(facts(pod(node="")), {})).nodes == ()


def test_a_cordoned_node_takes_the_mover_all_the_same():
    """The volume is nowhere else. Taints that came after the pod are borne, too."""
    cordoned = node(taints=[{"key": "maintenance", "effect": "NoSchedule"}])
    found = placed(backup_placement(facts(pod(tolerations=[DEDICATED])), nodes(cordoned)))
    assert [one["key"] for one in found.tolerations] == ["dedicated", "node.kubernetes.io/unschedulable", "maintenance"]


def test_of_several_nodes_one_that_is_ready_will_do():
    both = facts(pod("a", node="node-1"), pod("b", node="node-2"))
    assert placed(backup_placement(both, nodes(node("node-1", ready=False), node("node-2")))).nodes == ("node-2",)
    assert placed(backup_placement(both, nodes(node("node-1"), node("node-2")))).nodes == ("node-1", "node-2")


# What cannot be read


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (facts(phase="Pending"), "the claim is Pending and has no volume yet"),
        (facts(phase=""), "the claim is new and has no volume yet"),
        (facts(phase="Lost"), "the claim is Lost"),
        (facts(volumeMode="Block"), "it is a block device"),
        (facts(pod(), modes=RWOP), "ReadWriteOncePod, and the pod shop/db-0 has it"),
    ],
)
def test_claims_that_no_mover_can_read(found, why):
    assert why in refused(backup_placement(found, nodes(node())))


def test_a_volume_that_is_gone_is_named():
    found = facts()
    without = ClaimFacts(namespace="shop", name="data", claim=found.claim)
    assert refused(backup_placement(without)) == "its volume pv is gone"


def test_a_volume_that_may_not_be_read_is_no_hindrance():
    assert placed(backup_placement(facts(pod(), volume_={"metadata": {"name": "pv"}, "spec": {}}))).nodes == ("node-1",)


@pytest.mark.parametrize(
    ("there", "state"), [(nodes(node("node-2")), "gone"), (nodes(node(ready=False), node("node-2")), "not ready")]
)
def test_a_node_that_is_away_takes_the_volume_with_it(there, state):
    assert refused(backup_placement(facts(pod()), there)) == f"it is in use on the node node-1, which is {state}"


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (nodes(node("node-1")), None),
        (nodes(node("node-2")), "it is on the node node-1, and no such node is ready"),
        (nodes(node("node-1", ready=False)), "it is on the node node-1, and no such node is ready"),
        (None, None),
    ],
)
def test_a_local_volume_that_nobody_uses_needs_its_node(there, why):
    found = backup_placement(facts(volume_=LOCAL_VOLUME), there)
    assert placed(found) if why is None else refused(found) == why


def test_a_volume_of_a_zone_needs_a_node_of_that_zone():
    zoned = facts(volume_=volume(terms=[{"matchExpressions": [expression("zone", "In", "a")]}]))
    assert placed(backup_placement(zoned, nodes(node(labels={"zone": "a"}))))
    assert "certain labels" in refused(backup_placement(zoned, nodes(node(labels={"zone": "b"}))))


# As whom


def context(**fields):
    return {"securityContext": fields}


MOUNT = {"volumeMounts": [{"name": "data-v", "mountPath": "/data"}]}


@pytest.mark.parametrize(
    ("spec", "user", "group"),
    [
        ({}, None, None),
        (context(runAsUser=999, runAsGroup=998, fsGroup=997), 999, 998),
        (context(runAsUser=999, fsGroup=997), 999, 997),
        (context(runAsUser=0), None, None),
        ({"containers": [{"name": "db", **MOUNT, **context(runAsUser=70)}], **context(runAsUser=999)}, 70, None),
        (
            {
                "containers": [{"name": "sidecar", **context(runAsUser=5)}, {"name": "db", **MOUNT}],
                **context(runAsUser=9),
            },
            9,
            None,
        ),
        (
            {
                "initContainers": [{"name": "chown", **MOUNT, **context(runAsUser=0)}],
                "containers": [{"name": "db", **MOUNT, **context(runAsUser=70, runAsGroup=71)}],
            },
            70,
            71,
        ),
        (context(runAsUser=True), None, None),
    ],
)
def test_the_workloads_user_is_known_from_the_container_that_mounts_the_volume(spec, user, group):
    found = placed(backup_placement(facts(pod(**spec))))
    assert (found.user, found.group) == (user, group)


def test_the_level_of_selinux_comes_along_and_nothing_else_of_it():
    options = {"user": "system_u", "role": "system_r", "type": "spc_t", "level": "s0:c123,c456"}
    assert placed(backup_placement(facts(pod(**context(seLinuxOptions=options))))).se_linux == {"level": "s0:c123,c456"}
    assert placed(backup_placement(facts(pod(**context(seLinuxOptions={"type": "spc_t"}))))).se_linux == {}
    shared = facts(pod(**context(seLinuxOptions=options)), modes=RWX)
    assert placed(backup_placement(shared)).se_linux == {"level": "s0:c123,c456"}


# New volumes


def container(cpu="", memory="", **fields):
    requests = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"name": "c", "resources": {"requests": requests | fields.pop("more", {})}, **fields}


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        ({"containers": [container()]}, {}),
        ({"containers": [container("500m", "1Gi"), container("1", "512Mi")]}, {"cpu": "1500m", "memory": "1610612736"}),
        ({"initContainers": [container("4")], "containers": [container("1")]}, {"cpu": "4"}),
        ({"initContainers": [container("1", restartPolicy="Always")], "containers": [container("1")]}, {"cpu": "2"}),
        ({"containers": [container("2", more={"nvidia.com/gpu": "1"})]}, {"cpu": "2"}),
        ({"containers": [container("2")], "overhead": {"cpu": "500m"}, "runtimeClassName": "kata"}, {"cpu": "2"}),
        ({"containers": [container("1.0005")]}, {"cpu": "1001m"}),
    ],
)
def test_a_new_volume_is_made_where_the_workload_has_room(spec, requests):
    assert restore_placement(spec).requests == requests


def test_it_asks_for_nodes_as_the_workload_does():
    spec = SPEC | {
        "schedulerName": "volcano",
        "runtimeClassName": "kata",
        "priorityClassName": "high",
        "containers": [],
    }
    found = restore_placement(spec)
    assert found.node_selector == {"pool": "db"}
    assert found.node_affinity == AFFINITY
    assert found.tolerations == [DEDICATED]
    assert (found.scheduler, found.runtime_class, found.nodes) == ("volcano", "kata", ())
    assert found.reason == "where its workload can run"
    assert restore_placement({"schedulerName": "default-scheduler"}).scheduler == ""


def test_without_a_workload_it_is_made_anywhere():
    assert restore_placement(None) == Placement(tolerations=[], reason="anywhere: no workload uses it")


def test_nothing_of_the_workload_is_shared():
    spec = {"affinity": {"nodeAffinity": dict(AFFINITY)}, "tolerations": [dict(DEDICATED)]}
    found = restore_placement(spec)
    spec["affinity"]["nodeAffinity"].clear()
    spec["tolerations"][0].clear()
    assert (found.node_affinity, found.tolerations) == (AFFINITY, [DEDICATED])


# Whatever comes


@LENIENT
@given(OBJECTS)
def test_pods_of_any_shape_are_placed(spec):
    assert isinstance(restore_placement(spec), Placement)


@LENIENT
@given(
    st.sampled_from([RWO, RWX, ROX, RWOP]),
    st.lists(st.sampled_from(["node-1", "node-2", ""]), max_size=3),
    st.sampled_from([None, LOCAL_VOLUME]),
    st.dictionaries(st.sampled_from(["node-1", "node-2", "node-3"]), st.booleans()),
)
def test_a_mover_is_only_sent_to_nodes_that_are_ready_and_have_the_volume(modes, used_on, own_volume, there):
    found = facts(*(pod(f"db-{n}", node=name) for n, name in enumerate(used_on)), modes=modes, volume_=own_volume)
    ready = {name for name, is_ready in there.items() if is_ready}
    decision = backup_placement(found, nodes(*(node(name, ready=is_ready) for name, is_ready in there.items())))
    if isinstance(decision, Problem):
        assert modes == RWOP or (set(used_on) - {""}) - ready or own_volume
    else:
        assert set(decision.nodes) <= ready & set(used_on)
        assert decision.nodes or modes in (RWX, ROX) or not set(used_on) - {""}
