"""Restores of volumes on a control plane without nodes: the provisioner's directories are on this machine, and what pods would do
in them is done from here.
"""

import json
from pathlib import Path

import msgspec
import pytest
from tests.restore_lab import Lab, Vault, eventually, obj

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.restore import VolumeAction
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome, VolumeRecord, Way
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.task import MoverEnd, MoverSettings
from holdfast.operations.restore.carrying_out import carry_out
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.volumes.filling import Filling
from holdfast.operations.restore.volumes.plan import plan_volumes

RUN = "holdfast.dev/run"


class Killed(BaseException):
    """The process ends here: nothing after it is done, no `with` cleans up."""


class StandIns:
    """Movers without pods: each task's volume gets one file, `rows`, with the claim's name in the backup."""

    failures: dict  # claim → Problem or Moved
    seen: list

    def __init__(self, cluster, settings, run_id):
        self.cluster, self.settings, self.run_id = cluster, settings, run_id
        self.labels = {RUN: run_id, "app.kubernetes.io/managed-by": "holdfast"}

    def __enter__(self):
        lease = obj("coordination.k8s.io/v1", "Lease", f"holdfast-run-{self.run_id}", metadata={"labels": self.labels})
        made = self.lab.make(lease)
        self.owner = {"apiVersion": lease["apiVersion"], "kind": "Lease", "name": lease["metadata"]["name"]}
        self.owner["uid"] = made["metadata"]["uid"]
        return self

    def __exit__(self, kind, error, trace):
        if kind is not Killed:
            for plural in ("persistentvolumeclaims", "leases"):
                for thing in self._listed(plural, f"{RUN}={self.run_id}"):
                    self._delete(plural, thing)

    def run(self, tasks, done=lambda _: None):
        ends = [self._end(task) for task in tasks]
        for end in ends:
            done(end)
        return ends

    def _end(self, task):
        self.seen.append(task)
        found = self.failures.get(task.name)
        if isinstance(found, Problem):
            return MoverEnd(task=task, problem=found)
        directory_of(self.lab, task.mounted_claim).joinpath("rows").write_text(task.name)
        moved = found or Moved(outcome=Outcome.DONE, files=1, bytes=len(task.name), verified=1)
        return MoverEnd(task=task, moved=moved, node="here")

    def _listed(self, plural, selector):
        group = "coordination.k8s.io" if plural == "leases" else ""
        resource = self.cluster.api_surface().preferred(group, plural)
        pages = self.cluster.list(resource, namespace=self.settings.namespace, label_selector=selector)
        return [json.loads(data) for page in pages for data in page.items]

    def _delete(self, plural, thing):
        group = "coordination.k8s.io" if plural == "leases" else ""
        self.cluster.delete(
            self.cluster.api_surface().preferred(group, plural), self.settings.namespace, thing["metadata"]["name"]
        )


def pvc(name):
    return obj("v1", "PersistentVolumeClaim", name)


def pv(name):
    return obj("v1", "PersistentVolume", name)


def volume_of(lab, claim_name):
    """The PersistentVolume of a claim, once it is bound."""
    bound = eventually(
        lambda: (found := lab.find(pvc(claim_name))) and found["status"].get("phase") == "Bound" and found,
        "it is bound",
    )
    return lab.read(pv(bound["spec"]["volumeName"]))


def directory_of(lab, claim_name):
    directory = Path(volume_of(lab, claim_name)["spec"]["hostPath"]["path"])
    directory.mkdir(parents=True, exist_ok=True)
    return directory


class VolumeLab:
    """A backup of `lab`'s namespace with data of its claims, and restores of it by movers in `home`."""

    def __init__(self, lab, vault, home):
        self.lab, self.vault, self.home = lab, vault, home
        self.failures, self.seen = {}, []
        self.runs = 0
        self.last = None  # the Filling of the last run

    def back_up(self, *, partial=()):
        """With the record of a volume that was saved for each claim."""
        self.vault.back_up(self.lab)
        self.records = [
            VolumeRecord(
                namespace=self.lab.namespace,
                name=name,
                saved=True,
                way=Way.LIVE,
                outcome=VolumeOutcome.PARTIAL if name in partial else VolumeOutcome.DONE,
                files=1,
                bytes=1,
                capacity="1Mi",
            )
            for kind, name in self.lab.objects()
            if kind == "PersistentVolumeClaim"
        ]

    def plan(self, **options):
        plan = self.vault.make_plan(self.lab, **options)
        settings = MoverSettings(
            namespace=self.home.namespace, image="i", repository="s3:https://s3/b", cluster_name="c"
        )
        record = msgspec.structs.replace(self.vault.open().record, volumes=self.records)
        plan_volumes(plan, record, lambda: settings)
        return plan

    def restore(self, **options):
        """{(plural, name): result} of the objects; volumes are in `last.results`."""
        self.runs += 1
        plan, cancel, progress = self.plan(**options), Cancel(), Silent()

        def start(cluster, settings, run_id, *_):
            movers = StandIns(cluster, settings, run_id)
            movers.lab, movers.failures, movers.seen = self.home, self.failures, self.seen
            return movers

        self.last = Filling(
            plan, backup="b" * 64, run_id=f"run-{self.runs}", cancel=cancel, progress=progress, start=start
        )
        self.execution = Execution(plan, cancel, progress, self.last)
        self.after = carry_out(plan, self.execution, cancel, progress)
        return {(one.kind.partition(".")[0], one.name): one for one in self.execution.results}

    def a_minute_later(self):
        """Somebody has found the dead runs' Leases, and deleted them."""
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.home.namespace}/leases"
        self.lab.send("DELETE", leases, query={"labelSelector": RUN})

    @property
    def volumes(self):
        """{claim: outcome}"""
        return {one.name: one.outcome for one in self.last.results}

    def planned(self, **options):
        """{claim: action}"""
        return {one.view.name: VolumeAction(one.view.action) for one in self.plan(**options).volumes}


@pytest.fixture
def home(cluster, make_namespace):
    lab = Lab(cluster, make_namespace())
    yield lab
    lab.close()


@pytest.fixture
def volumes(lab, home):
    return VolumeLab(lab, Vault(), home)
