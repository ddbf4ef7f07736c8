"""Whether the files of volumes, and dumps, are still all in a backup.

Every directory is read, so its hash is proved; of each file all parts must be listed, lie in packs that are there, and add up to
its size. The bytes of files are not read: `repository check --read-data` does that, in the order in which they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.errors import DamagedData, HoldfastError, NotFound
from holdfast.model.backup import BackupRecord
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Progress
from holdfast.model.verification import Proof, VerifiedData
from holdfast.operations.contents import Contents
from holdfast.repository.contents import FoundNode, shown
from holdfast.repository.pack import BlobType
from holdfast.repository.repository import Repository
from holdfast.repository.tree import NodeType, content_ids

_NEXT = "`holdfast repository check` tells what is damaged. Back up again: what is lost is stored anew."


def data_of(record: BackupRecord, claims: Iterable[tuple[str, str]] | None) -> Iterator[tuple[str, int]]:
    """Path and number of files of each volume whose claim, namespace and name, is among `claims`; None: of all, and of dumps."""
    wanted = None if claims is None else set(claims)
    for volume in record.volumes:
        if volume.saved and (wanted is None or (volume.namespace, volume.name) in wanted):
            yield volume.path, volume.files
    if wanted is None:
        yield from ((hook.path, 1) for hook in record.hooks if hook.path)


def verify_data(
    repository: Repository, contents: Contents, data: Iterable[tuple[str, int]], cancel: Cancel, progress: Progress
) -> list[VerifiedData]:
    """`data` as `data_of` gives it. What is damaged is in the answer, and no error."""
    wanted = list(data)
    if not wanted:
        return []
    progress.phase("look for the files of volumes", sum(files for _, files in wanted))
    repository.forget_lost_packs()
    return [_verify(repository, contents, path, files, cancel, progress) for path, files in wanted]


def _verify(
    repository: Repository, contents: Contents, path: str, expected: int, cancel: Cancel, progress: Progress
) -> VerifiedData:
    files = size = 0
    fault: HoldfastError | None = None
    try:
        for found in _below(contents, path):
            cancel.check()
            if isinstance(found, DamagedData):
                fault = fault or found
            elif found.node.type is NodeType.FILE:
                files += 1
                size += found.node.size
                progress.advance(1, found.node.size)
                fault = fault or _fault_of(repository, found)
    except (DamagedData, NotFound) as error:
        fault = error
    if fault is None and files < expected:
        fault = DamagedData(f"{path} has {files} files", why=f"the record says that there are {expected}")
    if fault is None:
        return VerifiedData(path=path, proof=Proof.INTACT, files=files, bytes=size)
    return VerifiedData(path=path, proof=Proof.DAMAGED, files=files, bytes=size, why=str(fault), next=_NEXT)


def _below(contents: Contents, path: str) -> Iterator[FoundNode | DamagedData]:
    """All of a directory, or the one file."""
    found = contents.find(path)
    if found is None:
        raise NotFound(f"{shown(path)} is not in the backup")
    return contents.walk(path) if found.node.type is NodeType.DIRECTORY else iter((found,))


def _fault_of(repository: Repository, found: FoundNode) -> DamagedData | None:
    try:
        there = sum(repository.reader.content_size(BlobType.DATA, blob_id) for blob_id in content_ids(found.node))
    except DamagedData as error:
        return DamagedData(f"{shown(found.path)} is not whole", why=str(error))
    if there != found.node.size:
        return DamagedData(
            f"{shown(found.path)} is not whole", why=f"its parts have {there} bytes, not {found.node.size}"
        )
    return None
