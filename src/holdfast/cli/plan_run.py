"""`holdfast plan run`: a run now, and perhaps waiting for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.errors import show_problem
from holdfast.cli.output import say, show_document
from holdfast.cli.plan_name import plan_argument, plan_name
from holdfast.cli.progress_text import format_size
from holdfast.errors import ApiRefused, Cancelled, NotFound

if TYPE_CHECKING:  # see main
    from holdfast.api.run_status import RunStatus
    from holdfast.cluster.cluster import Cluster
    from holdfast.controller.actions import Look

_POLL = 1.0  # seconds


@click.command("run", cls=VerbCommand)
@plan_argument
@click.option("--wait", is_flag=True, help="Until the run has ended; its exit code is then this one's.")
@click.pass_obj
def run_plan(session: Session, /, reference: str, within: str, wait: bool) -> int:
    """Run a plan now, also a paused one: a Job is made of the plan's CronJob.

    \b
    holdfast plan run shop/nightly --wait
    """
    from holdfast.cli.plan_words import run_document  # noqa: PLC0415
    from holdfast.operations.manual_run import run_now  # noqa: PLC0415

    name = plan_name(reference, within)
    cluster = session.connect()
    job = run_now(cluster, name)
    document: dict[str, Any] = {"namespace": name.namespace, "plan": name.name, "job": job, "run": None}
    if not wait:
        if not show_document(session, document):
            click.echo(f"Started the Job {click.style(job, bold=True)} in {name.namespace}")
            say(session, f"See how it goes with `holdfast plan show {name}`.")
        return 0
    say(session, f"Started the Job {job} in {name.namespace}; waiting for its end.")
    try:
        run = _outcome(session, cluster, name.namespace, job)
    except Cancelled as error:
        raise Cancelled(
            "nobody waits for the run any more", next=f"It goes on; see it with `holdfast plan show {name}`."
        ) from error
    if not show_document(session, {**document, "run": run_document(run)}):
        _show_end(session, run)
    return run.exit_code or (0 if run.outcome == "done" else 1)


def _outcome(session: Session, cluster: Cluster, namespace: str, job: str) -> RunStatus:
    """The run when it has ended. What holds it up meanwhile is said once."""
    from holdfast.cluster.listing import whole  # noqa: PLC0415
    from holdfast.controller.actions import Known  # noqa: PLC0415
    from holdfast.controller.outcomes import observe  # noqa: PLC0415
    from holdfast.controller.views import PODS, Job, Pod  # noqa: PLC0415
    from holdfast.manifests.jobs import JOBS  # noqa: PLC0415

    told, known = "", Known()
    while True:
        found = cluster.get(JOBS, namespace, job)
        if found is None:
            raise NotFound(
                f"the Job {job} is gone",
                why="somebody deleted it before it had ended",
                next="See in `holdfast backup list` whether it left a backup.",
            )
        of_job = f"batch.kubernetes.io/job-name={job}"
        items = whole(cluster.list(PODS, namespace=namespace, label_selector=of_job)).items
        pods = [msgspec.json.decode(item, type=Pod) for item in items]
        pods.sort(key=lambda pod: pod.metadata.creation_timestamp)
        seen = msgspec.json.decode(found, type=Job)
        run, look = observe(seen, pods, known)
        if seen.has_ended:
            return run
        if look is not None:
            known.events[look] = _warning(cluster, look)
        if run.errors and run.reason != told:
            told = run.reason
            problem = run.errors[0]
            show_problem(session, problem.what, problem.why, problem.next, style="yellow", word="Waiting")
        session.cancel.wait(_POLL)


def _warning(cluster: Cluster, look: Look) -> str:
    """An empty text also for those who may not read Events."""
    from holdfast.controller.warnings import newest_warning  # noqa: PLC0415

    try:
        return newest_warning(cluster, look)
    except ApiRefused:
        return ""


def _show_end(session: Session, run: RunStatus) -> None:
    for error in run.errors:
        show_problem(
            session,
            error.what,
            error.why,
            error.next,
            style="yellow",
            word="Missing" if run.outcome == "partial" else "Error",
        )
    objects = f", {run.counts['objects']:,} objects" if "objects" in run.counts else ""
    stored = f", {format_size(run.bytes['stored'])} stored" if "stored" in run.bytes else ""
    ending = "done" if run.outcome == "done" else run.outcome.upper()
    reason = f" ({run.reason})" if run.reason else ""
    click.echo(f"The run {click.style(run.name or run.job, bold=True)} is {ending}{reason}{objects}{stored}")
