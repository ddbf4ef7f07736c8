"""All objects of an installation, in the order in which they are to be made, and the labels by which they are found again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.api.names import DEFAULT_NAMESPACE, GROUP
from holdfast.manifests import controller, rbac
from holdfast.manifests.data_rights import HOOKS, VOLUMES
from holdfast.manifests.rights import RUNNER_RESTORE
from holdfast.manifests.role_table import Part, RoleTable
from holdfast.model.kubernetes import Resource
from holdfast.version import VERSION

INSTALLATION_LABEL = f"{GROUP}/installation"
"""On all that an installation makes, but for the definitions: Holdfast's namespace."""
PART_LABEL = "app.kubernetes.io/component"
IMAGE = f"holdfast:{VERSION}"
"""There is no public image: who has a registry names their own."""
REPLICAS = 2

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """The fields have no narrower types because the chart's values take the places of all of them."""

    namespace: str = DEFAULT_NAMESPACE
    image: object = IMAGE
    replicas: object = REPLICAS
    resources: object = None  # of the controller; None: as `controller.RESOURCES`
    pull_secrets: object = ()  # names of Secrets as objects: [{"name": …}]
    backups_only: bool = False  # runs may not restore
    volumes: bool = True  # runs may make movers
    hooks: bool = True  # runs may run commands in pods

    @property
    def without(self) -> tuple[RoleTable, ...]:
        """Roles that are left out."""
        return (
            *((RUNNER_RESTORE,) if self.backups_only else ()),
            *(() if self.volumes else VOLUMES),
            *(() if self.hooks else HOOKS),
        )


POD_SECURITY = {"enforce": "baseline", "audit": "baseline", "warn": "restricted"}
"""Movers are why no more than `baseline` is enforced: files of every owner and mode can only be read and written by root with a
few capabilities, which `restricted` forbids. Audits would tell of each mover, every night. All other pods of ours fit
`restricted`, and who makes one by hand is warned."""


def namespace(options: InstallOptions) -> Object:
    """Holdfast's namespace, in which movers run, too. No pod there gets at its node: no host paths, no privileges."""
    levels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in POD_SECURITY.items()}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": options.namespace, "labels": {"app.kubernetes.io/name": "holdfast"} | levels},
    }


def parts(options: InstallOptions, *, version: str = VERSION) -> Iterator[tuple[Part, Object]]:
    """All that comes and goes with an installation: not its namespace, not the definitions, never data."""
    home = options.namespace
    pull_secrets = list(options.pull_secrets) if isinstance(options.pull_secrets, tuple) else options.pull_secrets
    resources = controller.RESOURCES if options.resources is None else options.resources
    made = [
        *rbac.accounts(home, pull_secrets),
        *rbac.roles(home, options.without),
        *rbac.bindings(home, options.without),
        (Part.CONTROLLER, controller.metrics_service(home)),
        (Part.CONTROLLER, controller.disruption_budget(home)),
        (Part.CONTROLLER, controller.deployment(home, options.image, options.replicas, resources)),
    ]
    for part, obj in made:
        labels = {
            "app.kubernetes.io/name": "holdfast",
            "app.kubernetes.io/version": version,
            PART_LABEL: part.value,
            INSTALLATION_LABEL: home,
        }
        obj["metadata"]["labels"] = labels | obj["metadata"].get("labels", {})
        yield part, obj


def objects(options: InstallOptions, definitions: Iterable[Object]) -> list[Object]:
    """Everything, what others need first."""
    return [*definitions, namespace(options), *(obj for _, obj in parts(options))]


def _kind(api_version: str, plural: str, kind: str, *, namespaced: bool) -> Resource:
    group, _, version = api_version.rpartition("/")
    return Resource(group=group, version=version, plural=plural, kind=kind, namespaced=namespaced)


DEFINITIONS = _kind(
    "apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
DEPLOYMENTS = _kind("apps/v1", "deployments", "Deployment", namespaced=True)
CLUSTER_ROLES = _kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False)
REMOVABLE = (
    DEPLOYMENTS,
    _kind("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", namespaced=True),
    _kind("v1", "services", "Service", namespaced=True),
    _kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", namespaced=True),
    _kind("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _kind("rbac.authorization.k8s.io/v1", "roles", "Role", namespaced=True),
    CLUSTER_ROLES,
    _kind("v1", "serviceaccounts", "ServiceAccount", namespaced=True),
)
"""Kinds of which an installation makes objects that it may remove again, in the order of removing. A kind that a later version no
longer makes stays in this list."""
RESOURCES = {
    resource.kind: resource
    for resource in (*REMOVABLE, DEFINITIONS, _kind("v1", "namespaces", "Namespace", namespaced=False))
}
