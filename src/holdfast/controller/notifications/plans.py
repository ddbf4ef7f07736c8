"""What there is to tell about a plan: a pure function of its status.

The first failure is told, then the same cause again with the first run that fails REMIND_AFTER later, another cause at once.
Each missed run is told. What was told and is over is told once. What happened while no controller ran is told afterwards.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from holdfast.api.backup_plan import BackupPlan
from holdfast.api.conditions import ConditionType
from holdfast.api.run_status import RunStatus
from holdfast.controller.notifications.message import Message, MessageKind
from holdfast.controller.notifications.told import LONG_AGO, Told, parse
from holdfast.controller.world import Key
from holdfast.model.run import Outcome

REMIND_AFTER = dt.timedelta(hours=20)
"""Less than a day, so that a plan that runs once a day reminds every day, though a run ends some minutes earlier or later."""

_FAILED, _MISSED, _RECOVERED, _HELD = "failed:", "missed", "recovered", "held"
_VERDICTS = {Outcome.PARTIAL: "is incomplete", Outcome.CANCELLED: "was cancelled"}


class _Run(NamedTuple):
    status: RunStatus
    ended: dt.datetime

    @property
    def is_good(self) -> bool:
        return self.status.outcome == Outcome.DONE

    @property
    def cause(self) -> str:
        return _FAILED + (self.status.reason or self.status.outcome)


def what_to_tell(plan: BackupPlan) -> Message | None:
    """The next thing to tell. Once it is told and `status.notified` says so, ask again: there may be more."""
    told = Told(plan.status.notified)
    runs = _runs_since(plan, told.when(_RECOVERED))
    healed = runs[-1].ended if runs and runs[-1].is_good else None
    return (
        _missed(plan, told, runs)
        or _failed(plan, told, runs, healed)
        or _recovered(plan, told, healed)
        or _held(plan, told)
    )


def _runs_since(plan: BackupPlan, moment: dt.datetime) -> list[_Run]:
    """Those that ended after `moment`, oldest first."""
    status = plan.status
    known = [*status.recent, *([status.last_run] if status.last_run else [])]
    ended: dict[tuple[str, dt.datetime], _Run] = {}
    for run in known:
        finished = parse(run.finished_at or run.started_at or run.scheduled_at)
        if run.outcome and finished is not None and finished > moment:
            ended[run.job, finished] = _Run(run, finished)
    return sorted(ended.values(), key=lambda run: run.ended)


def _missed(plan: BackupPlan, told: Told, runs: list[_Run]) -> Message | None:
    missed = parse(plan.status.missed)
    if missed is None or missed <= told.when(_MISSED):
        return None
    good_since = next((run.ended for run in reversed(runs) if run.is_good and run.ended > missed), None)
    lines = [f"No run of {_what(plan)} began at {_written(missed)}."]
    facts = {_MISSED: missed}
    if good_since is not None:
        lines.append(f"A run after it went well, at {_written(good_since)}.")
        if all(run.is_good for run in runs) and not told.has(_FAILED):
            facts[_RECOVERED] = good_since  # nothing else is to be told of this
    else:
        lines += [_last_success(plan), f"Next: `holdfast plan show {plan.metadata.full_name}` tells why."]
    return Message(
        kind=MessageKind.MISSED,
        about=_key(plan),
        title=f"Backup plan {plan.metadata.full_name} missed a run",
        body="\n".join(lines),
        time=missed,
        notified=told.after(facts),
    )


def _failed(plan: BackupPlan, told: Told, runs: list[_Run], healed: dt.datetime | None) -> Message | None:
    bad = [run for run in runs if not run.is_good]
    due = [run for run in bad if _is_due(run, told)]
    if not due or (healed and told.has(_FAILED)):
        return None  # what was told is over: that is told instead
    run = due[-1]
    status = run.status
    first = status.errors[0] if status.errors else None
    lines = [f"A run of {_what(plan)} that ended at {_written(run.ended)} {_verdict(status)}."]
    if why := ": ".join(part for part in (first.what, first.why) if part) if first else status.reason:
        lines.append(f"Why: {why.rstrip('.')}.")
    if healed:
        lines.append(f"A later run went well, at {_written(healed)}.")
    else:
        if plan.status.failures > 1:
            lines.append(f"{plan.status.failures} runs in a row have failed or were missed.")
        lines += [_last_success(plan), f"Next: {_next(plan, first.next if first else '')}"]
    causes = {one.cause: one.ended for one in bad}
    return Message(
        kind=MessageKind.FAILED,
        about=_key(plan),
        title=f"Backup plan {plan.metadata.full_name}: a backup {_verdict(status)}",
        body="\n".join(lines),
        time=run.ended,
        notified=told.after({_RECOVERED: healed}, (_FAILED,)) if healed else told.after(causes),
    )


def _is_due(run: _Run, told: Told) -> bool:
    before = told.when(run.cause)
    return before == LONG_AGO or run.ended - before >= REMIND_AFTER


def _recovered(plan: BackupPlan, told: Told, healed: dt.datetime | None) -> Message | None:
    if healed is None:
        return None
    missed = told.when(_MISSED)
    if not told.has(_FAILED) and not told.when(_RECOVERED) < missed < healed:
        return None
    return Message(
        kind=MessageKind.RECOVERED,
        about=_key(plan),
        title=f"Backup plan {plan.metadata.full_name} works again",
        body=f"A run of {_what(plan)} went well, at {_written(healed)}. Nothing is to be done.",
        time=healed,
        notified=told.after({_RECOVERED: healed}, (_FAILED,)),
    )


def _held(plan: BackupPlan, told: Told) -> Message | None:
    for condition in plan.status.conditions:
        if condition.type != ConditionType.RETENTION_HELD or condition.status != "True":
            continue
        since = parse(condition.last_transition_time)
        if since is None or since <= told.when(_HELD):
            continue
        why = condition.message or "its rules would remove more than half of its backups"
        return Message(
            kind=MessageKind.RETENTION_HELD,
            about=_key(plan),
            title=f"Backup plan {plan.metadata.full_name}: old backups stay until you have looked",
            body=f"Nothing is removed of the backups of {_what(plan)}.\nWhy: {why}\n"
            f"Next: look at its retention with `holdfast plan show {plan.metadata.full_name}`.",
            time=since,
            notified=told.after({_HELD: since}),
        )
    return None


def _key(plan: BackupPlan) -> Key:
    return Key("BackupPlan", plan.metadata.namespace, plan.metadata.name)


def _what(plan: BackupPlan) -> str:
    return f"the backup plan {plan.metadata.full_name}"


def _verdict(run: RunStatus) -> str:
    return next((text for outcome, text in _VERDICTS.items() if outcome == run.outcome), "failed")


def _last_success(plan: BackupPlan) -> str:
    good = parse(plan.status.last_success)
    return f"The newest good backup was finished at {_written(good)}." if good else "There is no good backup yet."


def _next(plan: BackupPlan, advice: str) -> str:
    return advice or f"`holdfast plan show {plan.metadata.full_name}` tells more."


def _written(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
