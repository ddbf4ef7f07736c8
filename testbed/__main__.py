"""`python -m testbed up | down | status | build`: clusters that outlive the command, for looking around by hand.

Tests and the demonstration do not use this: they start clusters that end with them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from testbed import azure, build, found, programs, prometheus, restic, s3
from testbed.cache import to_terminal
from testbed.control_plane import NEWEST, ControlPlane
from testbed.errors import SetupFailed
from testbed.holdfast_image import HOLDFAST
from testbed.images import BUSYBOX
from testbed.mariadb_image import MARIADB
from testbed.node_cluster import NodeCluster


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except SetupFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testbed", description="A real Kubernetes on this machine.")
    verbs = parser.add_subparsers(required=True, metavar="up|down|status|build")
    up = verbs.add_parser("up", help="start clusters that stay until `down`")
    up.add_argument("--name", default="testbed", help="names what is started, for `down` (default: testbed)")
    up.add_argument("--kubernetes", default=NEWEST, choices=list(programs.KUBERNETES), help="minor version")
    up.add_argument("--count", type=int, default=1, help="how many clusters")
    up.add_argument("--nodes", type=int, default=0, choices=(0, 1, 2), help="nodes that run pods, in each; needs root")
    up.add_argument("--s3", action="store_true", help="an S3 server too, with an empty bucket `backups`")
    up.set_defaults(command=_up)
    down = verbs.add_parser("down", help="end what `up` started, and what crashes left over")
    down.add_argument("--name", default="testbed")
    down.add_argument("--all", action="store_true", help="whatever its name")
    down.set_defaults(command=_down)
    status = verbs.add_parser("status", help="show what runs")
    status.set_defaults(command=_status)
    building = verbs.add_parser("build", help="build and fetch every program now, so that later starts are quick")
    building.set_defaults(command=_build)
    return parser


def _up(options: argparse.Namespace) -> None:
    group: str = options.name
    names = [group] if options.count == 1 else [f"{group}-{number}" for number in range(1, options.count + 1)]
    # Nothing is detached before all of it works; until then an error or Ctrl-C ends what was started.
    with ExitStack() as started:
        clusters = []
        for name in names:
            cluster = _start(options, name)
            started.callback(cluster.stop)
            clusters.append(cluster)
        for cluster in clusters:
            cluster.wait_ready()
            if isinstance(cluster, NodeCluster):
                cluster.import_image(MARIADB)
                cluster.import_image(HOLDFAST)
        server = s3.versitygw(name=f"{group}-s3", group=group) if options.s3 else None
        if server:
            started.callback(server.stop)
            server.create_bucket("backups")
        for_pods = {
            cluster.name: f"s3:{cluster.url_for_pods(server.url)}/backups"
            for cluster in clusters
            if server and isinstance(cluster, NodeCluster)
        }
        for one in (*clusters, server):
            if one:
                one.workspace.detach()
        started.pop_all()
    _tell(clusters, server, for_pods)


def _tell(clusters: Sequence[ControlPlane], server: s3.S3Server | None, for_pods: Mapping[str, str]) -> None:
    for cluster in clusters:
        print(
            f"{cluster.name} (Kubernetes {programs.KUBERNETES[cluster.version]}): export KUBECONFIG={cluster.kubeconfig}"
        )
        if isinstance(cluster, NodeCluster):
            print(f"    its nodes run images named {BUSYBOX.reference} and {MARIADB.reference}")
    if server:
        variables = " ".join(f"{name}={value}" for name, value in server.environment.items())
        print(f"S3: export {variables} HOLDFAST_REPOSITORY={server.repository('backups')}")
        for name, url in for_pods.items():
            print(f"    pods of {name} reach it at {url}")


def _start(options: argparse.Namespace, name: str) -> ControlPlane:
    if options.nodes:
        return NodeCluster.start(options.kubernetes, name=name, group=options.name, nodes=options.nodes)
    return ControlPlane.start(options.kubernetes, name=name, group=options.name)


def _down(options: argparse.Namespace) -> None:
    ended = 0
    for workspace in found.workspaces():
        chosen = workspace.group and (options.all or workspace.group == options.name)
        if chosen or workspace.left_over:
            workspace.end()
            ended += 1
            print(f"ended {workspace.name}{' (left over)' if not chosen else ''}")
    if not ended:
        print("nothing to end")


def _status(_: argparse.Namespace) -> None:
    for workspace in found.workspaces():
        owner = "left over"
        if workspace.owned and workspace.owner:
            owner = f"owned by pid {workspace.owner.pid}"
        elif not workspace.left_over:
            owner = f"up --name {workspace.group}"
        running = workspace.running
        memory = sum(process.memory() for process in running.values())
        print(f"{workspace.name}  {owner}  {memory / 1e6:.0f} MB  {workspace.directory}")
        for name, process in workspace.processes.items():
            print(f"    {name:24} {f'pid {process.pid}' if name in running else 'ended'}")


def _build(_: argparse.Namespace) -> None:
    build.ensure(programs.EVERYTHING, to_terminal)
    for program in programs.EVERYTHING:
        print(f"{program.name} {program.version}: {program.path}")
    for image in (BUSYBOX, MARIADB, HOLDFAST):
        image.build()
        print(f"image {image.reference}")
    print(f"azurite: {azure.azurite(to_terminal)}")
    print(f"prometheus: {prometheus.programs()}")
    for suite in (restic.OLD, restic.NEW):
        print(f"restic of {suite}: {restic.binary(suite)}")


if __name__ == "__main__":
    sys.exit(main())
