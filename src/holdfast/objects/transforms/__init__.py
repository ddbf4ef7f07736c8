"""The table of transforms: every rule by which an object changes on its way into a cluster.

`docs/transforms.md` shows it to users. The order matters in one way only: rows see the fields that rows after them
change or remove, so those for namespaces and server-set fields come last.
"""

from __future__ import annotations

from holdfast.objects.transforms.access import ACCESS
from holdfast.objects.transforms.early_versions import EARLY_VERSIONS
from holdfast.objects.transforms.helm import HELM
from holdfast.objects.transforms.namespace_fields import NAMESPACE_REFERENCES
from holdfast.objects.transforms.namespaces import NAMESPACES
from holdfast.objects.transforms.own_kinds import OWN_KINDS
from holdfast.objects.transforms.placement import PLACEMENT
from holdfast.objects.transforms.quarantine import QUARANTINE
from holdfast.objects.transforms.server_fields import SERVER_FIELDS
from holdfast.objects.transforms.services import SERVICES
from holdfast.objects.transforms.snapshots import SNAPSHOTS
from holdfast.objects.transforms.storage import STORAGE
from holdfast.objects.transforms.transform import Context, Transform, Transformed, apply, carried, merged
from holdfast.objects.transforms.velero import VELERO
from holdfast.objects.transforms.workloads import WORKLOADS

TRANSFORMS: tuple[Transform, ...] = (
    *SERVICES,
    *ACCESS,
    *STORAGE,
    *SNAPSHOTS,
    *WORKLOADS,
    *EARLY_VERSIONS,
    *VELERO,
    *OWN_KINDS,
    *QUARANTINE,
    *HELM,
    *PLACEMENT,
    *NAMESPACE_REFERENCES,
    *NAMESPACES,
    *SERVER_FIELDS,
)

__all__ = ["TRANSFORMS", "Context", "Transform", "Transformed", "apply", "carried", "merged"]
