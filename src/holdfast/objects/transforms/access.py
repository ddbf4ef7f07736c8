"""Rows for service accounts, their tokens, and role bindings."""

from __future__ import annotations

import re

from holdfast.objects.fields import Object, at, items, name_of, put, remove
from holdfast.objects.mapping import NameMap
from holdfast.objects.transforms.transform import Context, Transform

_SECRETS = frozenset({"secrets"})
_SERVICE_ACCOUNTS = frozenset({"serviceaccounts"})
_ROLE_BINDINGS = frozenset({"rolebindings.rbac.authorization.k8s.io"})
_CLUSTER_ROLES = frozenset({"clusterroles.rbac.authorization.k8s.io"})
_CLUSTER_ROLE_BINDINGS = frozenset({"clusterrolebindings.rbac.authorization.k8s.io"})
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the type of such a Secret
_ACCOUNT = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
_TOKEN_DATA = ("token", "ca.crt", "namespace")
_GENERATED_BASE_MAX = 58  # longer names are cut before the five letters are added
_GENERATED_SUFFIX = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}")  # the alphabet of names that Kubernetes generates


def is_generated_token(account: str, secret: str) -> bool:
    """Whether a Secret's name is one that a cluster before 1.24 gave to a token that it made for an account."""
    base = f"{account}-token-"[:_GENERATED_BASE_MAX]
    return secret.startswith(base) and _GENERATED_SUFFIX.fullmatch(secret[len(base) :]) is not None


def _refuse_generated_token(obj: Object, _: Context) -> str | None:
    account = at(obj, "metadata", "annotations").get(_ACCOUNT, "")
    if obj.get("type") == _TOKEN and account and is_generated_token(account, name_of(obj)):
        return f"it is a token that was generated for the ServiceAccount {account} of the old cluster"
    return None


def _clear_token(obj: Object, _: Context) -> None:
    if obj.get("type") == _TOKEN:
        remove(obj, "metadata", "annotations", _ACCOUNT_UID)
        for field in _TOKEN_DATA:
            remove(obj, "data", field)


def _carry_token(live: Object, desired: Object, _: Context) -> None:
    if desired.get("type") != _TOKEN:
        return
    uid = at(live, "metadata", "annotations").get(_ACCOUNT_UID)
    if uid is not None:
        put(desired, "metadata", "annotations", _ACCOUNT_UID, value=uid)
    for field in _TOKEN_DATA:
        if field in at(live, "data"):
            put(desired, "data", field, value=live["data"][field])


def _drop_token_references(obj: Object, _: Context) -> None:
    account = name_of(obj)
    _set_secrets(obj, [ref for ref in items(obj, "secrets") if not is_generated_token(account, ref.get("name", ""))])


def _carry_token_references(live: Object, desired: Object, _: Context) -> None:
    account, wanted = name_of(live), items(desired, "secrets")
    kept = [ref for ref in items(live, "secrets") if ref in wanted or is_generated_token(account, ref.get("name", ""))]
    _set_secrets(desired, [*kept, *(ref for ref in wanted if ref not in kept)])


def _set_secrets(account: Object, references: list[Object]) -> None:
    if references:
        account["secrets"] = references
    else:
        account.pop("secrets", None)


def _merge_default_account(live: Object, desired: Object, _: Context) -> Object | None:
    if name_of(desired) != "default":
        return None
    for kind in ("labels", "annotations"):
        for key, value in at(desired, "metadata", kind).items():
            if key not in at(live, "metadata", kind):
                put(live, "metadata", kind, key, value=value)
    for kind in ("secrets", "imagePullSecrets"):
        missing = [ref for ref in items(desired, kind) if ref not in items(live, kind)]
        if missing:
            live[kind] = [*items(live, kind), *missing]
    if "automountServiceAccountToken" in desired:
        live.setdefault("automountServiceAccountToken", desired["automountServiceAccountToken"])
    return live


def _map_subjects(obj: Object, context: Context) -> None:
    for subject in items(obj, "subjects"):
        _map_subject(subject, context.mapping.namespaces)


def _map_subject(subject: Object, namespaces: NameMap) -> None:
    match subject.get("kind"), str(subject.get("name", "")).split(":"):
        case "ServiceAccount", _ if "namespace" in subject:
            subject["namespace"] = namespaces[subject["namespace"]]
        case "User", ["system", "serviceaccount", namespace, account]:
            subject["name"] = f"system:serviceaccount:{namespaces[namespace]}:{account}"
        case "Group", ["system", "serviceaccounts", namespace]:
            subject["name"] = f"system:serviceaccounts:{namespaces[namespace]}"


def _merge_cluster_role_binding(live: Object, desired: Object, context: Context) -> Object | None:
    if not context.mapping.namespaces or live.get("roleRef") != desired.get("roleRef"):
        return None
    missing = [subject for subject in items(desired, "subjects") if subject not in items(live, "subjects")]
    if missing:
        live["subjects"] = [*items(live, "subjects"), *missing]
    return live


def _clear_aggregated_rules(obj: Object, _: Context) -> None:
    if "aggregationRule" in obj:
        obj.pop("rules", None)


def _carry_aggregated_rules(live: Object, desired: Object, _: Context) -> None:
    if "aggregationRule" in desired and "rules" in live:
        desired["rules"] = live["rules"]


ACCESS: tuple[Transform, ...] = (
    Transform(
        "generated-token",
        "A Secret with a generated service account token opens the old cluster only; the cluster that needs it makes"
        " its own.",
        _SECRETS,
        refuse=_refuse_generated_token,
    ),
    Transform(
        "token-secret",
        "A token that somebody asked for by a Secret is emptied, so that the target fills it with a token of its own;"
        " with the old account's UID the Secret would be deleted.",
        _SECRETS,
        change=_clear_token,
        carry=_carry_token,
    ),
    Transform(
        "service-account-token-references",
        "A ServiceAccount does not name generated token Secrets, because those are not restored.",
        _SERVICE_ACCOUNTS,
        change=_drop_token_references,
        carry=_carry_token_references,
    ),
    Transform(
        "default-service-account",
        "Every namespace is born with a ServiceAccount `default`, so labels, annotations and pull secrets that it lacks"
        " are added to it, and nothing in it is overwritten.",
        _SERVICE_ACCOUNTS,
        merge=_merge_default_account,
    ),
    Transform(
        "aggregated-rules",
        "The rules of an aggregated ClusterRole are the sum of other roles, and are added up from those of the target.",
        _CLUSTER_ROLES,
        change=_clear_aggregated_rules,
        carry=_carry_aggregated_rules,
    ),
    Transform(
        "binding-subjects",
        "With --map-namespace, role bindings give their rights to the accounts in the new namespace.",
        _ROLE_BINDINGS | _CLUSTER_ROLE_BINDINGS,
        change=_map_subjects,
    ),
    Transform(
        "shared-cluster-role-binding",
        "With --map-namespace, a ClusterRoleBinding may be live for the old namespace, so the new subjects are added"
        " to it if it grants the same role.",
        _CLUSTER_ROLE_BINDINGS,
        merge=_merge_cluster_role_binding,
    ),
)
