"""Velero's volume policies: its documentation's examples, what its code does with the rest, and what is stricter here."""

import contextlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.storage.any_objects import LENIENT
from tests.objects.storage.builders import CSI, HOST_PATH, LOCAL, NFS, facts, pod, volume

from holdfast.errors import UsageError
from holdfast.model.volume import Way
from holdfast.objects.storage.pod_volumes import pod_volumes
from holdfast.objects.storage.policy import GUIDE, Action, VolumePolicy, parse_policy

VELERO = """
version: v1
volumePolicies:
- conditions:
    capacity: "10,100Gi"
    csi:
      driver: ebs.csi.aws.com
      volumeAttributes: {type: gp3}
    storageClass:
    - gp2
    - fast
  action:
    type: skip
- conditions:
    nfs:
      server: 10.0.0.5
      path: /exports/shop
  action: {type: fs-backup}
- conditions:
    volumeTypes: [emptyDir, downwardAPI, configmap, cinder]
  action: {type: skip}
- conditions:
    pvcLabels: {environment: production}
    pvcPhase: [Pending, Lost]
  action: {type: skip}
"""


def parse(text):
    return parse_policy(text, "policy.yaml")


def rules(*entries):
    return parse(json.dumps({"version": "v1", "volumePolicies": list(entries)}))


def rule(action="skip", **conditions):
    return {"conditions": conditions, "action": {"type": action}}


def failure(text):
    with pytest.raises(UsageError) as caught:
        parse(text if isinstance(text, str | bytes) else json.dumps(text))
    assert "docs/volume-policy.md" in caught.value.next
    return f"{caught.value.what}: {caught.value.why}"


def skips(policy, *pods, **fields):
    decision = policy.decide(facts(*pods, **fields))
    assert decision.problem is None
    return decision.way is Way.NONE


def pod_volume(**sort):
    (found,) = pod_volumes([pod("web", volumes=[{"name": "one", **sort}])])
    return found


# Without a policy


def test_claims_are_read_live():
    assert VolumePolicy().decide(facts()) == (Way.LIVE, "", "", None)
    assert VolumePolicy().decide(facts(phase="Pending")).way is Way.LIVE  # what cannot be had is not left out silently


@pytest.mark.parametrize("label", ["holdfast.dev/exclude-from-backup", "velero.io/exclude-from-backup"])
def test_a_label_keeps_a_claim_out_whatever_the_rules_say(label):
    policy = rules(rule("fs-backup"))
    decision = policy.decide(facts(labels={label: "true"}))
    assert decision == (Way.NONE, f"its label {label}=true asks to stay out of backups", "", None)
    assert policy.decide(facts(labels={label: "false"})).way is Way.LIVE


def test_claims_of_single_pods_are_left_out():
    assert "lives and dies with its pod" in VolumePolicy().decide(facts(owner="Pod")).why


EXCLUDES = {"backup.velero.io/backup-volumes-excludes": "cache, data-v"}


def test_a_pods_annotation_leaves_its_volumes_out():
    decision = VolumePolicy().decide(facts(pod(annotations=EXCLUDES)))
    assert decision.way is Way.NONE
    assert "backup.velero.io/backup-volumes-excludes" in decision.why


@pytest.mark.parametrize(
    "pods",
    [
        [pod(annotations={"backup.velero.io/backup-volumes-excludes": "other"})],
        [pod("a", annotations=EXCLUDES), pod("b")],  # what one of them wants to have is not left out
        [pod(annotations={"backup.velero.io/backup-volumes": "cache"})],  # an opt-in says nothing of others
        [pod(annotations={"backup.velero.io/backup-volumes-excludes": ""})],
    ],
)
def test_a_claim_is_left_out_only_if_all_its_pods_say_so(pods):
    assert VolumePolicy().decide(facts(*pods)).way is Way.LIVE


def test_a_rule_goes_before_annotations():
    assert rules(rule("fs-backup")).decide(facts(pod(annotations=EXCLUDES))).way is Way.LIVE


# Conditions


def test_velero_s_example_means_what_it_means_there():
    policy = parse(VELERO)
    assert policy.notes == ()
    left_out = policy.decide(facts())
    assert (left_out.way, left_out.why) == (Way.NONE, "rule 1 of policy.yaml leaves it out")
    assert not skips(policy, volume_=volume(size="101Gi"))
    assert not skips(policy, volume_=volume(storage_class="slow"))
    assert not skips(policy, volume_=volume(NFS))
    assert skips(policy, volume_=volume({"cinder": {}}))
    assert skips(policy, phase="Pending", labels={"environment": "production"})
    assert not skips(policy, phase="Pending", labels={"environment": "test"})


@pytest.mark.parametrize(
    ("capacity", "size", "holds"),
    [
        ("0,100Gi", "100Gi", True),
        ("0,100Gi", "101Gi", False),
        ("100Gi,0", "100Gi", True),
        ("100Gi,", "99Gi", False),
        (" 10Gi , 20Gi ", "15Gi", True),
        (",5Gi", "5Gi", True),
        (",", "1Ti", True),
        ("10Gi,10Gi", "10Gi", True),
        ("1e3,2e3", "1500", True),
    ],
)
def test_capacity(capacity, size, holds):
    assert skips(rules(rule(capacity=capacity)), volume_=volume(size=size)) is holds


def test_a_claim_without_a_volume_has_the_capacity_that_it_asks_for():
    assert skips(rules(rule(capacity="5Gi,20Gi")), phase="Pending")


@pytest.mark.parametrize(
    ("condition", "source", "holds"),
    [
        ({"nfs": {}}, NFS, True),
        ({"nfs": {}}, CSI, False),
        ({"nfs": {"server": "10.0.0.5"}}, NFS, True),
        ({"nfs": {"server": "10.0.0.6"}}, NFS, False),
        ({"nfs": {"path": "/exports/shop"}}, NFS, True),
        ({"nfs": {"server": "10.0.0.5", "path": "/exports"}}, NFS, False),
        ({"csi": {}}, CSI, True),
        ({"csi": {}}, HOST_PATH, False),
        ({"csi": {"driver": "ebs.csi.aws.com"}}, CSI, True),
        ({"csi": {"driver": "other"}}, CSI, False),
        ({"csi": {"volumeAttributes": {"iops": "3000"}}}, CSI, True),
        ({"csi": {"driver": "ebs.csi.aws.com", "volumeAttributes": {"type": "io2"}}}, CSI, False),
        ({"volumeTypes": ["local", "hostPath"]}, LOCAL, True),
        ({"volumeTypes": ["local", "hostPath"]}, CSI, False),
        ({"volumeTypes": ["CSI"]}, CSI, True),
        ({"volumeTypes": ["storageOS"]}, {"storageos": {}}, True),
        ({"storageClass": ["fast"]}, CSI, True),
        ({"storageClass": ["Fast", "slow"]}, CSI, False),
        ({"storageClass": []}, CSI, True),  # what is empty restricts nothing, as in Velero
        ({"volumeTypes": [], "pvcLabels": {}, "pvcPhase": []}, CSI, True),
        ({}, CSI, True),
        ({"nfs": None, "capacity": None}, CSI, True),
    ],
)
def test_conditions_about_volumes(condition, source, holds):
    assert skips(rules(rule(**condition)), volume_=volume(source)) is holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"pvcLabels": {"app": "db"}}, True),
        ({"pvcLabels": {"app": "db", "tier": "1"}}, False),
        ({"pvcPhase": "Bound"}, True),
        ({"pvcPhase": ["Pending", "Bound"]}, True),
        ({"pvcPhase": ["Lost"]}, False),
    ],
)
def test_conditions_about_claims(condition, holds):
    assert skips(rules(rule(**condition)), labels={"app": "db", "more": "x"}) is holds


def test_the_first_rule_that_fits_decides():
    policy = rules(rule("fs-backup", storageClass=["fast"]), rule("skip"))
    assert not skips(policy)
    assert skips(policy, volume_=volume(storage_class="slow"))


def test_without_conditions_a_rule_is_for_all():
    assert skips(parse('{"version": "V1", "volumePolicies": [{"action": {"type": "skip"}}]}'))


# Actions that nothing stands in for


@pytest.mark.parametrize(
    ("action", "way", "why"), [("snapshot", Way.SNAPSHOT, "a VolumeSnapshot"), ("custom", Way.NONE, "a custom action")]
)
def test_what_cannot_be_done_is_a_problem_and_not_something_else(action, way, why):
    decision = rules(rule(action)).decide(facts())
    assert decision.way is way
    assert decision.problem.what == "the volume shop/data was not saved"
    assert f"rule 1 of policy.yaml asks for {why}" in decision.problem.why
    assert "fs-backup" in decision.problem.next


@pytest.mark.parametrize("action", ["fs-backup", "snapshot"])
def test_a_volume_of_a_pod_that_a_rule_asks_for_by_its_sort_is_a_problem(action):
    policy = rules(rule(action, volumeTypes=["emptyDir"]))
    decision = policy.decide(pod_volume(emptyDir={}))
    assert decision.way is Way.NONE
    assert "only claims can be saved" in decision.problem.why
    assert policy.decide(pod_volume(hostPath={})).problem is None


def test_a_rule_for_everything_asks_for_no_volume_of_a_pod():
    decision = rules(rule("fs-backup")).decide(pod_volume(emptyDir={}))
    assert decision == (Way.NONE, "an emptyDir lives and dies with its pod", decision.next, None)


def test_volumes_of_pods_are_left_out_by_rules_too():
    policy = rules(rule("skip", nfs={"server": "10.0.0.5"}), rule("snapshot", capacity="1Gi,"))
    assert policy.decide(pod_volume(**NFS)).why == "rule 1 of policy.yaml leaves it out"
    assert policy.decide(pod_volume(hostPath={})).problem is None  # nobody knows its size, which counts as 0


def test_a_rule_about_the_sort_of_a_volume_that_may_not_be_read_is_not_guessed():
    unread = {"metadata": {"name": "pv"}, "spec": {}}
    decision = rules(rule("skip", nfs={})).decide(facts(volume_=unread))
    assert "cannot be known" in decision.problem.why
    policy = rules(rule("skip", nfs={}, storageClass=["nfs"]), rule("skip", capacity="5Gi,"))
    assert policy.decide(facts(volume_=unread)).why == "rule 2 of policy.yaml leaves it out"


# The page

PAGE = (Path(__file__).parents[3] / GUIDE).read_text()
EBS = {"driver": "ebs.csi.aws.com", "volumeAttributes": {"type": "gp3"}}
OTHER_NFS = {"nfs": {"server": "10.0.0.6", "path": "/"}}


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ("of the class `scratch`", {"volume_": volume(storage_class="scratch")}),
        ("50 GiB of `ebs.csi.aws.com` with `type: gp3`", {"volume_": volume({"csi": EBS}, size="50Gi")}),
        ("of an NFS server at 10.0.0.5", {"volume_": volume(NFS)}),
        ("of an NFS server at 10.0.0.6", {"volume_": volume(OTHER_NFS)}),
        ("with the label `tier=cache`, and Pending", {"phase": "Pending", "labels": {"tier": "cache"}}),
        ("200 GiB of `ebs.csi.aws.com`", {"volume_": volume({"csi": EBS}, size="200Gi")}),
    ],
)
def test_the_example_of_the_page_does_what_the_page_says(row, fields):
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    decision = parse(example).decide(facts(**fields))
    (told,) = re.findall(rf"^\| {re.escape(row)} \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert told.startswith(f"`{decision.way}`")
    assert (": rule" in told) == (decision.way is Way.NONE)
    assert decision.why in told or decision.problem
    assert ("its outcome is `failed`" in told) == (decision.problem is not None)


def test_the_page_names_every_condition_and_action():
    known = {"capacity", "storageClass", "csi", "nfs", "volumeTypes", "pvcLabels", "pvcPhase"}
    assert known <= set(re.findall(r"^\| `(\w+): ", PAGE, flags=re.MULTILINE))
    assert {f"`{action}`" for action in Action} <= set(re.findall(r"`[\w-]+`", PAGE))


# Files


def test_a_policy_may_be_in_the_config_map_that_velero_wants():
    text = (
        f"apiVersion: v1\nkind: ConfigMap\ndata:\n  policy.yaml: |\n{re.sub('^', '    ', VELERO, flags=re.MULTILINE)}"
    )
    assert skips(parse(text))


def test_a_policy_may_be_a_decoded_object():
    assert skips(parse_policy({"version": "v1", "volumePolicies": [rule()]}))
    with pytest.raises(UsageError, match="the volume policy is not valid"):
        parse_policy({"version": "v2"})


def test_what_is_about_objects_is_named_as_not_applied():
    policy = parse("version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}\n")
    assert policy.notes == ("includeExcludePolicy of policy.yaml is not applied: flags or a plan say what is selected",)
    assert policy.decide(facts()).way is Way.LIVE


def test_parameters_without_effect_are_named():
    entry = {"conditions": {}, "action": {"type": "fs-backup", "parameters": {"x": 1}}}
    assert rules(entry).notes == ("the parameters in rule 1 of policy.yaml, action have no effect",)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"conditions": {}}, "rule 1 of policy.yaml is not valid: it has no action"),
        (rule("backup"), "the type 'backup' is none of skip, fs-backup, snapshot, custom"),
        (
            rule(pvcVolumeMode="Block"),
            "rule 1 of policy.yaml, conditions is not valid: there is no field 'pvcVolumeMode'",
        ),
        ({**rule(), "name": "x"}, "there is no field 'name'"),
        (
            {"action": {"type": "skip", "kind": "x"}},
            "rule 1 of policy.yaml, action is not valid: there is no field 'kind'",
        ),
        (rule(capacity="100Gi"), "capacity '100Gi' is no range"),
        (rule(capacity="1,2,3"), "is no range"),
        (rule(capacity="20Gi,10Gi"), "is no range"),
        (rule(capacity="a,b"), "is no range"),
        (rule(capacity="-1,5"), "is no range"),
        (rule(capacity="1e999999999999,"), "is no range"),
        (rule(capacity=5), "capacity is not a text"),
        (rule(storageClass="fast"), "storageClass is not a list of texts"),
        (rule(nfs="x"), "conditions, nfs is not valid: it is not a map"),
        (rule(nfs={"host": "x"}), "conditions, nfs is not valid: there is no field 'host'"),
        (rule(csi={"driver": 1}), "driver is not a text"),
        (rule(csi={"volumeAttributes": {"a": True}}), "volumeAttributes is not a map of texts"),
        (rule(volumeTypes=["floppy"]), "there are no volumes of the type 'floppy'"),
        (rule(pvcPhase=["Bond"]), "'Bond' is none of Pending, Bound, Lost"),
        (rule(pvcLabels={"a": 1}), "pvcLabels is not a map of texts"),
        ("skip", "rule 1 of policy.yaml is not valid: it is not a map"),
    ],
)
def test_what_is_wrong_is_named_with_its_rule(entry, message):
    assert message in failure({"version": "v1", "volumePolicies": [entry]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not one document"),
        ("version: v1\n---\nversion: v1\n", "it is not one document"),
        ("- version: v1\n", "it is not a map"),
        ("volumePolicies: []\n", "its version is ''"),
        ("version: v2\n", "its version is 'v2'"),
        ("version: v1\npolicies: []\n", "there is no field 'policies'"),
        ("kind: ConfigMap\ndata: {a: x, b: y}\n", "the ConfigMap's data is not exactly one text"),
        ("kind: ConfigMap\ndata: {a: 'version: v3'}\n", "its version is 'v3'"),
        ("a: [", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_files_that_are_no_policy_are_refused(text, message):
    assert message in failure(text)


NAMES = ["version", "volumePolicies", "conditions", "action", "type", "parameters", "kind", "data", "driver"]
NAMES += ["capacity", "nfs", "csi", "volumeTypes", "storageClass", "pvcLabels", "pvcPhase", "volumeAttributes"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["v1", "skip", "10Gi,", "csi", "Bound"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "capacity": st.sampled_from(["0,5Gi", "5Gi,", "1Gi,20Gi"]),
        "storageClass": st.lists(st.sampled_from(["fast", "slow"]), max_size=2),
        "nfs": st.sampled_from([{}, {"server": "10.0.0.5"}]),
        "csi": st.sampled_from([{}, {"driver": "ebs.csi.aws.com"}]),
        "volumeTypes": st.lists(st.sampled_from(["csi", "nfs", "local"]), max_size=2),
        "pvcLabels": st.sampled_from([{}, {"app": "db"}]),
        "pvcPhase": st.sampled_from([[], ["Bound"], ["Pending", "Lost"]]),
    },
)


@LENIENT
@given(VALUES)
def test_any_document_is_read_or_refused(value):
    with contextlib.suppress(UsageError):
        parse(json.dumps(value)).decide(facts())


@LENIENT
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_file_is_read_or_refused(content):
    with contextlib.suppress(UsageError):
        parse(content)


@LENIENT
@given(
    st.lists(CONDITIONS, max_size=4), st.sampled_from([CSI, NFS, LOCAL, HOST_PATH]), st.sampled_from(["fast", "slow"])
)
def test_a_rule_that_alone_skips_nothing_changes_nothing_before_others(conditions, source, storage_class):
    """First match: what all rules decide is what the first of them that fits alone decides."""
    fields = {"volume_": volume(source, storage_class=storage_class), "labels": {"app": "db"}}
    alone = [skips(rules(rule(**one)), **fields) for one in conditions]
    together = rules(*(rule(**one) for one in conditions)).decide(facts(**fields))
    assert together.why == (f"rule {alone.index(True) + 1} of policy.yaml leaves it out" if any(alone) else "")
