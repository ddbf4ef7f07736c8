"""`holdfast restore files --target pvc:…`: files of a volume into a claim of the cluster."""

from __future__ import annotations

from typing import Any

from holdfast.cli.context import Session
from holdfast.cli.mover_options import MoverFlags
from holdfast.errors import UsageError
from holdfast.model.run import Run

PREFIX = "pvc:"


def restore_into_claim(
    session: Session, reference: str, paths: tuple[str, ...], target: str, flags: dict[str, Any]
) -> Run:
    """The run, which the caller shows. Raises UsageError for flags that movers do not have."""
    if flags["include"]:
        raise UsageError(
            "--include and --target pvc:… are not possible together",
            why="a mover takes paths, no patterns",
            next="Name the files or directories as PATHs.",
        )
    from holdfast.operations.catalog import read_catalog  # noqa: PLC0415
    from holdfast.operations.restore_into_claim import (  # noqa: PLC0415
        ClaimTarget,
        RestoreIntoClaimOptions,
        restore_into_claim,
        source_of,
    )

    claim = ClaimTarget.parse(target)
    source_of(paths, claim.claim)  # what makes no sense is refused before anybody is asked
    cluster, repository = session.connect_and_open("holdfast.operations.restore_into_claim")
    entry = read_catalog(repository).find_backup(reference)
    options = RestoreIntoClaimOptions(target=claim, paths=paths, delete=flags["delete"], verify=flags["verify"])
    settings = MoverFlags.taken_from(flags).settings(session, cluster, cluster_name=entry.snapshot.hostname)
    return restore_into_claim(repository, entry, options, cluster, settings, session.cancel, session.progress)
