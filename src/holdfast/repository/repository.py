"""A repository that a password has opened: the one door to its snapshots, blobs, locks and keys."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Self

from holdfast.codec.chunker import Chunker
from holdfast.codec.crypto import DEFAULT_COST, ScryptCost, SealingKey
from holdfast.errors import (
    DamagedData,
    FileExists,
    FileMissing,
    HoldfastError,
    NoRepository,
    NotFound,
    RepositoryExists,
    StoreError,
    WrongPassword,
)
from holdfast.ids import BlobId, KeyId, PackId, SnapshotId
from holdfast.model.cancel import Cancel
from holdfast.model.clock import Clock, SystemClock
from holdfast.repository import keys, sealed
from holdfast.repository.config import Config, open_config, seal_config
from holdfast.repository.contents import SnapshotContents
from holdfast.repository.index import Index
from holdfast.repository.index_cache import IndexCache
from holdfast.repository.index_file import list_index_files
from holdfast.repository.index_loader import load_index
from holdfast.repository.keys import OpenedKey
from holdfast.repository.layout import CONFIG, Directory, file_name, is_prefix, parse_name
from holdfast.repository.lock import Lock, held
from holdfast.repository.lock_file import Role, own_hostname, own_username
from holdfast.repository.new_snapshot import NewSnapshot
from holdfast.repository.publishing import Publisher
from holdfast.repository.reader import BlobReader
from holdfast.repository.snapshot import Snapshot
from holdfast.repository.writer import BlobWriter, Checkpoints
from holdfast.store.base import Store
from holdfast.store.location import Location, store_at

_PARALLEL_LOADS = 8
_SYSTEM_CLOCK = SystemClock()


class Repository:
    """Get one from `init_repository` or `open_repository`. Thread-safe, the index is loaded when it is first needed.

    A `with` block closes its store at the end, as `close` does.
    """

    def __init__(
        self,
        store: Store,
        key: SealingKey,
        config: Config,
        clock: Clock,
        *,
        key_id: KeyId,
        cache: IndexCache | None = None,
    ) -> None:
        self.store = store
        self.key = key
        self.config = config
        self.clock = clock
        self.key_id = key_id
        self._cache = cache.of_repository(config.id, key) if cache is not None else None
        self._loading = threading.Lock()
        self._loaded_index: Index | None = None
        self._loaded_at = 0.0  # `time.monotonic` before the store was listed for it
        self.reader = BlobReader(store, key, lambda: self.index)
        self._publisher = Publisher(store, key, self.reader, index=lambda: self.index, reread=self.reload_index)

    def close(self) -> None:
        """Gives back the store's connections. The repository is not used afterwards."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def index(self) -> Index:
        with self._loading:  # one index for all threads: what a writer adds to it, readers must find
            if self._loaded_index is None:
                self._loaded_index = self._load_index()
            return self._loaded_index

    def reload_index(self) -> Index:
        """The index as the store has it now."""
        with self._loading:
            self._loaded_index = self._load_index()
            return self._loaded_index

    def reread_index(self) -> Index:
        """The same, every file of it read; for those who must not believe a cache."""
        with self._loading:
            self._loaded_index = self._load_index(trust_cache=False)
            return self._loaded_index

    def _load_index(self, *, trust_cache: bool = True) -> Index:
        self._loaded_at = time.monotonic()
        return load_index(self.store, self.key, self._cache, trust_cache=trust_cache)

    def _index_under(self, lock: Lock) -> Index:
        """The index as it was when the lock began, or later: what was removed before that, a writer must not rely on."""
        if self._loaded_index is not None and self._loaded_at < lock.began_at:
            listed = set(list_index_files(self.store))
            if self._loaded_index.files != listed:
                return self.reload_index()
            self._loaded_at = lock.began_at
        return self.index

    def drop_index(self) -> None:
        """Has the index loaded anew when it is next needed, because its files were replaced."""
        with self._loading:
            self._loaded_index = None

    @functools.cached_property
    def chunker(self) -> Chunker:
        return Chunker(self.key)

    def lock(
        self, cancel: Cancel, *, exclusive: bool = False, role: Role = Role.WORK, beside: Lock | None = None
    ) -> AbstractContextManager[Lock]:
        """A confirmed lock for the length of a `with` block, which may be held `beside` another one. Raises RepositoryLocked."""
        run = beside.run if beside is not None else ""
        return held(self.store, self.key, self.clock, cancel, exclusive=exclusive, role=role, run=run)

    def unconfirmed_lock(self) -> Lock:
        """A shared lock whose waiting time its user spends with work that writes nothing: `begin`, …, `confirm`."""
        return Lock(self.store, self.key, self.clock, exclusive=False)

    def forget_lost_packs(self) -> int:
        """Compares the index with the packs that are really stored; what lies in lost ones is then stored anew by writers.

        Returns how many packs are missing or cut short. The index is loaded before the packs are listed: whatever it
        names was stored by then. Costs one listing.
        """
        return self.index.forget_all_but(self.stored_packs)

    def stored_packs(self) -> Iterator[tuple[PackId, int]]:
        """Each pack file with its size in bytes, as the store lists them, indexed or not."""
        for entry in self.store.list(Directory.PACKS.value):
            pack_id = parse_name(entry.name, PackId)
            if pack_id is not None:
                yield pack_id, entry.size

    def writer(self, lock: Lock, cancel: Cancel, checkpoints: Checkpoints | None = None) -> BlobWriter:
        """A writer under `lock`, which need not be confirmed yet. The caller flushes and closes it."""
        return BlobWriter(
            self.store,
            self.key,
            self._index_under(lock),
            before_first_write=lambda: lock.confirm(cancel),
            prove=lock.prove,
            checkpoints=checkpoints,
        )

    @contextlib.contextmanager
    def new_snapshot(self, cancel: Cancel | None = None) -> Iterator[NewSnapshot]:
        """A lock, a writer and an empty tree for the length of a `with` block, which adds files and publishes them.

        Raises RepositoryLocked. Left without `publish`, the block leaves no snapshot, only data that prune removes.
        """
        cancel = cancel or Cancel()
        with self.lock(cancel) as lock, contextlib.closing(self.writer(lock, cancel)) as writer:

            def save(snapshot: Snapshot) -> SnapshotId:
                return self.save_snapshot(snapshot, lock)

            yield NewSnapshot(writer, self.chunker, save, clock=self.clock, cancel=cancel)

    def contents(self, snapshot: Snapshot) -> SnapshotContents:
        """The directories and files of a snapshot. Nothing is read yet."""
        return SnapshotContents(self.reader, BlobId.parse(snapshot.tree))

    def save_snapshot(self, snapshot: Snapshot, lock: Lock) -> SnapshotId:
        """Publishes a tree whose blobs were flushed. Raises LockLost instead if they were pruned meanwhile, or may be."""
        return self._publisher.publish(snapshot, lock)

    def delete_snapshot(self, snapshot_id: SnapshotId) -> None:
        """Un-references the snapshot's data; prune frees it later."""
        self.store.delete(file_name(snapshot_id))

    def snapshot_ids(self) -> list[SnapshotId]:
        listed = (parse_name(entry.name, SnapshotId) for entry in self.store.list(Directory.SNAPSHOTS.value))
        return sorted(snapshot_id for snapshot_id in listed if snapshot_id is not None)

    def load_snapshot(self, snapshot_id: SnapshotId) -> Snapshot:
        """Raises NotFound, DamagedData."""
        try:
            snapshot = sealed.load(self.store, self.key, snapshot_id, Snapshot)
        except FileMissing as error:
            raise NotFound(f"snapshot {snapshot_id.short} does not exist") from error
        try:
            snapshot.moment()  # so that nobody who sorts by time meets the fault
        except DamagedData as error:
            raise DamagedData(f"{file_name(snapshot_id)} is damaged", why=str(error)) from error
        return snapshot

    def snapshots(
        self, snapshot_ids: Iterable[SnapshotId] | None = None
    ) -> Iterator[tuple[SnapshotId, Snapshot | DamagedData]]:
        """These or all snapshots in no order, read in parallel; a damaged one comes as its error."""
        with ThreadPoolExecutor(_PARALLEL_LOADS) as pool:
            for snapshot_id, snapshot in pool.map(
                self._try_load, self.snapshot_ids() if snapshot_ids is None else snapshot_ids
            ):
                if snapshot is not None:
                    yield snapshot_id, snapshot

    def _try_load(self, snapshot_id: SnapshotId) -> tuple[SnapshotId, Snapshot | DamagedData | None]:
        try:
            return snapshot_id, self.load_snapshot(snapshot_id)
        except NotFound:
            return snapshot_id, None  # deleted since it was listed
        except DamagedData as error:
            return snapshot_id, error

    def resolve_snapshot_id(self, prefix: str) -> SnapshotId | None:
        """The snapshot whose id starts with `prefix`; None if there is none. Raises NotFound if several do."""
        if not is_prefix(prefix):
            return None
        found = [snapshot_id for snapshot_id in self.snapshot_ids() if snapshot_id.hex().startswith(prefix)]
        if len(found) > 1:
            raise NotFound(f"{prefix} names {len(found)} snapshots", next="Give more digits of the id.")
        return found[0] if found else None


def init_repository(
    location: Store | Location, password: str, clock: Clock = _SYSTEM_CLOCK, cost: ScryptCost = DEFAULT_COST
) -> Repository:
    """Makes a new repository in a store, or at a path or URL. Raises RepositoryExists.

    Order: the key, then the config that makes it a repository; `create` lets only one of two competing inits win. Key files
    that are there before any config open master keys that nothing uses: a loser's, or a killed init's. The loser takes its
    own away and the winner all that it saw, because restic gives up at the first key file that its password opens.
    """
    store = _store(location)
    _refuse_existing(store)
    master, config = SealingKey.random(), Config.random()
    key_id = keys.add_key(
        store,
        master,
        password,
        username=own_username(),
        hostname=own_hostname(),
        now=clock.now(),
        cost=cost,
    )
    useless = keys.key_ids(store) - {key_id}
    try:
        store.create(CONFIG, [seal_config(master, config)])
    except FileExists as error:
        _discard(store, {key_id})
        raise RepositoryExists(f"there is a repository at {store.url} already") from error
    _discard(store, useless)
    return Repository(store, master, config, clock, key_id=key_id)


def open_repository(
    location: Store | Location,
    password: str,
    clock: Clock = _SYSTEM_CLOCK,
    cache: IndexCache | None = None,
    *,
    opened_keys: Callable[[], Iterable[OpenedKey]] | None = None,
) -> Repository:
    """The repository in a store, or at a path or URL. Without a cache the whole index is read, and held in memory.

    `opened_keys` gives what `keys.begin_opening` began with the same store and password.

    Raises NoRepository, WrongPassword, UnsupportedRepository, DamagedData.
    """
    store = _store(location)
    try:
        stored = store.get(CONFIG)
    except FileMissing as error:
        raise NoRepository(f"there is no repository at {store.url}", why="it has no file named config") from error
    fault: HoldfastError = WrongPassword("the password is wrong", why="it opens none of the repository's keys")
    for opened in opened_keys() if opened_keys else keys.opened_keys(store, password):
        try:
            config = open_config(opened.master, stored)
        except DamagedData as error:
            fault = error
            continue
        return Repository(store, opened.master, config, clock, key_id=opened.key_id, cache=cache)
    raise fault


def _store(location: Store | Location) -> Store:
    return store_at(location) if isinstance(location, str | os.PathLike) else location


def _discard(store: Store, key_ids: set[KeyId]) -> None:
    for key_id in key_ids:
        with contextlib.suppress(StoreError):  # a store that forbids it: `open_repository` tries every key
            store.delete(file_name(key_id))


def _refuse_existing(store: Store) -> None:
    try:
        store.size(CONFIG)
    except FileMissing:
        pass
    else:
        raise RepositoryExists(f"there is a repository at {store.url} already", why="it has a file named config")
    for directory in (Directory.SNAPSHOTS, Directory.INDEX, Directory.PACKS):
        if any(store.list(directory.value)):
            raise RepositoryExists(
                f"there is a repository without its config at {store.url}",
                why=f"it has files in {directory.value}/, which a new repository would make unreadable",
                next="Restore the file config from a copy, or choose another URL.",
            )
