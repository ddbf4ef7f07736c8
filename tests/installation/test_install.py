"""`holdfast install` on a real API server: what it makes, what it changes, what it removes and what it leaves alone."""

import secrets

import pytest
import yaml
from testbed.errors import ApiFailed
from tests.cli.holdfast import Holdfast
from tests.installation.conftest import IMAGE
from tests.installation.reading import RBAC

from holdfast.manifests.installation import InstallOptions, parts
from holdfast.manifests.naming import Role
from holdfast.manifests.run_pod import Installation, Work, pod_template

pytestmark = pytest.mark.cluster
DEPLOYMENT = "/apis/apps/v1/namespaces/holdfast/deployments/holdfast-controller"


def results(done):
    """{object: result} of the table."""
    return dict(reversed(line.split()[:2]) for line in done.out.splitlines() if "/" in line)


@pytest.mark.usefixtures("cleared")
def test_the_first_time_everything_is_created(holdfast, reading):
    done = holdfast("install", "--image", IMAGE)
    made = results(done)
    del made["namespaces/holdfast"]  # it stays when a test ends
    assert set(made.values()) == {"created"}
    assert len(made) == len(list(parts(InstallOptions()))) + len(reading.definitions())
    spec = reading.get(DEPLOYMENT)["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (2, IMAGE)


@pytest.mark.usefixtures("installed")
def test_the_second_time_nothing_is_changed(holdfast, reading):
    before = reading.get(DEPLOYMENT)["metadata"]["resourceVersion"]
    assert set(results(holdfast("install", "--image", IMAGE)).values()) == {"unchanged"}
    assert reading.get(DEPLOYMENT)["metadata"]["resourceVersion"] == before


@pytest.mark.usefixtures("installed")
def test_an_upgrade_changes_what_is_new_and_removes_what_no_version_makes_any_more(holdfast, reading):
    former = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "holdfast-of-old", "labels": {"holdfast.dev/installation": "holdfast"}},
    }
    reading.api.create(f"{RBAC}/clusterroles", former)
    done = results(holdfast("install", "--image", "registry.example/holdfast:2.0"))
    assert done.pop("clusterroles.rbac.authorization.k8s.io/holdfast-of-old") == "removed"
    assert done.pop("deployments.apps/holdfast/holdfast-controller") == "changed"
    assert set(done.values()) == {"unchanged"}
    assert "holdfast-of-old" not in reading.names(f"{RBAC}/clusterroles")


@pytest.mark.usefixtures("installed")
def test_an_upgrade_keeps_plans_and_what_people_have_set(holdfast, reading, make_namespace, bare_cluster):
    shop = make_namespace(within=bare_cluster)
    reading.make_plan(shop)
    spec = {"template": {"spec": {"priorityClassName": "system-cluster-critical"}}}
    body = reading.get(DEPLOYMENT)
    body["spec"]["template"]["spec"].update(spec["template"]["spec"])
    reading.api.request("PUT", DEPLOYMENT, body)
    holdfast("install", "--image", IMAGE, "--replicas", "1")
    after = reading.get(DEPLOYMENT)["spec"]
    assert (after["replicas"], after["template"]["spec"]["priorityClassName"]) == (1, "system-cluster-critical")
    assert reading.names(f"/apis/holdfast.dev/v1alpha1/namespaces/{shop}/backupplans") == ["nightly"]


@pytest.mark.usefixtures("cleared")
def test_objects_of_other_people_with_our_names_are_left_alone(holdfast, reading):
    role = {"metadata": {"name": "holdfast-controller"}, "rules": []}
    reading.api.create(f"{RBAC}/clusterroles", role)
    try:
        problem = holdfast("install", code=1).problem
    finally:
        reading.api.request("DELETE", f"{RBAC}/clusterroles/holdfast-controller")
    assert "no installation of Holdfast" in problem[0]
    assert reading.definitions() == []


@pytest.mark.usefixtures("installed")
def test_there_is_one_installation_in_a_cluster(holdfast, reading):
    problem = holdfast("install", "--namespace", "second", code=1).problem
    assert "installed in the namespace holdfast" in problem[0]
    assert "second" not in reading.names("/api/v1/namespaces")
    assert "holdfast" in holdfast("uninstall", "--namespace", "second", code=1).problem[0]


@pytest.mark.usefixtures("cleared")
def test_a_dry_run_changes_nothing(holdfast, reading):
    done = holdfast("install", "--namespace", "elsewhere", "--dry-run")
    assert set(results(done).values()) == {"created"}
    assert "elsewhere" not in reading.names("/api/v1/namespaces")
    assert (reading.definitions(), reading.ours(f"{RBAC}/clusterroles")) == ([], [])


@pytest.mark.usefixtures("installed")
def test_a_dry_run_of_an_upgrade_tells_what_would_be_changed(holdfast, reading):
    done = results(holdfast("install", "--image", "registry.example/holdfast:2.0", "--backups-only", "--dry-run"))
    assert {name: result for name, result in done.items() if result != "unchanged"} == {
        "deployments.apps/holdfast/holdfast-controller": "changed",
        "clusterroles.rbac.authorization.k8s.io/holdfast-runner-restore": "removed",
    }
    assert reading.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


@pytest.mark.usefixtures("cleared")
def test_waiting_tells_why_the_controller_does_not_start(holdfast):
    problem = holdfast("install", "--wait", "--timeout", "1s", code=1).problem
    assert problem[0].startswith("the controller was not available after 1 s: 0 of 2 pods ready")
    assert "no scheduler has looked at the pod" in problem[1]


@pytest.mark.usefixtures("installed")
def test_waiting_ends_when_no_pod_is_missing(holdfast):
    """There are no nodes, so none is wanted. tests of pods that run are elsewhere."""
    assert "at work" in holdfast("install", "--image", IMAGE, "--replicas", "0", "--wait").err


NAMESPACE = "/api/v1/namespaces/holdfast"
ENFORCED = "pod-security.kubernetes.io/enforce"


def a_pod(**spec):
    """With one container, which has the power that Kubernetes gives it by default."""
    return {
        "metadata": {"name": f"pod-{secrets.token_hex(4)}"},
        "spec": {"containers": [{"name": "a", "image": "example.invalid/a"}], **spec},
    }


def level(reading):
    return reading.get(NAMESPACE)["metadata"]["labels"][ENFORCED]


@pytest.mark.usefixtures("installed")
def test_the_namespace_lets_in_movers_and_nothing_that_gets_at_its_node(reading):
    """Kubernetes itself judges."""
    assert level(reading) == "baseline"
    power = {
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"]}
    }
    container = {"name": "a", "image": "example.invalid/a", "securityContext": power}
    pods = f"{NAMESPACE}/pods?dryRun=All"
    reading.api.create(pods, a_pod(containers=[container], securityContext={"runAsUser": 0}))
    for spec in (
        {"hostPID": True},
        {"hostNetwork": True},
        {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]},
        {"containers": [{**container, "securityContext": {"privileged": True}}]},
        {"containers": [{**container, "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]},
    ):
        with pytest.raises(ApiFailed, match="403"):
            reading.api.create(pods, a_pod(**spec))


@pytest.mark.usefixtures("installed")
def test_all_other_pods_of_ours_need_no_power(reading, make_namespace, bare_cluster):
    """In a namespace with the level `restricted` Kubernetes takes them all: the controller's, and those of every sort of run."""
    name = make_namespace(within=bare_cluster)
    change = {"metadata": {"labels": {ENFORCED: "restricted"}}}
    namespace = f"/api/v1/namespaces/{name}"
    labels = reading.get(namespace)
    labels["metadata"]["labels"] |= change["metadata"]["labels"]
    reading.api.request("PUT", namespace, labels)
    pods = f"{namespace}/pods?dryRun=All"
    with pytest.raises(ApiFailed, match="403"):
        reading.api.create(pods, a_pod())
    controller = reading.get(DEPLOYMENT)["spec"]["template"]
    controller["spec"] |= {"serviceAccountName": "default"}
    installation = Installation(namespace=name, image=IMAGE, cluster="here")
    works = [
        Work(kind="Backup", name="a", namespace=name, role=role, command=[], url="/srv", secret="login")
        for role in Role
    ]
    for template in (controller, *(pod_template(work, installation) for work in works)):
        reading.api.create(pods, a_pod(**template["spec"]))


@pytest.mark.usefixtures("installed")
def test_an_upgrade_lets_movers_in_where_an_earlier_version_did_not(holdfast, reading):
    former = reading.get(NAMESPACE)
    former["metadata"]["labels"] |= {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit")
    }
    reading.api.request("PUT", NAMESPACE, former)
    done = results(holdfast("install", "--image", IMAGE))
    assert (done["namespaces/holdfast"], level(reading)) == ("changed", "baseline")


@pytest.mark.usefixtures("cleared")
def test_yaml_is_what_kubectl_applies_and_asks_no_cluster(holdfast):
    printed = holdfast.but(KUBECONFIG="/nowhere")("install", "--image", IMAGE, "-o", "yaml")
    documents = list(yaml.safe_load_all(printed.out))
    as_json = holdfast.but(KUBECONFIG="/nowhere")("install", "--image", IMAGE, "-o", "json").document
    assert as_json == {"apiVersion": "v1", "kind": "List", "items": documents}
    order = [document["kind"] for document in documents]
    assert order.index("CustomResourceDefinition") < order.index("Namespace") < order.index("ServiceAccount")
    assert order[-1] == "Deployment"


@pytest.mark.usefixtures("cleared")
def test_somebody_without_rights_is_told_which_one_is_missing(holdfast, bare_cluster):
    account = bare_cluster.account("newcomer", [])
    problem = holdfast.but(KUBECONFIG=account)("install", code=1).problem
    assert "clusterroles" in " ".join(problem)


@pytest.mark.parametrize("name", ["Holdfast", "-a", "a/b", "", "ä", "a" * 64, "a\n"])
@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_a_namespace_that_cannot_be_is_refused_before_anything_is_done(holdfast, verb, name):
    problem = holdfast.but(KUBECONFIG="/nowhere")(verb, f"--namespace={name}", code=2).problem
    assert "is no name of a namespace" in problem[1]


def test_an_older_kubernetes_takes_it_all(old_cluster, tmp_path):
    holdfast = Holdfast(tmp_path, KUBECONFIG=old_cluster.kubeconfig)
    assert set(results(holdfast("install", "--image", IMAGE)).values()) == {"created"}
    assert set(results(holdfast("install", "--image", IMAGE)).values()) == {"unchanged"}
    holdfast("uninstall", "--with-definitions", "--yes")
    assert "nothing of Holdfast's to remove" in holdfast("uninstall").err
