"""How backups of applications are shown: what one would take, what was made, what one holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from holdfast.cli.context import Session
from holdfast.cli.errors import show_problem
from holdfast.cli.hook_table import show_hooks
from holdfast.cli.output import counted, local_time, say, show_document, show_facts, show_table
from holdfast.cli.progress_text import format_size
from holdfast.model.run import Outcome

if TYPE_CHECKING:  # see main
    from holdfast.model.backup import BackupRecord, BackupReport
    from holdfast.model.run import Run
    from holdfast.model.volume import VolumeRecord
    from holdfast.operations.back_up_preview import BackupPreview


def show_preview(session: Session, found: BackupPreview) -> int:
    """The exit code: 3 if a backup would be partial as far as anybody can know before."""
    document = {
        "objects": found.objects,
        "volumes": found.volumes,
        "excluded": dict(found.captured.excluded),
        "errors": found.captured.problems,
        "notes": found.notes,
    }
    is_partial = bool(found.captured.problems) or any(volume.outcome == "failed" for volume in found.volumes)
    exit_code = (Outcome.PARTIAL if is_partial else Outcome.DONE).exit_code
    if show_document(session, document):
        return exit_code
    rows = [
        (item.kind, item.namespace or "-", item.name, format_size(item.size), item.reason) for item in found.objects
    ]
    show_table(session, ("KIND", "NAMESPACE", "NAME", "SIZE", "WHY"), rows, right=("SIZE",))
    if found.volumes:
        click.echo()
        volumes = [
            (one.namespace, one.name, one.outcome or one.way.value, one.capacity or "-", one.node or "-", one.why)
            for one in found.volumes
        ]
        show_table(session, ("NAMESPACE", "VOLUME", "DATA", "SIZE", "NODE", "WHY"), volumes, right=("SIZE",))
    click.echo(f"\n{len(found.objects):,} objects would be backed up. Left out:")
    for reason, count in found.captured.excluded.most_common():
        click.echo(f"{count:>7,}  {reason}")
    for problem in found.captured.problems:
        show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Missing")
    for note in found.notes:
        say(session, f"Note: {note}")
    return exit_code


def show_run(session: Session, run: BackupReport) -> None:
    if show_document(session, run):
        return
    for problem in run.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Missing")
    for note in run.notes:
        say(session, f"Note: {note}")
    counts, sizes = run.counts, run.bytes
    if "kinds" not in counts:  # another run made it, of which the snapshot alone tells
        click.echo(f"Backup {click.style(run.name, bold=True)} ({run.id[:8]}, {run.type}) is there already")
        return
    _show_data(session, run)
    changed = ""
    if "added" in counts:
        changed = (
            f"; since the last: {counts['added']:,} added, {counts['changed']:,} changed, {counts['removed']:,} removed"
        )
    data = ""
    if counts["volumesSaved"]:
        data = (
            f", {counted(counts['volumesSaved'], 'volume')} with {counted(counts['files'], 'file')}"
            f" ({format_size(sizes['volumes'])})"
        )
    if counts["dumps"]:
        data += f", {counted(counts['dumps'], 'dump')} ({format_size(sizes['dumps'])})"
    click.echo(
        f"Backup {click.style(run.name, bold=True)} ({run.id[:8]}, {run.type}) is "
        f"{'done' if run.outcome == 'done' else 'PARTIAL'}: "
        f"{counted(counts['objects'], 'object')} of {counted(counts['kinds'], 'kind')} "
        f"in {counted(counts['namespaces'], 'namespace')} ({format_size(sizes['objects'])}){data}; "
        f"{format_size(sizes['stored'])} stored{changed}"
    )


def show_record(session: Session, snapshot_id: str, record: BackupRecord) -> None:
    if show_document(session, {"id": snapshot_id} | msgspec.to_builtins(record)):
        return
    show_facts(session, _record_facts(snapshot_id, record))
    click.echo()
    rows = [(resource.plural, resource.group or "core", f"{resource.count:,}") for resource in record.resources]
    show_table(session, ("KIND", "GROUP", "OBJECTS"), rows, right=("OBJECTS",))
    if record.volumes or record.hooks:
        click.echo()
        _show_data(session, record)
    for problem in record.errors:
        show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Missing")


def _show_data(session: Session, record: BackupRecord | BackupReport) -> None:
    """What became of volumes and hooks; nothing if there are none."""
    if record.volumes:
        show_table(session, _VOLUME_COLUMNS, [_volume_row(volume) for volume in record.volumes], right=_VOLUME_NUMBERS)
        click.echo()
    show_hooks(session, record.hooks)


_VOLUME_COLUMNS = ("NAMESPACE", "VOLUME", "DATA", "WAY", "FILES", "SIZE", "ADDED", "TIME", "NODE", "WHY")
_VOLUME_NUMBERS = ("FILES", "SIZE", "ADDED", "TIME")


def _volume_row(volume: VolumeRecord) -> Sequence[str]:
    figures = (
        (
            f"{volume.files:,}",
            format_size(volume.bytes),
            format_size(volume.stored),
            _seconds(volume.started_at, volume.finished_at),
        )
        if volume.saved
        else ("-", "-", "-", "-")
    )
    why = volume.why or (f"{volume.error_count:,} gaps" if volume.error_count else "")
    return (
        volume.namespace,
        volume.name,
        volume.outcome.value,
        volume.way.value,
        *figures,
        volume.node or "-",
        why or "-",
    )


def _seconds(started: str, finished: str) -> str:
    if not started or not finished:
        return "-"
    return f"{(dt.datetime.fromisoformat(finished) - dt.datetime.fromisoformat(started)).total_seconds():.1f} s"


def _record_facts(snapshot_id: str, record: BackupRecord) -> list[tuple[str, str]]:
    facts = [
        ("Backup", f"{record.name} ({snapshot_id[:8]})"),
        ("Outcome", record.outcome.value),
        ("Type", record.type.value),
        ("Taken", f"{record.started_at} to {record.finished_at}"),
        ("Cluster", f"{record.cluster.name} ({record.cluster.version})"),
        ("Namespaces", ", ".join(record.namespaces) or "-"),
        ("Objects", f"{sum(resource.count for resource in record.resources):,}"),
        ("Labels", ", ".join(f"{key}={value}" for key, value in record.labels.items()) or "-"),
    ]
    if record.plan:
        of_time = f", of {local_time(dt.datetime.fromisoformat(record.scheduled_at))}" if record.scheduled_at else ""
        facts.append(("Plan", f"{record.plan}{of_time}"))
    if record.keep_until:
        facts.append(("Keep until", local_time(dt.datetime.fromisoformat(record.keep_until))))
    if record.changes:
        changes = record.changes
        text = f"{changes.added:,} added, {changes.changed:,} changed, {changes.removed:,} removed"
        facts.append(("Changed", f"since {changes.since[:8]}: {text}"))
    return facts


def show_run_facts(session: Session, run: Run) -> None:
    """A backup of files, or a run that made no backup."""
    made_one = run.outcome in (Outcome.DONE, Outcome.PARTIAL)
    facts = [
        *([("Backup", f"{run.name} ({run.id[:8]})")] if made_one else []),
        ("Run", run.run),
        ("Verb", run.verb),
        ("Outcome", run.outcome.value),
        *([("Type", run.type)] if made_one else []),
        ("Time", f"{run.started_at} to {run.finished_at}"),
        *([("Keep until", local_time(dt.datetime.fromisoformat(run.keep_until)))] if run.keep_until else []),
        *((name.capitalize(), f"{count:,}") for name, count in run.counts.items()),
        *((f"Bytes {name}", format_size(size)) for name, size in run.bytes.items()),
    ]
    show_facts(session, facts)
    style, word = ("yellow", "Missing") if made_one else ("red", "Error")
    for problem in run.errors:
        show_problem(session, problem.what, problem.why, problem.next, style=style, word=word)
