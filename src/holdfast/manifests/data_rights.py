"""Rights by which the data of applications is read and written: for movers, and for hooks. Both can be left out."""

from __future__ import annotations

from holdfast.manifests.role_table import READ, TO_RUNNER, TO_TENANT_RUNNER, WATCH, Part, Right, RoleTable

_MOVING = (
    Right(("jobs",), (*WATCH, "create", "delete"), "Each volume is read or written by a Job of its own", ("batch",)),
    Right(("pods",), WATCH, "How it ended, and why it does not start"),
    Right(("pods/log",), ("get",), "What it has done, while it goes on"),
    Right(("pods/status",), ("patch",), "Says for a node that does not answer that its pod is over; Kubernetes makes another"),
    Right(("events",), ("list",), "Why a Job gets no pod or a claim no volume: a quota, a missing class"),
    Right(
        ("leases",),
        (*READ, "create", "update", "delete"),
        "Says that the run lives, and owns what it makes",
        ("coordination.k8s.io",),
    ),
    Right(("persistentvolumeclaims",), (*READ, "create", "delete"), "Those that movers mount, in the place of another's"),
)  # fmt: skip

RUNNER_VOLUMES = RoleTable(
    name="holdfast-runner-volumes",
    part=Part.RUNNER,
    who="Part of `holdfast-runner`: how volumes of all namespaces come to its movers. **Whoever may create these and make "
    "pods, as this account may in Holdfast's namespace, reaches the data of every volume and the disks of every node.** "
    "`install --no-volumes` leaves it out.",
    labels=(TO_RUNNER,),
    rights=(
        Right(
            ("persistentvolumes",),
            (*READ, "create", "delete"),
            "A second one with the same source brings a volume to Holdfast's namespace, where no tenant is; it keeps the data",
        ),
        Right(("nodes",), ("list",), "Whether the node of a volume is there, and takes pods"),
    ),
)  # fmt: skip

MOVERS = RoleTable(
    name="holdfast-movers",
    part=Part.RUNNER,
    who="The ServiceAccount `holdfast-runner`, in Holdfast's namespace only, where its movers run. They have no token. "
    "`install --no-volumes` leaves it out.",
    rights=_MOVING,
    in_namespace=True,
)

RUNNER_HOOKS = RoleTable(
    name="holdfast-runner-hooks",
    part=Part.RUNNER,
    who="Part of `holdfast-runner`: commands in containers before and after a backup. **Whoever has it can do whatever any "
    "pod of the cluster can.** `install --no-hooks` leaves it out; hooks then fail, and name the right.",
    labels=(TO_RUNNER,),
    rights=(
        Right(("pods/exec",), ("get", "create"), "Hooks run in the application's containers; newer clusters ask for both"),
    ),
)  # fmt: skip

TENANT_RUNNER_VOLUMES = RoleTable(
    name="holdfast-tenant-runner-volumes",
    part=Part.RUNNER,
    who="Part of `holdfast-tenant-runner`: movers in the tenant's own namespace. Nothing about PersistentVolumes: claims of the "
    "namespace are mounted as they are. `install --no-volumes` leaves it out.",
    labels=(TO_TENANT_RUNNER,),
    rights=_MOVING,
)

TENANT_RUNNER_HOOKS = RoleTable(
    name="holdfast-tenant-runner-hooks",
    part=Part.RUNNER,
    who="Part of `holdfast-tenant-runner`: commands in containers of the namespace, as `edit` allows them. `install --no-hooks` "
    "leaves it out.",
    labels=(TO_TENANT_RUNNER,),
    rights=(Right(("pods/exec",), ("get", "create"), "As above"),),
)

VOLUMES = (RUNNER_VOLUMES, MOVERS, TENANT_RUNNER_VOLUMES)
HOOKS = (RUNNER_HOOKS, TENANT_RUNNER_HOOKS)
