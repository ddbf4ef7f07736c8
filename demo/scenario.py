"""The story: an application is backed up, lost, restored, compared, restored elsewhere, and compared again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed import restic
from testbed.cache import to_terminal
from testbed.errors import SetupFailed

from demo.application import ONE_PER_CLUSTER, Application, delete
from demo.compare import MAY_DIFFER, compare, owners
from demo.mistake import make_mistake
from demo.reading import Reading, read_application
from demo.stage import Stage
from holdfast.assembly import Settings, connect
from holdfast.cluster.cluster import Cluster
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey

_SECONDS_TO_SETTLE = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace of a cluster; the namespace does not exist yet."""

    title: str  # "the first cluster"
    kubeconfig: Path
    namespace: str
    context: str = ""

    @contextmanager
    def connected(self) -> Iterator[Cluster]:
        cluster = connect(Settings(kubeconfig=str(self.kubeconfig), context=self.context), Cancel())
        try:
            yield cluster
        finally:
            cluster.close()

    @property
    def flags(self) -> list[str]:
        """What the command line needs to go there."""
        return ["--kubeconfig", str(self.kubeconfig), *(["--context", self.context] if self.context else [])]

    def same_cluster(self, other: Place) -> bool:
        return (self.kubeconfig, self.context) == (other.kubeconfig, other.context)


class NotTheSame(Exception):
    """The comparison found differences; they were shown."""


def play(stage: Stage, first: Place, second: Place, directory: Path) -> None:
    """All of it, with a repository and its password in `directory`. Both places are left with the application.

    Raises NotTheSame, CommandFailed, HoldfastError.
    """
    with first.connected() as cluster, second.connected() as other:
        application = Application(cluster, first.namespace)
        flags = ["--context", first.context] if first.context else []
        before = _install(stage, first, cluster, application)
        _back_up(stage, first, flags, directory)
        _read_with_restic(stage, directory)
        with stage.step("Lose it: delete the namespace and what it has outside"):
            delete(application)
            stage.say(f"{len(before)} objects are gone.")
        with stage.step("Restore it"):
            stage.run("holdfast", "restore", "plan", "latest", *flags, lines=12)
            stage.run("holdfast", "restore", "run", "latest", *flags, lines=12)
        with stage.step("Compare it with what was there before"):
            _compare(stage, before, lambda: _read(first, cluster, application.cluster_scoped))
        with stage.step("Restore it once more: nothing is left to do"):
            again = stage.run("holdfast", "restore", "run", "latest", *flags, lines=4)
            if "created" in again.splitlines()[-1] or "updated" in again.splitlines()[-1]:
                raise NotTheSame("a second run of the same restore changed something")
        _roll_back(stage, first, cluster, before, application, flags)
        _restore_elsewhere(stage, first, second, before, other)


def _install(stage: Stage, place: Place, cluster: Cluster, application: Application) -> Reading:
    with stage.step(f"Install the application in {place.title}, namespace {place.namespace}"):
        application.install()
        before = _settled(lambda: _read(place, cluster, application.cluster_scoped))
        kinds = len({key.group_resource for key in before})
        stage.say(
            f"{len(before)} objects of {kinds} kinds, with {_count_owners(before)} records of who owns which fields."
        )
    return before


def _back_up(stage: Stage, place: Place, flags: list[str], directory: Path) -> None:
    with stage.step("Back it up"):
        password = directory / "password"
        password.touch(mode=0o600)
        password.write_text("correct horse battery staple\n", encoding="utf-8")
        stage.export(
            {
                "KUBECONFIG": str(place.kubeconfig),
                "HOLDFAST_REPOSITORY": str(directory / "repository"),
                "HOLDFAST_PASSWORD_FILE": str(password),
            }
        )
        stage.run("holdfast", "repository", "init")
        stage.run("holdfast", "backup", "create", "-n", place.namespace, "--volumes", "none", *flags)
        stage.run("holdfast", "backup", "list")


def _read_with_restic(stage: Stage, directory: Path) -> None:
    with stage.step("Read the repository with restic, an independent program"):
        program = find_restic()
        if program is None:
            stage.fail("restic is not on this machine, so this step is left out.")
            return
        where = ["-r", str(directory / "repository"), "-p", str(directory / "password")]
        stage.run(program, *where, "snapshots", "--tag", "kind=app", "--compact")
        stage.run(program, *where, "check", "--read-data", lines=4)


def _roll_back(
    stage: Stage, place: Place, cluster: Cluster, before: Reading, application: Application, flags: list[str]
) -> None:
    def read() -> Reading:
        return _read(place, cluster, application.cluster_scoped)

    here = ["-n", place.namespace, *flags]
    with stage.step("Somebody applies the wrong manifest and deletes what is needed"):
        for line in make_mistake(cluster, place.namespace):
            stage.say(line)
        harmed = _settled(read)
    with stage.step("Roll the namespace back"):
        stage.run("holdfast", "restore", "plan", "latest", "--rollback", *here, lines=16)
        stage.run("holdfast", "restore", "run", "latest", "--rollback", "--yes", *here, lines=16)
    with stage.step("Compare it with what was there before the mistake"):
        _compare(stage, before, read)
    with stage.step("Undo the rollback, and compare: all is as somebody left it"):
        stage.run("holdfast", "restore", "undo", "--yes", *flags, lines=16)
        _compare(stage, harmed, read)
    with stage.step("Undo the undo, and compare"):
        stage.run("holdfast", "restore", "undo", "--yes", *flags, lines=8)
        _compare(stage, before, read)
        stage.run("holdfast", "restore", "list")


def _restore_elsewhere(stage: Stage, first: Place, second: Place, before: Reading, cluster: Cluster) -> None:
    flags = [*second.flags, "--map-namespace", f"{first.namespace}={second.namespace}"]
    expected, cluster_scoped = before, [key for key in before if not key.namespace and key.plural != "namespaces"]
    if first.same_cluster(second):
        # What both copies share stays as it is, and what only one can have stays with the first.
        flags += ["--exclude-selector", ONE_PER_CLUSTER]
        expected = {
            key: obj
            for key, obj in before.items()
            if key not in cluster_scoped and "one-per-cluster" not in obj["metadata"].get("labels", {})
        }
        cluster_scoped = []
    with stage.step(f"Restore it as {second.namespace} into {second.title}"):
        stage.run("holdfast", "restore", "run", "latest", *flags, lines=8)
    with stage.step("Compare that, too"):
        names = {"namespace": first.namespace, "renamed": second.namespace}
        _compare(stage, expected, lambda: _read(second, cluster, cluster_scoped), **names)


def _read(place: Place, cluster: Cluster, cluster_scoped: list[ObjectKey]) -> Reading:
    return read_application(cluster, place.namespace, cluster_scoped)


def _settled(read: Callable[[], Reading]) -> Reading:
    """A reading that shows the same a second later: controllers have done their part."""
    deadline = time.monotonic() + _SECONDS_TO_SETTLE
    reading = read()
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        later = read()
        if not compare(reading, later) or time.monotonic() > deadline:
            return later
        reading = later


def _compare(
    stage: Stage, before: Reading, read: Callable[[], Reading], *, namespace: str = "", renamed: str = ""
) -> None:
    """Shows the outcome, and raises NotTheSame if it is not the same even when controllers had time."""
    deadline = time.monotonic() + _SECONDS_TO_SETTLE
    while True:
        after = _settled(read)
        differences = compare(before, after, namespace=namespace, renamed=renamed)
        if not differences or time.monotonic() > deadline:
            break
    if differences:
        for difference in differences:
            stage.fail(f"DIFFERENT {difference}")
        raise NotTheSame(f"{len(differences)} differences in {len({one.object for one in differences})} objects")
    stage.say(f"{len(after)} objects and {_count_owners(after)} records of who owns which fields: all as before.")
    own = ", ".join(dict.fromkeys(row.path[-1] for row in MAY_DIFFER))
    stage.say(f"Every copy has its own {own}; all else is equal (demo/compare.py says why).")


def _count_owners(reading: Reading) -> int:
    return sum(len(owners(obj)) for obj in reading.values())


def find_restic() -> Path | None:
    """Debian's newest, fetched once; else the one on the PATH; else None."""
    try:
        return restic.binary(restic.NEW, to_terminal)
    except SetupFailed:
        found = shutil.which("restic")
        return Path(found) if found else None
