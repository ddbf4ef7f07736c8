"""Nodes as a volume's placement needs them: whether one is at work, and whether an affinity lets it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.objects.fields import Object, at, items, name_of, text, texts

_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}


def is_ready(node: Object) -> bool:
    """What the node's kubelet last said, or the node controller for one that has fallen silent."""
    conditions = items(node, "status", "conditions")
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def tolerations_for(node: Object | None) -> list[Object]:
    """For a pod that must run on just this node: it bears what keeps other new pods away, such as a cordon.

    Taints with the effect NoExecute are not among them: what they drive away would not last.
    """
    taints = [taint for taint in items(node or {}, "spec", "taints") if taint.get("effect") == "NoSchedule"]
    named = [
        {"key": text(taint, "key"), "operator": "Exists", "effect": "NoSchedule"}
        for taint in taints
        if taint.get("key")
    ]
    return [_UNSCHEDULABLE, *(one for one in named if one != _UNSCHEDULABLE)]


def selects(selector: Object, node: Object) -> bool:
    """Whether a node selector (`nodeSelectorTerms`), as in a PersistentVolume's `nodeAffinity.required`, lets a node in."""
    return any(_fits(term, node) for term in items(selector, "nodeSelectorTerms"))


def hostnames(selector: Object) -> tuple[str, ...]:
    """The values of the label `kubernetes.io/hostname` that all terms name; empty if one of them does without."""
    found: set[str] = set()
    for term in items(selector, "nodeSelectorTerms"):
        named = [
            value
            for one in items(term, "matchExpressions")
            if one.get("key") == "kubernetes.io/hostname" and one.get("operator") == "In"
            for value in texts(one, "values")
        ]
        if not named:
            return ()
        found.update(named)
    return tuple(sorted(found))


def _fits(term: Object, node: Object) -> bool:
    """A term without any condition lets nobody in, as the scheduler reads it."""
    labels, fields = items(term, "matchExpressions"), items(term, "matchFields")
    if not labels and not fields:
        return False
    own_labels = at(node, "metadata", "labels")
    return all(_holds(one, own_labels) for one in labels) and all(
        _holds(one, {"metadata.name": name_of(node)}) for one in fields
    )


def _holds(expression: Object, values: Mapping[str, object]) -> bool:
    value = values.get(text(expression, "key"))
    judge = _OPERATORS.get(text(expression, "operator"))
    return judge is not None and judge(value, texts(expression, "values"))


def _compared(larger: bool) -> Callable[[object, list[str]], bool]:
    def holds(value: object, limits: list[str]) -> bool:
        try:
            number, limit = int(str(value)), int(limits[0])
        except (ValueError, IndexError):
            return False
        return number > limit if larger else number < limit

    return holds


_OPERATORS: Mapping[str, Callable[[object, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": _compared(larger=True),
    "Lt": _compared(larger=False),
}
