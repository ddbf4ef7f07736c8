"""Proving that an application backup can be restored, object by object, without touching anything.

Every selected object is read (its hash is proved on the way), decoded, and held against its path and the backup's record. Then
the cluster is asked: is its kind served, and would the server create it as a restore would send it? That is a dry run, so nothing
is stored. An object that is there already passes the same checks before the server notices its name. A namespace that does not
exist cannot be asked about; with a scratch namespace its objects are tried there.

Of the data of volumes, and of dumps, it is proved that it is there, see `verify_data`.

The report is kept in the repository, so that lists can say when a backup was last proven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.cluster.surface import ApiSurface
from holdfast.errors import HoldfastError, NothingSelected
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Outcome, Problem, Verb, new_run_id, timestamp
from holdfast.model.selection import Selection
from holdfast.model.verification import Proof, VerifiedData, VerifiedObject, VerifyRun
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.paths import object_path
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.backup_structure import structure_problems
from holdfast.operations.capture import Capture, Taken
from holdfast.operations.publishing import publish_report, reported
from holdfast.operations.restore.opening import OpenedBackup
from holdfast.operations.restore.plan import RestoreOptions, RestorePlan
from holdfast.operations.restore.planner import plan_restore
from holdfast.operations.restore.run import uid_of
from holdfast.operations.restore.target import Target
from holdfast.operations.restore.trial import try_all, verified
from holdfast.operations.run_log import RunLog
from holdfast.operations.scratch_namespace import scratch_namespace
from holdfast.operations.verify_data import data_of, verify_data
from holdfast.repository.repository import Repository

_CHUNK = 512
_BAD = (Proof.REFUSED, Proof.DAMAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """`whole`: the selection is everything. `scratch`: a namespace for trying what has no namespace in the cluster."""

    selection: Selection
    whole: bool
    scratch: str = ""


def verify_backup(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster | None,
    options: VerifyOptions,
    cancel: Cancel,
    progress: Progress,
) -> VerifyRun:
    """Without a cluster objects are only read and decoded. What is wrong is in the run, and no error.

    Raises NothingSelected, ClusterUnreachable, Cancelled, and what a repository raises.
    """
    return _Verification(repository, backup, cluster, options, cancel, progress).run()


class _Verification:
    def __init__(
        self,
        repository: Repository,
        backup: OpenedBackup,
        cluster: Cluster | None,
        options: VerifyOptions,
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._backup = backup
        self._cluster = cluster
        self._options = options
        self._cancel = cancel
        self._started = repository.clock.now()
        self._id = new_run_id(self._started)
        self._log = RunLog(progress, repository.clock)
        self._uid = ""
        self._objects: list[VerifiedObject] = []
        self._data: list[VerifiedData] = []
        self._problems: list[Problem] = []
        self._notes: list[str] = []

    def run(self) -> VerifyRun:
        with reported(self._repository, self._log, self._failed) as lock:
            self._problems += structure_problems(self._backup.contents, self._backup.record)
            if self._cluster is None:
                self._decode()
            else:
                self._uid = uid_of(self._cluster)
                self._ask(self._cluster)
            self._data = self._verify_data()
            self._problems += [
                Problem(f"{one.path} cannot be restored whole", one.why, one.next)
                for one in self._data
                if one.proof in _BAD
            ]
            bad = [one for one in self._objects if one.proof in _BAD]
            self._problems += [
                Problem(f"{_shown(one)} cannot be restored", one.why, one.next)
                for one in bad
                if one.proof is Proof.REFUSED  # the source named what is damaged
            ]
            lock.confirm(self._cancel)
            run = self._describe(Outcome.PARTIAL if self._problems else Outcome.DONE, self._problems)
            publish_report(self._repository, lock, run, self._log, hostname=self._uid, more_tags=self._tags(run))
        return run

    def _failed(self, error: HoldfastError) -> VerifyRun:
        outcome = Outcome.of_failure(error)
        return self._describe(outcome, [*self._problems, Problem.of(error)])

    def _tags(self, run: VerifyRun) -> dict[str, str]:
        """What lists look for: only a whole backup that a server would take is proven."""
        proven = run.outcome is Outcome.DONE and run.whole and not run.offline
        return {tags.BACKUP: run.backup, tags.PROOF: tags.VERIFIED if proven else ""}

    def _verify_data(self) -> list[VerifiedData]:
        """Of a part of the backup, the volumes whose claims are in it."""
        claims = ((one.namespace, one.name) for one in self._objects if one.kind == "persistentvolumeclaims")
        data = data_of(self._backup.record, None if self._options.whole else claims)
        return verify_data(self._repository, self._backup.contents, data, self._cancel, self._log)

    # Offline

    def _decode(self) -> None:
        source = self._source(ApiSurface(()))
        sink = _PathSink()
        Capture(source, self._options.selection, sink, self._cancel, self._log).run()
        self._log.phase("decode", len(sink.paths))
        for start in range(0, len(sink.paths), _CHUNK):
            self._cancel.check()
            for path, _ in source.read_objects(sink.paths[start : start + _CHUNK]):
                self._objects.append(verified(path, Proof.INTACT))
                self._log.advance()
        self._take_damaged(source)

    def _source(self, surface: ApiSurface) -> BackupSource:
        return BackupSource(self._repository.reader, self._backup.contents, self._backup.record, surface, self._cancel)

    def _take_damaged(self, source: BackupSource) -> None:
        self._problems += [
            *self._backup.problems,
            *(one for one in source.problems if one not in self._backup.problems),
        ]
        why = {path: problem.why for problem in source.problems for path in source.damaged if path in problem.what}
        self._objects += [verified(path, Proof.DAMAGED, why.get(path, "")) for path in sorted(source.damaged)]
        if not self._objects:
            raise NothingSelected("the backup holds no objects of this selection")

    # Asking the server

    def _ask(self, cluster: Cluster) -> None:
        target = Target(cluster)
        missing = [name for name in self._backup.record.namespaces if not target.namespace_state(name)]
        if not missing or not self._options.scratch:
            self._try_all(cluster, ObjectMapping())
            return
        self._notes.append(f"Objects of {', '.join(missing)} were tried in the namespace {self._options.scratch}.")
        with scratch_namespace(cluster, self._options.scratch, self._id):
            self._try_all(cluster, ObjectMapping(NameMap(dict.fromkeys(missing, self._options.scratch))))

    def _try_all(self, cluster: Cluster, mapping: ObjectMapping) -> None:
        source = self._source(cluster.api_surface())
        options = RestoreOptions(selection=self._options.selection, mapping=mapping)
        plan = plan_restore(source, Target(cluster), options, self._cancel, self._log)
        self._objects += try_all(plan, self._cancel, self._log)
        self._name_missing_namespaces(plan)
        self._problems += [problem for problem in plan.problems if problem not in source.problems]
        self._take_damaged(source)

    def _name_missing_namespaces(self, plan: RestorePlan) -> None:
        namespaces = sorted({item.key.namespace for item in plan.objects if item.key.namespace})
        for name in namespaces:
            state = plan.target.namespace_state(name)
            if state != "Active":
                why = "it is being deleted" if state else "it does not exist in this cluster"
                next_step = (
                    "Wait until it is gone." if state else "Give one to try them in with --scratch-namespace NAME."
                )
                self._problems.append(Problem(f"the objects of the namespace {name} were not tried", why, next_step))

    # The run

    def _describe(self, outcome: Outcome, problems: Sequence[Problem]) -> VerifyRun:
        counts = Counter(one.proof for one in self._objects)
        return VerifyRun(
            id=self._id,
            run=self._id,
            verb=Verb.BACKUP_VERIFY,
            name=self._backup.entry.name,
            kind=tags.APPLICATION,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._repository.clock.now()),
            counts={proof.value: counts[proof] for proof in Proof if counts[proof]},
            bytes={},
            errors=list(problems),
            notes=self._notes,
            backup=self._backup.entry.id.hex(),
            cluster=self._uid,
            offline=self._cluster is None,
            whole=self._options.whole,
            objects=sorted(self._objects, key=lambda one: (one.namespace, one.kind, one.name)),
            data=self._data,
        )


class _PathSink:
    def __init__(self) -> None:
        self.paths: list[str] = []

    def keep(self, taken: Taken) -> str:
        if taken.seen.metadata.uid is None:
            return ""  # a namespace that is not in the backup itself, see BackupSource
        return object_path(taken.resource, taken.seen.namespace, taken.seen.name)

    def commit(self, resource: Resource, tokens: list[str]) -> None:  # noqa: ARG002 - the sink's contract
        self.paths.extend(filter(None, tokens))


def _shown(one: VerifiedObject) -> str:
    return "/".join(filter(None, (one.kind, one.namespace, one.name)))
