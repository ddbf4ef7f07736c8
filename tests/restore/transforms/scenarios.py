"""One scenario for each row of the table: what the row does, as the API server sees it.

A scenario is given a stage and a table of transforms. With the whole table it passes; without its row it must fail, by
an assertion or because the server refuses an object.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.restore.transforms.stage import Stage, Table

from holdfast.errors import ApiRefused
from holdfast.objects.comparison import differences
from holdfast.objects.fields import Object, at, name_of
from holdfast.objects.images import parse_images
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.node_labels import parse_node_labels
from holdfast.objects.transforms import apply

Scenario = Callable[[Stage, Table], None]
SCENARIOS: dict[str, Scenario] = {}


def row(identifier: str) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        assert identifier not in SCENARIOS
        SCENARIOS[identifier] = scenario
        return scenario

    return register


def obj(api_version: str, kind: str, name: str, **fields: object) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **fields.pop("metadata", {})}, **fields}


def config_map(name: str = "settings", **fields: object) -> Object:
    return obj("v1", "ConfigMap", name, **({"data": {"color": "blue"}} | fields))


def service(name: str = "web", **spec: object) -> Object:
    return obj("v1", "Service", name, spec={"selector": {"app": "web"}, "ports": [{"port": 80}], **spec})


def pod_spec(**fields: object) -> Object:
    return {"containers": [{"name": "main", "image": "none.invalid/none:1"}], **fields}


def template(**fields: object) -> Object:
    return {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec(**fields)}


def deployment(name: str = "web", **spec: object) -> Object:
    selector = {"matchLabels": {"app": "web"}}
    return obj("apps/v1", "Deployment", name, spec={"selector": selector, "template": template(), **spec})


def job(name: str = "once", **fields: object) -> Object:
    spec = {"template": {"spec": pod_spec(restartPolicy="Never")}}
    return obj("batch/v1", "Job", name, **({"spec": spec} | fields))


def claim(name: str = "data", storage_class: str = "", **fields: object) -> Object:
    spec = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        **fields.pop("spec", {}),
    }
    return obj("v1", "PersistentVolumeClaim", name, spec=spec, **fields)


def volume(name: str, **fields: object) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Mi"},
        "hostPath": {"path": f"/var/empty/{name}"},
        "persistentVolumeReclaimPolicy": "Retain",
        **fields.pop("spec", {}),
    }
    return obj("v1", "PersistentVolume", name, spec=spec, **fields)


def token_secret(name: str, account: str = "default") -> Object:
    metadata = {"annotations": {"kubernetes.io/service-account.name": account}}
    return obj("v1", "Secret", name, type="kubernetes.io/service-account-token", metadata=metadata)


def renaming(**names: str) -> NameMap:
    return NameMap(names)


def into(stage: Stage, namespace: str) -> ObjectMapping:
    return ObjectMapping(namespaces=renaming(**{stage.namespace: namespace}))


# Services


@row("service-cluster-ip")
def cluster_ip_is_allocated_anew(stage: Stage, transforms: Table) -> None:
    backup, headless = stage.make(service()), stage.make(service("headless", clusterIP="None"))
    stage.delete(backup)
    stage.delete(headless)
    stage.make(service("squatter", clusterIP=backup["spec"]["clusterIP"]))

    restored = stage.restore(backup, transforms)

    assert restored["spec"]["clusterIP"] != backup["spec"]["clusterIP"]
    assert stage.restore(headless, transforms)["spec"]["clusterIP"] == "None"
    assert stage.update(backup, transforms)["spec"]["clusterIP"] == restored["spec"]["clusterIP"]


@row("service-node-ports")
def only_the_users_node_ports_come_back(stage: Stage, transforms: Table) -> None:
    spare = stage.make(service("spare", type="NodePort"))
    stage.delete(spare)
    mine = spare["spec"]["ports"][0]["nodePort"]
    ports = [{"name": "mine", "port": 80, "nodePort": mine}, {"name": "any", "port": 81}]
    backup = stage.make(service(type="NodePort", ports=ports))
    allocated = backup["spec"]["ports"][1]["nodePort"]
    stage.delete(backup)
    stage.make(service("squatter", type="NodePort", ports=[{"port": 80, "nodePort": allocated}]))

    restored = stage.restore(backup, transforms)

    assert restored["spec"]["ports"][0]["nodePort"] == mine
    assert restored["spec"]["ports"][1]["nodePort"] != allocated
    assert stage.update(backup, transforms)["spec"]["ports"] == restored["spec"]["ports"]


@row("service-health-check-port")
def only_the_users_health_check_port_comes_back(stage: Stage, transforms: Table) -> None:
    balanced = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    backup = stage.make(service(**balanced))
    allocated = backup["spec"]["healthCheckNodePort"]
    stage.delete(backup)
    users = stage.make(service("users", **balanced, healthCheckNodePort=allocated))

    restored = stage.restore(backup, transforms)

    assert restored["spec"]["healthCheckNodePort"] != allocated
    stage.delete(users)
    assert stage.restore(users, transforms)["spec"]["healthCheckNodePort"] == allocated


# Access


@row("generated-token")
def generated_token_is_not_restored(stage: Stage, transforms: Table) -> None:
    backup = stage.make(token_secret("default-token-x2b4c"))
    stage.delete(backup)

    assert stage.restore(backup, transforms) is None


@row("token-secret")
def token_is_filled_by_the_target(stage: Stage, transforms: Table) -> None:
    account = stage.make(obj("v1", "ServiceAccount", "robot"))
    made = stage.make(token_secret("robot-key", "robot"))
    backup = stage.eventually(lambda: _filled(stage, made), "the token is made")
    stage.delete(backup)
    stage.delete(account)
    uid = stage.make(obj("v1", "ServiceAccount", "robot"))["metadata"]["uid"]

    restored = stage.restore(backup, transforms)

    assert at(restored, "data").get("token") != backup["data"]["token"]
    filled = stage.eventually(lambda: _filled(stage, made), "the token is made again")
    assert filled["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == uid
    assert stage.update(backup, transforms)["data"] == filled["data"]


def _filled(stage: Stage, secret: Object) -> Object | None:
    live = stage.find(secret)
    return live if live and "token" in at(live, "data") else None


@row("service-account-token-references")
def account_does_not_name_generated_tokens(stage: Stage, transforms: Table) -> None:
    secrets = [{"name": "robot-token-x2b4c"}, {"name": "robot-key"}]
    backup = stage.make(obj("v1", "ServiceAccount", "robot", secrets=secrets))
    stage.delete(backup)

    assert stage.restore(backup, transforms)["secrets"] == [{"name": "robot-key"}]


@row("default-service-account")
def default_account_gets_what_it_lacks(stage: Stage, transforms: Table) -> None:
    default = obj("v1", "ServiceAccount", "default", metadata={"namespace": stage.namespace})
    stage.eventually(lambda: stage.find(default), "the default account is made")
    theirs = {"metadata": {"labels": {"team": "a", "tier": "x"}}, "imagePullSecrets": [{"name": "registry"}]}
    backup = stage.patch(default, theirs)
    stage.delete(backup)
    stage.eventually(lambda: stage.find(default), "the default account is made again")
    stage.patch(default, {"metadata": {"labels": {"team": "b"}}, "imagePullSecrets": [{"name": "mirror"}]})

    stage.restore(backup, transforms)

    live = stage.read(default)
    assert live["metadata"]["labels"] == {"team": "b", "tier": "x"}
    assert live["imagePullSecrets"] == [{"name": "mirror"}, {"name": "registry"}]


def binding(kind: str, name: str, *subjects: Object) -> Object:
    api_group = "rbac.authorization.k8s.io"
    role = {"apiGroup": api_group, "kind": "ClusterRole", "name": "view"}
    return obj(f"{api_group}/v1", kind, name, roleRef=role, subjects=list(subjects))


def account_in(namespace: str) -> Object:
    return {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}


@row("aggregated-rules")
def sum_of_roles_is_made_in_the_target(stage: Stage, transforms: Table) -> None:
    api_version, label = "rbac.authorization.k8s.io/v1", {stage.namespace: "part"}
    rules = [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}]
    part = stage.make(obj(api_version, "ClusterRole", stage.unique("part"), metadata={"labels": label}, rules=rules))
    aggregation = {"clusterRoleSelectors": [{"matchLabels": label}]}
    total = stage.make(obj(api_version, "ClusterRole", stage.unique("total"), aggregationRule=aggregation))
    stage.eventually(lambda: stage.read(total).get("rules") == rules, "the rules are added up")
    backup = stage.read(total)
    stage.delete(backup)

    assert not stage.restore(backup, transforms).get("rules")

    stage.eventually(lambda: stage.read(total).get("rules") == rules, "the rules are added up again")
    assert stage.update(backup, transforms)["rules"] == rules
    stage.delete(part)


@row("binding-subjects")
def binding_names_accounts_in_the_new_namespace(stage: Stage, transforms: Table) -> None:
    other = stage.new_namespace()
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group"}
    everyone = {**group, "name": f"system:serviceaccounts:{stage.namespace}"}
    backup = stage.make(binding("RoleBinding", "viewers", account_in(stage.namespace), account_in("infra"), everyone))

    restored = stage.restore(backup, transforms, stage.context(into(stage, other)))

    everyone_there = {**group, "name": f"system:serviceaccounts:{other}"}
    assert restored["subjects"] == [account_in(other), account_in("infra"), everyone_there]


@row("shared-cluster-role-binding")
def live_cluster_role_binding_gets_the_new_subjects(stage: Stage, transforms: Table) -> None:
    other = stage.new_namespace()
    backup = stage.make(binding("ClusterRoleBinding", stage.unique("viewers"), account_in(stage.namespace)))

    stage.restore(backup, transforms, stage.context(into(stage, other)))

    assert stage.read(backup)["subjects"] == [account_in(stage.namespace), account_in(other)]


# Storage


@row("storage-class")
def storage_classes_get_their_new_names(stage: Stage, transforms: Table) -> None:
    mapping = ObjectMapping(storage_classes=renaming(old="new"))
    templates = [{**claim(storage_class="old"), "metadata": {"name": "data"}}]
    selector = {"matchLabels": {"app": "web"}}
    stateful_set = obj(
        "apps/v1",
        "StatefulSet",
        "db",
        spec={"replicas": 0, "selector": selector, "template": template(), "volumeClaimTemplates": templates},
    )
    annotated = claim("annotated", metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}})
    del annotated["spec"]["storageClassName"]
    pv = volume(stage.unique("pv"), spec={"storageClassName": "old"})
    backups = [stage.make(each) for each in (claim(storage_class="old"), stateful_set, annotated, pv)]
    for backup in backups:
        stage.delete(backup)

    restored = [stage.restore(backup, transforms, stage.context(mapping)) for backup in backups]

    assert restored[0]["spec"]["storageClassName"] == "new"
    assert restored[1]["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "new"
    assert restored[2]["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"] == "new"
    assert restored[3]["spec"]["storageClassName"] == "new"


@row("claim-size")
def claim_gets_another_size(stage: Stage, transforms: Table) -> None:
    backup = stage.make(claim(storage_class="none"))
    stage.delete(backup)
    mapping = ObjectMapping(claim_sizes={f"{stage.namespace}/data": "2Mi"})

    restored = stage.restore(backup, transforms, stage.context(mapping))

    assert restored["spec"]["resources"]["requests"] == {"storage": "2Mi"}


@row("provisioned-volume")
def provisioned_volume_is_not_restored(stage: Stage, transforms: Table) -> None:
    annotations = {"pv.kubernetes.io/provisioned-by": "csi.example.com"}
    backup = stage.make(volume(stage.unique("pv"), metadata={"annotations": annotations}))
    stage.delete(backup)

    assert stage.restore(backup, transforms) is None


@row("volume-claim-reference")
def static_volume_is_bound_again(stage: Stage, transforms: Table) -> None:
    pv, pvc = _bound_pair(stage)
    stage.delete(pvc)
    stage.eventually(lambda: _phase(stage, pv) == "Released", "the volume is released")
    context = stage.context(in_plan=[pv, pvc])

    # The volume is live and Released; merging frees it for the restored claim.
    stage.restore(pv, transforms, context)
    assert "uid" not in at(stage.read(pv), "spec", "claimRef")
    stage.restore(pvc, transforms, context)
    stage.eventually(lambda: _phase(stage, pvc) == "Bound", "the claim is bound to its old volume")
    assert stage.update(pv, transforms)["spec"]["claimRef"] == stage.read(pv)["spec"]["claimRef"]

    # The volume is gone, too.
    stage.delete(pvc)
    stage.delete(pv)
    assert "uid" not in stage.restore(pv, transforms, context)["spec"]["claimRef"]
    stage.restore(pvc, transforms, context)
    stage.eventually(lambda: _phase(stage, pvc) == "Bound", "the claim is bound to its restored volume")


def _bound_pair(stage: Stage) -> tuple[Object, Object]:
    pv = stage.make(volume(stage.unique("pv")))
    pvc = stage.make(claim(spec={"volumeName": name_of(pv)}))
    stage.eventually(lambda: _phase(stage, pvc) == "Bound" and _phase(stage, pv) == "Bound", "the claim is bound")
    return stage.read(pv), stage.read(pvc)


def _phase(stage: Stage, thing: Object) -> str:
    return at(stage.read(thing), "status").get("phase", "")


@row("claim-data-source")
def filled_claim_does_not_ask_for_its_snapshot(stage: Stage, transforms: Table) -> None:
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "gone"}
    filled = stage.make(claim("filled", spec={"dataSource": source, "volumeName": stage.unique("pv")}))
    waiting = stage.make(claim("waiting", spec={"dataSource": source}))
    stage.delete(filled)
    stage.delete(waiting)

    assert "dataSource" not in stage.restore(filled, transforms)["spec"]
    assert stage.restore(waiting, transforms)["spec"]["dataSource"] == source
    assert "dataSource" not in stage.update(filled, transforms)["spec"]


@row("claim-volume-name")
def claim_does_not_wait_for_a_volume_that_is_gone(stage: Stage, transforms: Table) -> None:
    pv, pvc = _bound_pair(stage)
    stage.delete(pvc)
    stage.delete(pv)

    assert "volumeName" not in stage.restore(pvc, transforms)["spec"]

    stage.delete(stage.read(pvc))
    assert stage.restore(pvc, transforms, stage.context(in_plan=[pv]))["spec"]["volumeName"] == name_of(pv)


@row("claim-binding-notes")
def claim_is_taken_for_a_new_one(stage: Stage, transforms: Table) -> None:
    storage_class = stage.make(
        obj("storage.k8s.io/v1", "StorageClass", stage.unique("sc"), provisioner="kubernetes.io/no-provisioner")
    )
    pv = stage.make(volume(stage.unique("pv"), spec={"storageClassName": name_of(storage_class)}))
    made = stage.make(claim(storage_class=name_of(storage_class)))
    stage.eventually(lambda: _phase(stage, made) == "Bound", "the claim is bound")
    backup = stage.read(made)
    assert "pv.kubernetes.io/bind-completed" in backup["metadata"]["annotations"]
    stage.delete(backup)
    stage.delete(pv)

    # With the annotation and no volume, the controller would call the claim Lost, for good.
    assert "annotations" not in stage.restore(backup, transforms)["metadata"]
    stage.make(volume(stage.unique("pv"), spec={"storageClassName": name_of(storage_class)}))
    stage.eventually(lambda: _phase(stage, made) == "Bound", "the restored claim is bound")
    assert stage.update(backup, transforms)["metadata"]["annotations"] == stage.read(made)["metadata"]["annotations"]


# Workloads


def pod(name: str = "alone", **spec: object) -> Object:
    return obj("v1", "Pod", name, spec=pod_spec(**spec))


@row("finished-pod")
def finished_pod_does_not_run_again(stage: Stage, transforms: Table) -> None:
    made = stage.make(pod(restartPolicy="Never"))
    backup = stage.patch(made, {"status": {"phase": "Succeeded"}}, "status")
    stage.delete(backup)

    assert stage.restore(backup, transforms) is None


@row("pod-node")
def pod_is_scheduled_again(stage: Stage, transforms: Table) -> None:
    backup = stage.make(pod(nodeName="old-node"))
    stage.delete(backup)

    assert "nodeName" not in stage.restore(backup, transforms)["spec"]


@row("pod-priority")
def pod_gets_the_priority_of_its_class_in_the_target(stage: Stage, transforms: Table) -> None:
    name = stage.unique("urgent")
    before = stage.make(obj("scheduling.k8s.io/v1", "PriorityClass", name, value=1000))
    backup = stage.make(pod(priorityClassName=name))
    stage.delete(backup)
    stage.delete(before)
    stage.make(obj("scheduling.k8s.io/v1", "PriorityClass", name, value=2000, preemptionPolicy="Never"))

    # Admission hears of the new class a moment late.
    stage.eventually(lambda: _priority_of_class(stage, name) == 2000, "admission knows the new class")

    restored = stage.restore(backup, transforms)

    assert (restored["spec"]["priority"], restored["spec"]["preemptionPolicy"]) == (2000, "Never")


def _priority_of_class(stage: Stage, name: str) -> int | None:
    probe = {**pod("probe", priorityClassName=name), "metadata": {"name": "probe", "namespace": stage.namespace}}
    try:
        return stage.create(probe, dry_run=True)["spec"]["priority"]
    except ApiRefused:
        return None  # no such class yet


@row("pod-ephemeral-containers")
def pod_comes_back_without_debugging_sessions(stage: Stage, transforms: Table) -> None:
    made = stage.make(pod())
    debugger = {"name": "debugger", "image": "none.invalid/none:1"}
    backup = stage.patch(made, {"spec": {"ephemeralContainers": [debugger]}}, "ephemeralcontainers")
    stage.delete(backup)

    assert "ephemeralContainers" not in stage.restore(backup, transforms)["spec"]


@row("finished-job")
def finished_job_does_not_run_again(stage: Stage, transforms: Table) -> None:
    made = stage.make(job())

    def finished() -> bool:
        for each in stage.send("GET", f"/api/v1/namespaces/{stage.namespace}/pods")["items"]:
            named = obj("v1", "Pod", name_of(each), metadata={"namespace": stage.namespace})
            stage.patch(named, {"status": {"phase": "Succeeded"}}, "status")
        return "completionTime" in at(stage.read(made), "status")

    stage.eventually(finished, "the job is complete")
    backup = stage.read(made)
    stage.delete(backup)

    assert stage.restore(backup, transforms) is None


@row("cron-job-run")
def run_of_a_cron_job_is_not_repeated(stage: Stage, transforms: Table) -> None:
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job()["spec"]}}
    cron_job = stage.make(obj("batch/v1", "CronJob", "yearly", spec=spec))
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "yearly", "uid": cron_job["metadata"]["uid"]}
    backup = stage.make(job(metadata={"ownerReferences": [{**owner, "controller": True}]}))
    stage.delete(backup)

    assert stage.restore(backup, transforms) is None


@row("job-selector")
def job_is_pinned_to_its_new_uid(stage: Stage, transforms: Table) -> None:
    label = "batch.kubernetes.io/controller-uid"
    backup = stage.make(job())
    manual = job(
        "manual",
        spec={
            "manualSelector": True,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(restartPolicy="Never"),
        },
    )
    kept = stage.make(manual)
    stage.delete(backup)
    stage.delete(kept)

    restored = stage.restore(backup, transforms)

    assert restored["spec"]["selector"]["matchLabels"][label] == restored["metadata"]["uid"]
    assert restored["spec"]["template"]["metadata"]["labels"][label] == restored["metadata"]["uid"]
    assert stage.restore(kept, transforms)["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert stage.update(backup, transforms)["metadata"]["uid"] == restored["metadata"]["uid"]


@row("deployment-history")
def deployment_adopts_its_history(stage: Stage, transforms: Table) -> None:
    made = stage.make(deployment())
    stage.eventually(lambda: len(_replica_sets(stage)) == 1, "the first ReplicaSet is made")
    stage.patch(made, {"spec": {"template": {"metadata": {"annotations": {"edition": "second"}}}}})
    stage.eventually(lambda: len(_replica_sets(stage)) == 2 and _revision(stage, made) == "2", "the second is made")
    backup, history = stage.read(made), _replica_sets(stage)
    stage.delete(backup)
    stage.eventually(lambda: not _replica_sets(stage), "the ReplicaSets are collected")
    context = stage.context(in_plan=[backup])

    for replica_set in history:
        restored = stage.restore(replica_set, transforms, context)
        assert restored["spec"]["replicas"] == 0
        assert "ownerReferences" not in restored["metadata"]
    uid = stage.restore(backup, transforms, context)["metadata"]["uid"]

    stage.eventually(
        lambda: all(
            at(each, "metadata").get("ownerReferences", [{}])[0].get("uid") == uid for each in _replica_sets(stage)
        ),
        "the Deployment has adopted both",
    )
    stage.eventually(lambda: sum(each["spec"]["replicas"] for each in _replica_sets(stage)) == 1, "one is scaled up")
    assert {name_of(each) for each in _replica_sets(stage)} == {name_of(each) for each in history}
    assert _revision(stage, made) == "2"
    current = next(each for each in _replica_sets(stage) if each["spec"]["replicas"])
    assert stage.update(current, transforms, context)["spec"]["replicas"] == 1


def _replica_sets(stage: Stage) -> list[Object]:
    found = stage.send("GET", f"/apis/apps/v1/namespaces/{stage.namespace}/replicasets")["items"]
    return [{"apiVersion": "apps/v1", "kind": "ReplicaSet", **each} for each in found]


def _revision(stage: Stage, made: Object) -> str:
    return at(stage.read(made), "metadata", "annotations").get("deployment.kubernetes.io/revision", "")


@row("rollout-counters")
def rollouts_are_counted_anew(stage: Stage, transforms: Table) -> None:
    selector = {"matchLabels": {"app": "web"}}
    agent = obj("apps/v1", "DaemonSet", "agent", spec={"selector": selector, "template": template()})
    context = stage.context()
    for thing in (deployment(), agent):
        made = stage.make(thing)
        if thing["kind"] == "Deployment":
            stage.eventually(lambda made=made: _revision(stage, made) == "1", "the first revision is there")
        stage.patch(made, {"spec": {"template": {"metadata": {"annotations": {"edition": "second"}}}}})
        if thing["kind"] == "Deployment":
            stage.eventually(lambda made=made: _revision(stage, made) == "2", "the second revision is there")
        backup = stage.read(made)
        stage.delete(backup)
        stage.restore(backup, transforms)
        if thing["kind"] == "Deployment":
            stage.eventually(lambda made=made: _revision(stage, made) == "1", "revisions are counted from one")
        kind = stage.resource(backup).group_resource
        desired = apply(transforms, kind, backup, context).object
        assert differences(stage.read(made), desired, transforms, kind, context) == []


# Namespaces


@row("namespace-name")
def namespace_gets_its_new_name(stage: Stage, transforms: Table) -> None:
    other = stage.unique("other")
    backup = stage.read(obj("v1", "Namespace", stage.namespace))

    restored = stage.restore(backup, transforms, stage.context(into(stage, other)))

    assert name_of(restored) == restored["metadata"]["labels"]["kubernetes.io/metadata.name"] == other


@row("namespace-selectors")
def network_policy_admits_the_new_namespace(stage: Stage, transforms: Table) -> None:
    def policy(namespace: str) -> Object:
        by_label = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        by_expression = {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace, "monitoring"]}
            ]
        }
        peers = [{"namespaceSelector": by_label}, {"namespaceSelector": by_expression}]
        return obj(
            "networking.k8s.io/v1", "NetworkPolicy", "friends", spec={"podSelector": {}, "ingress": [{"from": peers}]}
        )

    other = stage.new_namespace()
    backup = stage.make(policy(stage.namespace))

    restored = stage.restore(backup, transforms, stage.context(into(stage, other)))

    assert restored["spec"]["ingress"] == policy(other)["spec"]["ingress"]


@row("service-references")
def webhook_calls_the_service_in_the_new_namespace(stage: Stage, transforms: Table) -> None:
    hook = {
        "name": "check.example.com",
        "clientConfig": {"service": {"namespace": stage.namespace, "name": "checker"}},
        "rules": [{"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    api_version = "admissionregistration.k8s.io/v1"
    backup = stage.make(obj(api_version, "ValidatingWebhookConfiguration", stage.unique("check"), webhooks=[hook]))
    stage.delete(backup)

    restored = stage.restore(backup, transforms, stage.context(into(stage, "elsewhere")))

    assert restored["webhooks"][0]["clientConfig"]["service"]["namespace"] == "elsewhere"


@row("namespace-fields")
def ingress_class_reads_its_parameters_in_the_new_namespace(stage: Stage, transforms: Table) -> None:
    parameters = {"apiGroup": "example.com", "kind": "Parameters", "name": "x"}
    spec = {
        "controller": "example.com/ingress",
        "parameters": parameters | {"namespace": stage.namespace, "scope": "Namespace"},
    }
    backup = stage.make(obj("networking.k8s.io/v1", "IngressClass", stage.unique("class"), spec=spec))
    stage.delete(backup)

    restored = stage.restore(backup, transforms, stage.context(into(stage, "elsewhere")))

    assert restored["spec"]["parameters"]["namespace"] == "elsewhere"


@row("images")
def containers_come_from_the_new_registry(stage: Stage, transforms: Table) -> None:
    backup = stage.make(deployment(replicas=0))
    stage.delete(backup)

    mapping = ObjectMapping(images=parse_images(["none.invalid=registry.example.com/mirror"]))
    restored = stage.restore(backup, transforms, stage.context(mapping))

    (container,) = restored["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/mirror/none:1"


@row("node-labels")
def pods_and_volumes_choose_nodes_of_the_target(stage: Stage, transforms: Table) -> None:
    zone = "topology.kubernetes.io/zone"
    terms = [{"matchExpressions": [{"key": zone, "operator": "In", "values": ["eu-1a"]}]}]
    pv = volume(stage.unique("pv"), spec={"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}})
    pod = obj("v1", "Pod", "lonely", spec=pod_spec(nodeSelector={zone: "eu-1a", "disk": "ssd"}))
    backups = [stage.make(each) for each in (pv, pod)]
    for backup in backups:
        stage.delete(backup)

    mapping = ObjectMapping(node_labels=parse_node_labels([f"{zone}=eu-1a=eu-2a", "disk-"]))
    restored = [stage.restore(backup, transforms, stage.context(mapping)) for backup in backups]

    (term,) = restored[0]["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["eu-2a"]
    assert restored[1]["spec"]["nodeSelector"] == {zone: "eu-2a"}


@row("namespace")
def object_goes_into_the_new_namespace(stage: Stage, transforms: Table) -> None:
    other = stage.new_namespace()
    backup = stage.make(config_map())

    restored = stage.restore(backup, transforms, stage.context(into(stage, other)))

    assert restored["metadata"]["namespace"] == other


# Fields of the server


@row("finalizers")
def only_finalizers_with_a_future_are_kept(stage: Stage, transforms: Table) -> None:
    finalizers = ["example.com/keep", "foregroundDeletion", "service.kubernetes.io/load-balancer-cleanup"]
    backup = stage.make({**service(), "metadata": {"name": "web", "finalizers": finalizers}})
    stage.delete(backup)

    assert stage.restore(backup, transforms)["metadata"]["finalizers"] == ["example.com/keep"]


@row("generate-name")
def generated_name_is_a_name_like_any_other(stage: Stage, transforms: Table) -> None:
    generated = config_map()
    generated["metadata"] = {"generateName": "settings-"}
    backup = stage.make(generated)
    stage.delete(backup)

    assert "generateName" not in stage.restore(backup, transforms)["metadata"]


@row("status")
def status_of_the_old_cluster_makes_no_difference(stage: Stage, transforms: Table) -> None:
    made = stage.make(service(type="LoadBalancer"))
    backup = stage.patch(made, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}, "status")
    stage.delete(backup)
    stage.restore(backup, transforms)
    context = stage.context()

    desired = apply(transforms, "services", backup, context).object

    assert differences(stage.read(backup), desired, transforms, "services", context) == []


@row("server-metadata")
def object_is_created_as_a_new_one(stage: Stage, transforms: Table) -> None:
    backup = stage.make(config_map())
    stage.delete(backup)

    restored = stage.restore(backup, transforms)

    assert restored["metadata"]["uid"] != backup["metadata"]["uid"]
    assert restored["data"] == backup["data"]
