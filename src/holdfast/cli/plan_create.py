"""`holdfast plan create`: a BackupPlan from flags, checked before the cluster is asked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click
import msgspec

from holdfast.cli.backup_data import data_options
from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.files import parse_keep_for, parse_labels
from holdfast.cli.hook_options import backup_hook_options
from holdfast.cli.mover_options import mover_size_options
from holdfast.cli.output import say, show_document, show_facts
from holdfast.cli.plan_data import data_fields
from holdfast.cli.plan_name import language_option, plan_argument, plan_name
from holdfast.cli.retention import KEEP_COUNTS, keep_options
from holdfast.cli.selection import make_selection, selection_options
from holdfast.errors import UsageError
from holdfast.model.plan_name import PlanName
from holdfast.model.span import Span

if TYPE_CHECKING:  # see main
    from holdfast.api.backup_plan import BackupPlanSpec
    from holdfast.api.retention import Retention
    from holdfast.model.selection import Selection
    from holdfast.schedule.schedule import Schedule

_NEXT_SHOWN = 5


@click.command("create", cls=VerbCommand)
@plan_argument
@click.option(
    "--schedule",
    required=True,
    metavar="CRON",
    help="Five fields, `@every 6h`, or hourly, daily, weekly, monthly; H for a minute or hour of the plan's own.",
)
@click.option(
    "--time-zone", default="Etc/UTC", show_default=True, metavar="ZONE", help="Whose hours, as Europe/Berlin."
)
@selection_options
@click.option(
    "--type",
    "backup_type",
    type=click.Choice(["full", "incremental", "differential"]),
    default="incremental",
    show_default=True,
    help="As of `backup create`.",
)
@click.option(
    "--full-every", default="", metavar="DURATION", help="Make a full backup when the newest is older: 7d, 1m."
)
@data_options
@backup_hook_options
@mover_size_options
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of the backups; repeatable.")
@click.option(
    "--keep-for", default="", metavar="DURATION", help="Each stays so long, whatever rules say, then goes: 30d."
)
@keep_options
@click.option("--service-account", default="", metavar="NAME", help="Whose rights runs have. Default: holdfast-runner.")
@click.option("--suspend", is_flag=True, help="Create it paused.")
@click.option("--update", is_flag=True, help="Change a plan that exists to what these flags say.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its next runs; ask no cluster.")
@language_option
@click.pass_obj
def create_plan(session: Session, /, reference: str, within: str, **flags: Any) -> None:
    """Make a plan: a schedule, what it backs up, where to, and how long that is kept. With -o yaml it is printed for kubectl.

    --location names the StorageLocation that its backups go to, one of the plan's namespace.

    \b
    holdfast plan create shop/nightly --schedule daily --location main -n shop --keep-daily 7 --keep-weekly 4
    holdfast plan create everything --schedule '30 2 * * *' --time-zone Europe/Berlin --location main -A
    holdfast plan create shop/nightly --schedule hourly --location main -n shop --dry-run -o yaml
    """
    from holdfast.schedule.schedule import Schedule  # noqa: PLC0415

    name = plan_name(reference, within)
    schedule = Schedule.parse(flags["schedule"], flags["time_zone"], str(name))
    location = _location(session, name)
    selection = make_selection(flags)
    manifest = _manifest(name.namespace, name.name, _spec(session, flags, location, selection))
    if not flags["dry_run"]:
        from holdfast.operations.plan_objects import apply_plan, check_selection, has_location  # noqa: PLC0415

        cluster = session.connect()
        check_selection(cluster, selection)
        apply_plan(cluster, manifest, update=flags["update"])
        if has_location(cluster, name.namespace, location) is False:
            say(session, f"Note: {name.namespace} has no location {location} yet; until then nothing runs.")
    if show_document(session, manifest):
        return
    what = "Would make" if flags["dry_run"] else "Changed" if flags["update"] else "Made"
    click.echo(f"{what} the plan {click.style(str(name), bold=True)}{' (paused)' if flags['suspend'] else ''}")
    _show_schedule(session, schedule, flags["language"])


def _show_schedule(session: Session, schedule: Schedule, language: Any) -> None:
    first, *others = schedule.next_in_words(dt.datetime.now(dt.UTC), _NEXT_SHOWN, language)
    written_out = f", as `{schedule.cron}`" if schedule.cron != schedule.text else ""
    facts = [("Schedule", f"{schedule.explain(language)}{written_out}"), ("Next runs", first)]
    show_facts(session, [*facts, *(("", text) for text in others)])


def _manifest(namespace: str, name: str, spec: BackupPlanSpec) -> dict[str, Any]:
    from holdfast.api.names import API_VERSION, BACKUP_PLANS  # noqa: PLC0415

    return {
        "apiVersion": API_VERSION,
        "kind": BACKUP_PLANS.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {name: value for name, value in msgspec.to_builtins(spec).items() if value != {} or name == "backup"},
    }


def _location(session: Session, plan: PlanName) -> str:
    """The name that --location gives, in the plan's namespace. Raises UsageError."""
    given: str = session.options["location"] or ""
    namespace, _, name = given.rpartition("/")
    if not name:
        raise UsageError(
            "no location is given",
            why="a plan writes to a StorageLocation of its own namespace",
            next="Name it with --location; make one with `holdfast location add`.",
        )
    if namespace not in ("", plan.namespace):
        raise UsageError(
            f"the plan {plan} cannot use the location {given}",
            why="a plan uses locations of its own namespace",
            next=f"Make the plan in {namespace}, or a location in {plan.namespace}.",
        )
    return name


def _spec(session: Session, flags: dict[str, Any], location: str, selection: Selection) -> BackupPlanSpec:
    """Raises UsageError for what contradicts itself or is out of bounds."""
    from holdfast.api.backup_plan import RUNNER, BackupPlanSpec  # noqa: PLC0415
    from holdfast.api.selection import BackupFields, selection_fields  # noqa: PLC0415
    from holdfast.objects.label_selector import LabelSelector  # noqa: PLC0415

    if flags["full_every"]:
        Span.parse(flags["full_every"], "--full-every")
    parse_keep_for(flags["keep_for"])
    for selector in (selection.namespace_selector, selection.selector, selection.exclude_selector):
        LabelSelector.parse(selector)
    spec = BackupPlanSpec(
        schedule=flags["schedule"].strip(),
        time_zone=flags["time_zone"],
        suspend=flags["suspend"],
        location=location,
        service_account_name=flags["service_account"] or RUNNER,
        full_every=flags["full_every"],
        backup=BackupFields(
            **selection_fields(selection),
            **data_fields(session, flags),
            type=flags["backup_type"],
            labels=parse_labels(flags["labels"]),
            keep_for=flags["keep_for"],
        ),
        retention=_retention(flags),
    )
    try:
        msgspec.convert(msgspec.to_builtins(spec), BackupPlanSpec)
    except msgspec.ValidationError as error:
        why, _, field = str(error).partition(" - at `$.")
        raise UsageError(
            f"the plan's {field.rstrip('`')} cannot be so",
            why=why[:1].lower() + why[1:],
            next="Correct the flag that it comes from.",
        ) from error
    return spec


def _retention(flags: dict[str, Any]) -> Retention | None:
    from holdfast.api.retention import Retention  # noqa: PLC0415

    retention = Retention(**{name: flags[name] for name in KEEP_COUNTS}, keep_within=flags["keep_within"])
    if retention == Retention():
        return None
    retention.policy  # noqa: B018 - raises if it keeps nothing
    return retention
