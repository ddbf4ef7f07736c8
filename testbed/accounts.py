"""Who may talk to a cluster: kubeconfig files, and ordinary accounts with rights by RBAC.

Nobody but the set-up itself is in `system:masters`, because that group skips authorization and would hide missing rights.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from testbed.api import Api
from testbed.certificates import Certificate

Rule = Mapping[str, Sequence[str]]
"""One rule of a Role as the API spells it: `apiGroups`, `resources`, `verbs`, `resourceNames`, `nonResourceURLs`."""

TESTER = "holdfast-tester"
TESTER_RULES: list[Rule] = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
"""All verbs, so also `bind` and `escalate` on roles (restores create roles with any rights) and `impersonate`."""


def grant(api: Api, user: str, rules: Sequence[Rule], namespace: str | None = None) -> None:
    """Give `user` the rights of `rules`, in the whole cluster or in one namespace."""
    scope = "Cluster" if namespace is None else ""
    base = "/apis/rbac.authorization.k8s.io/v1" + (f"/namespaces/{namespace}" if namespace else "")
    common = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": user}}
    role = f"{scope}Role"
    api.create(f"{base}/{role.lower()}s", common | {"kind": role, "rules": [dict(rule) for rule in rules]})
    api.create(
        f"{base}/{role.lower()}bindings",
        common
        | {
            "kind": f"{role}Binding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": user},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        },
    )


def write_kubeconfig(path: Path, *, cluster: str, url: str, authority: bytes, user: str, login: Certificate) -> Path:
    """A kubeconfig with everything inline, readable by the owner only."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": url, "certificate-authority-data": _inline(authority)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _inline(login.certificate),
                    "client-key-data": _inline(login.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _inline(content: bytes) -> str:
    return base64.b64encode(content).decode()
