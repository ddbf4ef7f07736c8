"""What a backup says it holds (`/backup.json`); if that is damaged, what it holds as far as its tree tells.

The paths of objects tell group, version, plural and namespace; the kind is read from one object of each. Whether there are files
of a volume is seen, but not whether these are all. What the record alone knew – the cluster, the selection, what was left out –
stays empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from holdfast.errors import DamagedData
from holdfast.model import tags
from holdfast.model.backup import RECORD_PATH, BackupRecord, BackupType, ClusterRecord, ResourceRecord
from holdfast.model.run import Outcome, Problem
from holdfast.model.volume import VolumeOutcome, VolumeRecord, Way, volume_path
from holdfast.objects.paths import CLUSTER, CORE, ROOT, SUFFIX
from holdfast.operations.catalog import Entry
from holdfast.operations.contents import Contents
from holdfast.repository.contents import FoundNode

_CLAIMS = "persistentvolumeclaims"


class _Named(msgspec.Struct):
    kind: str


def read_record(contents: Contents, entry: Entry) -> tuple[BackupRecord, list[Problem]]:
    """The record, and what is wrong with it: nothing, or what could not be made good.

    Raises NotFound for a snapshot that is no application backup, DamagedData if not even its tree can be read.
    """
    try:
        return contents.record(), []
    except DamagedData as error:
        if entry.kind != tags.APPLICATION:
            raise
        contents.entries(ROOT)
        recovery = _Recovery(contents)
        record = _recovered(recovery, entry)
        return record, [Problem.of(error, RECORD_PATH), *recovery.problems]


def _recovered(recovery: _Recovery, entry: Entry) -> BackupRecord:
    resources = list(recovery.resources())
    return BackupRecord(
        run=entry.tags.get(tags.RUN),
        name=entry.name,
        type=BackupType(entry.tags.get(tags.TYPE) or BackupType.FULL),
        outcome=Outcome.PARTIAL,
        started_at=entry.snapshot.time,
        finished_at=entry.snapshot.time,
        holdfast_version="",
        cluster=ClusterRecord(uid="", name=entry.snapshot.hostname, version=""),
        selection={},
        labels=dict(entry.tags.labels),
        resources=resources,
        namespaces=sorted(recovery.namespaces),
        excluded={},
        volumes=recovery.volumes,
        changes=None,
        errors=[],
    )


class _Recovery:
    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self.namespaces: set[str] = set()
        self.volumes: list[VolumeRecord] = []
        self.problems: list[Problem] = []

    def resources(self) -> Iterator[ResourceRecord]:
        for group in self._below(ROOT):
            for version in self._below(group.path):
                for plural in self._below(version.path):
                    found = self._resource(plural.path)
                    if found is not None:
                        yield found

    def _resource(self, directory: str) -> ResourceRecord | None:
        scopes = [scope.path for scope in self._below(directory)]
        files = [file.path for scope in scopes for file in self._below(scope)]
        kind = next(filter(None, map(self._kind, files)), "")
        if not kind:
            self.problems.append(Problem(f"nothing below {directory} can be read", "", DamagedData.default_next))
            return None
        *_, group, version, plural = directory.split("/")
        names = {scope.rpartition("/")[2] for scope in scopes}
        self.namespaces |= names - {CLUSTER}
        if (group, plural) == (CORE, _CLAIMS):
            self.volumes = [self._volume(path) for path in files]
        return ResourceRecord(
            group="" if group == CORE else group,
            version=version,
            plural=plural,
            kind=kind,
            namespaced=CLUSTER not in names,
            count=len(files),
        )

    def _kind(self, path: str) -> str:
        try:
            return msgspec.json.decode(self._contents.read(path), type=_Named).kind
        except (DamagedData, msgspec.MsgspecError):
            return ""  # named when the objects themselves are read

    def _volume(self, path: str) -> VolumeRecord:
        """Whether its files were all saved, only the record could tell."""
        *_, namespace, name = path.removesuffix(SUFFIX).split("/")
        place = volume_path(namespace, name)
        try:
            is_there = self._contents.find(place) is not None
        except DamagedData as error:
            self.problems.append(Problem.of(error, place))
            is_there = False
        return VolumeRecord(
            namespace=namespace,
            name=name,
            saved=is_there,
            way=Way.LIVE if is_there else Way.NONE,
            outcome=VolumeOutcome.PARTIAL if is_there else VolumeOutcome.FAILED,
            why="the backup's record is damaged",
            path=place if is_there else "",
        )

    def _below(self, directory: str) -> Sequence[FoundNode]:
        try:
            return self._contents.entries(directory)
        except DamagedData as error:
            self.problems.append(Problem.of(error, directory))
            return ()
