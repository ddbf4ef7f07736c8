"""Claims of other namespaces are brought to the movers by a second volume, and their data outlives it."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.movers.claims_lab import CORE, VOLUMES, Objects, Run

from holdfast.assembly import Settings, connect
from holdfast.errors import ApiRefused, ClusterError
from holdfast.model.cancel import Cancel
from holdfast.operations.movers.exposing import Exposures
from holdfast.operations.movers.task import MoverSettings

CSI = {
    "driver": "ebs.csi.aws.com",
    "volumeHandle": "vol-0123456789",
    "fsType": "ext4",
    "volumeAttributes": {"storage.kubernetes.io/csiProvisionerIdentity": "1"},
    "nodeStageSecretRef": {"name": "stage", "namespace": "kube-system"},
}
ZONE = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-1a"]}


@pytest.fixture
def objects(cluster):
    return Objects(cluster)


@pytest.fixture
def home(make_namespace):
    """The movers' namespace."""
    return make_namespace()


@pytest.fixture
def exposures(cluster, home):
    """`exposures(kubeconfig=…, patience=…, home=…)`; what is left of them goes after the test."""
    made = []

    def make(kubeconfig=None, *, run=None, **arguments):
        connected = connect(Settings(kubeconfig=str(kubeconfig or cluster.kubeconfig)), Cancel())
        made.append((connected, Exposures(connected, run or Run(cluster, home), **arguments)))
        return made[-1][1]

    yield make
    for connected, exposed in made:
        with closing(connected):
            exposed.withdraw_all()


@pytest.fixture
def data(objects, namespace):
    """A claim in another namespace, bound to a volume that was made for it; `data.file` is in that volume."""

    class Data:
        claim = objects.bound_claim(namespace)
        volume = objects.volume(claim["spec"]["volumeName"])
        file = Path(volume["spec"]["hostPath"]["path"], "rows")

    Data.file.write_text("1,2,3")
    return Data


def test_a_claim_of_the_movers_own_namespace_is_mounted_itself(objects, exposures, home):
    claim = objects.bound_claim(home)
    exposed = exposures()
    assert exposed.expose(claim) == "data"
    exposed.withdraw("data")
    exposed.withdraw_all()
    assert "deletionTimestamp" not in objects.claim(home, "data")["metadata"]


def test_another_claim_has_the_same_source_beside_the_movers(cluster, objects, exposures, data, home):
    run = Run(cluster, home)
    name = exposures(run=run).expose(data.claim)
    claim, volume = objects.claim(home, name), objects.volume(name)
    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["volumeName"] == name == f"holdfast-{run.run_id}-1"
    assert claim["metadata"]["labels"] == volume["metadata"]["labels"] == run.labels
    assert [owner["uid"] for owner in claim["metadata"]["ownerReferences"]] == [run.owner["uid"]]
    assert volume["spec"]["hostPath"] == data.volume["spec"]["hostPath"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert data.volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert "storageClassName" not in volume["spec"]
    assert "pv.kubernetes.io/provisioned-by" not in volume["metadata"].get("annotations", {})


def test_withdrawn_it_takes_nothing_with_it(objects, exposures, data, home, namespace):
    exposed = exposures()
    name = exposed.expose(data.claim)
    exposed.withdraw(name)
    objects.gone(home, name)
    assert data.file.read_text() == "1,2,3"
    assert objects.claim(namespace, "data")["status"]["phase"] == "Bound"
    assert objects.volume(data.volume["metadata"]["name"])["spec"] == data.volume["spec"]


def test_the_data_outlives_a_run_that_could_not_withdraw(objects, exposures, data, home):
    name = exposures().expose(data.claim)
    objects.delete_claim(home, name)
    objects.when(lambda: objects.volume(name), lambda it: it["status"]["phase"] == "Released")
    assert data.file.read_text() == "1,2,3"


def test_each_claim_has_a_volume_of_its_own(objects, exposures, data, home, namespace):
    other = objects.bound_claim(namespace, "other")
    exposed = exposures()
    names = [exposed.expose(data.claim), exposed.expose(other), exposed.expose(data.claim)]
    assert len(set(names)) == 3
    exposed.withdraw_all()
    for name in names:
        objects.gone(home, name)


def test_after_a_stop_what_is_left_goes_all_the_same(cluster, objects, data, home):
    cancel = Cancel()
    with closing(connect(Settings(kubeconfig=str(cluster.kubeconfig)), cancel)) as connected:
        exposed = Exposures(connected, Run(cluster, home))
        name = exposed.expose(data.claim)
        cancel.request()
        exposed.withdraw_all()
    objects.gone(home, name)


def test_a_csi_volume_keeps_all_that_its_driver_needs(objects, exposures, namespace):
    spec = {
        "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
        "capacity": {"storage": "5Gi"},
        "csi": CSI,
        "mountOptions": ["noatime"],
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [ZONE]}]}},
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "gp3",
        "volumeMode": "Filesystem",
    }
    metadata = {"name": f"csi-{namespace}", "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}}
    objects.api.create(VOLUMES, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})
    try:
        claim = objects.bound_claim(namespace, storageClassName="gp3", volumeName=metadata["name"])
        exposed = exposures()
        second = objects.volume(exposed.expose(claim))
        own = {"claimRef", "storageClassName"}
        assert {key: value for key, value in second["spec"].items() if key not in own} == {
            key: value for key, value in spec.items() if key not in own
        }
    finally:
        objects.api.request("DELETE", f"{VOLUMES}/{metadata['name']}")


# What can be wrong


def test_a_claim_that_is_gone_is_named(objects, exposures, data, namespace):
    objects.delete_claim(namespace, "data")
    with pytest.raises(ClusterError) as caught:
        exposures().expose(data.claim)
    assert caught.value.why == "the claim has been deleted meanwhile"
    assert f"{namespace}/data" in caught.value.what


def test_another_claim_of_the_same_name_is_not_taken_for_it(objects, exposures, data, namespace):
    objects.delete_claim(namespace, "data")
    objects.bound_claim(namespace)
    with pytest.raises(ClusterError, match="deleted meanwhile"):
        exposures().expose(data.claim)


def test_a_claim_without_a_volume_cannot_be_had(objects, exposures, namespace):
    with pytest.raises(ClusterError, match="it has no volume"):
        exposures().expose(objects.make_claim(namespace, storageClassName="nobody-makes-these"))


def test_who_may_not_make_volumes_is_told_what_to_do_instead(cluster, exposures, data, namespace):
    rules = [{"apiGroups": [""], "resources": ["persistentvolumeclaims", "persistentvolumes"], "verbs": ["get"]}]
    account = cluster.account(f"reader-{namespace}", rules)
    with pytest.raises(ClusterError) as caught:
        exposures(account).expose(data.claim)
    assert "cannot create resource" in caught.value.why
    assert f"--mover-namespace {namespace}" in caught.value.next


def test_a_quota_without_room_leaves_no_volume_behind(cluster, objects, exposures, data, home):
    hard = {"persistentvolumeclaims": "0"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": hard}}
    path = f"{CORE}/namespaces/{home}/resourcequotas"
    objects.api.create(path, quota)
    objects.when(
        lambda: objects.api.request("GET", f"{path}/none"), lambda it: it.get("status", {}).get("hard") == hard
    )
    run = Run(cluster, home)
    with pytest.raises(ClusterError) as caught:
        exposures(run=run).expose(data.claim)
    assert "exceeded quota" in caught.value.why
    assert "quota" in caught.value.next
    objects.gone(home, f"holdfast-{run.run_id}-1")


def test_without_the_movers_namespace_no_volume_is_left_behind(cluster, objects, exposures, data, home):
    run = Run(cluster, home)
    run.settings = MoverSettings(namespace="nowhere", image="i", repository="s3:https://s3/b", cluster_name="c")
    with pytest.raises(ApiRefused, match='namespaces "nowhere" not found'):
        exposures(run=run).expose(data.claim)
    objects.gone("nowhere", f"holdfast-{run.run_id}-1")


def test_a_claim_that_nobody_binds_is_given_up_and_removed(cluster, objects, exposures, data, home):
    run = Run(cluster, home)
    exposed = exposures(run=run, patience=0.5)
    controllers = cluster.pids["kube-controller-manager"]
    os.kill(controllers, signal.SIGSTOP)
    try:
        with pytest.raises(ClusterError, match=r"was not bound within 0\.5 s"):
            exposed.expose(data.claim)
    finally:
        os.kill(controllers, signal.SIGCONT)
    objects.gone(home, f"holdfast-{run.run_id}-1")
    assert data.file.read_text() == "1,2,3"


# On a node


def busybox(name, claim, *, read_only=False):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "c",
                    "image": "testbed/busybox:1",
                    "command": ["sleep", "3600"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": read_only}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def test_both_pods_see_the_same_files_and_the_first_keeps_them(node_cluster, make_namespace):
    app, home = make_namespace(within=node_cluster), make_namespace(within=node_cluster)
    objects = Objects(node_cluster)

    def start(namespace, pod):
        node_cluster.api.create(f"{CORE}/namespaces/{namespace}/pods", pod)
        name = pod["metadata"]["name"]
        node_cluster.kubectl("-n", namespace, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        return lambda script: node_cluster.kubectl("-n", namespace, "exec", name, "--", "sh", "-c", script)

    claim = objects.bound_claim(app)
    application = start(app, busybox("app", "data"))
    application("echo before > /data/rows")
    with closing(connect(Settings(kubeconfig=str(node_cluster.kubeconfig)), Cancel())) as connected:
        exposed = Exposures(connected, Run(node_cluster, home))
        name = exposed.expose(claim)
        mover = start(home, busybox("mover", name, read_only=True))
        assert mover("cat /data/rows") == "before\n"
        application("echo after >> /data/rows")
        assert mover("cat /data/rows; touch /data/x 2>&1 || true") == (
            "before\nafter\ntouch: /data/x: Read-only file system\n"
        )
        exposed.withdraw(name)  # while it is mounted: both go with the pod
        assert mover("cat /data/rows") == "before\nafter\n"
        node_cluster.kubectl("-n", home, "delete", "pod", "mover", "--wait=true")
        objects.gone(home, name)
    assert application("echo more >> /data/rows; cat /data/rows") == "before\nafter\nmore\n"
    assert objects.claim(app, "data")["status"]["phase"] == "Bound"
