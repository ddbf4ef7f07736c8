"""What a connection needs to know, whatever told it: a kubeconfig or the pod we run in. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.cluster.credentials import ANONYMOUS, Credential


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Whom the API server shall take us for. It allows this only to callers with the verb `impersonate`."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One API server and who we are there."""

    server: str  # "https://host:6443", perhaps with a path behind it
    credential: Credential = field(default=ANONYMOUS, repr=False)
    certificate_authority: bytes | None = None  # PEM; None means the system's certificate authorities
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""  # the name expected in the server's certificate, if it is not the host of `server`
    proxy_url: str = field(default="", repr=False)  # may hold a password
    impersonation: Impersonation | None = None
    namespace: str = "default"
    context: str = ""  # the kubeconfig's name for all this; "" inside a cluster
