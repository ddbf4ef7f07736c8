"""Jobs of movers, as they are before a server sees them."""

import pytest

from holdfast.api.pod_settings import PodSettings
from holdfast.manifests.mover import MoverPod, mover_job
from holdfast.manifests.pods import USER
from holdfast.model.placement import Placement
from holdfast.objects.limits.pod_security import Level, violations

OWNER = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "name": "holdfast-run-1", "uid": "u"}


def job(placement=None, **changes):
    standard = {
        "name": "mover-shop-data-1",
        "namespace": "holdfast",
        "run": "1",
        "owner": OWNER,
        "volume": "shop/data",
        "claim": "holdfast-1-1",
        "writes": False,
        "restricted": False,
        "placement": placement or Placement(),
        "command": ["mover", "read"],
        "image": "holdfast:1",
        "url": "s3:https://s3.test/backups",
        "cluster": "prod",
        "secret": "holdfast-run-1",
    }
    return mover_job(MoverPod(**standard | changes))


def template(placement=None, **changes):
    return job(placement, **changes)["spec"]["template"]


def pod(placement=None, **changes):
    return template(placement, **changes)["spec"]


def container(placement=None, **changes):
    [only] = pod(placement, **changes)["containers"]
    return only


def volume_mount(**changes):
    return next(mount for mount in container(**changes)["volumeMounts"] if mount["name"] == "volume")


def nodes_of(affinity):
    required = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return required["nodeSelectorTerms"]


def test_pull_secrets_are_those_of_an_account_whose_token_is_not_there():
    assert pod(account="holdfast-runner")["serviceAccountName"] == "holdfast-runner"
    assert pod(account="holdfast-runner")["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod()


def test_what_a_shell_would_replace_arrives_as_it_is():
    """Kubernetes makes `$` of `$$`, and leaves the rest."""
    assert container(command=["mover", "read", "--exclude=$(HOME)$x"])["args"][-1] == "--exclude=$$(HOME)$$x"


def test_it_belongs_to_the_run():
    made = job()
    assert made["metadata"]["ownerReferences"] == [OWNER]
    for labels in (made["metadata"]["labels"], template()["metadata"]["labels"]):
        assert labels["holdfast.dev/run"] == "1"
        assert labels["holdfast.dev/role"] == "mover"
        assert labels["app.kubernetes.io/managed-by"] == "holdfast"


def test_labels_of_the_settings_do_not_hide_whose_it_is():
    labels = template(settings=PodSettings(labels={"holdfast.dev/run": "other", "team": "a"}))["metadata"]["labels"]
    assert (labels["holdfast.dev/run"], labels["team"]) == ("1", "a")


def test_it_has_no_token_and_knows_no_services():
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["enableServiceLinks"] is False


def test_its_image_is_pulled_as_the_cluster_does_by_itself():
    assert "imagePullPolicy" not in container()


def test_it_is_tried_again_but_not_when_that_would_end_the_same_way():
    spec = job()["spec"]
    assert spec["backoffLimit"] == 2
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]


def test_a_volume_is_read_only_in_the_container_and_never_in_the_claim():
    assert volume_mount()["readOnly"] is True
    assert "readOnly" not in volume_mount(writes=True)
    for writes in (False, True):
        [claim] = [one["persistentVolumeClaim"] for one in pod(writes=writes)["volumes"] if one["name"] == "volume"]
        assert claim == {"claimName": "holdfast-1-1"}


@pytest.mark.parametrize("writes", [False, True])
def test_it_is_let_in_where_baseline_is_enforced(writes):
    made = template(writes=writes)
    assert violations(Level.BASELINE, made["metadata"], made["spec"]) == []
    assert made["spec"]["securityContext"]["runAsUser"] == 0


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("user", [None, 0, 999])
def test_it_is_let_in_where_restricted_is_enforced(writes, user):
    made = template(Placement(user=user), writes=writes, restricted=True)
    assert violations(Level.RESTRICTED, made["metadata"], made["spec"]) == []
    assert made["spec"]["securityContext"]["runAsUser"] == (user or USER)


@pytest.mark.parametrize("restricted", [False, True])
def test_kubernetes_changes_nothing_in_a_volume_that_is_read(restricted):
    assert "fsGroup" not in pod(restricted=restricted)["securityContext"]


def test_who_is_not_root_can_write_a_new_volume():
    security = pod(Placement(user=999, group=998), writes=True, restricted=True)["securityContext"]
    assert (security["fsGroup"], security["runAsGroup"]) == (998, 998)
    assert "fsGroup" not in pod(writes=True)["securityContext"]


@pytest.mark.parametrize(("restricted", "mode"), [(False, 0o400), (True, 0o444)])
def test_credentials_can_be_read_by_whoever_it_is(restricted, mode):
    [secret] = [one["secret"] for one in pod(restricted=restricted)["volumes"] if "secret" in one]
    assert (secret["secretName"], secret["defaultMode"]) == ("holdfast-run-1", mode)


def test_it_may_run_where_the_volume_is():
    assert nodes_of(pod(Placement(nodes=("a", "b")))["affinity"]) == [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]} for name in ("a", "b")
    ]


def test_nodes_of_the_volume_are_among_those_that_the_workload_wants():
    wanted = {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
    preferred = [{"weight": 1, "preference": wanted}]
    affinity = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [wanted]},
        "preferredDuringSchedulingIgnoredDuringExecution": preferred,
    }
    made = pod(Placement(nodes=("a",), node_affinity=affinity))["affinity"]
    assert nodes_of(made) == [
        {**wanted, "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]},
    ]
    assert made["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == preferred
    assert nodes_of(pod(Placement(node_affinity=affinity))["affinity"]) == [wanted]


def test_it_may_run_anywhere_if_the_volume_may():
    assert "affinity" not in pod()


def test_it_takes_over_what_the_workload_needs_of_a_node():
    placement = Placement(
        node_selector={"pool": "data"},
        tolerations=[{"key": "data", "operator": "Exists"}],
        scheduler="own",
        runtime_class="kata",
        se_linux={"level": "s0:c1,c2"},
    )
    made = pod(placement, settings=PodSettings(node_selector={"zone": "z"}, tolerations=[{"key": "backup"}]))
    assert made["nodeSelector"] == {"pool": "data", "zone": "z"}
    assert [one["key"] for one in made["tolerations"]] == [
        *("backup", "data"),
        *("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"),
    ]
    assert (made["schedulerName"], made["runtimeClassName"]) == ("own", "kata")
    assert made["securityContext"]["seLinuxOptions"] == {"level": "s0:c1,c2"}


def test_it_requests_no_less_than_the_workload():
    made = container(Placement(requests={"cpu": "50m", "memory": "2Gi", "ephemeral-storage": "1Gi"}))["resources"]
    assert made["requests"] == {"cpu": "100m", "memory": "2Gi", "ephemeral-storage": "1Gi"}
    assert made["limits"] == {"cpu": "1", "memory": "2Gi"}


def test_the_resources_of_one_mover_are_not_those_of_the_next():
    container(Placement(requests={"memory": "2Gi"}))
    assert container()["resources"]["requests"]["memory"] == "128Mi"


def test_its_resources_can_be_set():
    wanted = {"requests": {"cpu": "2"}, "limits": {"memory": "3Gi"}}
    assert container(resources=wanted)["resources"] == wanted


def test_it_finds_its_repository():
    names = {one["name"]: one.get("value") for one in container()["env"]}
    assert names["HOLDFAST_REPOSITORY"] == "s3:https://s3.test/backups"
    assert names["HOLDFAST_CLUSTER_NAME"] == "prod"
    assert "HOLDFAST_POD_UID" in names
