"""The flags about movers that `backup create`, `restore run` and `restore files` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.context import Session

if TYPE_CHECKING:  # see main
    from holdfast.api.pod_settings import PodSettings
    from holdfast.cluster.cluster import Cluster
    from holdfast.operations.movers.task import MoverSettings

PARALLEL, PARALLEL_PER_NODE = 4, 2
_PLACES = (
    click.option(
        "--mover-namespace",
        default="",
        metavar="NAME",
        help="Where movers run. Default: the location's namespace, else Holdfast's.",
    ),
    click.option(
        "--mover-image",
        default="",
        metavar="IMAGE",
        envvar="HOLDFAST_IMAGE",
        help="Image of the movers. Default: that of the installed controller.",
    ),
    click.option(
        "--mover-repository",
        default="",
        metavar="URL",
        envvar="HOLDFAST_MOVER_REPOSITORY",
        help="The same repository's URL as pods reach it, if it has another one for them.",
    ),
)
_SIZES = (
    click.option(
        "--parallel-volumes",
        type=click.IntRange(min=1),
        default=PARALLEL,
        show_default=True,
        metavar="N",
        help="How many movers run at once.",
    ),
    click.option(
        "--parallel-per-node",
        type=click.IntRange(min=1),
        default=PARALLEL_PER_NODE,
        show_default=True,
        metavar="N",
        help="How many of them on one node.",
    ),
    click.option("--mover-cpu", default="", metavar="QUANTITY", help="Processors that a mover may use. Default: 1."),
    click.option("--mover-memory", default="", metavar="QUANTITY", help="Memory that a mover may use. Default: 1Gi."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoverFlags:
    """Their values, named as click names them."""

    mover_namespace: str
    mover_image: str
    mover_repository: str
    parallel_volumes: int
    parallel_per_node: int
    mover_cpu: str
    mover_memory: str

    @classmethod
    def taken_from(cls, flags: dict[str, Any]) -> MoverFlags:
        """Removes them from a verb's flags."""
        return cls(**{name: flags.pop(name) for name in cls.__dataclass_fields__})

    def settings(
        self, session: Session, cluster: Cluster, *, cluster_name: str, pod: PodSettings | None = None
    ) -> MoverSettings:
        """Raises what `holdfast.assembly.mover_settings` raises, and what reading a location does."""
        from holdfast import assembly  # noqa: PLC0415
        from holdfast.api.pod_settings import PodSettings  # noqa: PLC0415
        from holdfast.operations.movers.settings import MoverOptions  # noqa: PLC0415

        options = MoverOptions(
            namespace=self.mover_namespace,
            image=self.mover_image,
            repository=self.mover_repository,
            parallel=self.parallel_volumes,
            parallel_per_node=self.parallel_per_node,
            cpu=self.mover_cpu,
            memory=self.mover_memory,
            pod=pod or PodSettings(),
        )
        return assembly.mover_settings(session.repository_settings(), cluster, options, cluster_name=cluster_name)


def mover_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags to a verb, in the order in which help shows them."""
    for option in reversed((*_PLACES, *_SIZES)):
        function = option(function)
    return function


def mover_size_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Only those that say how many there are and how large: where they run, a plan's location says."""
    for option in reversed(_SIZES):
        function = option(function)
    return function
