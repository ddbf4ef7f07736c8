"""Roles, bindings and accounts from the tables of rights."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from holdfast.manifests.data_rights import MOVERS
from holdfast.manifests.rights import LEADER, MAINTENANCE_ACCOUNT, RUNNER, TABLES
from holdfast.manifests.role_table import Part, Right, RoleTable

CONTROLLER_ACCOUNT = "holdfast-controller"
RUNNER_ACCOUNT = "holdfast-runner"
"""`api.backup_plan.RUNNER`: the account of plans that name no other."""
_GROUP = "rbac.authorization.k8s.io"
_API = f"{_GROUP}/v1"

Object = dict[str, Any]


def accounts(namespace: str, pull_secrets: object) -> Iterator[tuple[Part, Object]]:
    """ServiceAccounts. Tokens are mounted by the pods that need one."""
    for name, part in (
        (CONTROLLER_ACCOUNT, Part.CONTROLLER),
        (RUNNER_ACCOUNT, Part.RUNNER),
        (MAINTENANCE_ACCOUNT, Part.RUNNER),
    ):
        yield (
            part,
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": namespace},
                "automountServiceAccountToken": False,
                "imagePullSecrets": pull_secrets,
            },
        )


def roles(namespace: str, without: Collection[RoleTable] = ()) -> Iterator[tuple[Part, Object]]:
    """ClusterRoles, and Roles in Holdfast's namespace."""
    for table in TABLES:
        if table not in without:
            yield table.part, _role(table, namespace)


def bindings(namespace: str, without: Collection[RoleTable] = ()) -> Iterator[tuple[Part, Object]]:
    yield Part.CONTROLLER, _binding("ClusterRole", "holdfast-controller", CONTROLLER_ACCOUNT, namespace)
    yield Part.CONTROLLER, _binding("Role", LEADER.name, CONTROLLER_ACCOUNT, namespace)
    yield Part.RUNNER, _binding("ClusterRole", RUNNER.name, RUNNER_ACCOUNT, namespace)
    if MOVERS not in without:
        yield Part.RUNNER, _binding("Role", MOVERS.name, RUNNER_ACCOUNT, namespace)


def _role(table: RoleTable, namespace: str) -> Object:
    role: Object = {"apiVersion": _API, "kind": "Role" if table.in_namespace else "ClusterRole"}
    role["metadata"] = {"name": table.name}
    if table.in_namespace:
        role["metadata"]["namespace"] = namespace
    if table.labels:
        role["metadata"]["labels"] = dict.fromkeys(table.labels, "true")
    if table.collects:
        # Its `rules` are written by the cluster.
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {table.collects: "true"}}]}
    else:
        role["rules"] = [_rule(right) for right in table.rights]
    return role


def _rule(right: Right) -> Object:
    rule = {"apiGroups": list(right.groups), "resources": list(right.resources), "verbs": list(right.verbs)}
    return {**rule, "resourceNames": list(right.names)} if right.names else rule


def _binding(kind: str, role: str, account: str, namespace: str) -> Object:
    metadata = {"name": role} if kind == "ClusterRole" else {"name": role, "namespace": namespace}
    return {
        "apiVersion": _API,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
