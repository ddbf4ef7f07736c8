"""What the BackupPlan of a cluster says instead of flags: `--plan NAMESPACE/NAME`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from holdfast.cli.context import GLOBAL_OPTIONS, Session
from holdfast.cli.mover_options import MoverFlags
from holdfast.cli.output import say
from holdfast.errors import UsageError

if TYPE_CHECKING:  # see main
    from holdfast.api.backup_plan import BackupPlan
    from holdfast.cluster.cluster import Cluster
    from holdfast.model.retention import RetentionPolicy
    from holdfast.operations.back_up_options import BackUpOptions

_BESIDE_A_PLAN = ("plan", "name", "labels", "dry_run", "mover_namespace", "mover_image", "mover_repository")


def plan_options(
    session: Session, text: str, movers: MoverFlags, *, name: str, labels: Mapping[str, str]
) -> tuple[Cluster, BackUpOptions, MoverFlags]:
    """The connected cluster, and what the plan asks for; `movers` says where they are, the plan how many and how large.

    Raises UsageError, and what reading a plan raises.
    """
    _refuse_other_flags()
    plan = _read(session, text)
    from holdfast.operations.plans import back_up_options  # noqa: PLC0415

    if plan.spec.suspend:
        say(session, f"Note: the plan {plan.metadata.full_name} is suspended. This run goes on all the same.")
    options = back_up_options(
        plan, name=name, labels=labels, cluster_name=session.settings.cluster_name, job=session.job
    )
    return session.connect(), options, _of_plan(movers, plan)


def _of_plan(movers: MoverFlags, plan: BackupPlan) -> MoverFlags:
    from holdfast.api.movers import MoverFields  # noqa: PLC0415 - see main

    wanted = plan.spec.backup.movers or MoverFields()
    return dataclasses.replace(
        movers,
        parallel_volumes=wanted.parallel or movers.parallel_volumes,
        parallel_per_node=wanted.parallel_per_node or movers.parallel_per_node,
        mover_cpu=wanted.cpu,
        mover_memory=wanted.memory,
    )


def plan_retention(session: Session, text: str) -> RetentionPolicy:
    """The rules of the plan as the cluster has it. Raises UsageError, and what reading a plan raises."""
    plan = _read(session, text)
    from holdfast.operations.plans import retention_of  # noqa: PLC0415

    return retention_of(plan)


def use_repository_of_plan(session: Session, text: str) -> None:
    """The plan's location, unless another repository is given: then the cluster is not asked."""
    if not session.has_repository:
        _read(session, text)


def _read(session: Session, text: str) -> BackupPlan:
    """Its location is the repository from now on, unless another one is given."""
    from holdfast.model.plan_name import PlanName  # noqa: PLC0415

    wanted = PlanName.parse(text)
    cluster = session.connect()
    from holdfast.operations.plans import read_plan  # noqa: PLC0415

    plan = read_plan(cluster, wanted)
    if not session.has_repository:
        session.use_location(f"{wanted.namespace}/{plan.spec.location}")
    return plan


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
                next=f"Leave out {flag}, or change the plan. --name, --label and --dry-run may be added, and where movers run.",
            )
