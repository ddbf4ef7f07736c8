"""What a plan knows beyond each object's action: who will interfere, and what holds still meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from holdfast.errors import NotFound, UsageError
from holdfast.model.kubernetes import ObjectKey
from holdfast.model.restore import Action, OnConflict
from holdfast.objects.fields import Object
from holdfast.objects.pausing import SCALED
from holdfast.objects.selection import parse_object
from holdfast.objects.transforms import Context
from holdfast.operations.restore.gitops import Owner, Owners
from holdfast.operations.restore.limits import Limits
from holdfast.operations.restore.pausing import leftovers
from holdfast.operations.restore.plan import PlannedObject, RestoreOptions
from holdfast.operations.restore.quarantine_notes import QuarantineNotes
from holdfast.operations.restore.target import Target

_CHANGES = frozenset((Action.CREATE, Action.UNCHECKED, Action.UPDATE, Action.REPLACE, Action.MERGE))


class Advice:
    """Looks at each object as it is planned, then speaks. `look_at` is thread-safe."""

    def __init__(self, target: Target, options: RestoreOptions, context: Context) -> None:
        """Raises UsageError for options that contradict each other, and as NotFound for workloads to scale down."""
        if options.quarantine and options.on_conflict not in (OnConflict.SKIP, OnConflict.FAIL):
            raise UsageError(
                f"--quarantine with --on-conflict {options.on_conflict} is not possible",
                why="a quarantine changes nothing that exists",
                next="Leave one of them out.",
            )
        self._target = target
        self._options = options
        self._context = context
        self._quarantine = QuarantineNotes(target)
        self._owners = Owners(target)
        self._limits = Limits(target)
        self._scaled = [self._workload(text) for text in options.scale_down_first]

    def look_at(self, item: PlannedObject, original: Object, desired: Object | None) -> PlannedObject:
        """The planned object, perhaps with more to say."""
        if self._options.quarantine:
            item = self._quarantine.look_at(item, original, self._context)
        if desired is not None and item.action in _CHANGES:
            self._owners.look_at(original, desired)
            item = self._limits.look_at(item, desired)
        return item

    def complete(self, objects: Sequence[PlannedObject]) -> list[PlannedObject]:
        """All objects, once each was looked at, with what only their sum tells."""
        return self._limits.complete(objects)

    def notes(self) -> list[str]:
        """Sentences for the plan and the report."""
        notes = [owner.note(pausing=self._options.pause_gitops) for owner in self._found]
        notes += self._limits.notes()
        if self._options.quarantine:
            notes.append(self._quarantine.note())
        left = [str(key) for _, key in leftovers(self._target.cluster)]
        if left:
            notes.append(f"A restore that ended early left these paused, and a run lets them go: {', '.join(left)}.")
        return notes

    def to_hold(self) -> list[ObjectKey]:
        """What is paused for the time of the restore: owners before the workloads that they would scale up again."""
        owners = [owner.key for owner in self._found if not owner.is_still] if self._options.pause_gitops else []
        return [*owners, *self._scaled]

    @cached_property
    def _found(self) -> list[Owner]:
        return self._owners.found()

    def _workload(self, text: str) -> ObjectKey:
        resource, key = parse_object(text, self._target.surface.find)
        if key.group_resource not in SCALED:
            raise UsageError(
                f"--scale-down-first {text} is not possible",
                why=f"{resource.kind} is not among {', '.join(sorted(SCALED))}",
            )
        live = self._target.live(key)
        if live is None:
            raise NotFound(f"{key} cannot be scaled down", why="it is not in the cluster", next="Leave it out.")
        return key
