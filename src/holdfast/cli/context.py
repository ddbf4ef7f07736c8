"""What one invocation of the command line shares: its settings, its cancel flag and how it speaks."""

from __future__ import annotations

import datetime as dt
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from holdfast.errors import HoldfastError
from holdfast.model.cancel import Cancel

if TYPE_CHECKING:  # imported when used: see assembly
    from holdfast.api.run_status import RunStatus
    from holdfast.assembly import Settings, TypedPassword
    from holdfast.cli.progress import TerminalProgress
    from holdfast.cluster.cluster import Cluster
    from holdfast.model.run import Run
    from holdfast.operations.movers.contract import Moved
    from holdfast.repository.repository import Repository


@dataclass(slots=True)
class Session:
    """Filled by each verb's global options."""

    cancel: Cancel = field(default_factory=Cancel)
    output: str = "table"
    document_begun: bool = False  # a long document is on standard output already, so that no other can follow
    options: dict[str, Any] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)
    """Names of the options that come from the command line, not from the environment."""
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    verb: str = ""  # `backup create`, once it is known
    result: RunStatus | None = None  # what a verb tells about its run beyond the exit code, see result_file
    moved: Moved | None = None  # the result of a mover, which tells it in its own way, see mover_end
    failure: HoldfastError | None = None  # what ended it
    _typed_password: TypedPassword | None = None
    _progress: TerminalProgress | None = None
    _cluster: Cluster | None = None
    _closing: list[Callable[[], None]] = field(default_factory=list)

    @property
    def progress(self) -> TerminalProgress:
        if self._progress is None:
            from holdfast.cli.progress import make_progress  # noqa: PLC0415

            self._progress = make_progress(
                self.options.get("progress") or "",
                self.options.get("log_format") or "text",
                bool(self.options.get("quiet")),
            )
        return self._progress

    @property
    def messages_are_json(self) -> bool:
        """Whether what goes to standard error is read by programs."""
        return "json" in (self.options.get("log_format"), self.options.get("progress"))

    @property
    def settings(self) -> Settings:
        from holdfast.assembly import Settings, TypedPassword  # noqa: PLC0415

        self._typed_password = self._typed_password or TypedPassword()
        return Settings(
            repository=self.options.get("repository") or "",
            password_file=self.options.get("password_file"),
            store_cacert=self.options.get("store_cacert"),
            kubeconfig=self.options.get("kubeconfig") or "",
            context=self.options.get("context") or "",
            cluster_name=self.options.get("cluster_name") or "",
            cache_directory=self.options.get("cache_dir"),
            no_cache=bool(self.options.get("no_cache")),
            environ=os.environ,
            typed_password=self._typed_password,
        )

    def use_location(self, name: str) -> None:
        """Opens the repository of this StorageLocation. It goes before the environment, and after what was typed."""
        self.options["location"] = name
        for option in {"repository", "password_file", "store_cacert"} - self.typed:
            self.options[option] = None

    @property
    def has_repository(self) -> bool:
        """Whether one is given, by flags or by the environment."""
        return bool(self.options["repository"] or self.options["location"])

    def repository_settings(self) -> Settings:
        """The settings, with those of the location that --location names."""
        location = self.options.get("location")
        if not location:
            return self.settings
        from holdfast import assembly  # noqa: PLC0415
        from holdfast.operations.locations import LocationName  # noqa: PLC0415

        return assembly.settings_of_location(self.settings, self.connect(), LocationName.parse(location))

    @property
    def job(self) -> str:
        """Name of the Job around this run, which tells its scheduled time; "" outside of a cluster."""
        return os.environ.get("HOLDFAST_JOB", "")

    def open_repository(self, operation: str = "") -> Repository:
        """With the module `operation` imported by the way."""
        from holdfast import assembly  # noqa: PLC0415

        repository = assembly.open_repository(self.repository_settings(), self.cancel, self._warn, operation)
        self._closing.append(repository.store.close)
        return repository

    def _warn(self, message: str) -> None:
        self.progress.warn(message)

    def connect(self) -> Cluster:
        """The same cluster each time."""
        from holdfast import assembly  # noqa: PLC0415

        if self._cluster is None:
            self._cluster = assembly.connect(self.settings, self.cancel)
            self._closing.append(self._cluster.close)
        return self._cluster

    def connect_and_open(self, operation: str, cluster: Cluster | None = None) -> tuple[Cluster, Repository]:
        """Both at once. Deriving the key takes a tenth of a second outside of Python: time to ask the cluster what it serves
        and to import the module `operation`. `cluster` is one that is connected already.
        """
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        cluster = cluster or self.connect()
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(cluster.api_surface)
            imported = pool.submit(importlib.import_module, operation)
            repository = self.open_repository()
            asked.result()
            imported.result()
        return cluster, repository

    def tell(self, run: Run, *, reason: str = "") -> None:
        """Makes a run the verb's result: what it has in common with a RunStatus, and why it failed."""
        import msgspec  # noqa: PLC0415 - not needed by --help

        from holdfast.api.run_status import RunStatus  # noqa: PLC0415

        self.result = msgspec.structs.replace(msgspec.convert(run, RunStatus, from_attributes=True), reason=reason)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()
        for close in reversed(self._closing):
            close()


GLOBAL_OPTIONS: tuple[click.Option, ...] = (
    click.Option(
        ["-r", "--repository"],
        metavar="URL",
        envvar="HOLDFAST_REPOSITORY",
        help="Where backups live: /path, s3:https://host/bucket/prefix, gs://…, azure:…",
    ),
    click.Option(
        ["--location"],
        metavar="NAME",
        help="Instead: a StorageLocation of the cluster with its credentials, NAMESPACE/NAME.",
    ),
    click.Option(
        ["--password-file"],
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="HOLDFAST_PASSWORD_FILE",
        help="File with the repository's password. Or set HOLDFAST_PASSWORD.",
    ),
    click.Option(
        ["--store-cacert"],
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="HOLDFAST_STORE_CACERT",
        help="Certificate authority of the object store.",
    ),
    click.Option(
        ["--cache-dir"],
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Cache of repositories' indexes. Default: HOLDFAST_CACHE_DIR, ~/.cache/holdfast.",
    ),
    click.Option(["--no-cache"], is_flag=True, help="Keep the index in memory: 200 bytes for each blob."),
    click.Option(
        ["--kubeconfig"], metavar="FILE", help="Which cluster. Default: KUBECONFIG, ~/.kube/config, this pod's."
    ),
    click.Option(["--context"], metavar="NAME", help="Context in the kubeconfig."),
    click.Option(
        ["--cluster-name"], metavar="NAME", envvar="HOLDFAST_CLUSTER_NAME", help="Default: the cluster's UID."
    ),
    click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json", "yaml"]),
        default="table",
        show_default=True,
        help="Form of the result.",
    ),
    click.Option(
        ["--progress"],
        type=click.Choice(["bar", "lines", "json", "none"]),
        help="Default: bar on a terminal, else lines.",
    ),
    click.Option(["-q", "--quiet"], is_flag=True, help="Only results and errors."),
    click.Option(
        ["--log-format"], type=click.Choice(["text", "json"]), default="text", help="Form of messages on stderr."
    ),
)
_NAMES = tuple(option.name or "" for option in GLOBAL_OPTIONS)


class TakesGlobalOptions(click.Command):
    """A command that understands the global options and shows them apart from its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(GLOBAL_OPTIONS)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [
            record
            for param in self.get_params(ctx)
            if param.name not in _NAMES and (record := param.get_help_record(ctx))
        ]
        shared = [record for option in GLOBAL_OPTIONS if (record := option.get_help_record(ctx))]
        if own:
            with formatter.section("Options"):
                formatter.write_dl(own)
        with formatter.section("Global options"):
            formatter.write_dl(shared)


class VerbCommand(TakesGlobalOptions):
    """A verb. Global options may stand before the noun too; what stands after the verb wins."""

    def invoke(self, ctx: click.Context) -> Any:
        session = ctx.find_object(Session)
        assert session is not None
        root = ctx.find_root()
        for name in _NAMES:
            value = ctx.params.pop(name)
            is_earlier = _is_typed(root, name) and not _is_typed(ctx, name)
            session.options[name] = root.params[name] if is_earlier else value
        session.typed = {name for name in _NAMES if _is_typed(ctx, name) or _is_typed(root, name)}
        if session.options["location"]:
            if "repository" in session.typed:
                raise click.UsageError("--location and --repository both name a repository", ctx)
            session.use_location(session.options["location"])
        session.output = session.options["output"]
        session.verb = ctx.command_path.partition(" ")[2]
        return super().invoke(ctx)


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def confirm(question: str) -> None:
    """Asks at the terminal. Raises click.Abort for anything but yes, and for Ctrl-C."""
    from holdfast.assembly import interruptible  # noqa: PLC0415

    with interruptible():
        click.confirm(question, abort=True, err=True)


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
