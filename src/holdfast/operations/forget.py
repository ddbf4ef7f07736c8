"""Forgetting: the snapshots that no rule keeps are removed; the data that only they used goes with the next prune.

Options → plan, a pure decision on a catalog → execution under a shared lock, like a deletion. The catalog is read again under
the lock and planned anew; what goes is what both plans remove, so that nothing is decided on a list that was outdated.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from holdfast.errors import DamagedData, TooManyRemovals
from holdfast.ids import SnapshotId
from holdfast.model import tags
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.retention import KEPT_FOR, Byproduct, Candidate, RetentionPolicy, decide
from holdfast.model.run import BACKUP_VERBS, PROOF_VERBS, RESTORE_VERBS, Outcome
from holdfast.operations.catalog import Catalog, Entry, read_catalog
from holdfast.repository.ahead import ahead
from holdfast.repository.repository import Repository

_PARALLEL_REMOVALS = 4
_FEW = 2
"""Backups of a plan that may go whatever part of all they are."""
_NOT_BACKUPS = (tags.REPORT, tags.PART, tags.SAFETY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOptions:
    """The rules, and which backups they look at: all those that fit every filter that is given."""

    policy: RetentionPolicy = field(default_factory=RetentionPolicy)
    host: str = ""
    paths: tuple[str, ...] = ()  # a backup has all of them
    plan: str = ""
    kind: str = ""
    even_the_last: bool = False
    allow_many: bool = False  # of a plan's backups: more than `too_many` lets go unasked
    zone: dt.tzinfo | None = None  # whose days and weeks; None: this machine's

    @property
    def filters(self) -> bool:
        """Whether only a part of the backups is looked at."""
        return bool(self.host or self.paths or self.plan or self.kind)

    def fits(self, entry: Entry) -> bool:
        return (
            self.host in ("", entry.snapshot.hostname)
            and set(self.paths) <= set(entry.snapshot.paths)
            and self.plan in ("", entry.tags.get(tags.PLAN))
            and self.kind in ("", entry.kind)
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """One snapshot, whether it stays, and why."""

    entry: Entry
    keep: bool
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """What backups of one group share: their plan and cluster, or else host and paths, as in restic.

    Two clusters may have plans of one name, and backups of both in one repository.
    """

    plan: str
    host: str = ""
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> GroupKey:
        plan = entry.tags.get(tags.PLAN)
        host = entry.snapshot.hostname
        return cls(plan, host) if plan else cls("", host, tuple(sorted(entry.snapshot.paths)))


@dataclass(frozen=True, slots=True)
class Group:
    """What the rules look at together."""

    key: GroupKey
    backups: tuple[Judged, ...]  # newest first

    @property
    def removed(self) -> int:
        return sum(not one.keep for one in self.backups)

    @property
    def loses_too_many(self) -> bool:
        """Whether so much of a plan's backups would go that a wrong rule or clock is more likely than a wish."""
        return bool(self.key.plan) and self.removed > _FEW and 2 * self.removed > len(self.backups)


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What stays and what goes. Damaged snapshots stay, because nobody knows what they are."""

    groups: tuple[Group, ...]
    byproducts: tuple[Judged, ...]  # reports, parts and safety points, newest first
    catalog: Catalog  # of which it was made

    @property
    def damaged(self) -> tuple[tuple[SnapshotId, DamagedData], ...]:
        return self.catalog.damaged

    @property
    def backups(self) -> list[Judged]:
        return [judged for group in self.groups for judged in group.backups]

    def removals(self) -> Iterator[Entry]:
        """What goes, in the order in which it goes: backups before the reports of their runs, oldest first."""
        for step in self.removal_steps():
            yield from step

    def removal_steps(self) -> tuple[list[Entry], list[Entry]]:
        """Backups, then what only makes sense with them. Inside a step any order will do."""
        return (
            sorted(_removed(self.backups), key=lambda entry: entry.time),
            sorted(_removed(self.byproducts), key=lambda entry: entry.time),
        )

    def limited_to(self, ids: Collection[SnapshotId]) -> ForgetPlan:
        """The same without the removal of anything else than `ids`."""

        def limit(judged: Judged) -> Judged:
            if judged.keep or judged.entry.id in ids:
                return judged
            return Judged(judged.entry, keep=True, why=(_CHANGED,))

        groups = (Group(group.key, tuple(map(limit, group.backups))) for group in self.groups)
        return replace(self, groups=tuple(groups), byproducts=tuple(map(limit, self.byproducts)))


WITH_ITS_BACKUP = "goes with its backup"
_CHANGED = "the repository changed meanwhile"


def _removed(judged: Collection[Judged]) -> list[Entry]:
    return [one.entry for one in judged if not one.keep]


def plan_forget(catalog: Catalog, options: ForgetOptions, now: dt.datetime) -> ForgetPlan:
    """What stays and what goes by these rules; reads and changes nothing."""
    members: dict[GroupKey, list[Entry]] = defaultdict(list)
    for entry in catalog.entries:
        if entry.kind not in _NOT_BACKUPS and options.fits(entry):
            members[GroupKey.of(entry)].append(entry)
    groups = tuple(Group(key, _judge_group(members[key], options, now)) for key in sorted(members))
    removed = {judged.entry.id for group in groups for judged in group.backups if not judged.keep}
    byproducts = _judge_byproducts(catalog, removed, now, options)
    return ForgetPlan(groups, byproducts, catalog)


def objection(plan: ForgetPlan, options: ForgetOptions) -> TooManyRemovals | None:
    """Why this is not done without --allow-many: a group of the plan that is asked for would lose too many backups."""
    too_many = [group for group in plan.groups if group.loses_too_many]
    if not options.plan or options.allow_many or not too_many:
        return None
    of = "; ".join(
        f"{group.removed} of {len(group.backups)} of the cluster {group.key.host or '(unnamed)'}" for group in too_many
    )
    return TooManyRemovals(
        f"the rules would remove most backups of the plan {options.plan}: {of}",
        why=f"more than half of a plan's backups, if they are more than {_FEW}, go only if somebody says so",
    )


def forget(
    repository: Repository,
    plan: ForgetPlan,
    options: ForgetOptions,
    cancel: Cancel,
    progress: Progress,
) -> ForgetPlan:
    """Removes what `plan` removes and a plan made now does, too. Returns what was done.

    Raises TooManyRemovals before anything is removed; RepositoryLocked, LockLost, Cancelled, StoreError: what is left then is
    for the next run.
    """
    _refuse_too_many(plan, options)
    decided = {entry.id for entry in plan.removals()}
    with repository.lock(cancel) as lock:
        progress.phase("look again")
        catalog = read_catalog(repository, known=plan.catalog)
        current = plan_forget(catalog, options, repository.clock.now()).limited_to(decided)
        _refuse_too_many(current, options)
        removals = list(current.removals())
        progress.phase("remove snapshots", total=len(removals))

        def remove(entry: Entry) -> None:
            cancel.check()
            lock.check()  # a process that slept long must not carry out what it decided before
            repository.delete_snapshot(entry.id)

        with ThreadPoolExecutor(_PARALLEL_REMOVALS, thread_name_prefix="holdfast-remove") as pool:
            for some in current.removal_steps():
                for _ in ahead(pool, remove, some, _PARALLEL_REMOVALS):
                    progress.advance()
    return current


def _refuse_too_many(plan: ForgetPlan, options: ForgetOptions) -> None:
    if refusal := objection(plan, options):
        raise refusal


def _judge_group(entries: list[Entry], options: ForgetOptions, now: dt.datetime) -> tuple[Judged, ...]:
    by_id = {entry.id: entry for entry in entries}
    decisions = decide(
        map(_candidate, entries), options.policy, now=now, zone=options.zone, even_the_last=options.even_the_last
    )
    return tuple(Judged(by_id[one.candidate.id], one.keep, one.why) for one in decisions)


def _candidate(entry: Entry) -> Candidate:
    given = {tag.removeprefix(tags.LABEL_PREFIX) for tag in entry.snapshot.tags}
    return Candidate(
        id=entry.id,
        time=entry.time,
        good=entry.outcome is Outcome.DONE,
        tags=frozenset({*given, *entry.snapshot.tags}),
        keep_until=entry.tags.keep_until,
    )


def _judge_byproducts(
    catalog: Catalog, removed: set[SnapshotId], now: dt.datetime, options: ForgetOptions
) -> tuple[Judged, ...]:
    """Newest first. With filters a report goes with its backup, and nothing else goes but reports of a plan's failed runs:
    other byproducts do not say where they belong.
    """
    byproducts = [entry for entry in reversed(catalog.entries) if entry.kind in _NOT_BACKUPS]
    of_run = defaultdict(list)
    for entry in catalog.backups:
        of_run[entry.tags.get(tags.RUN)].append(entry.id not in removed)
    stays = {run: any(kept) for run, kept in of_run.items() if run}  # restic can copy a backup with its tags
    there = {entry.id.hex() for entry in catalog.backups if entry.id not in removed}
    proofs = {report.id for backup, report in catalog.proofs().items() if backup in there}

    def judge(entry: Entry) -> Judged:
        is_of_backup = entry.kind == tags.REPORT and entry.tags.get(tags.VERB) in BACKUP_VERBS
        run, sort = entry.tags.get(tags.RUN), _sort_of(entry)
        if is_of_backup and run in stays:
            return Judged(entry, stays[run], ("its backup is kept" if stays[run] else WITH_ITS_BACKUP,))
        is_of_plan = bool(options.plan) and entry.tags.get(tags.PLAN) == options.plan
        if options.filters and not (is_of_plan and sort is Byproduct.FAILURE):
            return Judged(entry, keep=True, why=("not looked at with a filter",))
        if entry.id in proofs:
            return Judged(entry, keep=True, why=("the newest that proves a backup which is kept",))
        if sort is not None:
            age = "older" if _is_old(entry, now) else "not older"
            return Judged(entry, not _is_old(entry, now), (f"{sort}, {age} than {KEPT_FOR[sort].days} days",))
        if not is_of_backup:
            return Judged(entry, keep=True, why=("not known to this version",))
        if catalog.damaged:
            return Judged(entry, keep=True, why=("its backup may be a damaged one",))
        return Judged(entry, keep=False, why=("its backup is gone",))

    return tuple(map(judge, byproducts))


def _is_old(entry: Entry, now: dt.datetime) -> bool:
    sort = _sort_of(entry)
    return sort is not None and now - entry.time > KEPT_FOR[sort]


def _sort_of(entry: Entry) -> Byproduct | None:
    """None for reports of backups that were made, and for what this version does not know."""
    verb = entry.tags.get(tags.VERB)
    match entry.kind:
        case tags.PART:
            return Byproduct.PART
        case tags.SAFETY:
            return Byproduct.SAFETY_POINT
        case tags.REPORT if verb in RESTORE_VERBS:
            return Byproduct.RESTORE
        case tags.REPORT if verb in PROOF_VERBS:
            return Byproduct.PROOF
        case tags.REPORT if verb in BACKUP_VERBS and entry.outcome in (Outcome.FAILED, Outcome.CANCELLED):
            return Byproduct.FAILURE
    return None
