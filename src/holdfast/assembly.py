"""From settings to working parts: the only place that picks stores, stacks their wrappers and reads passwords."""

from __future__ import annotations

import contextlib
import dataclasses
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
    from holdfast.operations.credentials import Credentials
    from holdfast.operations.locations import LocationName
    from holdfast.operations.movers.settings import MoverOptions
    from holdfast.operations.movers.task import MoverSettings
    from holdfast.repository.index_cache import IndexCache
    from holdfast.repository.repository import Repository
    from holdfast.store.access import Access
    from holdfast.store.base import Store
    from holdfast.store.certificates import Certificates
    from holdfast.store.retrying import RetryPolicy


@dataclass(slots=True)
class TypedPassword:
    """A password that was typed at a terminal: nobody is asked twice."""

    text: str = field(default="", repr=False)


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
    credentials: Credentials | None = None
    """Of a location that a flag named, so they go before the environment."""
    secret: tuple[str, str] = ("", "")
    """Namespace and name of the Secret that those credentials are from."""
    typed_password: TypedPassword = field(default_factory=TypedPassword)

    @property
    def directory_credentials(self) -> Credentials | None:
        """Those of the directory that HOLDFAST_CREDENTIALS names; the environment goes before them. Raises UsageError."""
        directory = self.environ.get("HOLDFAST_CREDENTIALS", "")
        if not directory:
            return None
        from holdfast.operations.credentials import Credentials  # noqa: PLC0415 - see above

        return Credentials.read(Path(directory))


def _no_repository() -> UsageError:
    return UsageError(
        "no repository is given",
        why="neither --repository, --location nor HOLDFAST_REPOSITORY is set",
        next="Give its URL, a path or s3:…, or the name of a location.",
    )


@dataclass(frozen=True, slots=True, repr=False)
class StoreAccount:
    certificates: Certificates | None
    environ: Mapping[str, str]


def settings_of_location(settings: Settings, cluster: Cluster, name: LocationName) -> Settings:
    """With the URL of a StorageLocation and what its Secret has, which both must be readable with the caller's rights.

    A password file and certificates that the settings name stay the ones that are used. Raises NotFound, ClusterError and
    UsageError.
    """
    from holdfast.operations import locations  # noqa: PLC0415

    location = locations.read_location(cluster, name)
    credentials = locations.read_credentials(cluster, name.namespace, location.spec.secret)
    return dataclasses.replace(
        settings,
        repository=location.spec.url,
        credentials=credentials,
        secret=(name.namespace, location.spec.secret),
    )


def open_store(settings: Settings, cancel: Cancel, policy: RetryPolicy | None = None) -> Store:
    """The store at the repository's URL, passing faults retried."""
    from holdfast.store.location import store_at  # noqa: PLC0415 - see above

    if not settings.repository:
        raise _no_repository()
    account = store_account(settings)
    return store_at(
        settings.repository, cancel=cancel, cacert=account.certificates, environ=account.environ, policy=policy
    )


def store_account(settings: Settings) -> StoreAccount:
    """What a store at the repository's URL is opened with."""
    if settings.credentials is not None:
        environ = settings.credentials.over(settings.environ)
        return StoreAccount(settings.store_cacert or settings.credentials.certificates, environ)
    found = settings.directory_credentials
    if found is None:
        return StoreAccount(settings.store_cacert, settings.environ)
    return StoreAccount(settings.store_cacert or found.certificates, found.under(settings.environ))


@dataclass(frozen=True, slots=True)
class TriedPlace:
    """What a test of a location opens, as `holdfast.operations.location_probe` wants it. Faults are retried for seconds only."""

    settings: Settings
    cancel: Cancel
    patience: float

    @property
    def url(self) -> str:
        """Never with a password in it. Raises UsageError."""
        from holdfast.store.url import parse_url  # noqa: PLC0415

        if not self.settings.repository:
            raise _no_repository()
        return str(parse_url(self.settings.repository))

    def store(self) -> Store:
        from holdfast.store.retrying import RetryPolicy  # noqa: PLC0415

        limit = self.patience / 2
        policy = RetryPolicy(give_up_after=limit, give_up_unanswered_after=limit)
        return open_store(self.settings, self.cancel, policy)

    def access(self, store: Store) -> Access:
        from holdfast.store.access import access_to  # noqa: PLC0415

        account = store_account(self.settings)
        return access_to(self.settings.repository, store, certificates=account.certificates, environ=account.environ)

    def password(self) -> str:
        return read_password(self.settings)


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


def mover_settings(settings: Settings, cluster: Cluster, options: MoverOptions, *, cluster_name: str) -> MoverSettings:
    """How movers are run for the repository of these settings. Of the cluster, only the installed controller is asked for.

    All are in one namespace: the one that is named, else the location's, else that of this pod, else Holdfast's. If the Secret of
    the location or of this pod is there, movers mount it; else one is made for the run, with what opens the repository here.

    Raises PlanRefused if pods cannot reach the repository or cannot be given what opens it; UsageError, StoreRefused.
    """
    from holdfast.api.names import DEFAULT_NAMESPACE  # noqa: PLC0415 - see above
    from holdfast.operations.movers import settings as of_movers  # noqa: PLC0415
    from holdfast.operations.movers.reachable import reachable_repository  # noqa: PLC0415
    from holdfast.operations.movers.task import MoverSettings  # noqa: PLC0415

    account = store_account(settings)
    url = options.repository or settings.repository
    if not url:
        raise _no_repository()
    secrets = _mounted_secrets(settings)
    namespace = options.namespace or next(iter(secrets), DEFAULT_NAMESPACE)
    secret = secrets.get(namespace, "")
    repository = reachable_repository(url, account.environ)
    own_account = settings.environ.get("HOLDFAST_ACCOUNT", "")
    is_here = namespace == settings.environ.get("HOLDFAST_NAMESPACE")
    if options.image:
        image, puller = options.image, ""
    else:
        image, puller = of_movers.find_installed(cluster, namespace)
    return MoverSettings(
        namespace=namespace,
        image=image,
        repository=repository,
        cluster_name=cluster_name,
        secret=secret,
        account=own_account if is_here and own_account else puller,
        credentials={}
        if secret
        else of_movers.mover_credentials(repository, read_password(settings), account.environ, account.certificates),
        parallel=options.parallel,
        parallel_per_node=options.parallel_per_node,
        resources=of_movers.mover_resources(options),
        pod=options.pod,
    )


def _mounted_secrets(settings: Settings) -> dict[str, str]:
    """Secrets that open the repository as it is opened here, by namespace; the most fitting namespace first.

    The value is empty where the namespace fits and its Secret does not: flags have named something else.
    """
    has_own = settings.password_file is None and settings.store_cacert is None
    namespace, secret = settings.secret
    if settings.credentials is not None and namespace:
        return {namespace: secret if has_own and settings.credentials.password else ""}
    own_namespace = settings.environ.get("HOLDFAST_NAMESPACE", "")
    if own_namespace:
        return {own_namespace: settings.environ.get("HOLDFAST_SECRET", "") if has_own else ""}
    return {}


def read_password(settings: Settings, *, confirm: bool = False) -> str:
    """From the file, else the location, else the environment, else the directory of credentials, else typed at a terminal
    (twice for a new one).
    """
    if settings.password_file is not None:
        return read_password_file(settings.password_file)
    if settings.credentials is not None and settings.credentials.password:
        return settings.credentials.password
    given = settings.environ.get("HOLDFAST_PASSWORD", "")
    if given:
        return given
    found = settings.credentials or settings.directory_credentials
    if found is not None and found.password:
        return found.password
    if not sys.stdin.isatty():
        why = f"{found.origin} has no key `password`, and " if found is not None else ""
        raise UsageError(
            "no password is given",
            why=f"{why}standard input is no terminal to ask at",
            next="Give --password-file, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD.",
        )
    if not settings.typed_password.text:
        settings.typed_password.text = ask_password("Repository password: ", confirm=confirm)
    return settings.typed_password.text


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
