"""`python -m demo`: two clusters of its own; `python -m demo --kubeconfig FILE`: a cluster of yours."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from testbed.control_plane import ControlPlane
from testbed.errors import SetupFailed, ToolMissing
from testbed.programs import KUBERNETES

from demo.application import Application, delete
from demo.scenario import NotTheSame, Place, find_restic, play
from demo.stage import CommandFailed, Stage
from holdfast.errors import HoldfastError

_OWN, _COPY = "holdfast-demo-shop", "holdfast-demo-shop-copy"


class _Refused(Exception):
    """The demonstration does not begin."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything came back as it was, 1 if not, 2 if it did not begin, 130 if it was interrupted."""
    options = _parser().parse_args(arguments)
    stage = Stage(Console(highlight=False))
    try:
        with _users_cluster(options) if options.kubeconfig else _own_clusters(stage) as (first, second):
            directory = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
            play(stage, first, second, directory)
    except _Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (NotTheSame, CommandFailed, HoldfastError, SetupFailed, TimeoutError) as error:
        stage.fail(f"\nThe demonstration failed: {error}")
        if isinstance(error, ToolMissing):
            stage.say('Or show it in a cluster of your own: make demo ARGS="--kubeconfig FILE"')
        return 1
    except KeyboardInterrupt:
        return 130
    stage.show_table()
    _show_repository(stage, directory)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Back up an application, lose it, restore it, and compare, on two clusters made for this.",
    )
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="use this cluster instead; asks first")
    parser.add_argument("--context", default="", metavar="NAME", help="context in that kubeconfig")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    return parser


@contextmanager
def _own_clusters(stage: Stage) -> Iterator[tuple[Place, Place]]:
    """Two clusters that end with this process, however it ends."""
    with ExitStack() as running:
        with stage.step("Start two clusters"):
            clusters = []
            for name in ("first", "second"):
                cluster = ControlPlane.start(name=name, say=stage.say)
                running.callback(cluster.stop)
                clusters.append(cluster)
            for cluster in clusters:
                cluster.wait_ready()
                stage.say(f"The {cluster.name} one is ready: Kubernetes {KUBERNETES[cluster.version]} at {cluster.url}")
        first, second = clusters
        yield (
            Place("the first cluster", first.kubeconfig, "shop"),
            Place("the second cluster", second.kubeconfig, "shop-copy"),
        )


@contextmanager
def _users_cluster(options: argparse.Namespace) -> Iterator[tuple[Place, Place]]:
    """Two namespaces of one cluster, which are deleted in the end."""
    first = Place("your cluster", options.kubeconfig, _OWN, options.context)
    second = Place("the same cluster", options.kubeconfig, _COPY, options.context)
    with first.connected() as cluster:
        applications = [Application(cluster, place.namespace) for place in (first, second)]
        taken = [key for application in applications for key in application.conflicts()]
        if taken:
            names = "\n".join(f"  {key}" for key in dict.fromkeys(taken))
            raise _Refused(f"The cluster has objects of these names already; delete them first:\n{names}")
        elsewhere = "\n".join(f"  {key}" for key in applications[0].cluster_scoped)
        print(
            f"In the cluster {cluster.connection.settings.server} this creates, and deletes in the end,\n"
            f"  the namespaces {_OWN} and {_COPY} with everything in them\n{elsewhere}"
        )
        if not options.yes and not _agreed():
            raise _Refused("Nothing was done.")
        try:
            yield first, second
        finally:
            print("\nCleaning up")
            delete(*applications)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise _Refused("Nobody can be asked here; say --yes.")
    return input("Go on? [y/N] ").strip().lower() in {"y", "yes"}


def _show_repository(stage: Stage, directory: Path) -> None:
    program = find_restic() or "restic"
    where = ["-r", str(directory / "repository"), "-p", str(directory / "password")]
    stage.say(f"\nThe repository stays in {directory}, with its password. restic reads it without Holdfast:")
    stage.say(f"    {shlex.join([str(program), *where, 'ls', 'latest', '--tag', 'kind=app'])}")


if __name__ == "__main__":
    sys.exit(main())
