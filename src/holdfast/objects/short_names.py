"""Short names of the kinds that every cluster has, for selections where no cluster can be asked."""

from __future__ import annotations

SHORT_NAMES: dict[str, tuple[str, ...]] = {
    "configmaps": ("cm",),
    "cronjobs.batch": ("cj",),
    "customresourcedefinitions.apiextensions.k8s.io": ("crd", "crds"),
    "daemonsets.apps": ("ds",),
    "deployments.apps": ("deploy",),
    "endpoints": ("ep",),
    "horizontalpodautoscalers.autoscaling": ("hpa",),
    "ingresses.networking.k8s.io": ("ing",),
    "limitranges": ("limits",),
    "namespaces": ("ns",),
    "networkpolicies.networking.k8s.io": ("netpol",),
    "persistentvolumeclaims": ("pvc",),
    "persistentvolumes": ("pv",),
    "poddisruptionbudgets.policy": ("pdb",),
    "pods": ("po",),
    "priorityclasses.scheduling.k8s.io": ("pc",),
    "replicasets.apps": ("rs",),
    "replicationcontrollers": ("rc",),
    "resourcequotas": ("quota",),
    "serviceaccounts": ("sa",),
    "services": ("svc",),
    "statefulsets.apps": ("sts",),
    "storageclasses.storage.k8s.io": ("sc",),
}
"""Sorted by kind."""
