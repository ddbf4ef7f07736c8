"""A drill from its options to its report: clear what earlier ones left, make closed namespaces, restore into them, wait, check,
measure, and remove everything again – also after a failure or a stop.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections import Counter
from dataclasses import dataclass

from holdfast.cluster.cluster import Cluster
from holdfast.errors import HoldfastError, NothingSelected, UsageError
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.drill import Check, CheckKind, CheckResult, DrillReport
from holdfast.model.progress import Progress
from holdfast.model.restore import Result, Waited
from holdfast.model.run import Outcome, Problem, Verb, new_run_id, timestamp
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.metadata import glimpse
from holdfast.operations.drill import namespaces as places
from holdfast.operations.drill.checking import Checker
from holdfast.operations.drill.cleaning import clean_up, remove_leftovers
from holdfast.operations.publishing import publish_report, reported
from holdfast.operations.restore.carrying_out import carry_out
from holdfast.operations.restore.execution import Execution
from holdfast.operations.restore.opening import OpenedBackup, make_plan, open_source, volume_notes
from holdfast.operations.restore.plan import RestoreOptions, RestorePlan
from holdfast.operations.restore.quarantine import close_namespace
from holdfast.operations.restore.report import failures
from holdfast.operations.restore.run import uid_of
from holdfast.operations.run_log import RunLog
from holdfast.repository.repository import Repository

_SPARE = dt.timedelta(hours=1)
"""So much later than it should have ended a drill's namespaces are taken for left over."""

_NETWORK = (
    "Each namespace of the drill was closed by a NetworkPolicy: nothing comes in, and nothing but DNS goes out. Whether that is "
    "enforced depends on the cluster's network."
)

_OPEN_INSIDE = (
    "Each namespace of the drill was closed to the outside by a NetworkPolicy: nothing comes in, and nothing but DNS goes out. "
    "Whether that is enforced depends on the cluster's network."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOptions:
    """`namespaces`: names or globs, empty for all that the backup has. Times in seconds."""

    namespaces: tuple[str, ...] = ()
    exclude_kinds: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    timeout: float = 900.0  # until all is ready
    check_timeout: float = 60.0  # for each check
    open_inside: bool = False  # pods reach each other within a namespace
    keep: bool = False  # do not remove the namespaces at the end


def drill(
    repository: Repository,
    backup: OpenedBackup,
    cluster: Cluster,
    options: DrillOptions,
    cancel: Cancel,
    progress: Progress,
) -> DrillReport:
    """What does not come back, is not ready or fails its check is in the report, and no error.

    Raises UsageError for checks of what is not restored, NothingSelected, ApiRefused if no closed namespaces can be made,
    ClusterUnreachable, Cancelled; the namespaces are removed then, too.
    """
    return _Drill(repository, backup, cluster, options, cancel, progress).run()


class _Drill:
    def __init__(
        self,
        repository: Repository,
        backup: OpenedBackup,
        cluster: Cluster,
        options: DrillOptions,
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
        self._log = RunLog(progress, self._clock)
        self._uid = ""
        self._names: dict[str, str] = {}  # as in the backup → of the drill
        self._made: list[places.Leftover] = []
        self._execution: Execution | None = None
        self._waited: Waited | None = None
        self._checks: list[CheckResult] = []
        self._seconds: dict[str, float] = {}
        self._problems: list[Problem] = []
        self._notes: list[str] = []

    def run(self) -> DrillReport:
        with reported(self._repository, self._log, self._failed) as lock:
            self._names = {name: places.drill_namespace(self._id, name) for name in self._chosen()}
            self._refuse_strange_checks()
            self._uid = uid_of(self._cluster)
            self._notes += remove_leftovers(self._cluster, self._started, self._log)
            lock.confirm(self._cancel)
            try:
                self._make_namespaces()
                self._restore_and_check()
            finally:
                self._end()
            report = self._describe(Outcome.PARTIAL if self._problems else Outcome.DONE)
            proven = report.outcome is Outcome.DONE and report.whole
            proof = {tags.BACKUP: report.backup, tags.PROOF: tags.DRILLED if proven else ""}
            publish_report(self._repository, lock, report, self._log, hostname=self._uid, more_tags=proof)
        return report

    def _chosen(self) -> list[str]:
        """Namespaces of the backup that take part."""
        patterns = self._options.namespaces or ("*",)
        chosen = [
            name
            for name in self._backup.record.namespaces
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        ]
        if not chosen:
            there = ", ".join(self._backup.record.namespaces) or "none"
            raise NothingSelected("the backup has no such namespace", why=f"it has {there}")
        return chosen

    def _refuse_strange_checks(self) -> None:
        for check in self._options.checks:
            self._cluster.api_surface().find(check.target.kind)
            if check.target.namespace not in self._names:
                raise UsageError(
                    f"the check of {check.target} cannot be made",
                    why=f"the drill does not restore the namespace {check.target.namespace}",
                    next="Checks name workloads as the backup has them: kind/namespace/name.",
                )

    def _make_namespaces(self) -> None:
        self._log.phase("make namespaces", len(self._names))
        until = self._started + dt.timedelta(seconds=self._options.timeout) + _SPARE
        source = open_source(self._repository, self._backup, self._cluster, self._cancel)
        kind = source.api_surface().find("namespaces")
        for old, new in self._names.items():
            found = source.get(kind, "", old)
            labels = glimpse(found).labels if found is not None else {}
            made = places.make_namespace(self._cluster, new, self._id, labels, until, kept=self._options.keep)
            self._made.append(made)
            close_namespace(self._cluster, new, open_inside=self._options.open_inside)
            self._log.advance()
        self._notes.append(_OPEN_INSIDE if self._options.open_inside else _NETWORK)

    def _restore_and_check(self) -> None:
        clock = self._cluster.connection.clock
        started = clock.monotonic()
        plan = self._plan()
        self._execution = Execution(plan, self._cancel, self._log)
        planned = clock.monotonic() - started
        after = carry_out(plan, self._execution, self._cancel, self._log)
        self._seconds["restore"] = round(planned + after.written, 3)
        self._waited = after.waited
        assert after.waited is not None, "the plan waits"
        self._seconds["ready"] = after.waited.seconds
        if after.waited.ready == after.waited.objects:
            self._seconds["rto"] = round(self._seconds["restore"] + after.waited.seconds, 3)
        self._problems += [*plan.problems, *failures(self._execution.results), *after.problems]
        self._notes += [*plan.notes, *after.notes, *volume_notes(plan, self._backup.record)]
        self._checks.append(_ready(after.waited))
        self._check()

    def _plan(self) -> RestorePlan:
        selection = Selection(
            namespaces=tuple(self._names),
            exclude_kinds=("namespaces", *self._options.exclude_kinds),
            cluster_objects=ClusterObjects.NONE,  # what is not in a namespace would outlive the drill
        )
        options = RestoreOptions(
            selection=selection,
            mapping=ObjectMapping(NameMap(self._names)),
            wait=self._options.timeout,
            quarantine=True,
            open_inside=self._options.open_inside,
        )
        return make_plan(self._repository, self._backup, self._cluster, options, self._cancel, self._log)

    def _check(self) -> None:
        clock = self._cluster.connection.clock
        started = clock.monotonic()
        self._log.phase("check", len(self._options.checks))
        checker = Checker(self._cluster, self._names, self._options.check_timeout)
        for check in self._options.checks:
            self._cancel.check()
            result = checker.run(check)
            self._checks.append(result)
            self._log.advance()
            if not result.passed:
                what = f"the {result.kind.value} check of {result.target} failed: {result.check}"
                self._problems.append(Problem(what, result.why, result.next))
        self._seconds["checks"] = round(clock.monotonic() - started, 3)

    def _end(self) -> None:
        """Removes the namespaces, whatever happened; a stop that was asked for does not hold this up, nor does this wait then."""
        if self._options.keep:
            names = ", ".join(one.name for one in self._made)
            self._notes.append(f"These namespaces stay, until `holdfast drill clean` removes them: {names}.")
            return
        clock = self._cluster.connection.clock
        started = clock.monotonic()
        self._log.phase("clean up")
        problems, notes = clean_up(self._cluster, self._id, self._made, wait=not self._cancel.requested)
        self._seconds["cleanup"] = round(clock.monotonic() - started, 3)
        self._problems += problems
        self._notes += notes

    def _failed(self, error: HoldfastError) -> DrillReport:
        self._problems.insert(0, Problem.of(error))
        return self._describe(Outcome.of_failure(error))

    def _describe(self, outcome: Outcome) -> DrillReport:
        results = self._execution.results if self._execution else []
        counts = Counter(item.result for item in results)
        return DrillReport(
            id=self._id,
            run=self._id,
            verb=Verb.DRILL_RUN,
            name=self._backup.entry.name,
            kind=tags.APPLICATION,
            type="",
            outcome=outcome,
            started_at=timestamp(self._started),
            finished_at=timestamp(self._clock.now()),
            counts={result.value: counts[result] for result in Result if counts[result]},
            bytes={},
            errors=self._problems,
            notes=self._notes,
            backup=self._backup.entry.id.hex(),
            cluster=self._uid,
            whole=not self._options.namespaces and not self._options.exclude_kinds,
            namespaces=self._names,
            seconds=self._seconds,
            waited=self._waited,
            checks=self._checks,
            objects=sorted(results, key=lambda item: (item.namespace, item.kind, item.name)),
            kept=self._options.keep,
        )


def _ready(waited: Waited) -> CheckResult:
    passed = waited.ready == waited.objects
    return CheckResult(
        kind=CheckKind.READY,
        target="",
        check="all that was restored is ready",
        passed=passed,
        seconds=waited.seconds,
        output=f"{waited.ready} of {waited.objects}",
        why="" if passed else "not all is ready",
        next="" if passed else "The errors say what is missing.",
    )
