"""Pairing the objects of two sides, and comparing those whose contents are not the same bytes.

What is the same is never read: contents are known by their hashes. The rest is read in chunks, and of each object only what
differs is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.errors import ApiRefused, DamagedData
from holdfast.model.diff import ObjectChange, ObjectDiff
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.run import Problem
from holdfast.objects.diff.noise import cleaned, object_changes
from holdfast.objects.diff.shown import Room, shown
from holdfast.objects.fields import Object
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.selection import NAMESPACES
from holdfast.objects.transforms import Context
from holdfast.operations.object_diff.sides import Held, Side

_CHUNK = 500
_ROOM = 64 << 20  # bytes of values that are kept to be shown


class _Pair(NamedTuple):
    before: Held | None
    after: Held | None


class ObjectComparison:
    """Objects of the second side are handed in by `arrive`, in any order; `finish` tells what the first side has alone."""

    def __init__(
        self,
        before: Side,
        after: Side,
        namespaces: NameMap,
        *,
        show_secrets: bool = False,
        show_objects: bool = False,
    ) -> None:
        self._sides = (before, after)
        self._names = namespaces
        self._contexts = (
            Context(mapping=ObjectMapping(namespaces), subresources=before.subresources),
            Context(subresources=after.subresources),
        )
        self._show_secrets = show_secrets
        self._show_objects = show_objects
        self._room = Room(_ROOM)
        self._held: dict[ObjectKey, Held] = {}  # of the first side, by the names that they have on the second
        self._waiting: list[_Pair] = []
        self.differences: list[ObjectDiff] = []
        self.problems: list[Problem] = []
        self.unchanged = 0

    def expect(self, held: Held) -> None:
        """An object of the first side."""
        self._held[self.mapped(held.key)] = held

    def is_same(self, key: ObjectKey, *content: bytes) -> bool:
        """Whether the first side has this object with this content, byte for byte."""
        held = self._held.get(key)
        return held is not None and held.content == content and held.key == key

    def arrive(self, after: Held) -> None:
        """An object of the second side."""
        if self.is_same(after.key, *after.content):
            self.unchanged += 1
            del self._held[after.key]
            return
        self._wait(_Pair(self._held.pop(after.key, None), after))

    def finish(self) -> None:
        """Compares what is left. Raises what reading raises."""
        for held in self._held.values():
            self._wait(_Pair(held, None))
        self._held = {}
        self._compare()
        self.differences.sort(key=lambda one: (one.namespace, one.kind, one.name))

    def mapped(self, key: ObjectKey) -> ObjectKey:
        if key.group_resource == NAMESPACES:
            return key._replace(name=self._names[key.name])
        return key._replace(namespace=self._names[key.namespace]) if key.namespace else key

    def _wait(self, pair: _Pair) -> None:
        self._waiting.append(pair)
        if len(self._waiting) >= _CHUNK:
            self._compare()

    def _compare(self) -> None:
        self._sides[1].cancel.check()
        pairs = [pair for pair in map(self._completed, self._waiting) if pair is not None]
        self._waiting = []
        before = self._read(0, pairs)
        after = self._read(1, pairs)
        for pair in pairs:
            self._compare_pair(pair, before, after)

    def _read(self, side: int, pairs: Sequence[_Pair]) -> Mapping[ObjectKey, Object]:
        wanted = [pair[side] for pair in pairs if self._is_needed(pair)]
        return dict(self._sides[side].read([held for held in wanted if held is not None]))

    def _is_needed(self, pair: _Pair) -> bool:
        return self._show_objects or (pair.before is not None and pair.after is not None)

    def _completed(self, pair: _Pair) -> _Pair | None:
        """With what one side has although its selection did not take it; None if nobody can say whether it has."""
        if pair.before is not None and pair.after is not None:
            return pair
        number = 0 if pair.before is None else 1
        held = pair.after or pair.before
        assert held is not None
        side = self._sides[number]
        key = self.mapped(held.key) if number else self._unmapped(held.key)
        if side.source.is_unknown(key):
            return None
        if key.namespace and not side.hides:
            return pair
        try:
            found = side.look_up(held.resource, key)
        except (ApiRefused, DamagedData) as error:
            self.problems.append(Problem.of(error, str(key)))
            return None
        return _Pair(pair.before or found, pair.after or found)

    def _unmapped(self, key: ObjectKey) -> ObjectKey:
        old = {new: name for name, new in self._names.names.items()}
        if key.group_resource == NAMESPACES:
            return key._replace(name=old.get(key.name, key.name))
        return key._replace(namespace=old.get(key.namespace, key.namespace))

    def _compare_pair(self, pair: _Pair, before: Mapping[ObjectKey, Object], after: Mapping[ObjectKey, Object]) -> None:
        old, new = pair
        either = new or old
        assert either is not None
        if self._is_needed(pair) and ((old and old.key not in before) or (new and new.key not in after)):
            return  # it cannot be read, and its side has named it
        change = ObjectChange.ADDED if old is None else ObjectChange.REMOVED if new is None else ObjectChange.CHANGED
        kind = either.key.group_resource
        fields = []
        if self._is_needed(pair):
            objects = (
                cleaned(before[old.key], kind, self._contexts[0]) if old else {},
                cleaned(after[new.key], kind, self._contexts[1]) if new else {},
            )
            found = object_changes(*objects, kind)
            if not found:
                self.unchanged += 1
                return
            fields = shown(found, kind, self._room, show_secrets=self._show_secrets)
        key = new.key if new else self.mapped(either.key)
        self.differences.append(
            ObjectDiff(change=change, kind=kind, namespace=key.namespace, name=key.name, fields=fields)
        )
