"""`holdfast controller`: what `holdfast install` runs in the cluster."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.cli.output import say
from holdfast.model.run import timestamp


@click.command(
    "controller", cls=VerbCommand, short_help="Run what turns plans into CronJobs; `install` does it in a cluster."
)
@click.option(
    "--namespace",
    metavar="NAME",
    envvar="HOLDFAST_NAMESPACE",
    default="holdfast",
    show_default=True,
    help="Holdfast's own namespace: where the lease is, and locations that no other namespace may use.",
)
@click.option("--image", metavar="IMAGE", envvar="HOLDFAST_IMAGE", required=True, help="Image of the pods of runs.")
@click.option(
    "--identity",
    metavar="NAME",
    envvar="HOLDFAST_POD_NAME",
    default=socket.gethostname,
    help="Name of this replica. Default: the host's name.",
)
@click.option("--port", type=int, default=8080, show_default=True, metavar="PORT", help="Of metrics and probes.")
@click.option(
    "--notifications",
    type=click.Path(path_type=Path),
    default=Path("/run/holdfast/notifications"),
    show_default=True,
    metavar="DIR",
    help="Where the Secret is mounted whose key `urls` says whom to tell.",
)
@click.pass_obj
def command(session: Session, /, **flags: Any) -> None:
    """Turn BackupPlans, Backups, Restores and StorageLocations into CronJobs and Jobs, and tell what became of them.

    `holdfast install` runs it in the cluster. Several may run: one works, the others wait for its lease.
    """
    from holdfast.controller.serve import ControllerOptions, serve  # noqa: PLC0415 - see main
    from holdfast.model.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()

    def log(text: str) -> None:
        say(session, f"{timestamp(clock.now())} {text}")

    serve(session.connect(), ControllerOptions(**flags), clock, session.cancel, log)
