"""Volumes that are filled beside the movers and handed over, on a control plane whose provisioner makes directories here."""

import json

import msgspec
import pytest
from tests.operations.restore.volumes.conftest import Killed, directory_of, pv, pvc, volume_of
from tests.restore_lab import claim, config_map, eventually, obj, owned_by, template, workload

from holdfast.errors import PlanRefused
from holdfast.model.restore import VolumeAction, Volumes
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome
from holdfast.operations.movers.contract import Moved
from holdfast.operations.restore.volumes.handover import Handover
from holdfast.operations.restore.volumes.marks import HANDOVER, HANDOVER_NOTE
from holdfast.operations.restore.volumes.plan import plan_volumes

MOUNTS = {"volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": "data"}}]}


@pytest.fixture
def shop(lab, volumes):
    """A workload and its claim are in the backup, and gone from the cluster."""
    lab.make(claim())
    lab.make(workload("Deployment", "web", replicas=0, template=template("web", **MOUNTS)))
    lab.make(config_map())
    volume_of(lab, "data")
    volumes.back_up()
    for thing in (obj("apps/v1", "Deployment", "web"), pvc("data"), config_map()):
        lab.delete(thing)
    return lab


def ours(lab, home):
    """PersistentVolumes of the two namespaces, by name."""
    found = {}
    for one in lab.send("GET", "/api/v1/persistentvolumes")["items"]:
        reference = one["spec"].get("claimRef", {})
        if reference.get("namespace") in {lab.namespace, home.namespace}:
            found[one["metadata"]["name"]] = one
    return found


def assert_good(lab, home, text):
    """The claim is bound to the one volume that there is, with its data, and nothing shows how it came there."""
    volume = volume_of(lab, "data")
    assert directory_of(lab, "data").joinpath("rows").read_text() == text
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert volume["spec"]["claimRef"]["uid"] == lab.read(pvc("data"))["metadata"]["uid"]
    assert HANDOVER not in volume["metadata"].get("labels", {})
    assert HANDOVER_NOTE not in volume["metadata"].get("annotations", {})
    assert "annotations" not in lab.read(pvc("data"))["metadata"] or not any(
        name.startswith("holdfast.dev") for name in lab.read(pvc("data"))["metadata"]["annotations"]
    )
    eventually(lambda: ours(lab, home).keys() == {volume["metadata"]["name"]}, "no other volume is left")
    assert not [name for kind, name in home.objects() if kind == "PersistentVolumeClaim"]


def test_claim_appears_with_its_data(shop, volumes, home):
    results = volumes.restore()

    assert results["persistentvolumeclaims", "data"].result == "created"
    assert results["persistentvolumeclaims", "data"].uid == shop.read(pvc("data"))["metadata"]["uid"]
    assert results["deployments", "web"].result == "created"
    (line,) = volumes.last.results
    assert (line.action, line.outcome, line.files, line.verified) == (VolumeAction.FILL, VolumeOutcome.DONE, 1, 1)
    assert line.volume == volume_of(shop, "data")["metadata"]["name"]
    assert_good(shop, home, f"{shop.namespace}/data")


def test_mover_is_asked_for_the_backups_volume_and_to_read_it_back(shop, volumes):
    volumes.restore()

    (task,) = volumes.seen
    assert task.command == [
        *("mover", "write", "--run", "run-1", "--backup", "b" * 64),
        *("--volume", f"{shop.namespace}/data", "--verify"),
    ]
    assert task.writes
    assert task.placement.reason == "where its workload can run"


@pytest.mark.usefixtures("shop")
def test_restored_claim_is_read_back_as_wanted_and_a_second_run_keeps_it(volumes):
    results = volumes.restore()
    assert results["persistentvolumeclaims", "data"].read_back == "verified"

    assert volumes.planned() == {"data": VolumeAction.KEEP}
    assert volumes.restore()["persistentvolumeclaims", "data"].result == "unchanged"
    assert volumes.volumes == {"data": VolumeOutcome.LEFT_OUT}
    assert len(volumes.seen) == 1


def test_into_another_namespace_and_size(shop, volumes, home, make_namespace):
    other = shop.within(make_namespace())

    volumes.restore(namespaces={shop.namespace: other.namespace}, claim_sizes={f"{shop.namespace}/data": "3Mi"})

    assert other.read(pvc("data"))["spec"]["resources"]["requests"]["storage"] == "3Mi"
    assert_good(other, home, f"{shop.namespace}/data")
    assert shop.find(pvc("data")) is None


FAILURES = {
    "the mover failed": Problem("the mover failed", "no space left on device", "Give it more space."),
    "the image is missing": Problem("no mover ran", "the image none:1 is not there", "Give --mover-image."),
}


@pytest.mark.parametrize("what", FAILURES)
def test_volume_that_failed_has_no_claim_and_nothing_starts_on_it(what, shop, volumes, home):
    volumes.failures[f"{shop.namespace}/data"] = problem = FAILURES[what]

    results = volumes.restore()

    failed = {key for key, one in results.items() if one.result == "failed"}
    assert {kind for kind, _ in failed} == {"persistentvolumeclaims", "deployments", "replicasets"}
    assert problem.why in results["deployments", "web"].why
    assert results["configmaps", "settings"].result == "created"
    (line,) = volumes.last.results
    assert (line.outcome, line.why, line.next) == (VolumeOutcome.FAILED, problem.why, problem.next)
    assert shop.find(pvc("data")) is None
    eventually(lambda: not ours(shop, home), "its volume is gone")


def test_after_the_cause_is_gone_the_same_restore_does_the_rest(shop, volumes, home):
    volumes.failures[f"{shop.namespace}/data"] = FAILURES["the mover failed"]
    volumes.restore()
    volumes.failures.clear()

    results = volumes.restore()

    assert results["deployments", "web"].result == results["persistentvolumeclaims", "data"].result == "created"
    assert_good(shop, home, f"{shop.namespace}/data")


def test_volume_that_is_not_complete_is_there_and_nothing_starts_on_it(shop, volumes, home):
    lost = Problem("/volumes/shop/data/a is damaged", "", "")
    volumes.failures[f"{shop.namespace}/data"] = Moved(outcome=Outcome.PARTIAL, files=1, errors=[lost], error_count=1)

    results = volumes.restore()

    assert results["persistentvolumeclaims", "data"].result == "created"
    assert results["deployments", "web"].result == "failed"
    assert "is not complete" in results["deployments", "web"].why
    (line,) = volumes.last.results
    assert (line.outcome, line.why) == (VolumeOutcome.PARTIAL, "1 of its files could not be restored")
    assert line.errors == [lost]
    assert_good(shop, home, f"{shop.namespace}/data")
    assert volumes.restore()["deployments", "web"].result == "created"


def test_one_claim_alone(shop, volumes, home):
    name = f"{shop.namespace}/data"

    results = volumes.restore(objects=(f"persistentvolumeclaims/{name}",), volume_claims=(name,))

    assert [key for key, one in results.items() if one.result == "created"] == [("persistentvolumeclaims", "data")]
    assert_good(shop, home, name)


def test_retained_volume_stays_retained(lab, volumes):
    lab.make(claim())
    name = volume_of(lab, "data")["metadata"]["name"]
    lab.patch(pv(name), {"spec": {"persistentVolumeReclaimPolicy": "Retain"}})
    lab.delete_later(pv(name))
    volumes.back_up()
    lab.delete(pvc("data"))

    volumes.restore()

    new = volume_of(lab, "data")
    lab.delete_later(new)
    assert new["metadata"]["name"] != name
    assert new["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_claim_that_appears_meanwhile_is_left_alone(shop, volumes, home, monkeypatch):
    reserve = Handover._reserve

    def reserve_and_lose(self, name):
        reserve(self, name)
        shop.make(claim(volumeName="of-somebody-else"))

    monkeypatch.setattr(Handover, "_reserve", reserve_and_lose)

    results = volumes.restore()

    assert "appeared while the data was restored" in results["persistentvolumeclaims", "data"].why
    assert results["deployments", "web"].result == "failed"
    assert shop.read(pvc("data"))["spec"]["volumeName"] == "of-somebody-else"
    eventually(lambda: not ours(shop, home), "its volume is gone")


def changes_until_killed(lab, monkeypatch, number):
    """The process dies after its `number`th change."""
    connection = lab.cluster.connection
    send, made = connection.request, []

    def request(method, path, *arguments, **options):
        if len(made) >= number:
            raise Killed
        answer = send(method, path, *arguments, **options)
        if method != "GET":
            made.append(f"{method} {path}")
        return answer

    monkeypatch.setattr(connection, "request", request)
    return made


def test_killed_after_any_change_the_next_run_ends_with_a_good_claim_and_no_leftovers(shop, volumes, home, monkeypatch):
    killed = 0
    for number in range(1, 40):
        with monkeypatch.context() as patching:
            made = changes_until_killed(shop, patching, number)
            try:
                volumes.restore()
            except Killed:
                killed += 1
            else:
                break
        volumes.a_minute_later()
        volumes.restore()
        assert_good(shop, home, f"{shop.namespace}/data")
        for thing in (obj("apps/v1", "Deployment", "web"), pvc("data"), config_map()):
            shop.delete(thing)
        eventually(lambda: not ours(shop, home), "nothing is left")
    assert killed >= 7, json.dumps(made)


def test_claim_that_comes_before_its_owner_belongs_to_it_in_the_end(lab, volumes):
    owner = lab.make(config_map("owner"))
    lab.make(claim() | {"metadata": {"name": "data", **owned_by(owner)}})
    volume_of(lab, "data")
    volumes.back_up()
    for thing in (pvc("data"), config_map("owner")):
        lab.delete(thing)

    results = volumes.restore()

    done = results["persistentvolumeclaims", "data"]
    assert (done.result, done.why, done.read_back) == ("created", "", "verified")
    (reference,) = lab.read(pvc("data"))["metadata"]["ownerReferences"]
    assert reference["uid"] == lab.read(config_map("owner"))["metadata"]["uid"]


def test_repository_that_pods_cannot_reach_ends_the_plan_only_if_there_is_data_to_restore(shop, volumes):
    def refused():
        raise PlanRefused("pods cannot reach the repository /srv/backups")

    record = msgspec.structs.replace(volumes.vault.open().record, volumes=volumes.records)
    with pytest.raises(PlanRefused, match="pods cannot reach"):
        plan_volumes(volumes.vault.make_plan(shop), record, refused)
    plan = volumes.vault.make_plan(shop, volumes=Volumes.NONE)
    plan_volumes(plan, record, refused)
    assert plan.movers is None
