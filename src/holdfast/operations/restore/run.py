"""A restore from its options to its report: open the backup, plan, check, execute, publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import ApiRefused, Cancelled, DamagedData, HoldfastError
from holdfast.ids import BlobId
from holdfast.model import tags
from holdfast.model.backup import BackupRecord
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.restore import ObjectResult, ReadBack, RestorePlanView, RestoreReport, Result, Waited
from holdfast.model.run import RESTORE_VERBS, Outcome, Problem, Run, Verb, new_run_id, timestamp
from holdfast.operations.backup_source import BackupSource
from holdfast.operations.catalog import Entry, read_catalog
from holdfast.operations.contents import Contents
from holdfast.operations.publishing import LOG_FILE, REPORT_FILE, publish_report, reported
from holdfast.operations.record_recovery import read_record
from holdfast.operations.restore.aftermath import look_after
from holdfast.operations.restore.dry_run import judge
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.plan import RestoreOptions, RestorePlan
from holdfast.operations.restore.planner import plan_restore
from holdfast.operations.restore.target import Target
from holdfast.operations.run_log import RunLog
from holdfast.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup that can be planned from."""

    entry: Entry
    contents: Contents
    record: BackupRecord
    problems: Sequence[Problem] = ()


def open_backup(repository: Repository, entry: Entry) -> OpenedBackup:
    """Raises NotFound for a snapshot that is no application backup, DamagedData if not even its tree can be read."""
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    record, problems = read_record(contents, entry)
    return OpenedBackup(entry, contents, record, problems)


def make_plan(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: RestoreOptions,
    cancel: Cancel,
    progress: Progress,
) -> RestorePlan:
    """A plan from lists, as a run uses it."""
    source = BackupSource(repository.reader, backup.contents, backup.record, cluster.api_surface(), cancel)
    source.problems.extend(backup.problems)
    return plan_restore(source, Target(cluster), options, cancel, progress)


def show_plan(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: RestoreOptions,
    cancel: Cancel,
    progress: Progress,
) -> RestorePlanView:
    """A plan for people: what can be tried beforehand is tried, by the server's own dry run; nothing is changed."""
    plan = make_plan(repository, backup, cluster, options, cancel, progress)
    judge(plan, cancel, progress)
    return RestorePlanView(
        backup=backup.entry.id.hex(),
        backup_name=backup.entry.name,
        cluster=target_uid(cluster),
        on_conflict=options.on_conflict,
        counts={action.value: count for action, count in sorted(plan.counts.items())},
        objects=[item.view() for item in plan.objects],
        notes=_volume_notes(plan, backup.record),
        errors=plan.problems,
    )


def restore(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: RestoreOptions,
    cancel: Cancel,
    progress: Progress,
) -> RestoreReport:
    """Restores and returns the report, which is published in the repository too.

    Any failure of the run as a whole is raised after its report was published or kept locally.
    """
    return _Restore(repository, backup, cluster, options, cancel, progress).run()


class _Restore:
    def __init__(
        self,
        repository: Repository,
        backup: OpenedBackup,
        cluster: Cluster,
        options: RestoreOptions,
        cancel: Cancel,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._backup = backup
        self._cluster = cluster
        self._options = options
        self._cancel = cancel
        self._clock = repository.clock
        self._started = self._clock.now()
        self._id = new_run_id(self._started)
        self._run_log = RunLog(progress, self._clock)
        self._target_uid = ""
        self._execution: Execution | None = None
        self._plan: RestorePlan | None = None
        self._waited: Waited | None = None
        self._notes: list[str] = []

    def run(self) -> RestoreReport:
        with reported(self._repository, self._run_log, self._failed) as lock:
            self._target_uid = target_uid(self._cluster)
            self._plan = make_plan(
                self._repository, self._backup, self._cluster, self._options, self._cancel, self._run_log
            )
            lock.confirm(self._cancel)
            self._execution = Execution(self._plan, self._cancel, self._run_log)
            self._execution.run()
            after = look_after(self._plan, self._execution, self._cancel, self._run_log)
            self._waited, self._notes = after.waited, after.notes
            problems = [*self._plan.problems, *_failures(self._execution.results), *after.problems]
            report = self._report(Outcome.PARTIAL if problems else Outcome.DONE, problems)
            publish_report(self._repository, lock, report, self._run_log, hostname=self._target_uid)
        return report

    def _failed(self, error: HoldfastError) -> RestoreReport:
        outcome = Outcome.CANCELLED if isinstance(error, Cancelled) else Outcome.FAILED
        return self._report(outcome, [Problem.of(error)])

    def _report(self, outcome: Outcome, problems: list[Problem]) -> RestoreReport:
        results = sorted(
            self._execution.results if self._execution else [],
            key=lambda item: (item.namespace, item.kind, item.name),
        )
        counts = Counter(item.result.value for item in results)
        read_back = Counter(item.read_back for item in results)
        return RestoreReport(
            id=self._id,
            run=self._id,
            verb=Verb.RESTORE_RUN,
            name=self._backup.entry.name,
            kind=tags.APPLICATION,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={result.value: counts[result.value] for result in Result},
            bytes={},
            errors=problems,
            notes=[*(_volume_notes(self._plan, self._backup.record) if self._plan else []), *self._notes],
            backup=self._backup.entry.id.hex(),
            cluster=self._target_uid,
            namespaces=dict(self._options.mapping.namespaces.names),
            objects=results,
            waited=self._waited,
            read_back={found.value: read_back[found] for found in ReadBack if read_back[found] and found.value},
        )


def target_uid(cluster: Cluster) -> str:
    """Which cluster a restore went to; "" for an account that may not ask."""
    try:
        return cluster.identity().uid
    except ApiRefused as error:
        if error.reason != "Forbidden":
            raise
        return ""


def read_report(repository: Repository, reference: str) -> tuple[RestoreReport | Run, str]:
    """A restore's report and its log, by the start of its run's id or `latest`. Raises NotFound, DamagedData.

    Of a restore of files the report is its run.
    """
    entry = read_catalog(repository).find_report(reference, *RESTORE_VERBS)
    contents = Contents(repository, BlobId.parse(entry.snapshot.tree))
    try:
        content = contents.read(f"/{REPORT_FILE}")
        report: RestoreReport | Run
        if entry.tags.get(tags.VERB) == Verb.RESTORE_FILES:
            report = msgspec.json.decode(content, type=Run)
        else:
            report = msgspec.json.decode(content, type=RestoreReport)
    except msgspec.MsgspecError as error:
        raise DamagedData(f"the report {reference} cannot be read", why=str(error)) from error
    return report, contents.read(f"/{LOG_FILE}").decode(errors="replace")


def _failures(results: list[ObjectResult]) -> list[Problem]:
    return [
        Problem(
            "/".join(filter(None, (item.kind, item.namespace, item.name))) + " was not restored", item.why, item.next
        )
        for item in results
        if item.result is Result.FAILED
    ]


def _volume_notes(plan: RestorePlan, record: BackupRecord) -> list[str]:
    """Says plainly which restored claims will have empty volumes."""
    planned = {item.path for item in plan.objects if item.key.group_resource == "persistentvolumeclaims"}
    missing = [
        f"{volume.namespace}/{volume.name}"
        for volume in record.volumes
        if not volume.saved
        and f"/objects/core/v1/persistentvolumeclaims/{volume.namespace}/{volume.name}.json" in planned
    ]
    if not missing:
        return []
    return [f"The data of these volumes was not part of the backup; they come back empty: {', '.join(missing)}"]
