"""What Velero's end-to-end tests are about, where no other test of ours is; README.md has the whole list."""

import pytest
from tests.restore_lab import (
    Lab,
    Vault,
    claim,
    config_map,
    definition,
    entry,
    essence,
    eventually,
    obj,
    outcomes,
    service,
    unique,
    workload,
)

from holdfast.errors import HoldfastError, NotFound
from holdfast.model.cancel import Cancel
from holdfast.operations.backup_details import delete_backups

RBAC = "rbac.authorization.k8s.io/v1"


def gone(lab):
    return lab.find(obj("v1", "Namespace", lab.namespace)) is None


def delete_namespaces(*labs):
    for lab in labs:
        lab.send("DELETE", f"/api/v1/namespaces/{lab.namespace}")
    for lab in labs:
        eventually(lambda lab=lab: gone(lab), "the namespace is gone")


def application(lab):
    """The names of what was made."""
    things = [
        config_map(),
        obj("v1", "Secret", "login", stringData={"password": "secret"}),
        obj("v1", "ServiceAccount", "robot"),
        service(),
        workload("StatefulSet", "db", serviceName="db", replicas=0),
        workload("Deployment", "web", replicas=0),
    ]
    for thing in things:
        lab.make(thing)
    return things


def essences(lab, things):
    return [essence(lab.read(thing), lab.namespace) for thing in things]


# Basic


def test_basic_namespace_is_deleted_and_restored_from_each_of_two_repositories(lab, vault, copy, into_copy):
    things = application(lab)
    lab.settled()
    vaults = [vault, Vault()]
    for each in vaults:
        each.back_up(lab)
    before = essences(lab, things)
    delete_namespaces(lab)

    reports = [vaults[0].restore(lab), vaults[1].restore(lab, **into_copy)]

    assert [(report.outcome, report.errors) for report in reports] == [("done", [])] * 2
    assert essences(lab, things) == essences(copy, things) == before


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "deleted"])
def test_basic_retained_volume_is_bound_again(lab, vault, is_kept):
    """The claim comes back to the very volume that was kept; what is on it is for the volume's plugin."""
    name = unique("pv")
    volume = obj("v1", "PersistentVolume", name, spec={
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Mi"}, "hostPath": {"path": f"/var/empty/{name}"},
        "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
    })  # fmt: skip
    lab.make(volume)
    lab.make(claim(volumeName=name, storageClassName=""))
    lab.settled()
    vault.back_up(lab)
    lab.delete(claim())
    if not is_kept:
        lab.delete(volume)

    report = vault.restore(lab)

    assert (report.outcome, report.errors) == ("done", [])
    eventually(lambda: lab.read(claim()).get("status", {}).get("phase") == "Bound", "the claim is bound")
    assert lab.read(claim())["spec"]["volumeName"] == name
    assert lab.read(volume)["spec"]["claimRef"]["uid"] == lab.read(claim())["metadata"]["uid"]


# Cluster resources


def test_cluster_resources_namespaces_are_restored_exactly(lab, vault, second):
    """40 of them; with labels, annotations, and an account with its rights in the whole cluster."""
    stem = unique("many")
    names = [f"{stem}-{number}" for number in range(40)]
    for number, name in enumerate(names):
        metadata = {"labels": {"of": stem}, "annotations": {"number": str(number), "owner": "team ä"}}
        lab.make(obj("v1", "Namespace", name, metadata=metadata))
        lab.within(name).make(config_map(data={"number": str(number)}))
    last = lab.within(names[-1])
    last.make(obj("v1", "ServiceAccount", "robot"))
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = lab.make(obj(RBAC, "ClusterRole", stem, rules=rules))
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": last.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": stem}
    binding = lab.make(obj(RBAC, "ClusterRoleBinding", stem, roleRef=reference, subjects=[subject]))
    vault.back_up(lab, namespaces=(f"{stem}-*",))

    report = vault.restore(second)

    second.end_later(*names)
    second.delete_later(role)
    second.delete_later(binding)
    assert (report.outcome, report.errors) == ("done", [])
    for number, name in enumerate(names):
        space = second.read(obj("v1", "Namespace", name))
        assert space["metadata"]["annotations"] == {"number": str(number), "owner": "team ä"}
        assert space["metadata"]["labels"]["of"] == stem
        assert second.within(name).read(config_map())["data"] == {"number": str(number)}
    assert second.read(role)["rules"] == rules
    assert second.read(binding)["subjects"] == [subject]


# Node ports


def node_port(lab, name="web"):
    return lab.read(service(name))["spec"]["ports"][0]["nodePort"]


def test_node_port_that_a_user_chose_and_another_has_is_named_and_comes_back_once_it_is_free(
    lab, vault, make_namespace
):
    lab.make(service("spare", type="NodePort"))
    chosen = node_port(lab, "spare")
    lab.delete(service("spare"))
    ports = [{"port": 80, "nodePort": chosen}]
    lab.make(service(type="NodePort", ports=ports))
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(service())
    lab.delete(config_map())
    squatter = lab.within(make_namespace())
    squatter.make(service(type="NodePort", ports=ports))

    collided = vault.restore(lab)

    assert collided.outcome == "partial"
    failed = entry(collided, "services", "web")
    assert (failed.result, "provided port is already allocated" in failed.why) == ("failed", True)
    assert lab.find(config_map())
    squatter.delete(service())
    assert outcomes(vault.restore(lab))["services", "web"] == "created"
    assert node_port(lab) == chosen


def test_node_port_that_the_server_chose_is_chosen_anew(lab, vault, make_namespace):
    lab.make(service(type="NodePort"))
    allocated = node_port(lab)
    vault.back_up(lab)
    lab.delete(service())
    squatter = lab.within(make_namespace())
    squatter.make(service(type="NodePort", ports=[{"port": 80, "nodePort": allocated}]))

    report = vault.restore(lab)

    assert (report.outcome, outcomes(report)["services", "web"]) == ("done", "created")
    assert node_port(lab) != allocated


# Namespace mapping


def test_namespace_mapping_of_one_and_of_several_leaves_the_originals_absent(lab, vault, make_namespace):
    originals = [lab, lab.within(make_namespace())]
    copies = [lab.within(unique("copy")) for _ in range(3)]
    lab.end_later(*(copy.namespace for copy in copies))
    for original in originals:
        things = application(original)
    lab.settled()
    before = essences(lab, things)
    names = tuple(original.namespace for original in originals)
    vault.back_up(lab, namespaces=names)
    delete_namespaces(*originals)

    single = vault.restore(lab, namespaces={names[0]: copies[0].namespace}, namespaces_in=names[:1])
    several = vault.restore(lab, namespaces=dict(zip(names, [copy.namespace for copy in copies[1:]], strict=True)))

    assert [(report.outcome, report.errors) for report in (single, several)] == [("done", [])] * 2
    assert [essences(copy, things) for copy in copies] == [before] * 3
    assert all(gone(original) for original in originals)


# API groups and versions


VERSIONS = {  # those of the source, those of the target; whether the version that the source prefers is served there
    "same": (("v1",), ("v1",), True),
    "target prefers another": (("v1",), ("v2", "v1"), True),
    "target prefers a stable one": (("v2beta2", "v2beta1"), ("v1", "v2beta2"), True),
    "target lacks the others": (("v2", "v1"), ("v2", "v1beta1"), True),
    "none in common": (("v2",), ("v1", "v1beta1"), False),
}


@pytest.fixture(scope="module")
def api_groups(cluster, second_cluster):
    """(lab, vault with a backup, {case: object}, target): one object of each case; its kind has other versions in the target."""
    lab, second = Lab(cluster).new_namespace("groups"), Lab(second_cluster)
    stems = {case: unique("kind").replace("-", "") for case in VERSIONS}
    for case, (source, target, _) in VERSIONS.items():
        for where, versions in ((lab, source), (second, target)):
            where.make(_with_versions(stems[case], versions))
    things = {}
    for case, (source, _, _) in VERSIONS.items():
        for where in (lab, second):
            where.cluster.wait_established(f"{stems[case]}s.example.com")
        things[case] = lab.make(obj(f"example.com/{source[0]}", stems[case].capitalize(), "one", spec={"case": case}))
    vault = Vault()
    vault.back_up(lab)
    second.end_later(lab.namespace)
    yield lab, vault, things, second.within(lab.namespace)
    lab.close()
    second.close()


def _with_versions(stem, names):
    crd = definition(stem)
    (first,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [{**first, "name": name, "storage": name == names[0]} for name in names]
    return crd


@pytest.mark.parametrize("case", VERSIONS)
def test_api_group_versions_of_source_and_target(api_groups, case):
    lab, vault, things, second = api_groups
    thing, plural = things[case], f"{things[case]['kind'].lower()}s"

    report = vault.restore(second, objects=(f"{plural}.example.com/{lab.namespace}/one",))

    is_served = VERSIONS[case][2]
    assert (report.outcome == "done") == is_served
    if is_served:
        assert second.read(obj(thing["apiVersion"], thing["kind"], "one"))["spec"] == {"case": case}
    else:
        assert "serves" in entry(report, plural, "one").why
        assert report.counts["created"] <= 1  # the namespace


# Filtering


@pytest.fixture
def three(lab, make_namespace):
    """Namespaces of one family, each with two objects, of which one is labelled."""
    stem = unique("family")
    labs = [lab.within(make_namespace(f"{stem}-{part}")) for part in ("a", "b", "x1")]
    for each in labs:
        each.make(config_map(metadata={"labels": {"tier": "web"}}))
        each.make(obj("v1", "Secret", "login"))
    return labs


FILTERS = [
    ({"namespaces": ("{0}-a", "{0}-b")}, {"a", "b"}),
    ({"namespaces": ("{0}-*",)}, {"a", "b", "x1"}),
    ({"namespaces": ("{0}-?",)}, {"a", "b"}),
    ({"namespaces": ("{0}-*",), "exclude_namespaces": ("{0}-x*",)}, {"a", "b"}),
    ({"namespaces": ("{0}-[ab]",), "exclude_namespaces": ("nobody-*",)}, {"a", "b"}),
]


def _named(options, stem):
    return {key: tuple(value.format(stem) for value in values) for key, values in options.items()}


@pytest.mark.parametrize(("options", "parts"), FILTERS, ids=str)
@pytest.mark.parametrize("at", ["backup", "restore"])
def test_filtering_of_namespaces_at_backup_and_at_restore(three, vault, second, options, parts, at):
    lab = three[0]
    stem = lab.namespace.rpartition("-")[0]
    named = _named(options, stem)
    vault.back_up(lab, **(named if at == "backup" else {"namespaces": (f"{stem}-*",)}))
    second.end_later(*(each.namespace for each in three))
    if at == "restore":
        named["namespaces_in"] = named.pop("namespaces")

    report = vault.restore(second, **(named if at == "restore" else {}))

    assert report.outcome == "done"
    restored = {item.namespace.rpartition("-")[2] for item in report.objects if item.namespace}
    assert restored == parts


def test_filtering_that_matches_nothing_is_an_error(three, vault):
    lab = three[0]
    with pytest.raises(HoldfastError):
        vault.back_up(lab, namespaces=("nobody-*",))
    vault.back_up(lab)
    with pytest.raises(HoldfastError):
        vault.restore(lab, namespaces_in=("nobody-*",))


# Deletion and what other machines see


def test_sync_another_machine_finds_and_restores_what_is_in_the_repository(lab, vault, copy, into_copy):
    lab.make(config_map())
    run = vault.back_up(lab, name="monday")
    vault.reopen()  # a new process, with nothing but the place and the password

    report = vault.restore(lab, "monday", **into_copy)

    assert (report.outcome, run.outcome) == ("done", "done")
    assert copy.find(config_map())


def test_deletion_of_a_backup_is_seen_by_other_machines_and_keeps_the_others(lab, vault, into_copy):
    lab.make(config_map())
    vault.back_up(lab, name="monday")
    vault.back_up(lab, name="tuesday")
    catalog = vault.catalog()
    delete_backups(vault.repository, [catalog.find_backup("monday")], Cancel())
    vault.reopen()

    with pytest.raises(NotFound):
        vault.restore(lab, "monday", **into_copy)

    assert vault.restore(lab, "tuesday", **into_copy).outcome == "done"
