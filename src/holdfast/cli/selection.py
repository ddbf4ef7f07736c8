"""The flags that say which objects are meant, the same for backups and restores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from holdfast.model.selection import ClusterObjects, Selection

EVERYTHING = Selection(all_namespaces=True, cluster_objects=ClusterObjects.ALL)
"""What a restore without selection flags means."""

_OPTIONS = (
    click.option(
        "-n", "--namespace", "namespaces", multiple=True, metavar="NAME", help="Namespace or glob; repeatable."
    ),
    click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces."),
    click.option(
        "--exclude-namespace", "exclude_namespaces", multiple=True, metavar="NAME", help="Name or glob; repeatable."
    ),
    click.option("--namespace-selector", default="", metavar="SELECTOR", help="Namespaces with these labels."),
    click.option(
        "-l",
        "--selector",
        default="",
        metavar="SELECTOR",
        help="Objects with these labels: a=b, a!=b, 'a in (x,y)', !a.",
    ),
    click.option("--exclude-selector", default="", metavar="SELECTOR", help="Not objects with these labels."),
    click.option(
        "--include-kind",
        "include_kinds",
        multiple=True,
        metavar="KIND",
        help="Only these kinds, as `deploy,cm`; repeatable.",
    ),
    click.option("--exclude-kind", "exclude_kinds", multiple=True, metavar="KIND", help="Not these kinds; repeatable."),
    click.option(
        "--object", "objects", multiple=True, metavar="KIND/NAMESPACE/NAME", help="A single object; repeatable."
    ),
    click.option(
        "--workload",
        "workloads",
        multiple=True,
        metavar="KIND/NAMESPACE/NAME",
        help="A workload of any kind with all that it lives on; repeatable.",
    ),
    click.option(
        "--cluster-objects",
        type=click.Choice([choice.value for choice in ClusterObjects]),
        default=ClusterObjects.AUTO.value,
        show_default=True,
        help="Cluster-scoped objects: those that the others need, all, or none.",
    ),
)
_NAMES = (
    "namespaces",
    "all_namespaces",
    "exclude_namespaces",
    "namespace_selector",
    "selector",
    "exclude_selector",
    "include_kinds",
    "exclude_kinds",
    "objects",
    "workloads",
)


_LISTS = frozenset(("namespaces", "exclude_namespaces", "include_kinds", "exclude_kinds", "objects", "workloads"))


def _split(values: tuple[str, ...]) -> tuple[str, ...]:
    """`-n a,b` is the same as `-n a -n b`: no name has a comma in it."""
    return tuple(part for value in values for part in value.split(",") if part)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags; the function takes them as `**flags` and makes a Selection of them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def make_selection(flags: dict[str, Any], *, default: Selection | None = None) -> Selection:
    """Raises UsageError for contradictions. `default` is what no flag at all means."""
    values: dict[str, Any] = {name: _split(flags[name]) if name in _LISTS else flags[name] for name in _NAMES}
    cluster_objects = ClusterObjects(flags["cluster_objects"])
    if default is not None and not any(values.values()) and cluster_objects is ClusterObjects.AUTO:
        return default
    named = values["namespaces"] or values["objects"] or values["workloads"] or values["namespace_selector"]
    if default is not None and not named:
        values["all_namespaces"] = True  # a restore without -n means all that the backup has
    return Selection(**values, cluster_objects=cluster_objects)
