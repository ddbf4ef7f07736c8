"""What the BackupPlan of a cluster says instead of flags: `--plan NAMESPACE/NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import GLOBAL_OPTIONS, Session
from holdfast.cli.output import say
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.cluster.cluster import Cluster
    from holdfast.model.retention import RetentionPolicy
    from holdfast.operations.back_up import BackUpOptions

_BESIDE_A_PLAN = ("plan", "name", "labels", "dry_run")


def plan_options(session: Session, text: str, *, name: str, labels: Mapping[str, str]) -> tuple[Cluster, BackUpOptions]:
    """The connected cluster, and what the plan asks for. Raises UsageError, and what reading a plan raises."""
    from holdfast.model.plan_name import PlanName  # noqa: PLC0415

    _refuse_other_flags()
    wanted = PlanName.parse(text)
    cluster = session.connect()
    from holdfast.operations.plans import back_up_options, read_plan  # noqa: PLC0415

    plan = read_plan(cluster, wanted)
    session.use_location_of_plan(wanted.namespace, plan.spec.location)
    if plan.spec.suspend:
        say(session, f"Note: the plan {wanted} is suspended. This run goes on all the same.")
    options = back_up_options(
        plan, name=name, labels=labels, cluster_name=session.settings.cluster_name, job=session.job
    )
    return cluster, options


def plan_retention(session: Session, text: str) -> RetentionPolicy:
    """The rules of the plan as the cluster has it. Raises UsageError, and what reading a plan raises."""
    from holdfast.model.plan_name import PlanName  # noqa: PLC0415

    wanted = PlanName.parse(text)
    cluster = session.connect()
    from holdfast.operations.plans import read_plan, retention_of  # noqa: PLC0415

    return retention_of(read_plan(cluster, wanted))


def _refuse_other_flags() -> None:
    context = click.get_current_context()
    allowed = {*_BESIDE_A_PLAN, *(option.name for option in GLOBAL_OPTIONS)}
    for param in context.command.params:
        typed = context.get_parameter_source(param.name or "") is click.core.ParameterSource.COMMANDLINE
        if typed and param.name not in allowed:
            flag = max(param.opts, key=len)
            raise UsageError(
                f"{flag} and --plan contradict each other",
                why="the plan says what is backed up, and how",
                next=f"Leave out {flag}, or change the plan. --name, --label and --dry-run may be added.",
            )
