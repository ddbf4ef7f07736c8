"""Which owner in GitOps looks after an object: it will undo what a restore changes, unless it is paused.

Flux and Argo CD leave marks on what they apply. A mark is a claim only: whether the owner that it names is there and at
work is for the caller to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.objects.fields import Object, at, name_of, namespace_of

APPLICATIONS = "applications.argoproj.io"
TOOLS: Mapping[str, str] = {
    APPLICATIONS: "Argo CD",
    "helmreleases.helm.toolkit.fluxcd.io": "Flux",
    "kustomizations.kustomize.toolkit.fluxcd.io": "Flux",
}
"""Kinds of owners → whose they are."""

_FLUX = {
    "kustomize.toolkit.fluxcd.io": "kustomizations.kustomize.toolkit.fluxcd.io",
    "helm.toolkit.fluxcd.io": "helmreleases.helm.toolkit.fluxcd.io",
}
_ARGO_ID = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_INSTANCE = "app.kubernetes.io/instance"


class Claim(NamedTuple):
    """What an object says about who looks after it."""

    kind: str  # group resource, one of TOOLS
    namespace: str  # "" where the mark does not say
    name: str


def claims(obj: Object) -> set[Claim]:
    """The owners that an object names, by the labels and annotations that they leave.

    The label `app.kubernetes.io/instance` is set by nearly every Helm chart, too: it means an owner only if there is an
    Application of that name. Argo CD's own rule holds for a tracking id: in a copy of the object it counts for nothing.
    """
    labels, annotations = at(obj, "metadata", "labels"), at(obj, "metadata", "annotations")
    found = set()
    for prefix, kind in _FLUX.items():
        name, namespace = labels.get(f"{prefix}/name"), labels.get(f"{prefix}/namespace")
        if name and namespace:
            found.add(Claim(kind, namespace, name))
    if _ARGO_ID in annotations:
        tracked = _tracked(str(annotations[_ARGO_ID]), obj)
        return found | ({tracked} if tracked else set())
    for label in (_ARGO_INSTANCE, _INSTANCE):
        if labels.get(label):
            found.add(Claim(APPLICATIONS, *_application(str(labels[label]))))
    return found


def _tracked(tracking_id: str, obj: Object) -> Claim | None:
    """`shop:apps/Deployment:web/server`, or `team_shop:…` for an Application in another namespace than Argo CD's."""
    application, _, rest = tracking_id.partition(":")
    _, _, place = rest.partition(":")
    namespace, _, name = place.partition("/")
    if name != name_of(obj) or namespace not in ("", namespace_of(obj)):
        return None
    return Claim(APPLICATIONS, *_application(application)) if application else None


def _application(text: str) -> tuple[str, str]:
    """(namespace, name); "" for the namespace that Argo CD itself is in."""
    namespace, underscore, name = text.rpartition("_")
    return (namespace, name) if underscore else ("", text)
