"""`holdfast mover`: what the pod of a volume runs. It speaks to the program that started it, in JSON lines on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session, VerbCommand
from holdfast.errors import HoldfastError

if TYPE_CHECKING:  # see main
    from holdfast.model.progress import Progress
    from holdfast.operations.movers.contract import Moved


@click.group("mover", short_help="Read or write the volume of a pod; run by movers, not by people.")
def command() -> None:
    """Read or write the volume that is mounted in this pod. Run by movers, not by people."""


_RUN = click.option("--run", required=True, metavar="RUN", help="Id of the run that this is a part of.")
_VOLUME = click.option("--volume", required=True, metavar="NAMESPACE/CLAIM", help="The claim, as the backup knows it.")
_ROOT = click.option("--root", default="/volume", show_default=True, metavar="DIR", help="Where the volume is mounted.")


@command.command("read", cls=VerbCommand)
@_RUN
@_VOLUME
@_ROOT
@click.option("--parent", default="", metavar="SNAPSHOT", help="A backup or part; files as it has them are not read.")
@click.option("--full", is_flag=True, help="Read every file, whatever the parent has.")
@click.option(
    "--exclude", "excludes", multiple=True, metavar="PATTERN", help="As of `backup files`, from the volume's root."
)
@click.option("--name", default="", metavar="NAME", help="Name of the backup that this becomes a part of.")
@click.pass_obj
def read(session: Session, /, volume: str, root: str, excludes: tuple[str, ...], **flags: Any) -> int:
    """Save the files of a volume as a part, which the run grafts into its backup."""

    def work(progress: Progress) -> Moved:
        from holdfast.operations.movers.read_volume import ReadVolumeOptions, read_volume  # noqa: PLC0415
        from holdfast.operations.movers.volume_name import VolumeName  # noqa: PLC0415

        options = ReadVolumeOptions(
            volume=VolumeName.parse(volume),
            root=_absolute(root),
            excludes=excludes,
            cluster_name=session.settings.cluster_name,
            **flags,
        )
        return read_volume(session.open_repository(), options, session.cancel, progress)

    return _told(session, work)


@command.command("write", cls=VerbCommand)
@_RUN
@click.option("--backup", required=True, metavar="SNAPSHOT", help="The backup or part that has the volume.")
@_VOLUME
@_ROOT
@click.option(
    "--path", "paths", multiple=True, metavar="PATH", help="Only what is at or below it, from the volume's root."
)
@click.option("--exact", is_flag=True, help="Remove what the backup does not have.")
@click.option("--overwrite", is_flag=True, help="Write into a volume that is not empty too.")
@click.option("--verify", is_flag=True, help="Read every file back and compare it with the backup.")
@click.pass_obj
def write(session: Session, /, volume: str, root: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Restore the files of a volume from a backup."""

    def work(progress: Progress) -> Moved:
        from holdfast.operations.movers.volume_name import VolumeName  # noqa: PLC0415
        from holdfast.operations.movers.write_volume import WriteVolumeOptions, write_volume  # noqa: PLC0415

        options = WriteVolumeOptions(
            volume=VolumeName.parse(volume),
            root=_absolute(root),
            paths=tuple(map(os.fsencode, paths)),
            **flags,
        )
        return write_volume(session.open_repository(), options, session.cancel, progress)

    return _told(session, work)


def _told(session: Session, work: Callable[[Progress], Moved]) -> int:
    """Does it and keeps how it ended for `mover_end`, whatever the end is."""
    import msgspec  # noqa: PLC0415 - not needed by --help

    from holdfast.cli.mover_end import failed_move  # noqa: PLC0415
    from holdfast.cli.mover_progress import MoverProgress  # noqa: PLC0415
    from holdfast.operations.movers.peak_memory import PeakMemory  # noqa: PLC0415

    session.document_begun = True  # standard output belongs to the coordinator
    with PeakMemory() as memory:
        try:
            moved = work(MoverProgress(sys.stdout.buffer))
        except HoldfastError as error:
            session.moved = failed_move(error, session.started, memory.peak)
            raise
    session.moved = msgspec.structs.replace(moved, peak_memory=memory.peak)
    return moved.outcome.exit_code


def _absolute(path: str) -> bytes:
    return os.fsencode(Path(path).absolute())
