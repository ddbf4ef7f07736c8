"""A workload and what it lives on: followed from relation to relation until nothing new is found.

Objects are read into nodes, which keep what the rules said and nothing of the object. `follow` then goes step by step from the
workloads. The result does not depend on the order in which nodes were added: of several reasons the one of the shortest way
counts, of equally short ones the first in the tables.

What keeps it from running away: a node that is only an owner does not lead to what else it owns, only a workload leads to what
selects its pods, and no rule leads from a ConfigMap, a Service or a policy to the others that use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.exclusions import excluded_object
from holdfast.objects.label_selector import LabelSelector
from holdfast.objects.metadata import Glimpse
from holdfast.objects.relations.document import Kinds, read_document
from holdfast.objects.relations.needs import NAMED
from holdfast.objects.relations.rule import NamingRule, PointingRule, SelectingRule, Way
from holdfast.objects.relations.searches import POINTING, SELECTING, answers

ROOT_REASON = "named in the selection"


class Node(NamedTuple):
    """What the rules say about one object."""

    key: ObjectKey
    names: tuple[tuple[NamingRule, ObjectKey], ...] = ()
    points_at: tuple[tuple[PointingRule, ObjectKey], ...] = ()
    selects: tuple[tuple[SelectingRule, LabelSelector], ...] = ()
    answers: tuple[ObjectKey, ...] = ()
    pods: tuple[Mapping[str, str], ...] = ()  # labels
    is_remade: bool = False  # it leads on and is never backed up itself


class Reached(NamedTuple):
    members: Mapping[ObjectKey, str]  # → why each is in
    missing: Mapping[ObjectKey, str]  # named by members, but not among the nodes → why


class _Rules(NamedTuple):
    naming: tuple[NamingRule, ...]
    pointing: tuple[PointingRule, ...]
    selecting: tuple[SelectingRule, ...]


class _Step(NamedTuple):
    """In the order in which reasons are preferred; one that names an object which is not in the backup comes last."""

    target: ObjectKey
    from_remade: bool
    rank: int  # of the rule among all
    source: ObjectKey
    way: Way
    reason: str


class Closure:
    """Order of use: `read` objects and `add` them; `follow`; fetch what is missing, `add` it and `follow` again."""

    def __init__(self, kinds: Iterable[Resource]) -> None:
        self._kinds = Kinds(kinds)
        self._rules: dict[Resource, _Rules] = {}
        self._nodes: dict[ObjectKey, Node] = {}
        self._pointing: dict[ObjectKey, list[tuple[PointingRule, ObjectKey]]] = {}
        self._selecting: dict[str, list[tuple[SelectingRule, LabelSelector, ObjectKey]]] = {}

    def read(self, resource: Resource, seen: Glimpse, data: bytes | memoryview | msgspec.Raw) -> Node:
        """Raises ClusterError if the bytes are no object."""
        document = read_document(resource, seen, data, self._kinds)
        naming, pointing, selecting = self._rules_for(resource)
        return Node(
            document.key,
            tuple((rule, key) for rule in naming for key in rule.names(document) if key.name),
            tuple((rule, key) for rule in pointing for key in rule.points_at(document)),
            tuple((rule, selector) for rule in selecting if (selector := rule.selects(document)) is not None),
            tuple(answers(document)),
            tuple(template.labels for template in document.pod_templates),
            excluded_object(resource, seen) is not None,
        )

    def add(self, nodes: Iterable[Node]) -> None:
        """Each object once; one that is there already stays as it is."""
        for node in nodes:
            if node.key in self._nodes:
                continue
            self._nodes[node.key] = node
            for pointing, target in node.points_at:
                self._pointing.setdefault(target, []).append((pointing, node.key))
            for selecting, selector in node.selects:
                self._selecting.setdefault(node.key.namespace, []).append((selecting, selector, node.key))

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._nodes

    def names_beside(self, key: ObjectKey) -> list[str]:
        """Names of all objects of the same kind and namespace that were added."""
        return [other.name for other in self._nodes if other._replace(name="") == key._replace(name="")]

    def follow(self, workloads: Iterable[ObjectKey]) -> Reached:
        """All that the workloads lead to, themselves included."""
        reasons = dict.fromkeys(sorted(workloads), ROOT_REASON)
        ways = dict.fromkeys(reasons, Way.WORKLOAD)
        front = dict(ways)
        while front:
            steps = sorted(step for key, way in front.items() for step in self._steps(key, way))
            front = {}
            for step in steps:
                reasons.setdefault(step.target, step.reason)
                if step.way > ways.get(step.target, 0):
                    ways[step.target] = front[step.target] = step.way
        return Reached(
            {key: reason for key, reason in reasons.items() if key in self._nodes},
            {key: reason for key, reason in reasons.items() if key not in self._nodes},
        )

    def _rules_for(self, resource: Resource) -> _Rules:
        if resource not in self._rules:
            self._rules[resource] = _Rules(
                tuple(rule for rule in NAMED if rule.applies_to(resource)),
                tuple(rule for rule in POINTING if rule.applies_to(resource)),
                tuple(rule for rule in SELECTING if rule.applies_to(resource)),
            )
        return self._rules[resource]

    def _steps(self, key: ObjectKey, way: Way) -> Iterator[_Step]:
        node = self._nodes.get(key, Node(key))
        # A name in another namespace leads nowhere: what is there belongs to others.
        for naming, target in node.names:
            if target.namespace in ("", key.namespace):
                yield _step(naming, node, target, naming.way)
        if way > Way.OWNER:
            yield from self._steps_to_pointing(node, way)
        if way is Way.WORKLOAD and node.pods:
            yield from self._steps_to_selecting(node)

    def _steps_to_pointing(self, node: Node, way: Way) -> Iterator[_Step]:
        for answer in node.answers:
            for rule, target in self._pointing.get(answer, ()):
                if not rule.of_workload or way is Way.WORKLOAD:
                    yield _step(rule, node, target, way if rule.belongs else Way.NEEDED)

    def _steps_to_selecting(self, node: Node) -> Iterator[_Step]:
        for rule, selector, target in self._selecting.get(node.key.namespace, ()):
            if any(map(selector.matches, node.pods)):
                yield _step(rule, node, target, Way.NEEDED)


def _step(rule: NamingRule | PointingRule | SelectingRule, source: Node, target: ObjectKey, way: Way) -> _Step:
    return _Step(target, source.is_remade, _RANKS[rule.id], source.key, way, f"{rule.reason} {source.key}")


_RANKS = {rule.id: rank for rank, rule in enumerate((*NAMED, *SELECTING, *POINTING))}
