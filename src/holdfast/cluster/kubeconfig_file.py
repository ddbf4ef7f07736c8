"""The kubeconfig format: files as read, and several of them merged as kubectl does it.

What the fields mean for a connection is in `kubeconfig`. Unknown fields are ignored. Error texts never quote a file's
lines, since any of them may hold a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from holdfast.errors import KubeconfigInvalid


class Extension(msgspec.Struct):
    name: str
    extension: Any = None


class Cluster(msgspec.Struct, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: list[Extension] = []


class Variable(msgspec.Struct):
    name: str
    value: str = ""


class Exec(msgspec.Struct, rename="camel"):
    api_version: str = ""
    command: str = ""
    args: list[str] = []
    env: list[Variable] = []
    install_hint: str = ""
    interactive_mode: Literal["Never", "IfAvailable", "Always"] = "IfAvailable"
    provide_cluster_info: bool = False


class User(msgspec.Struct, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    exec: Exec | None = None
    auth_provider: Any = None
    as_: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}


class Context(msgspec.Struct):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: User


class _NamedContext(msgspec.Struct):
    name: str
    context: Context


class _File(msgspec.Struct):
    current_context: str = msgspec.field(default="", name="current-context")
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []


class Kubeconfig:
    """Entries by name, each with the directory that its relative paths start from."""

    def __init__(self) -> None:
        self.current_context = ""
        self.contexts: dict[str, Context] = {}
        self.clusters: dict[str, tuple[Cluster, Path]] = {}
        self.users: dict[str, tuple[User, Path]] = {}

    def __bool__(self) -> bool:
        return bool(self.contexts or self.clusters or self.users or self.current_context)

    def add(self, path: Path) -> None:
        """Merges one file: what an earlier file has set, stays. Raises KubeconfigInvalid."""
        file = _read(path)
        directory = path.absolute().parent
        self.current_context = self.current_context or file.current_context
        for context in file.contexts:
            self.contexts.setdefault(context.name, context.context)
        for cluster in file.clusters:
            self.clusters.setdefault(cluster.name, (cluster.cluster, directory))
        for user in file.users:
            self.users.setdefault(user.name, (user.user, directory))


def merged(paths: Iterable[Path]) -> Kubeconfig:
    """All files in one, the first to name an entry wins. Missing files are skipped, as kubectl does."""
    kubeconfig = Kubeconfig()
    for path in paths:
        if path.exists():
            kubeconfig.add(path)
    return kubeconfig


def _read(path: Path) -> _File:
    import yaml  # noqa: PLC0415 - 20 ms that a pod without a kubeconfig does not pay

    try:
        # libyaml's loader is 10 times faster on kubeconfigs of hundreds of clusters, and not in every build.
        parsed = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    except OSError as error:
        raise KubeconfigInvalid(f"cannot read the kubeconfig {path}", why=error.strerror or "") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Not chained: the foreign error quotes the line, and lines hold secrets.
        mark = getattr(error, "problem_mark", None)
        why = f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', '')}" if mark else "not text"
        raise KubeconfigInvalid(f"the kubeconfig {path} is not YAML", why=why) from None
    try:
        return msgspec.convert({} if parsed is None else _without_nulls(parsed), type=_File)
    except msgspec.ValidationError as error:
        raise KubeconfigInvalid(f"the kubeconfig {path} is not valid", why=str(error)) from None


def _without_nulls(value: Any) -> Any:
    """YAML's empty values mean the same as absent ones: `users: null`, `namespace:`."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
