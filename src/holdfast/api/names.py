"""Names that objects in a cluster carry, in one place because every side looks for them."""

from __future__ import annotations

from holdfast.model.kubernetes import Resource

GROUP = "holdfast.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DEFAULT_NAMESPACE = "holdfast"
"""Where Holdfast lives if `install` is not told otherwise: its controller, and the locations that no tenant may use."""

STORAGE_LOCATIONS = Resource(
    group=GROUP, version=VERSION, plural="storagelocations", kind="StorageLocation", namespaced=True
)
BACKUP_PLANS = Resource(group=GROUP, version=VERSION, plural="backupplans", kind="BackupPlan", namespaced=True)
BACKUPS = Resource(group=GROUP, version=VERSION, plural="backups", kind="Backup", namespaced=True)
RESTORES = Resource(group=GROUP, version=VERSION, plural="restores", kind="Restore", namespaced=True)
RESOURCES = (STORAGE_LOCATIONS, BACKUP_PLANS, BACKUPS, RESTORES)

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "holdfast"
"""Value of that label on every CronJob, Job and pod made here; also the field manager of the controller."""

CLI_MANAGER = "holdfast-cli"
"""The field manager of what people write with the command line."""

KIND_LABEL = "holdfast.dev/kind"
"""On CronJobs, Jobs and pods: the kind of the object that they work for (`BackupPlan`, `Backup`, `Restore`,
`StorageLocation`)."""
NAME_LABEL = "holdfast.dev/name"
"""On the same: that object's name, which is in the same namespace, shortened like every name (`shortened`)."""
ROLE_LABEL = "holdfast.dev/role"
"""On the same: what is done, one of Role."""
OWNER_ANNOTATION = "holdfast.dev/owner"
"""On the same: that object's whole name."""
HASH_ANNOTATION = "holdfast.dev/hash"
"""On CronJobs: digest of what the controller wrote."""
SINCE_ANNOTATION = "holdfast.dev/since"
"""On CronJobs: since when they have their present times. At earlier ones no run was missed."""
STAMP_ANNOTATION = "holdfast.dev/uid"
"""On our own objects: the UID under which the controller accepted them. A copy has another UID, so it is not run."""
RUN_LABEL = "holdfast.dev/run"
"""On all that one run of the command line makes for its movers: the run's id."""
VOLUME_ANNOTATION = "holdfast.dev/volume"
"""On Jobs and pods of movers: the claim whose data they move, `shop/data`."""
STANDS_FOR_LABEL = "holdfast.dev/stands-for"
"""On pods that have volumes made for those of a workload: which workload, as a digest. They keep apart by it."""
FINALIZER = "holdfast.dev/data"
"""On Backups with `deletionPolicy: Delete`: the object stays until its data is deleted."""
