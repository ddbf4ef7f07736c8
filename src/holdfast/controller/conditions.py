"""Conditions of one object, as a decision sets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from holdfast.api.conditions import Condition, ConditionType, find, is_true, timestamp, with_condition

_MESSAGE_LIMIT = 1000  # characters; people read it in a terminal


class Conditions:
    def __init__(self, existing: Iterable[Condition], generation: int, now: dt.datetime) -> None:
        self.all = list(existing)
        self._generation = generation
        self._now = now

    def set(self, kind: ConditionType, status: bool | None, reason: str, message: str = "") -> None:
        """`status` None is Unknown."""
        condition = Condition(
            type=kind.value,
            status="Unknown" if status is None else "True" if status else "False",
            reason=reason,
            message=message[:_MESSAGE_LIMIT],
            last_transition_time=timestamp(self._now),
            observed_generation=self._generation,
        )
        self.all = with_condition(self.all, condition)

    def drop(self, kind: ConditionType) -> None:
        self.all = [condition for condition in self.all if condition.type != kind]

    def get(self, kind: ConditionType) -> Condition | None:
        return find(self.all, kind)

    def is_true(self, kind: ConditionType) -> bool:
        return is_true(self.all, kind)
