"""Rows for objects that were made in an early version of their kind, which allowed what the present one refuses."""

from __future__ import annotations

from holdfast.objects.fields import Object, at, items, put, remove
from holdfast.objects.transforms.transform import Context, Transform

_ANYTHING = "x-kubernetes-preserve-unknown-fields"
_HARMLESS = frozenset({"None", "NoneOnDryRun"})


def _keep_unknown_fields(obj: Object, _: Context) -> None:
    if not at(obj, "spec").get("preserveUnknownFields"):
        return
    remove(obj, "spec", "preserveUnknownFields")
    for version in items(obj, "spec", "versions"):
        put(version, "schema", "openAPIV3Schema", _ANYTHING, value=True)
        version["schema"]["openAPIV3Schema"].setdefault("type", "object")


def _name_side_effects(obj: Object, _: Context) -> None:
    for webhook in items(obj, "webhooks"):
        if webhook.get("sideEffects") not in _HARMLESS:
            webhook["sideEffects"] = "NoneOnDryRun"


EARLY_VERSIONS: tuple[Transform, ...] = (
    Transform(
        "unknown-fields",
        "A CustomResourceDefinition that was made as v1beta1 may allow unknown fields as a whole; v1 refuses that, and"
        " allows them in the schema of each version.",
        frozenset({"customresourcedefinitions.apiextensions.k8s.io"}),
        change=_keep_unknown_fields,
    ),
    Transform(
        "webhook-side-effects",
        "A webhook that was made as v1beta1 may have unknown side effects; v1 refuses that, so it counts as having none in"
        " dry runs.",
        frozenset(
            f"{plural}.admissionregistration.k8s.io"
            for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
        ),
        change=_name_side_effects,
    ),
)
