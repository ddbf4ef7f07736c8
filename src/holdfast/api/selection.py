"""The fields that say what is backed up or restored: the command line's flags in camelCase."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from holdfast.model.selection import ClusterObjects, Selection

Texts = Annotated[list[str], Meta(max_length=256)]


class SelectionFields(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """As the flags of `backup create` and `restore run`."""

    namespaces: Annotated[Texts, Meta(description="Names of namespaces, or globs. --namespace")] = []
    all_namespaces: Annotated[bool, Meta(description="All namespaces. --all-namespaces")] = False
    exclude_namespaces: Annotated[Texts, Meta(description="Names or globs. --exclude-namespace")] = []
    namespace_selector: Annotated[str, Meta(description="Namespaces with these labels. --namespace-selector")] = ""
    selector: Annotated[str, Meta(description="Objects with these labels, as `a=b,c in (d,e)`. --selector")] = ""
    exclude_selector: Annotated[str, Meta(description="Not objects with these labels. --exclude-selector")] = ""
    include_kinds: Annotated[Texts, Meta(description="Only these kinds. --include-kind")] = []
    exclude_kinds: Annotated[Texts, Meta(description="Not these kinds. --exclude-kind")] = []
    objects: Annotated[Texts, Meta(description="Single objects, KIND/NAMESPACE/NAME. --object")] = []
    workloads: Annotated[
        Texts, Meta(description="Workloads with all that they live on, KIND/NAMESPACE/NAME. --workload")
    ] = []
    cluster_objects: Annotated[
        Literal["auto", "all", "none"], Meta(description="Which cluster-scoped objects come along. --cluster-objects")
    ] = "auto"

    @property
    def selection(self) -> Selection:
        """Raises UsageError if two fields contradict each other."""
        return Selection(
            namespaces=tuple(self.namespaces),
            all_namespaces=self.all_namespaces,
            exclude_namespaces=tuple(self.exclude_namespaces),
            namespace_selector=self.namespace_selector,
            selector=self.selector,
            exclude_selector=self.exclude_selector,
            include_kinds=tuple(self.include_kinds),
            exclude_kinds=tuple(self.exclude_kinds),
            objects=tuple(self.objects),
            workloads=tuple(self.workloads),
            cluster_objects=ClusterObjects(self.cluster_objects),
        )


class BackupFields(SelectionFields, kw_only=True, rename="camel", omit_defaults=True):
    """What a backup takes: in a Backup, and in the `backup` of a BackupPlan."""

    volumes: Annotated[Literal["auto", "none"], Meta(description="Data of volumes. --volumes")] = "auto"
    type: Annotated[
        Literal["full", "incremental", "differential"], Meta(description="What it is compared with. --type")
    ] = "incremental"
    labels: Annotated[dict[str, str], Meta(description="Labels to find backups by. --label")] = {}
    keep_for: Annotated[str, Meta(description="Stays so long whatever rules say, then goes: 30d. --keep-for")] = ""
