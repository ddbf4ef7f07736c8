"""The two sides of a diff: what each holds of a selection, and the objects themselves when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from holdfast.cluster.cluster import Cluster
from holdfast.errors import NothingSelected
from holdfast.ids import BlobId
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.model.progress import Progress
from holdfast.model.run import Problem
from holdfast.model.selection import Selection
from holdfast.objects import selection as selecting
from holdfast.objects.fields import Object
from holdfast.objects.metadata import glimpse, key_of
from holdfast.operations.capture import Capture, Taken
from holdfast.operations.object_diff.lenient_source import LenientSource


class Held(NamedTuple):
    """One object that a side holds."""

    resource: Resource
    key: ObjectKey  # as it is named there
    content: tuple[BlobId, ...]  # equal contents are equal objects
    data: bytes | None = None  # None: to be read when it is needed


class HeldSink:
    """Takes what a capture finds. `take` is called for objects that are there for good."""

    def __init__(self, hold: Callable[[Taken, ObjectKey], Held], take: Callable[[Held], None]) -> None:
        self._hold = hold
        self._take = take
        self.covers: Callable[[Taken], bool] = lambda _: True

    def keep(self, taken: Taken) -> Held | None:
        resource, seen = taken.resource, taken.seen
        if seen.metadata.uid is None or not self.covers(taken):  # without a UID: a stand-in for a namespace
            return None
        return self._hold(taken, key_of(resource, seen))

    def commit(self, resource: Resource, tokens: list[Held | None]) -> None:  # noqa: ARG002 - the sink's contract
        for held in tokens:
            if held is not None:
                self._take(held)


class Side:
    """What both kinds of sides can do. `problems` and `notes` grow while it is read."""

    def __init__(self, source: LenientSource, cancel: Cancel, progress: Progress) -> None:
        self.source = source
        self.cancel = cancel
        self.progress = progress
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.hides = False
        """Whether an object may be there that the selection did not take: its labels may have changed."""

    def select(self, selection: Selection, scope: Selection | None, take: Callable[[Held], None]) -> None:
        """Everything of `selection` that `scope` covers too. Raises what selections and the source raise."""
        present = self._present(selection)
        if present is None:
            return
        self.hides = bool(present.selector or present.exclude_selector or present.namespace_selector)
        sink = HeldSink(self._hold, take)
        try:
            if scope is not None:
                sink.covers = self._scope(scope, present)
            captured = Capture(self.source, present, sink, self.cancel, self.progress).run()
        except NothingSelected as error:
            self.notes.append(f"{error.what}: {error.why}")
        else:
            self.problems += captured.problems

    def look_up(self, resource: Resource, key: ObjectKey) -> Held | None:
        """One object that no list had. Raises ApiRefused, DamagedData."""
        known = self.source.api_surface().preferred(resource.group, resource.plural)
        data = self.source.get(known or resource, key.namespace, key.name)
        if data is None or glimpse(data).metadata.uid is None:
            return None
        return Held(known or resource, key, (BlobId.of(data),), data)

    def read(self, held: Sequence[Held]) -> Iterator[tuple[ObjectKey, Object]]:
        """The objects by their keys here; those that cannot be read are left out and named in `problems`."""
        for one in held:
            if one.data is not None:
                yield one.key, msgspec.json.decode(one.data)

    def subresources(self, api_version: str, kind: str) -> frozenset[str]:
        """Of custom resources without a status subresource the status is the user's own."""
        found = self.source.api_surface().by_kind(api_version, kind)
        return found.subresources if found else frozenset(("status",))

    def _hold(self, taken: Taken, key: ObjectKey) -> Held:
        return Held(taken.resource, key, (BlobId.of(taken.data),), taken.data)

    def _present(self, selection: Selection) -> Selection | None:
        """The selection without single objects that are not here; None if nothing is left."""
        surface = self.source.api_surface()
        present = []
        for text in selection.objects:
            resource, key = selecting.parse_object(text, surface.find)
            if self.source.get(resource, key.namespace, key.name) is not None:
                present.append(text)
        if selection.objects and not present and not selection.has_namespaces:
            return None
        return replace(selection, objects=tuple(present))

    def _scope(self, selection: Selection, asked: Selection) -> Callable[[Taken], bool]:
        """Whether a backup of `selection` would have taken what a capture of `asked` finds here. Raises NothingSelected."""
        surface = self.source.api_surface()
        namespaces = [
            glimpse(data) for page in self.source.list(surface.find(selecting.NAMESPACES)) for data in page.items
        ]
        applied = selecting.apply(selection, surface.resources, namespaces, surface.find)
        held = {*applied.namespaces.names, *(text.split("/")[1] for text in selection.objects if text.count("/") == 2)}
        # What a narrower selection would have needed cannot be known here.
        takes_companions = applied.follows_companions and not (
            selection.include_kinds
            or selection.exclude_kinds
            or selection.selector
            or selection.exclude_selector
            or asked.takes_everything
        )

        def covers(taken: Taken) -> bool:
            if taken.resource.group_resource == selecting.NAMESPACES:
                return taken.seen.name in held or applied.decide_namespace(taken.seen, holds_objects=False).included
            if not taken.resource.namespaced and takes_companions:
                return True
            return applied.decide(taken.resource, taken.seen).included

        return covers


class LiveSide(Side):
    """A cluster. Objects whose content `is_known` says to be the same on the other side are not kept in memory."""

    def __init__(
        self, cluster: Cluster, kinds: Iterable[Resource], namespaces: Iterable[str], cancel: Cancel, progress: Progress
    ) -> None:
        super().__init__(LenientSource(cluster, kinds, namespaces), cancel, progress)
        self.is_known: Callable[[ObjectKey, BlobId], bool] = lambda _key, _content: False

    def _hold(self, taken: Taken, key: ObjectKey) -> Held:
        content = BlobId.of(taken.data)
        return Held(taken.resource, key, (content,), None if self.is_known(key, content) else taken.data)
