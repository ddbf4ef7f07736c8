"""`backup verify`: a backup is proved restorable object by object, on real API servers, and nothing is touched."""

from __future__ import annotations

import json
import random

import pytest
from tests.api_proxy import ApiProxy
from tests.restore_lab import (
    EVERYTHING,
    Lab,
    Vault,
    claim,
    config_map,
    definition,
    eventually,
    job,
    obj,
    pod,
    service,
    unique,
    workload,
)
from tests.sample_repository import nodes, read_files, write_files

from holdfast.errors import ApiRefused, ClusterUnreachable, HoldfastError, NothingSelected
from holdfast.ids import SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.operations.catalog import read_catalog
from holdfast.operations.verify_backup import VerifyOptions, verify_backup
from holdfast.repository.layout import file_name
from holdfast.repository.pack import BlobType
from holdfast.repository.tree import content_ids


@pytest.fixture
def lab(cluster, namespace):
    lab = Lab(cluster, namespace)
    yield lab
    lab.close()


@pytest.fixture
def vault():
    return Vault()


def verify(vault, lab=None, *, selection=EVERYTHING, scratch="", cancel=None):
    options = VerifyOptions(selection=selection, whole=selection == EVERYTHING, scratch=scratch)
    cluster = lab and lab.cluster
    return verify_backup(vault.repository, vault.open(), cluster, options, cancel or Cancel(), Silent())


def proofs(run):
    return {(one.kind.partition(".")[0], one.name): one.proof for one in run.objects}


def found(run, name):
    (one,) = [one for one in run.objects if one.name == name]
    return one


def make_application(lab):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login", stringData={"password": "secret"}))
    lab.make(service(type="NodePort", ports=[{"port": 80, "nodePort": random.randint(30000, 32767)}]))
    lab.make(claim())
    lab.make(workload("Deployment", "web"))
    lab.make(workload("StatefulSet", "db", serviceName="db"))
    lab.make(pod())
    lab.settled()


def test_a_backup_of_what_is_there_is_proved_and_nothing_is_touched(lab, vault):
    make_application(lab)
    vault.back_up(lab)
    before = lab.versions()
    run = verify(vault, lab)
    assert (run.outcome, run.errors) == ("done", [])
    left_out = {name for name, proof in proofs(run).items() if proof != "restorable"}
    assert {kind for kind, _ in left_out} <= {"persistentvolumes"}  # its provisioner makes new ones
    assert {("services", "web"), ("deployments", "web"), ("pods", "lonely")} <= proofs(run).keys()
    assert lab.versions() == before


def test_the_same_after_everything_was_lost(lab, vault):
    make_application(lab)
    vault.back_up(lab)
    for thing in (config_map(), pod(), service(), workload("Deployment", "web")):
        lab.delete(thing)
    before = lab.versions()
    run = verify(vault, lab)
    assert (run.outcome, run.errors) == ("done", [])
    assert set(proofs(run).values()) <= {"restorable", "left out"}
    assert lab.versions().keys() <= before.keys()


def test_the_report_tells_lists_when_the_backup_was_proven(lab, vault):
    lab.make(config_map())
    saved = vault.back_up(lab)
    run = verify(vault, lab)
    proof = read_catalog(vault.repository).proofs()[saved.id]
    assert (proof.tags.get("proof"), proof.tags.get("run"), proof.snapshot.hostname) == (
        "verified",
        run.run,
        run.cluster,
    )


@pytest.mark.parametrize("part", ["offline", "a part"])
def test_a_backup_is_not_proven_by_less(lab, vault, part):
    lab.make(config_map())
    vault.back_up(lab)
    if part == "offline":
        assert verify(vault).outcome == "done"
    else:
        assert verify(vault, lab, selection=Selection(namespaces=(lab.namespace,))).outcome == "done"
    assert read_catalog(vault.repository).proofs() == {}


def test_what_a_restore_leaves_out_is_no_failure(lab, vault):
    lab.finish(lab.make(job("done")))
    vault.back_up(lab)
    run = verify(vault, lab)
    assert proofs(run)["jobs", "done"] == "left out"
    assert run.outcome == "done"


# Namespaces


@pytest.fixture
def lost(lab, vault):
    """A backup of a namespace that is no more."""
    gone = lab.new_namespace("gone")
    gone.make(config_map())
    gone.make(obj("v1", "ServiceAccount", "robot"))
    gone.make(pod())
    vault.back_up(gone)
    space = obj("v1", "Namespace", gone.namespace)
    lab.delete(space) if lab.find(space) else None
    return gone


def test_a_namespace_that_does_not_exist_is_named(lab, vault, lost):
    run = verify(vault, lab)
    assert run.outcome.exit_code == 3
    (problem,) = run.errors
    assert problem.what == f"the objects of the namespace {lost.namespace} were not tried"
    assert "--scratch-namespace" in problem.next
    assert proofs(run)["configmaps", "settings"] == "unchecked"
    assert read_catalog(vault.repository).proofs() == {}


def test_a_scratch_namespace_is_made_and_goes_again(lab, vault, lost):
    scratch = unique("scratch")
    lab.end_later(scratch)
    run = verify(vault, lab, scratch=scratch)
    assert (run.outcome, run.errors) == ("done", [])
    assert proofs(run)["pods", "lonely"] == proofs(run)["configmaps", "settings"] == "restorable"
    assert found(run, "settings").namespace == lost.namespace
    space = lab.find(obj("v1", "Namespace", scratch))
    assert space is None or space["metadata"]["deletionTimestamp"]


@pytest.mark.usefixtures("lost")
def test_a_scratch_namespace_that_exists_stays_and_gets_nothing(lab, vault, make_namespace):
    mine = lab.within(make_namespace())
    before = mine.versions()
    run = verify(vault, lab, scratch=mine.namespace)
    assert run.outcome == "done"
    assert mine.versions() == before
    assert "deletionTimestamp" not in lab.read(obj("v1", "Namespace", mine.namespace))["metadata"]


@pytest.mark.usefixtures("lost")
def test_a_scratch_namespace_goes_after_a_failure_too(lab, vault, cluster, tmp_path):
    scratch = unique("scratch")
    lab.end_later(scratch)
    proxy = ApiProxy(cluster, tmp_path)
    through = Lab(cluster, account=proxy.kubeconfig)
    stop = Cancel()

    def intercept(request):
        if f"/{scratch}/serviceaccounts" in request.path:
            stop.request()

    proxy.intercept = intercept
    with pytest.raises(HoldfastError):
        verify(vault, through, scratch=scratch, cancel=stop)
    space = lab.find(obj("v1", "Namespace", scratch))
    assert space is None or space["metadata"]["deletionTimestamp"]
    assert [entry.outcome for entry in read_catalog(vault.repository).reports("backup verify")] == ["cancelled"]
    through.close()
    proxy.close()


# What the server says


def test_a_refusal_is_named_in_the_words_of_the_server(lab, vault):
    lab.make(pod("big"))
    lab.make(config_map())
    vault.back_up(lab)
    lab.delete(pod("big"))
    space = obj("v1", "Namespace", lab.namespace)
    lab.patch(space, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})

    def is_in_force():
        try:
            lab.send("POST", f"/api/v1/namespaces/{lab.namespace}/pods", pod("trial"), {"dryRun": "All"})
        except ApiRefused:
            return True
        return False

    eventually(is_in_force, "Pod Security is in force")
    run = verify(vault, lab)
    assert run.outcome.exit_code == 3
    assert found(run, "big").proof == "refused"
    (problem,) = run.errors
    assert problem.what == f"pods/{lab.namespace}/big cannot be restored"
    assert "violates PodSecurity" in problem.why
    assert proofs(run)["configmaps", "settings"] == "restorable"


def test_a_kind_that_is_not_served_is_refused(lab, vault):
    stem = unique("thing").replace("-", "")
    kind = lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(obj("example.com/v1", stem.capitalize(), "one"))
    vault.back_up(lab, namespaces=(lab.namespace,), cluster_objects=ClusterObjects.NONE)
    lab.delete(kind)
    lab.cluster.refresh_surface()
    run = verify(vault, lab)
    assert run.outcome.exit_code == 3
    assert found(run, "one").proof == "refused"
    assert "does not serve" in found(run, "one").why


def test_what_its_own_backup_would_make_first_is_unchecked_and_no_failure(lab, vault):
    stem = unique("thing").replace("-", "")
    kind = lab.make(definition(stem))
    lab.cluster.wait_established(f"{stem}s.example.com")
    lab.make(obj("example.com/v1", stem.capitalize(), "one"))
    vault.back_up(lab)
    lab.delete(kind)
    lab.cluster.refresh_surface()
    run = verify(vault, lab)
    assert (run.outcome, found(run, "one").proof) == ("done", "unchecked")
    assert proofs(run)["customresourcedefinitions", f"{stem}s.example.com"] == "restorable"


def test_an_account_without_rights_is_told_which_are_missing(lab, vault, cluster):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login"))
    vault.back_up(lab)
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces", "secrets", "serviceaccounts"], "verbs": ["get", "list"]},
    ]
    narrow = Lab(cluster, account=cluster.account(unique("narrow"), rules))
    run = verify(vault, narrow)
    assert found(run, "login").proof == "refused"
    assert "cannot create resource" in found(run, "login").why
    assert proofs(run)["configmaps", "settings"] == "restorable"
    narrow.close()


def test_a_cluster_that_is_away_fails_the_run_and_leaves_a_report(lab, vault, cluster, tmp_path):
    lab.make(config_map())
    vault.back_up(lab)
    proxy = ApiProxy(cluster, tmp_path)
    through = Lab(cluster, account=proxy.kubeconfig)
    through.cluster.connection.sleep = lambda _: None
    through.cluster.api_surface()
    proxy.close()
    with pytest.raises(ClusterUnreachable) as failure:
        verify(vault, through)
    (report,) = read_catalog(vault.repository).reports("backup verify")
    assert (report.outcome, report.tags.get("run")) == ("failed", failure.value.run)
    through.close()


# What is in the backup


def test_offline_every_object_is_read_and_decoded(lab, vault):
    make_application(lab)
    saved = vault.back_up(lab)
    run = verify(vault)
    assert (run.outcome, run.offline, run.cluster) == ("done", True, "")
    assert set(proofs(run).values()) == {"intact"}
    assert len(run.objects) == saved.counts["objects"]


def test_a_selection_is_verified_alone(lab, vault):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login"))
    vault.back_up(lab)
    only = Selection(all_namespaces=True, include_kinds=("secrets",), exclude_kinds=("namespaces",))
    assert proofs(verify(vault, lab, selection=only)) == {("secrets", "login"): "restorable"}
    with pytest.raises(NothingSelected):
        verify(vault, lab, selection=Selection(all_namespaces=True, selector="no=such"))


@pytest.mark.parametrize("where", ["online", "offline"])
def test_an_object_whose_bytes_are_damaged_is_named(lab, vault, where):
    for name in ("whole", "broken"):
        lab.make(config_map(name, data={"name": name * 100}))
    saved = SnapshotId.parse(vault.back_up(lab).id)
    path = f"/objects/core/v1/configmaps/{lab.namespace}/broken.json"
    node = nodes(vault.repository, saved)[path.strip("/").encode()]
    place = vault.repository.index.find(BlobType.DATA, next(iter(content_ids(node))))
    name = file_name(place.pack)
    content = bytearray(vault.store.get(name))
    content[place.blob.offset + place.blob.length // 2] ^= 1
    vault.store.delete(name)
    vault.store.put(name, [bytes(content)])
    vault.reopen()
    run = verify(vault, lab if where == "online" else None)
    assert run.outcome.exit_code == 3
    assert found(run, "broken").proof == "damaged"
    assert found(run, "whole").proof == ("restorable" if where == "online" else "intact")
    assert [problem for problem in run.errors if path in problem.what]


def rewritten(vault, change):
    """The newest backup again, with other content: what a faulty program could have written."""
    entry = vault.open().entry
    files = read_files(vault.repository, entry.id)
    change(files)
    write_files(
        vault.repository, files, tags=entry.snapshot.tags, time="2999-01-01T00:00:00Z", paths=entry.snapshot.paths
    )


def renamed(files, old, new):
    (path,) = [path for path in files if path.endswith(f"/{old}.json")]
    files[path.replace(f"/{old}.json", f"/{new}.json")] = files.pop(path)


def another_kind(files):
    (path,) = [path for path in files if path.endswith("/settings.json")]
    files[path] = files[path].replace(b'"ConfigMap"', b'"Secret"')


def nonsense(files):
    (path,) = [path for path in files if path.endswith("/settings.json")]
    files[path] = b"\xff\x00 no object"


def lost_object(files):
    (path,) = [path for path in files if path.endswith("/settings.json")]
    del files[path]


def unknown_kind(files):
    record = json.loads(files["backup.json"])
    record["resources"] = [one for one in record["resources"] if one["plural"] != "configmaps"]
    files["backup.json"] = json.dumps(record).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: renamed(files, "settings", "other"), "it says that it is the ConfigMap settings"),
        (another_kind, "it says that it is the Secret settings"),
        (nonsense, "not an object"),
        (lost_object, "it should have"),
        (unknown_kind, "is not in the backup's record"),
    ],
    ids=["another name", "another kind", "nonsense", "lost", "not in the record"],
)
@pytest.mark.parametrize("where", ["online", "offline"])
def test_what_does_not_fit_the_record_is_found(lab, vault, where, change, said):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login"))
    vault.back_up(lab)
    rewritten(vault, change)
    run = verify(vault, lab if where == "online" else None)
    assert run.outcome.exit_code == 3
    assert any(said in f"{problem.what}: {problem.why}" for problem in run.errors), run.errors
    assert found(run, "login").proof in ("restorable", "intact")


def test_a_restore_of_such_a_backup_names_the_object_and_restores_the_rest(lab, vault):
    lab.make(config_map())
    lab.make(obj("v1", "Secret", "login"))
    vault.back_up(lab)
    rewritten(vault, lambda files: renamed(files, "settings", "other"))
    lab.delete(obj("v1", "Secret", "login"))
    report = vault.restore(lab)
    assert report.outcome.exit_code == 3
    assert any("is not the object of its path" in problem.what for problem in report.errors)
    assert lab.find(obj("v1", "Secret", "login"))
