"""From settings to working parts: the only place that picks stores, stacks their wrappers and reads passwords."""

from __future__ import annotations

import contextlib
import getpass
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import UsageError
from holdfast.model.cancel import Cancel
from holdfast.model.clock import SystemClock

if TYPE_CHECKING:  # each is imported where it is needed: `--help` and dry runs must not wait for the other half
    from holdfast.cluster.cluster import Cluster
    from holdfast.repository.index_cache import IndexCache
    from holdfast.repository.repository import Repository
    from holdfast.store.base import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are, as flags and environment say it. Empty texts and None mean "not given"."""

    repository: str = ""
    password_file: Path | None = None
    store_cacert: Path | None = None
    kubeconfig: str = ""
    context: str = ""
    cluster_name: str = ""
    cache_directory: Path | None = None
    no_cache: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def open_store(settings: Settings, cancel: Cancel) -> Store:
    """The store at the repository's URL, passing faults retried."""
    from holdfast.store.location import store_at  # noqa: PLC0415 - see above

    if not settings.repository:
        raise UsageError(
            "no repository is given",
            why="neither --repository nor HOLDFAST_REPOSITORY is set",
            next="Give its URL, a path or s3:…, with one of the two.",
        )
    return store_at(settings.repository, cancel=cancel, cacert=settings.store_cacert, environ=settings.environ)


def open_repository(
    settings: Settings, cancel: Cancel, note: Callable[[str], None] = lambda _: None, operation: str = ""
) -> Repository:
    """`note` gets a line if the cache cannot be written; the module `operation` is imported while the key is derived.

    Raises NoRepository, WrongPassword and what the store raises.
    """
    from holdfast.repository import keys  # noqa: PLC0415

    store = open_store(settings, cancel)
    password = read_password(settings)
    opened_keys = keys.begin_opening(store, password)
    from holdfast.repository import repository  # noqa: PLC0415

    if operation:
        importlib.import_module(operation)
    cache = index_cache(settings, note)
    return repository.open_repository(store, password, SystemClock(), cache, opened_keys=opened_keys)


def index_cache(settings: Settings, note: Callable[[str], None]) -> IndexCache | None:
    """The cache where the settings or the system's rules say; None if it is not wanted, or if there is no home for it."""
    from holdfast.repository.index_cache import IndexCache  # noqa: PLC0415

    if settings.no_cache:
        return None
    directory = settings.cache_directory
    if directory is None:
        given = settings.environ.get("HOLDFAST_CACHE_DIR", "")
        caches = settings.environ.get("XDG_CACHE_HOME", "")
        home = settings.environ.get("HOME", "")
        if given:
            directory = Path(given)
        elif caches or home:
            directory = (Path(caches) if caches else Path(home, ".cache")) / "holdfast"
    return IndexCache(directory, note) if directory is not None else None


def init_repository(settings: Settings, cancel: Cancel) -> Repository:
    """Raises RepositoryExists."""
    from holdfast.repository import repository  # noqa: PLC0415

    store = open_store(settings, cancel)
    return repository.init_repository(store, read_password(settings, confirm=True), SystemClock())


def connect(settings: Settings, cancel: Cancel) -> Cluster:
    """The cluster of the kubeconfig, or the one around this pod. Nothing is sent yet."""
    from holdfast.cluster import kubeconfig  # noqa: PLC0415
    from holdfast.cluster.cluster import Cluster  # noqa: PLC0415
    from holdfast.cluster.connection import Connection  # noqa: PLC0415

    connection_settings = kubeconfig.load(settings.kubeconfig or None, settings.context or None, settings.environ)
    return Cluster(Connection(connection_settings, cancel=cancel))


def read_password(settings: Settings, *, confirm: bool = False) -> str:
    """From the file, else the environment, else typed at a terminal (twice for a new one)."""
    if settings.password_file is not None:
        return read_password_file(settings.password_file)
    given = settings.environ.get("HOLDFAST_PASSWORD", "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(
            "no password is given",
            why="standard input is no terminal to ask at",
            next="Give --password-file, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD.",
        )
    return ask_password("Repository password: ", confirm=confirm)


def ask_password(prompt: str, *, confirm: bool) -> str:
    with interruptible():
        password = getpass.getpass(prompt)
        if confirm and getpass.getpass("Once more: ") != password:
            raise UsageError("the two passwords differ", why="one of them has a typing error", next="Try again.")
    return password


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends a question at once (KeyboardInterrupt): a run's safe point would only come after the answer."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def read_password_file(path: Path) -> str:
    """The file's text without the line end that editors add, as restic reads it."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise UsageError(f"the password file {path} cannot be read", why=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the password file {path} cannot be read", why="it is not UTF-8 text") from error
