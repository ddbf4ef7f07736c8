"""The data of claims in a restore plan: one line for each claim, decided from lists before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from holdfast.errors import NotFound
from holdfast.model.backup import BackupRecord
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.restore import Action, VolumeAction, VolumePlan
from holdfast.objects.fields import Object, at, copied, items, name_of, namespace_of, text
from holdfast.operations.movers.task import MoverSettings
from holdfast.operations.restore.plan import CREATING, PlannedObject, PlannedVolume, RestorePlan
from holdfast.operations.restore.volumes.judgement import Subject, Verdict, class_of, judge, size_of
from holdfast.operations.restore.volumes.mounting import CLAIMS, MOUNTING, Mounting, pods_on
from holdfast.operations.restore.volumes.surroundings import Surroundings, look_around
from holdfast.operations.restore.volumes.withholding import blocked

_VOLUMES = "persistentvolumes"
_CLASSES = "storageclasses.storage.k8s.io"
_DRIVERS = "csidrivers.storage.k8s.io"


def plan_volumes(plan: RestorePlan, record: BackupRecord, movers: Callable[[], MoverSettings]) -> None:
    """Sets the plan's `volumes`, and blocks the objects that must not be made without their data.

    `movers` is asked only if there is data to restore; it raises PlanRefused for a repository that pods cannot reach. Raises
    NotFound for a claim of --volume that the restore does not have; ApiRefused, ClusterUnreachable.
    """
    plan.volumes = _VolumePlanner(plan, record).run()
    plan.objects = blocked(plan.objects, plan.volumes)
    if any(volume.moves for volume in plan.volumes):
        plan.movers = movers()


class _Read(NamedTuple):
    """One object of the plan, as the backup has it and as it is to be in the target."""

    item: PlannedObject
    original: Object
    desired: Object


class _VolumePlanner:
    def __init__(self, plan: RestorePlan, record: BackupRecord) -> None:
        self._plan = plan
        self._records = {
            f"{one.namespace}/{one.name}": one for one in record.volumes if one.kind == "persistentVolumeClaim"
        }
        self._claims = {f"{namespace_of(read[1])}/{name_of(read[1])}": read for read in self._prepared(CLAIMS)}

    def run(self) -> list[PlannedVolume]:
        chosen = self._chosen()
        concerned = {name: read for name, read in self._claims.items() if self._is_concerned(name, read[0])}
        if not concerned:
            return []
        namespaces = {item.key.namespace for item, _, _ in concerned.values()}
        around = look_around(self._plan.target, namespaces).with_planned(self._made(_CLASSES), self._made(_DRIVERS))
        mounting = self._mounting(namespaces)
        volumes = {item.key.name: (original, desired) for item, original, desired in self._prepared(_VOLUMES)}
        planned = []
        for name, read in concerned.items():
            is_chosen = chosen is None or name in chosen
            planned.append(self._plan_claim(name, read, around, mounting, volumes, is_chosen=is_chosen))
        return sorted(planned, key=lambda one: (one.view.namespace, one.view.name))

    def _chosen(self) -> frozenset[str] | None:
        """The claims of --volume; None for all."""
        names = self._plan.options.volume_claims
        for name in names:
            if name not in self._claims:
                known = ", ".join(sorted(self._claims)[:5]) or "none"
                raise NotFound(
                    f"the claim {name} of --volume is not part of this restore",
                    why=f"its claims are {known}" if name not in self._records else "the selection leaves it out",
                    next="Name a claim as the backup has it, NAMESPACE/CLAIM, and let the selection include it.",
                )
        return frozenset(names) or None

    def _is_concerned(self, name: str, item: PlannedObject) -> bool:
        """Claims that are made, and those that the backup has data of."""
        record = self._records.get(name)
        return item.action in CREATING or (record is not None and record.saved and item.action is not Action.LEFT_OUT)

    def _plan_claim(
        self,
        name: str,
        read: _Read,
        around: Surroundings,
        mounting: Mounting,
        volumes: Mapping[str, tuple[Object, Object]],
        *,
        is_chosen: bool,
    ) -> PlannedVolume:
        item, original, desired = read
        record = self._records.get(name)
        live = None if item.action in CREATING else self._plan.target.live(item.key)
        users = pods_on(around.pods, item.key.namespace, item.key.name)
        left = [pod for pod in users if not self._will_stop(pod)]
        subject = Subject(
            original,
            desired,
            record,
            item.action,
            live,
            self._volume_of(live or desired, volumes),
            left,
            _what_stops(left),
        )
        if item.action is Action.BLOCKED:
            verdict = Verdict(VolumeAction.BLOCKED, item.why, item.next)
        else:
            verdict = judge(subject, self._plan.options.volumes, around, chosen=is_chosen)
        was = volumes.get(text(original, "spec", "volumeName"))
        return PlannedVolume(
            view=VolumePlan(
                namespace=item.key.namespace,
                name=item.key.name,
                original=name,
                action=verdict.action,
                why=verdict.why,
                next=verdict.next,
                storage_class=class_of(live or desired) or "",
                size=size_of(live or desired),
                files=record.files if record else 0,
                bytes=record.bytes if record else 0,
            ),
            item=item,
            record=record,
            desired=desired,
            pod_spec=mounting.pod_spec(item.key.namespace, item.key.name),
            stopped=tuple(key for key in self._plan.to_hold if key in {_stopper(pod) for pod in users}),
            mounted_by=tuple(mounting.of(item.key.namespace, item.key.name)),
            keeps_data=was is not None and text(was[0], "spec", "persistentVolumeReclaimPolicy") == "Retain",
            bound_beforehand=bool(text(desired, "spec", "volumeName")),
        )

    def _volume_of(self, claim: Object, volumes: Mapping[str, tuple[Object, Object]]) -> Object | None:
        """The PersistentVolume that a claim names: as it is, or as the restore makes it."""
        name = text(claim, "spec", "volumeName")
        if not name:
            return None
        return self._plan.target.live(ObjectKey("", _VOLUMES, "", name)) or volumes.get(name, (None, None))[1]

    def _will_stop(self, pod: Object) -> bool:
        """Whether --scale-down-first ends it before any data is written."""
        return _stopper(pod) in self._plan.to_hold

    def _mounting(self, namespaces: Collection[str]) -> Mounting:
        mounting = Mounting()
        for kind in MOUNTING:
            for item, _, desired in self._prepared(kind):
                if item.key.namespace in namespaces:
                    mounting.add(item.key, copied(desired))
        return mounting

    def _made(self, kind: str) -> list[Object]:
        return [desired for item, _, desired in self._prepared(kind) if item.action is not Action.BLOCKED]

    def _prepared(self, kind: str) -> Iterator[_Read]:
        """The plan's objects of a kind. One that a rule refuses is in it too, as the backup has it."""
        by_path = {item.path: item for item in self._plan.objects if item.key.group_resource == kind and item.path}
        for path, original in self._plan.source.read_objects(list(by_path)):
            item = by_path[path]
            prepared = self._plan.preparation.prepare(item.resource, original)
            yield _Read(item, original, original if prepared.object is None else prepared.object)


def _stopper(pod: Object) -> ObjectKey | None:
    """The workload without which the pod ends; None for a pod that nothing scales."""
    owner = next((one for one in items(pod, "metadata", "ownerReferences") if one.get("controller") is True), {})
    kind, name = text(owner, "kind"), text(owner, "name")
    suffix = f"-{at(pod, 'metadata', 'labels').get('pod-template-hash', '')}"
    if kind == "ReplicaSet" and suffix != "-" and name.endswith(suffix):
        return ObjectKey("apps", "deployments", namespace_of(pod), name.removesuffix(suffix))
    return ObjectKey("apps", "statefulsets", namespace_of(pod), name) if kind == "StatefulSet" else None


def _what_stops(pods: Sequence[Object]) -> str:
    """Flags; "" if there is a pod that they do not stop."""
    stoppers = {_stopper(pod) for pod in pods}
    known = sorted(key for key in stoppers if key is not None)
    if not known or None in stoppers:
        return ""
    return " ".join(f"--scale-down-first {key.plural.removesuffix('s')}/{key.namespace}/{key.name}" for key in known)
