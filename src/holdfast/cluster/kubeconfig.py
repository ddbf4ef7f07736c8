"""Which API server to speak to and as whom: from kubeconfig files, or from the pod we run in.

The rules are kubectl's: `--kubeconfig` alone, else the files of KUBECONFIG merged, else `~/.kube/config`, else the
pod's service account. Inline data goes before files, a token file before a token, a token before a plugin.
Legacy `auth-provider` entries are refused: Kubernetes dropped them in 1.26.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from holdfast.cluster import in_cluster
from holdfast.cluster.credentials import (
    ClientCertificate,
    Credential,
    Fixed,
    Presented,
    TokenFile,
    basic,
    bearer,
    header_value,
)
from holdfast.cluster.exec_plugin import API_VERSIONS, CLUSTER_EXTENSION, ClusterInfo, ExecPlugin, PluginSettings
from holdfast.cluster.kubeconfig_file import Cluster, Exec, Kubeconfig, User, merged
from holdfast.cluster.proxy import proxy_from_environment
from holdfast.cluster.settings import ConnectionSettings, Impersonation
from holdfast.errors import KubeconfigInvalid


def load(path: str | None, context: str | None, environ: Mapping[str, str]) -> ConnectionSettings:
    """Settings of the chosen context.

    `path` is `--kubeconfig` and `context` is `--context`, None where not given; `environ` is the process's environment.
    Raises KubeconfigInvalid, which says what is wrong where and never shows a secret.
    """
    if path is not None:
        kubeconfig = Kubeconfig()
        kubeconfig.add(Path(path))
        looked_at = [Path(path)]
    else:
        looked_at = _default_files(environ)
        kubeconfig = merged(looked_at)
        if not kubeconfig and not context and in_cluster.available(environ):
            return in_cluster.settings(environ)
    if not kubeconfig:
        raise KubeconfigInvalid(
            "no kubeconfig found",
            why=f"nothing in {', '.join(map(str, looked_at))}, and this is not a pod with a service account",
            next="Give --kubeconfig or set KUBECONFIG.",
        )
    return _settings(kubeconfig, context or kubeconfig.current_context, environ)


def _default_files(environ: Mapping[str, str]) -> list[Path]:
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return named or [Path(environ.get("HOME") or Path.home()) / ".kube" / "config"]


def _settings(kubeconfig: Kubeconfig, name: str, environ: Mapping[str, str]) -> ConnectionSettings:
    known = f"Contexts there are: {', '.join(sorted(kubeconfig.contexts)) or 'none'}."
    if not name:
        raise KubeconfigInvalid("no context is chosen", why="the kubeconfig has no current-context", next=known)
    if name not in kubeconfig.contexts:
        raise KubeconfigInvalid(f"the kubeconfig has no context {name!r}", next=known)
    context = kubeconfig.contexts[name]
    if context.cluster not in kubeconfig.clusters:
        raise KubeconfigInvalid(f"the context {name!r} names a cluster {context.cluster!r}, which does not exist")
    cluster, cluster_directory = kubeconfig.clusters[context.cluster]
    if not cluster.server:
        raise KubeconfigInvalid(f"the cluster {context.cluster!r} of the kubeconfig has no server address")
    server = cluster.server if "://" in cluster.server else f"https://{cluster.server}"
    authority = _pem(
        cluster.certificate_authority_data, cluster.certificate_authority, cluster_directory, "certificate-authority"
    )
    info = ClusterInfo(
        server=server,
        tls_server_name=cluster.tls_server_name,
        insecure_skip_tls_verify=cluster.insecure_skip_tls_verify,
        certificate_authority=authority,
        proxy_url=cluster.proxy_url,
        config=next((one.extension for one in cluster.extensions if one.name == CLUSTER_EXTENSION), None),
    )
    user, user_directory = User(), Path()  # a context without a user is anonymous
    if context.user:
        if context.user not in kubeconfig.users:
            raise KubeconfigInvalid(f"the context {name!r} names a user {context.user!r}, which does not exist")
        user, user_directory = kubeconfig.users[context.user]
    return ConnectionSettings(
        server=server,
        credential=_credential(user, user_directory, info, environ),
        certificate_authority=authority,
        insecure_skip_tls_verify=cluster.insecure_skip_tls_verify,
        tls_server_name=cluster.tls_server_name,
        proxy_url=_proxy_url(cluster, server, environ),
        impersonation=_impersonation(user),
        namespace=context.namespace or "default",
        context=name,
    )


def _proxy_url(cluster: Cluster, server: str, environ: Mapping[str, str]) -> str:
    url = cluster.proxy_url or proxy_from_environment(server, environ)
    if url and not url.startswith(("http://", "https://")):
        raise KubeconfigInvalid(
            "the proxy for the API server is of a kind that Holdfast does not speak",
            why=f"its address begins with {url.split('://', 1)[0]!r}; http and https are supported",
        )
    return url


def _credential(user: User, directory: Path, cluster: ClusterInfo, environ: Mapping[str, str]) -> Credential:
    if user.auth_provider is not None:
        raise KubeconfigInvalid(
            "the kubeconfig's user has an auth-provider",
            why="Kubernetes dropped these in 1.26",
            next="Use the provider's exec plugin (for example gke-gcloud-auth-plugin, kubelogin).",
        )
    certificate = _client_certificate(user, directory)
    if user.token_file:
        return TokenFile(directory / user.token_file, certificate)
    if user.token:
        return Fixed(Presented(bearer(user.token), certificate))
    if user.username:
        return Fixed(Presented(basic(user.username, user.password), certificate))
    if user.exec is not None:
        return ExecPlugin(_plugin(user.exec, directory, cluster, environ), certificate)
    return Fixed(Presented(certificate=certificate))


def _client_certificate(user: User, directory: Path) -> ClientCertificate | None:
    chain = _pem(user.client_certificate_data, user.client_certificate, directory, "client-certificate")
    key = _pem(user.client_key_data, user.client_key, directory, "client-key")
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        missing = "client-certificate" if chain is None else "client-key"
        raise KubeconfigInvalid(f"the kubeconfig's user has no {missing}", why="certificate and key need each other")
    return ClientCertificate(chain, key)


def _plugin(entry: Exec, directory: Path, cluster: ClusterInfo, environ: Mapping[str, str]) -> PluginSettings:
    if entry.api_version not in API_VERSIONS:
        raise KubeconfigInvalid(
            f"the credential plugin {entry.command} is set to apiVersion {entry.api_version!r}",
            why=f"Kubernetes clients speak {' and '.join(API_VERSIONS)}",
            next="Renew the kubeconfig with the tool that wrote it.",
        )
    if not entry.command:
        raise KubeconfigInvalid("the kubeconfig's user has an exec entry without a command")
    return PluginSettings(
        api_version=entry.api_version,
        command=entry.command,
        arguments=tuple(entry.args),
        environment={**environ, **{variable.name: variable.value for variable in entry.env}},
        directory=directory,
        install_hint=entry.install_hint.strip(),
        interactive_mode=entry.interactive_mode,
        cluster=cluster if entry.provide_cluster_info else None,
    )


def _impersonation(user: User) -> Impersonation | None:
    if not user.as_:
        if user.as_uid or user.as_groups or user.as_user_extra:
            raise KubeconfigInvalid("the kubeconfig's user impersonates a uid, groups or extras without a user in `as`")
        return None
    return Impersonation(
        user=header_value(user.as_, "impersonated user"),
        uid=header_value(user.as_uid, "impersonated uid") if user.as_uid else "",
        groups=tuple(header_value(group, "impersonated group") for group in user.as_groups),
        extra={
            name: tuple(header_value(value, "impersonated extra") for value in values)
            for name, values in user.as_user_extra.items()
        },
    )


def _pem(data: str, file: str, directory: Path, meaning: str) -> bytes | None:
    """Inline base64 data, else a file's content, else None."""
    if data:
        try:
            return base64.b64decode(data, validate=False)
        except binascii.Error:
            raise KubeconfigInvalid(f"the kubeconfig's {meaning}-data is not base64") from None
    if not file:
        return None
    path = directory / file
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigInvalid(f"cannot read the kubeconfig's {meaning} {path}", why=error.strerror or "") from error
