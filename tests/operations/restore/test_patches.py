"""Patches, Velero's modifiers and mappings in whole restores."""

import pytest
from tests.restore_lab import Lab, Vault, config_map, definition, entry, obj, outcomes, owners, pod, unique, workload

from holdfast.objects.patching.files import parse_patches
from holdfast.objects.patching.modifiers import parse_modifiers


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def target(lab):
    other = lab.within(unique("copy"))
    lab.end_later(other.namespace)
    return other


def into(lab, target, **options):
    return {"namespaces": {lab.namespace: target.namespace}, **options}


def parse(text):
    return parse_patches(text, "patches.yaml")


PATCHES = """
- target: {kind: Deployment, name: web}
  type: strategic
  patch: {spec: {replicas: 0, template: {spec: {containers: [{name: side, image: "side:1"}]}}}}
- target: {kind: ConfigMap, name: settings}
  type: json
  patch: [{op: replace, path: /data/color, value: red}]
- target: {kind: ConfigMap}
  type: merge
  patch: {metadata: {labels: {restored: "yes"}}}
- target: {kind: Secret, name: none}
  type: merge
  patch: {data: null}
"""


def test_desired_objects_are_patched_and_a_second_run_changes_nothing(lab, vault, target):
    lab.make(config_map())
    lab.make(workload("Deployment", "web", replicas=3))
    vault.back_up(lab)
    options = into(lab, target, patches=parse(PATCHES))

    plan = vault.plan(lab, **options)
    report = vault.restore(lab, **options)

    assert (report.outcome, report.errors) == ("done", [])
    assert plan.notes == report.notes == ["patches.yaml, patch 4 is for no object of this restore"]
    settings = target.read(config_map())
    assert settings["data"] == {"color": "red"}
    assert settings["metadata"]["labels"] == {"restored": "yes"}
    web = target.read(workload("Deployment", "web"))["spec"]
    assert web["replicas"] == 0
    assert [one["name"] for one in web["template"]["spec"]["containers"]] == ["side", "main"]
    before = target.settled()
    again = vault.restore(lab, on_conflict="update", **options)
    assert target.settled() == before
    assert again.counts["unchanged"] == len(again.objects)


def test_patched_object_that_is_there_differs_where_it_was_patched(lab, vault):
    lab.make(config_map())
    vault.back_up(lab)

    plan = vault.plan(lab, patches=parse(PATCHES))
    vault.restore(lab, patches=parse(PATCHES), on_conflict="update")

    assert entry(plan, "configmaps", "settings").action == "exists"
    assert entry(plan, "configmaps", "settings").differences == ["data.color", "metadata.labels"]
    assert lab.read(config_map())["data"] == {"color": "red"}


def test_targets_name_what_the_backup_has(lab, vault, target):
    lab.make(config_map())
    vault.back_up(lab)
    patch = "type: merge, patch: {metadata: {labels: {patched: 'yes'}}}"
    old = f"- {{target: {{kind: Namespace, name: {lab.namespace}}}, {patch}}}"
    new = f"- {{target: {{namespace: {target.namespace}}}, {patch}}}"

    report = vault.restore(lab, **into(lab, target, patches=parse(f"{old}\n{new}")))

    assert lab.read(obj("v1", "Namespace", target.namespace))["metadata"]["labels"]["patched"] == "yes"
    assert report.notes == ["patches.yaml, patch 2 is for no object of this restore"]


def test_object_that_a_patch_cannot_be_applied_to_is_blocked_and_the_rest_is_restored(lab, vault, target):
    lab.make(config_map())
    lab.make(config_map("other", data={"size": "small"}))
    vault.back_up(lab)
    patches = parse("[{target: {kind: ConfigMap, name: '[os]*'}, type: json, patch: [{op: remove, path: /data/size}]}]")

    plan = vault.plan(lab, **into(lab, target, patches=patches))
    report = vault.restore(lab, **into(lab, target, patches=patches))

    why = "patches.yaml, patch 1 cannot be applied: remove /data/size: there is no 'size'"
    blocked = entry(plan, "configmaps", "settings")
    assert (blocked.action, blocked.why) == ("blocked", why)
    assert blocked.next == "Correct the patch, or leave the object out of the restore."
    assert (entry(report, "configmaps", "settings").result, entry(report, "configmaps", "settings").why) == (
        "failed",
        why,
    )
    assert report.outcome.exit_code == 3
    assert outcomes(report)["configmaps", "other"] == "created"
    assert target.find(config_map()) is None


def test_result_that_the_server_refuses_shows_in_the_plan(lab, vault):
    made = lab.make(config_map())
    vault.back_up(lab)
    lab.delete(made)
    patches = parse(
        "[{target: {kind: ConfigMap, name: settings}, type: merge, patch: {metadata: {labels: {a: 'b c'}}}}]"
    )

    plan = vault.plan(lab, patches=patches)

    assert entry(plan, "configmaps", "settings").action == "blocked"
    assert "a valid label must" in entry(plan, "configmaps", "settings").why


def test_owners_of_fields_come_back_where_a_patch_adds_others(lab, vault, target):
    lab.server_side_apply(config_map())
    vault.back_up(lab)
    patches = parse("[{target: {kind: ConfigMap}, type: merge, patch: {data: {size: small}}}]")

    vault.restore(lab, **into(lab, target, patches=patches))

    assert owners(target.read(config_map())) == owners(lab.read(config_map()))
    target.server_side_apply(config_map(data={"color": "green"}))
    assert target.read(config_map())["data"] == {"color": "green", "size": "small"}


def test_custom_kind_is_merged_and_a_strategic_patch_of_it_is_refused(lab, vault, target):
    stem = unique("thing").replace("-", "")
    lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    kind = stem.capitalize()
    lab.make(obj("example.com/v1", kind, "one", spec={"size": 1}))
    vault.back_up(lab)

    def run(sort):
        text = f"[{{target: {{kind: {kind}}}, type: {sort}, patch: {{spec: {{size: 2}}}}}}]"
        return vault.restore(lab, **into(lab, target, patches=parse(text)))

    assert "is a custom kind" in entry(run("strategic"), f"{stem}s", "one").why
    assert run("merge").outcome == "done"
    assert target.read(obj("example.com/v1", kind, "one"))["spec"] == {"size": 2}


def test_velero_modifiers_know_namespaces_as_in_the_backup(lab, vault, target):
    lab.make(config_map())
    lab.make(workload("Deployment", "test-web", replicas=1))
    vault.back_up(lab)
    rules = f"""
version: v1
resourceModifierRules:
- conditions:
    groupResource: deployments.apps
    resourceNameRegex: "^test-.*$"
    namespaces: [{lab.namespace}]
  patches:
  - {{operation: replace, path: /spec/replicas, value: "0"}}
- conditions: {{groupResource: "*maps", matches: [{{path: /data/color, value: blue}}]}}
  mergePatches:
  - patchData: 'data: {{color: green}}'
- conditions: {{groupResource: deployments.apps}}
  strategicPatches:
  - patchData: '{{"spec": {{"template": {{"spec": {{"containers": [{{"name": "main", "image": "web:2"}}]}}}}}}}}'
"""

    report = vault.restore(lab, **into(lab, target, patches=parse_modifiers(rules, "rules.yaml")))

    assert (report.outcome, report.notes) == ("done", [])
    web = target.read(workload("Deployment", "test-web"))["spec"]
    assert (web["replicas"], web["template"]["spec"]["containers"][0]["image"]) == (0, "web:2")
    assert target.read(config_map())["data"] == {"color": "green"}


def test_images_and_node_labels_are_mapped(lab, vault, target):
    zone = "topology.kubernetes.io/zone"
    lab.make(workload("StatefulSet", "db", serviceName="db", replicas=0))
    lab.make(
        pod("here", spec={"containers": [{"name": "a", "image": "b"}], "nodeSelector": {zone: "a", "disk": "ssd"}})
    )
    vault.back_up(lab)

    report = vault.restore(
        lab,
        **into(
            lab, target, images=["none.invalid=mirror.example.com/x", "b=c:2"], node_labels=[f"{zone}=a=b", "disk-"]
        ),
    )

    assert report.outcome == "done"
    (container,) = target.read(workload("StatefulSet", "db"))["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "mirror.example.com/x/none:1"
    here = target.read(pod("here"))["spec"]
    assert (here["nodeSelector"], here["containers"][0]["image"]) == ({zone: "b"}, "c:2")
