"""Installing Holdfast in a cluster: its objects are applied, and what an earlier version made besides is removed.

Done again, it is an upgrade. Definitions, the namespace and whatever people made are never removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import PlanRefused
from holdfast.manifests.installation import (
    CLUSTER_ROLES,
    DEFINITIONS,
    INSTALLATION_LABEL,
    REMOVABLE,
    RESOURCES,
    InstallOptions,
    objects,
)
from holdfast.manifests.rights import CONTROLLER
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.objects.fields import Object, at, name_of, text
from holdfast.operations.applying import InstallStep, apply, key_of, listed, remove

_HELM_RELEASE = "meta.helm.sh/release-name"


def install(
    cluster: Cluster,
    options: InstallOptions,
    definitions: Sequence[Object],
    progress: Progress,
    *,
    dry_run: bool = False,
) -> list[InstallStep]:
    """Gives one step for each object that is there now or was removed.

    Raises PlanRefused if Helm or another namespace has an installation already, ApiRefused, ClusterError.
    """
    refuse_others(cluster, options.namespace)
    wanted = objects(options, definitions)
    progress.phase("install", len(wanted))
    steps = [_apply(cluster, obj, progress, dry_run=dry_run) for obj in wanted if _is_definition(obj)]
    if not dry_run:
        for definition in definitions:
            cluster.wait_established(name_of(definition))
    steps += [_apply(cluster, obj, progress, dry_run=dry_run) for obj in wanted if not _is_definition(obj)]
    keys = {key_of(RESOURCES[obj["kind"]], obj) for obj in wanted}
    former = [(resource, obj) for resource, key, obj in made_by(cluster, options.namespace) if key not in keys]
    return steps + [
        remove(cluster, resource, obj, dry_run=dry_run, why="not part of this version or these options")
        for resource, obj in former
    ]


def refuse_others(cluster: Cluster, namespace: str) -> None:
    """Raises PlanRefused: two controllers would make two Jobs of everything, and Helm would not know what was changed."""
    body = cluster.get(CLUSTER_ROLES, "", CONTROLLER.name)
    if body is None:
        return
    role = msgspec.json.decode(body)
    if release := text(role, "metadata", "annotations", _HELM_RELEASE):
        raise PlanRefused(
            "Holdfast was installed by Helm in this cluster",
            why=f"its objects belong to the release {release}",
            next=f"Use `helm upgrade {release}` or `helm uninstall {release}`.",
        )
    home = at(role, "metadata", "labels").get(INSTALLATION_LABEL)
    if not home:
        raise PlanRefused(
            f"there is a ClusterRole {CONTROLLER.name} that no installation of Holdfast has made",
            why=f"it has no label {INSTALLATION_LABEL}",
            next=f"Look whose it is: `kubectl get clusterrole {CONTROLLER.name} -o yaml`.",
        )
    if home != namespace:
        raise PlanRefused(
            f"Holdfast is installed in the namespace {home} of this cluster",
            why="there is one controller in a cluster, and it looks after all namespaces",
            next=f"Give --namespace {home}, or remove it first with `holdfast uninstall --namespace {home}`.",
        )


def made_by(cluster: Cluster, namespace: str) -> Iterator[tuple[Resource, ObjectKey, Object]]:
    """What the installation in this namespace has made that may be removed, in the order of removing."""
    for resource in REMOVABLE:
        within = namespace if resource.namespaced else None
        for obj in listed(cluster, resource, namespace=within, label_selector=f"{INSTALLATION_LABEL}={namespace}"):
            yield resource, key_of(resource, obj), obj


def _is_definition(obj: Object) -> bool:
    return bool(obj["kind"] == DEFINITIONS.kind)


def _apply(cluster: Cluster, obj: Object, progress: Progress, *, dry_run: bool) -> InstallStep:
    step = apply(cluster, RESOURCES[obj["kind"]], obj, dry_run=dry_run)
    progress.advance()
    return step
