"""The service account of the pod we run in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from holdfast.cluster.credentials import TokenFile
from holdfast.cluster.settings import ConnectionSettings
from holdfast.errors import KubeconfigInvalid

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where the kubelet mounts it in every pod


def available(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (ACCOUNT / "token").exists()


def settings(environ: Mapping[str, str]) -> ConnectionSettings:
    """Raises KubeconfigInvalid if the account's files cannot be read."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        authority = (ACCOUNT / "ca.crt").read_bytes()
        namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise KubeconfigInvalid(
            "cannot read this pod's service account", why=f"{error.filename}: {error.strerror}"
        ) from error
    return ConnectionSettings(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        credential=TokenFile(ACCOUNT / "token"),
        certificate_authority=authority,
        namespace=namespace or "default",
    )
