"""Volumes that are filled where they belong: beside the movers, in volumes made by hand, and in claims that exist."""

import pytest
from tests.operations.restore.volumes.conftest import VolumeLab, directory_of, pvc, volume_of
from tests.restore_lab import Vault, claim, obj, template, unique, workload

from holdfast.model.restore import VolumeAction, Volumes
from holdfast.model.run import Problem
from holdfast.model.volume import VolumeOutcome
from holdfast.operations.restore.volumes.marks import FILLING

MOUNTS = {"volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": "data"}}]}
FAILED = Problem("the mover failed", "the disk is full", "Give it more space.")


def web(**spec):
    return workload("Deployment", "web", **{"replicas": 0, "template": template("web", **MOUNTS)} | spec)


@pytest.fixture
def beside(lab):
    """Movers run in the application's own namespace."""
    return VolumeLab(lab, Vault(), lab)


@pytest.fixture
def gone(lab, beside):
    lab.make(claim())
    lab.make(web())
    volume_of(lab, "data")
    beside.back_up()
    for thing in (web(), pvc("data")):
        lab.delete(thing)
    return lab


@pytest.fixture
def there(lab, volumes):
    """The claim exists, with other files than the backup has."""
    lab.make(claim())
    directory_of(lab, "data").joinpath("rows").write_text("newer")
    volumes.back_up()
    return lab


def rows(lab):
    return directory_of(lab, "data").joinpath("rows").read_text()


def is_marked(lab):
    return FILLING in lab.read(pvc("data"))["metadata"].get("annotations", {})


def test_claim_beside_the_movers_is_mounted_itself_and_nobody_sees_afterwards(gone, beside):
    results = beside.restore()

    assert [task.mounted_claim for task in beside.seen] == ["data"]
    assert results["persistentvolumeclaims", "data"].result == results["deployments", "web"].result == "created"
    assert results["persistentvolumeclaims", "data"].read_back == "verified"
    assert rows(gone) == f"{gone.namespace}/data"
    assert not is_marked(gone)


def test_claim_whose_data_failed_is_marked_and_the_next_restore_fills_it(gone, beside):
    beside.failures[f"{gone.namespace}/data"] = FAILED

    results = beside.restore()

    assert results["persistentvolumeclaims", "data"].result == "failed"
    assert (
        "it is there, but its data was not restored: the disk is full" in results["persistentvolumeclaims", "data"].why
    )
    assert results["deployments", "web"].result == "failed"
    assert is_marked(gone)
    assert beside.planned() == {"data": VolumeAction.OVERWRITE}

    beside.failures.clear()
    again = beside.restore()

    assert beside.seen[-1].command[-3:] == ["--overwrite", "--exact", "--verify"]
    assert again["deployments", "web"].result == "created"
    assert beside.volumes == {"data": VolumeOutcome.DONE}
    assert not is_marked(gone)


def test_volume_made_by_hand_is_filled_through_a_second_one(lab, volumes, tmp_path):
    name = unique("pv")
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand"}
    by_hand = obj(
        "v1",
        "PersistentVolume",
        name,
        spec=spec | {"hostPath": {"path": str(tmp_path)}, "persistentVolumeReclaimPolicy": "Retain"},
    )
    lab.make(by_hand)
    lab.make(claim(storageClassName="by-hand", volumeName=name))
    volume_of(lab, "data")
    volumes.back_up()
    lab.delete(pvc("data"))
    lab.delete(by_hand)

    results = volumes.restore()

    assert results["persistentvolumes", name].result == results["persistentvolumeclaims", "data"].result == "created"
    assert [task.mounted_claim for task in volumes.seen] == ["holdfast-run-1-1"]
    assert (tmp_path / "rows").read_text() == f"{lab.namespace}/data"
    assert volume_of(lab, "data")["metadata"]["name"] == name
    assert not is_marked(lab)


def test_claim_that_exists_is_kept(there, volumes):
    results = volumes.restore()

    assert results["persistentvolumeclaims", "data"].result == "unchanged"
    assert volumes.seen == []
    assert rows(there) == "newer"
    (line,) = volumes.last.results
    assert (line.action, line.outcome) == (VolumeAction.KEEP, VolumeOutcome.LEFT_OUT)
    assert "--volumes overwrite" in line.next


def test_claim_that_exists_is_overwritten_exactly_if_that_is_asked(there, volumes):
    before = there.read(pvc("data"))["metadata"]["uid"]

    volumes.restore(volumes=Volumes.OVERWRITE)

    (task,) = volumes.seen
    assert task.mounted_claim != "data"
    assert task.command[-3:] == ["--overwrite", "--exact", "--verify"]
    assert rows(there) == f"{there.namespace}/data"
    assert there.read(pvc("data"))["metadata"]["uid"] == before
    assert not is_marked(there)
    assert volumes.volumes == {"data": VolumeOutcome.DONE}


def test_nothing_is_removed_for_a_backup_that_lacks_files(lab, volumes):
    lab.make(claim())
    volume_of(lab, "data")
    volumes.back_up(partial=["data"])

    volumes.restore(volumes=Volumes.OVERWRITE)

    assert volumes.seen[0].command[-2:] == ["--overwrite", "--verify"]


def test_claim_in_use_is_not_overwritten_and_the_plan_says_how(lab, volumes):
    lab.make(claim())
    lab.make(web(replicas=1))
    volume_of(lab, "data")
    lab.settled()
    volumes.back_up()

    (planned,) = volumes.plan(volumes=Volumes.OVERWRITE).volumes
    assert planned.view.action is VolumeAction.BLOCKED
    assert planned.view.next == f"Add --scale-down-first deployment/{lab.namespace}/web."
    volumes.restore(volumes=Volumes.OVERWRITE)
    assert volumes.seen == []
    assert volumes.volumes == {"data": VolumeOutcome.FAILED}


@pytest.fixture
def running(lab, volumes):
    """A workload with a pod that uses the claim."""
    lab.make(claim())
    lab.make(web(replicas=1))
    volume_of(lab, "data")
    lab.settled()
    volumes.back_up()
    return lab


def test_workload_that_is_scaled_down_first_comes_back_when_the_data_is_there(running, volumes):
    names = (f"deployment/{running.namespace}/web",)

    volumes.restore(volumes=Volumes.OVERWRITE, scale_down_first=names)

    assert volumes.volumes == {"data": VolumeOutcome.DONE}
    assert running.read(web())["spec"]["replicas"] == 1
    assert volumes.after.problems == []


def test_workload_that_was_scaled_down_stays_so_while_its_data_is_not_complete(running, volumes):
    names = (f"deployment/{running.namespace}/web",)
    volumes.failures[f"{running.namespace}/data"] = FAILED

    volumes.restore(volumes=Volumes.OVERWRITE, scale_down_first=names)

    assert running.read(web())["spec"]["replicas"] == 0
    (problem,) = volumes.after.problems
    assert problem.why == "the data of its volume data is not complete"
    assert "kubectl" in problem.next

    volumes.failures.clear()
    volumes.restore(volumes=Volumes.OVERWRITE, scale_down_first=names)
    assert running.read(web())["spec"]["replicas"] == 1


@pytest.mark.usefixtures("gone")
def test_none_leaves_all_data_out(beside):
    results = beside.restore(volumes=Volumes.NONE)

    assert results["persistentvolumeclaims", "data"].result == results["deployments", "web"].result == "created"
    assert beside.seen == []
    (line,) = beside.last.results
    assert (line.action, line.outcome) == (VolumeAction.EMPTY, VolumeOutcome.LEFT_OUT)
