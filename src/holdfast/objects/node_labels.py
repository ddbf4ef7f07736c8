"""Other labels of nodes: `--map-node-label KEY=OLD=NEW`, and `KEY-` to demand nothing of it any more.

Pods and volumes choose nodes by their labels, and the nodes of another cluster have others: other zones, other pools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import UsageError
from holdfast.objects.fields import Object, at, items

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"(?:{_NAME})?")
_TERMS = "nodeSelectorTerms"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class NodeLabelMap:
    """`values`: label → old value → new value. `dropped`: labels that nothing is demanded of."""

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.values or self.dropped)

    def map_pod_spec(self, spec: Object) -> None:
        """Changes `nodeSelector` and `affinity.nodeAffinity` in place; tolerations stay."""
        self._map_labels(spec, "nodeSelector")
        affinity = at(spec, "affinity")
        self._map_required(at(affinity, "nodeAffinity"), _REQUIRED)
        self._map_preferred(at(affinity, "nodeAffinity"))
        _drop_if_empty(affinity, "nodeAffinity")
        _drop_if_empty(spec, "affinity")

    def map_volume(self, spec: Object) -> None:
        """Changes `nodeAffinity` of a PersistentVolume's spec in place."""
        self._map_required(at(spec, "nodeAffinity"), "required")
        _drop_if_empty(spec, "nodeAffinity")

    def map_topologies(self, storage_class: Object) -> None:
        """Changes `allowedTopologies` of a StorageClass in place. They are alternatives, as the terms of an affinity are."""
        topologies = items(storage_class, "allowedTopologies")
        for topology in topologies:
            self._map_expressions(topology, "matchLabelExpressions")
        if topologies and not all(topologies):
            del storage_class["allowedTopologies"]

    def _map_labels(self, holder: Object, name: str) -> None:
        labels = at(holder, name)
        for key in list(labels):
            if key in self.dropped:
                del labels[key]
            else:
                labels[key] = self._new(key, labels[key])
        if labels == {} and holder.get(name) == {}:
            del holder[name]

    def _map_required(self, holder: Object, name: str) -> None:
        """Terms are alternatives: one that demands nothing any more fits every node, and so does the whole."""
        selector = at(holder, name)
        terms = items(selector, _TERMS)
        for term in terms:
            self._map_expressions(term, "matchExpressions")
        if terms and not all(terms):
            del holder[name]

    def _map_preferred(self, holder: Object) -> None:
        preferences = items(holder, _PREFERRED)
        for preference in preferences:
            self._map_expressions(at(preference, "preference"), "matchExpressions")
        kept = [preference for preference in preferences if at(preference, "preference")]
        if len(kept) < len(preferences):
            holder[_PREFERRED] = kept
            if not kept:
                del holder[_PREFERRED]

    def _map_expressions(self, term: Object, name: str) -> None:
        before = items(term, name)
        if not before:
            return
        kept = [expression for expression in before if expression.get("key") not in self.dropped]
        for expression in kept:
            if isinstance(values := expression.get("values"), list):
                renamed = [self._new(expression.get("key"), value) for value in values]
                expression["values"] = [value for number, value in enumerate(renamed) if value not in renamed[:number]]
        term[name] = kept
        if not kept:
            del term[name]

    def _new(self, key: Any, value: Any) -> Any:
        renamed = self.values.get(key) if isinstance(key, str) else None
        return renamed.get(value, value) if renamed and isinstance(value, str) else value


def _drop_if_empty(holder: Object, name: str) -> None:
    if holder.get(name) == {}:
        del holder[name]


def parse_node_labels(values: Iterable[str]) -> NodeLabelMap:
    """Texts → mapping. Raises UsageError for a text of another shape, impossible labels, and contradictions."""
    renamed: dict[str, dict[str, str]] = {}
    dropped: set[str] = set()
    for text in values:
        parts = text.split("=")
        key = parts[0].removesuffix("-") if len(parts) == 1 else parts[0]
        if len(parts) not in (1, 3) or (len(parts) == 1 and not text.endswith("-")):
            raise _impossible(text, "it should read KEY=OLD=NEW, or KEY- to demand nothing of that label")
        if not _KEY.fullmatch(key):
            raise _impossible(text, f"{key!r} is not a name that a label can have")
        if len(parts) == 1:
            dropped.add(key)
            continue
        old, new = parts[1:]
        if not (_VALUE.fullmatch(old) and _VALUE.fullmatch(new)):
            raise _impossible(text, "a label's value has up to 63 letters, digits and - _ . inside")
        if renamed.setdefault(key, {}).setdefault(old, new) != new:
            raise _impossible(text, f"{key}={old} cannot become both {renamed[key][old]} and {new}")
    both = sorted(dropped & renamed.keys())
    if both:
        raise _impossible(f"{both[0]}-", "the same label is mapped, too")
    return NodeLabelMap(renamed, frozenset(dropped))


def _impossible(text: str, why: str) -> UsageError:
    return UsageError(
        f"--map-node-label {text} is not possible",
        why=why,
        next="Write it as in --map-node-label topology.kubernetes.io/zone=eu-1a=eu-2a, or --map-node-label disktype-.",
    )
