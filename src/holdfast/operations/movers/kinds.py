"""The kinds of objects that runs with movers make and look at."""

from __future__ import annotations

from holdfast.model.kubernetes import Resource

CLAIMS = Resource(
    group="", version="v1", plural="persistentvolumeclaims", kind="PersistentVolumeClaim", namespaced=True
)
EVENTS = Resource(group="", version="v1", plural="events", kind="Event", namespaced=True)
LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", namespaced=True)
NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
PODS = Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)
VOLUMES = Resource(group="", version="v1", plural="persistentvolumes", kind="PersistentVolume", namespaced=False)
