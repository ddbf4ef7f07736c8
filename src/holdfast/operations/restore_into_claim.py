"""Restoring files of one volume into a claim of the cluster, whether pods use it or not: `restore files --target pvc:…`.

A mover writes them, on the node of the pods that have the volume if it is for one node only. What the backup does not have stays,
unless deletion is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.listing import whole
from holdfast.errors import ApiRefused, ClusterError, HoldfastError, NotFound, UsageError, VolumeError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.objects.fields import Object, name_of, namespace_of, text
from holdfast.objects.storage.claims import ClaimFacts, uses
from holdfast.objects.storage.placement import backup_placement
from holdfast.operations.catalog import Entry
from holdfast.operations.contents import Contents
from holdfast.operations.movers.contract import Moved
from holdfast.operations.movers.exposing import Exposures
from holdfast.operations.movers.kinds import CLAIMS, VOLUMES
from holdfast.operations.movers.run import Movers
from holdfast.operations.movers.task import MoverEnd, MoverSettings, MoverTask
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.operations.publishing import publish_report, reported
from holdfast.operations.run_log import RunLog
from holdfast.repository.repository import Repository

_ROOT = "/volume"
_PREFIX = "pvc:"


class ClaimTarget(NamedTuple):
    """Where files go: a claim, or an existing directory in it."""

    claim: VolumeName
    directory: str = ""  # from the volume's root

    def __str__(self) -> str:
        return "/".join(filter(None, (f"{_PREFIX}{self.claim}", self.directory)))

    @classmethod
    def parse(cls, target: str) -> ClaimTarget:
        """`pvc:shop/data/uploads`. Raises UsageError."""
        namespace, _, rest = target.removeprefix(_PREFIX).partition("/")
        name, _, directory = rest.partition("/")
        parts = [part for part in directory.split("/") if part]
        if not namespace or not name or {".", ".."} & {*parts, namespace, name}:
            raise UsageError(
                f"--target {target!r:.200} names no claim",
                why="it is pvc:NAMESPACE/CLAIM, or pvc:NAMESPACE/CLAIM/DIRECTORY",
                next="Write it as --target pvc:shop/data.",
            )
        return cls(VolumeName(namespace, name), "/".join(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreIntoClaimOptions:
    """What a user asks for. `paths` are as the backup has them, all of one volume; none means the volume of the target's name."""

    target: ClaimTarget
    paths: tuple[str, ...] = ()
    delete: bool = False
    verify: bool = False


def restore_into_claim(
    repository: Repository,
    entry: Entry,
    options: RestoreIntoClaimOptions,
    cluster: Cluster,
    settings: MoverSettings,
    cancel: Cancel,
    progress: Progress,
) -> Run:
    """Restores and returns the run, done or partial. Failures are raised after their report was kept.

    Raises UsageError for paths of several volumes, NotFound for a claim, volume or path that is not there, VolumeError if the
    mover cannot reach or write the volume, and what the cluster and the repository raise.
    """
    return _RestoreIntoClaim(repository, entry, options, cluster, settings, cancel, progress).run()


class _Source(NamedTuple):
    volume: VolumeName
    paths: tuple[str, ...]  # from its root


class _RestoreIntoClaim:
    def __init__(
        self,
        repository: Repository,
        entry: Entry,
        options: RestoreIntoClaimOptions,
        cluster: Cluster,
        settings: MoverSettings,
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._entry = entry
        self._options = options
        self._cluster = cluster
        self._settings = settings
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._log = RunLog(progress, self._clock)
        self._notes: list[str] = []

    def run(self) -> Run:
        with reported(self._repository, self._log, self._failed) as lock:
            source = self._source()
            facts = self._facts()
            lock.confirm(self._cancel)
            moved = self._move(source, facts)
            problems = list(moved.errors)
            run = self._describe(Outcome.PARTIAL if problems else Outcome.DONE, problems, moved)
            publish_report(self._repository, lock, run, self._log, hostname=self._entry.snapshot.hostname)
        return run

    def _source(self) -> _Source:
        source = source_of(self._options.paths, self._options.target.claim)
        contents = Contents(self._repository, BlobId.parse(self._entry.snapshot.tree))
        for path in self._options.paths or (source.volume.path,):
            if contents.find(path) is None:
                raise NotFound(
                    f"the backup has no {path}",
                    why="none of its volumes holds it",
                    next="Look around with `holdfast backup browse`, and name what is to be restored: /volumes/shop/data/file.",
                )
        return source

    def _facts(self) -> ClaimFacts:
        namespace, name = self._options.target.claim
        found = self._cluster.get(CLAIMS, namespace, name)
        if found is None:
            raise NotFound(f"there is no claim {namespace}/{name}", why="the cluster does not have it")
        claim: Object = msgspec.json.decode(found)
        pods = [pod for pod in self._listed("pods", namespace) or () if uses(pod, claim)]
        if pods:
            names = ", ".join(name_of(pod) for pod in pods[:3])
            self._log.warn(f"pods use this volume while it is written: {names}")
            self._notes.append(f"Pods used the volume while it was written: {names}.")
        return ClaimFacts(namespace=namespace, name=name, claim=claim, volume=self._volume(claim), pods=pods)

    def _volume(self, claim: Object) -> Object | None:
        """None for what this account may not read: a claim beside the movers is mounted without it."""
        name = text(claim, "spec", "volumeName")
        try:
            found = self._cluster.get(VOLUMES, "", name) if name else None
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            return {} if namespace_of(claim) == self._settings.namespace else None
        return None if found is None else msgspec.json.decode(found)

    def _listed(self, plural: str, namespace: str = "") -> list[Object] | None:
        """None for what this account may not list."""
        resource = self._cluster.api_surface().preferred("", plural)
        assert resource is not None, f"every cluster has {plural}"
        try:
            found = whole(self._cluster.list(resource, namespace=namespace or None)).items
        except ApiRefused as error:
            if error.reason != "Forbidden":
                raise
            return None
        return [msgspec.json.decode(data) for data in found]

    def _move(self, source: _Source, facts: ClaimFacts) -> Moved:
        nodes = self._listed("nodes")
        placement = backup_placement(facts, None if nodes is None else {name_of(node): node for node in nodes})
        if isinstance(placement, Problem):
            raise VolumeError(placement.what, why=placement.why, next=placement.next)
        self._log.phase("restore files")
        with Movers(self._cluster, self._settings, self._id, self._cancel, self._log) as movers:
            exposures = Exposures(self._cluster, movers)
            try:
                task = MoverTask(
                    namespace=facts.namespace,
                    claim=facts.name,
                    mounted_claim=exposures.expose(facts.claim),
                    command=self._command(source),
                    placement=placement,
                    writes=True,
                )
                (end,) = movers.run([task])
            finally:
                self._withdraw(exposures)
        return self._result(end)

    def _withdraw(self, exposures: Exposures) -> None:
        try:
            exposures.withdraw_all()
        except ClusterError as error:
            self._log.warn(str(error))

    def _command(self, source: _Source) -> list[str]:
        options, root = self._options, "/".join(filter(None, (_ROOT, self._options.target.directory)))
        command = ["mover", "write", "--run", self._id, "--backup", self._entry.id.hex(), "--overwrite"]
        command += ["--volume", str(source.volume), "--root", root]
        command += [word for path in source.paths for word in ("--path", path)]
        return command + ["--exact"] * options.delete + ["--verify"] * options.verify

    def _result(self, end: MoverEnd) -> Moved:
        moved, problem = end.moved, end.problem
        if problem is not None or moved is None or moved.outcome not in (Outcome.DONE, Outcome.PARTIAL):
            problem = problem or Problem("its mover said nothing of how it ended", "", "Run the command again.")
            what = f"files were not restored into {self._options.target}, or not all of them"
            raise VolumeError(what, why=problem.why or problem.what, next=problem.next)
        return moved

    def _failed(self, error: HoldfastError) -> Run:
        return self._describe(Outcome.of_failure(error), [Problem.of(error)], None)

    def _describe(self, outcome: Outcome, problems: list[Problem], moved: Moved | None) -> Run:
        counts = {"files": moved.files, "deleted": moved.deleted, "verified": moved.verified} if moved else {}
        return Run(
            id=self._id,
            run=self._id,
            verb=Verb.RESTORE_FILES,
            name=self._entry.name,
            kind=tags.FILES,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts=counts,
            bytes={"files": moved.bytes if moved else 0},
            errors=problems,
            notes=self._notes,
        )


def source_of(paths: Sequence[str], target: VolumeName) -> _Source:
    """The volume that paths of a backup are in, and what they are in it. Raises UsageError."""
    chosen = []
    volumes = set()
    for path in paths:
        match path.strip("/").split("/"):
            case ["volumes", namespace, claim, *rest]:
                volumes.add(VolumeName(namespace, claim))
                chosen.append("/".join(rest))
            case _:
                raise UsageError(
                    f"{path} is not in a volume",
                    why="volumes are in /volumes/NAMESPACE/CLAIM, and only their files can go into a claim",
                    next="Look around with `holdfast backup browse BACKUP /volumes`.",
                )
    if len(volumes) > 1:
        raise UsageError(
            "the paths are of several volumes",
            why=", ".join(sorted(map(str, volumes))),
            next="Restore them one after the other.",
        )
    return _Source(volumes.pop() if volumes else target, () if "" in chosen else tuple(chosen))
