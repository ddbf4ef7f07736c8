"""The fields that say what is backed up or restored: the command line's flags in camelCase."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from holdfast.api.hooks import Dumps, Hooks, NoHooks
from holdfast.api.movers import MoverFields
from holdfast.api.rules import EACH_ONCE, Rule, given, switched_on
from holdfast.api.volume_policy import VolumePolicyDocument
from holdfast.model.selection import ClusterObjects, Selection

Texts = Annotated[list[Annotated[str, Meta(min_length=1, max_length=640)]], EACH_ONCE, Meta(max_length=256)]
Selector = Annotated[str, Meta(max_length=1024)]
Span = Annotated[str, Meta(max_length=32, pattern=r"^([0-9]{1,5}[ymdh])*$")]
"""A length of time, as `30d` or `1y6m`."""


class SelectionFields(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """As the flags of `backup create` and `restore run`."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!({switched_on('allNamespaces')} && {given('namespaces')})",
            "Namespaces are named and allNamespaces is true. Use one of them; excludeNamespaces takes namespaces out of all.",
        ),
    )

    namespaces: Annotated[Texts, Meta(description="Names of namespaces, or globs. --namespace")] = []
    all_namespaces: Annotated[bool, Meta(description="All namespaces. --all-namespaces")] = False
    exclude_namespaces: Annotated[Texts, Meta(description="Names or globs. --exclude-namespace")] = []
    namespace_selector: Annotated[Selector, Meta(description="Namespaces with these labels. --namespace-selector")] = ""
    selector: Annotated[Selector, Meta(description="Objects with these labels, as `a=b,c in (d,e)`. --selector")] = ""
    exclude_selector: Annotated[Selector, Meta(description="Not objects with these labels. --exclude-selector")] = ""
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


def selection_fields(selection: Selection) -> dict[str, Any]:
    """The other way round, as arguments of SelectionFields; each name once, because the API server refuses others."""
    values = {field.name: getattr(selection, field.name) for field in dataclasses.fields(selection)}
    lists = {name: list(dict.fromkeys(value)) for name, value in values.items() if isinstance(value, tuple)}
    return {**values, **lists, "cluster_objects": selection.cluster_objects.value}


class BackupFields(SelectionFields, kw_only=True, rename="camel", omit_defaults=True):
    """What a backup takes: in a Backup, and in the `backup` of a BackupPlan."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *SelectionFields.RULES,
        Rule(
            " || ".join(
                (
                    switched_on("allNamespaces"),
                    *(
                        given(field)
                        for field in ("namespaces", "namespaceSelector", "objects", "workloads", "includeKinds")
                    ),
                    "self.clusterObjects == 'all'",
                )
            ),
            "Nothing is selected. Name namespaces, objects or workloads, or set allNamespaces.",
        ),
        Rule(
            "!has(self.labels) || self.labels.all(key, !key.contains(',') && !key.contains('=')"
            " && size(self.labels[key]) > 0 && !self.labels[key].contains(','))",
            "A label of a backup is not usable. Write keys without commas and equals signs, and values without commas.",
        ),
    )

    volumes: Annotated[Literal["auto", "none"], Meta(description="Data of volumes. --volumes")] = "auto"
    volume_policy: Annotated[
        VolumePolicyDocument | None,
        Meta(description="Which volumes and how, as Velero's volume policies say it. --volume-policy"),
    ] = None
    exclude_paths: Annotated[
        Texts, Meta(description="Files of volumes that are left out, [NAMESPACE/CLAIM:]PATTERN. --exclude-path")
    ] = []
    hooks: Annotated[
        Hooks, Meta(description="Commands in containers before and after the backup, and dumps. --hooks")
    ] = []
    dumps: Dumps = "given"
    no_hooks: NoHooks = False
    movers: Annotated[MoverFields | None, Meta(description="The pods that read volumes.")] = None
    type: Annotated[
        Literal["full", "incremental", "differential"], Meta(description="What it is compared with. --type")
    ] = "incremental"
    labels: Annotated[
        dict[str, Annotated[str, Meta(max_length=256)]],
        Meta(max_length=64, description="Labels to find backups by. --label"),
    ] = {}
    keep_for: Annotated[Span, Meta(description="Stays so long whatever rules say, then goes: 30d. --keep-for")] = ""
