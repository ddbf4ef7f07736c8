"""What one role is: rights, each with its reason, and who has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from holdfast.api.names import GROUP

TO_RUNNER = f"rbac.{GROUP}/aggregate-to-runner"
TO_TENANT_RUNNER = f"rbac.{GROUP}/aggregate-to-tenant-runner"
"""Labels of the roles that the account of runs, or a tenant's, collects. An administrator labels roles of custom resources with
these to have them backed up by name."""

READ = ("get", "list")
WATCH = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")


class Part(StrEnum):
    """Which part of an installation an object belongs to; value of the label `app.kubernetes.io/component`."""

    CONTROLLER = "controller"
    RUNNER = "runner"
    ACCESS = "access"  # of people


class Right(NamedTuple):
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    groups: tuple[str, ...] = ("",)
    names: tuple[str, ...] = ()
    """Only objects of these names; empty: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleTable:
    """One ClusterRole, or one Role in Holdfast's namespace."""

    name: str
    part: Part
    who: str
    """Who has it, for the page."""
    rights: tuple[Right, ...] = ()
    labels: tuple[str, ...] = ()
    """Labels that make other roles collect this one."""
    collects: str = ""
    """The label of the roles whose rights this one has; its own table is empty then."""
    in_namespace: bool = False
