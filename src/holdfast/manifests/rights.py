"""Who may do what in a cluster, and why: the tables from which roles are made (`rbac`) and docs/rights.md is written."""

from __future__ import annotations

from holdfast.api.names import GROUP
from holdfast.manifests.data_rights import (
    MOVERS,
    RUNNER_HOOKS,
    RUNNER_VOLUMES,
    TENANT_RUNNER_HOOKS,
    TENANT_RUNNER_VOLUMES,
)
from holdfast.manifests.role_table import (
    READ,
    TO_RUNNER,
    TO_TENANT_RUNNER,
    WATCH,
    WRITE,
    Part,
    Right,
    RoleTable,
)

APPLY = ("create", "patch")
"""What server-side apply of an object that may not be there yet takes."""
OWN = ("storagelocations", "backupplans", "backups", "restores")

# What can be backed up; a test compares it with what API servers serve. No `*`: in the core group that would include
# pods/exec and nodes/proxy, and a GET of those runs commands.
CORE = (
    *("configmaps", "endpoints", "limitranges", "namespaces", "persistentvolumeclaims", "persistentvolumes", "pods"),
    *("podtemplates", "replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts", "services"),
)
GROUPS = (
    *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch"),
    *("certificates.k8s.io", "discovery.k8s.io", "flowcontrol.apiserver.k8s.io", GROUP, "networking.k8s.io"),
    *("node.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io"),
    *("snapshot.storage.k8s.io", "storage.k8s.io"),
)
_NAMESPACED_CORE = tuple(kind for kind in CORE if kind not in ("namespaces", "persistentvolumes"))
_NAMESPACED_GROUPS = (
    *("apps", "autoscaling", "batch", "discovery.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"),
    "resource.k8s.io",
)
_TENANTS_CORE = tuple(kind for kind in _NAMESPACED_CORE if kind not in ("endpoints", "limitranges", "resourcequotas"))
_TENANTS_GROUPS = ("apps", "autoscaling", "batch", "networking.k8s.io", "policy")

_TO_BUILT_IN = "rbac.authorization.k8s.io/aggregate-to-{}"

CONTROLLER = RoleTable(
    name="holdfast-controller",
    part=Part.CONTROLLER,
    who="The ServiceAccount of the controller, in the whole cluster. **Nothing about Secrets.**",
    rights=(
        Right(OWN, (*WATCH, "patch"), "It turns them into Jobs; `patch` stamps what it accepted and holds data back", (GROUP,)),
        Right(tuple(f"{kind}/status" for kind in OWN), ("patch",), "Conditions and the newest runs", (GROUP,)),
        Right(("cronjobs",), (*WATCH, *APPLY, "delete"), "One for each plan and each kind of maintenance", ("batch",)),
        Right(("jobs",), (*WATCH, "create", "delete"), "Backups, restores and runs by hand; what is left over goes", ("batch",)),
        Right(("pods",), WATCH, "How a run ended, and why one does not start"),
        Right(("pods/status",), ("patch",), "Says that a run's pod is dead if its node does not answer; then another one begins"),
        Right(("events",), ("list", "create"), "Tells what it did; reads why a Job gets no pods, as of a quota"),
        Right(("namespaces",), WATCH, "Of one that is being deleted the data stays; the UID of kube-system names the cluster"),
        Right(("persistentvolumes",), ("list", "delete"), "Those that a dead run made for its movers go; they keep the data"),
    ),
)  # fmt: skip

LEADER = RoleTable(
    name="holdfast-controller",
    part=Part.CONTROLLER,
    who="The same ServiceAccount, in Holdfast's namespace only.",
    in_namespace=True,
    rights=(
        Right(("leases",), ("get", "create", "update"), "Which of the replicas is at work", ("coordination.k8s.io",)),
        Right(("leases",), ("list", "delete"), "That of a dead run goes, with its Jobs and claims", ("coordination.k8s.io",)),
    ),
)  # fmt: skip

RUNNER = RoleTable(
    name="holdfast-runner",
    part=Part.RUNNER,
    who="The ServiceAccount `holdfast-runner` of Holdfast's namespace, in the whole cluster. It collects those below, "
    f'and every ClusterRole with the label `{TO_RUNNER}: "true"`.',
    collects=TO_RUNNER,
)

RUNNER_BACKUP = RoleTable(
    name="holdfast-runner-backup",
    part=Part.RUNNER,
    who="Part of `holdfast-runner`: what `backup create` needs.",
    labels=(TO_RUNNER,),
    rights=(
        Right(CORE, READ, "A backup reads what it saves. By name: `*` would include `pods/exec`"),
        Right(("*",), READ, "The same. Custom resources: label a ClusterRole of your own, see above", GROUPS),
    ),
)

RUNNER_RESTORE = RoleTable(
    name="holdfast-runner-restore",
    part=Part.RUNNER,
    who="Part of `holdfast-runner`: what `restore run` and drills need. **Who has it is an administrator of the cluster**: "
    "it may create any Pod and any role. `install --backups-only` leaves it out.",
    labels=(TO_RUNNER,),
    rights=(
        Right(("*",), READ, "A restore compares with what is there; also kinds whose definition it has just brought", ("*",)),
        Right(("*",), ("create", "update", "patch"), "It creates what is missing, and changes what `--on-conflict` says", ("*",)),
        Right(("*",), ("delete",), "`--on-conflict replace`, `--rollback`, `restore undo`, namespaces of drills", ("*",)),
        Right(
            ("roles", "clusterroles"),
            ("escalate", "bind"),
            "Kubernetes lets nobody create a role, or a binding to one, with rights that they do not have themselves",
            ("rbac.authorization.k8s.io",),
        ),
    ),
)  # fmt: skip

TENANT_RUNNER = RoleTable(
    name="holdfast-tenant-runner",
    part=Part.RUNNER,
    who="Nobody, until a RoleBinding in a tenant's namespace gives it to an account there; then in that namespace only. "
    f'It collects those below, and every ClusterRole with the label `{TO_TENANT_RUNNER}: "true"`.',
    collects=TO_TENANT_RUNNER,
)

TENANT_RUNNER_BUILT_IN = RoleTable(
    name="holdfast-tenant-runner-built-in",
    part=Part.RUNNER,
    who="Part of `holdfast-tenant-runner`. No roles, bindings, quotas, limits or addresses are written, and nothing "
    "cluster-scoped: those a restore names as failed, for an administrator.",
    labels=(TO_TENANT_RUNNER,),
    rights=(
        Right(("namespaces",), ("get",), "Kubernetes allows it for the namespace of the RoleBinding only"),
        Right(_NAMESPACED_CORE, READ, "A backup reads what it saves"),
        Right(("*",), READ, "The same", _NAMESPACED_GROUPS),
        Right(OWN, READ, "A scheduled run reads its plan; plans and locations are saved, too", (GROUP,)),
        Right(("storagelocations", "backupplans"), WRITE, "They come back, and rest until somebody resumes them", (GROUP,)),
        Right(_TENANTS_CORE, WRITE, "A restore of an application; `delete` for `replace` and `--rollback`"),
        Right(("*",), WRITE, "The same", _TENANTS_GROUPS),
    ),
)  # fmt: skip

TENANT = RoleTable(
    name="holdfast-tenant",
    part=Part.ACCESS,
    who="Everybody who has `edit` or `admin` in a namespace, there. **Whoever may create these may run pods as any "
    "ServiceAccount of the namespace** and use any of its Secrets, which `edit` allows already; give it to nobody who may not.",
    labels=(_TO_BUILT_IN.format("edit"), _TO_BUILT_IN.format("admin")),
    rights=(Right(OWN, (*WATCH, *WRITE, "deletecollection"), "Plans, backups, restores and locations of their own", (GROUP,)),),
)  # fmt: skip

TENANT_ADMIN = RoleTable(
    name="holdfast-tenant-admin",
    part=Part.ACCESS,
    who="Everybody who has `admin` in a namespace, there.",
    labels=(_TO_BUILT_IN.format("admin"),),
    rights=(
        Right(
            ("clusterroles",),
            ("bind",),
            "To give `holdfast-tenant-runner` to an account of the namespace. That role has little that `admin` has not",
            ("rbac.authorization.k8s.io",),
            (TENANT_RUNNER.name,),
        ),
    ),
)  # fmt: skip

VIEWER = RoleTable(
    name="holdfast-viewer",
    part=Part.ACCESS,
    who="Everybody who has `view`, `edit` or `admin` in a namespace, there. Our objects hold no secrets.",
    labels=(_TO_BUILT_IN.format("view"),),
    rights=(
        Right((*OWN, *(f"{kind}/status" for kind in OWN)), WATCH, "What is protected, and when it last was", (GROUP,)),
    ),
)  # fmt: skip

TABLES = (
    CONTROLLER,
    LEADER,
    RUNNER,
    RUNNER_BACKUP,
    RUNNER_VOLUMES,
    MOVERS,
    RUNNER_HOOKS,
    RUNNER_RESTORE,
    TENANT_RUNNER,
    TENANT_RUNNER_BUILT_IN,
    TENANT_RUNNER_VOLUMES,
    TENANT_RUNNER_HOOKS,
    TENANT,
    TENANT_ADMIN,
    VIEWER,
)
MAINTENANCE_ACCOUNT = "holdfast-maintenance"
"""For the pods that forget, prune and check. No role and no token: they speak to the repository only."""
