"""Metrics as rows of a table: a name, what it says, and how it is read from one object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from prometheus_client.core import GaugeMetricFamily

from holdfast.api.metadata import Metadata


class Named(Protocol):
    @property
    def metadata(self) -> Metadata: ...


T = TypeVar("T", bound=Named)

Number = float | bool | None


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """A gauge with one series for each object; an object for which `read` gives None has none."""

    name: str
    help: str
    read: Callable[[T], Number]


@dataclass(frozen=True, slots=True)
class SplitRow(Generic[T]):
    """A gauge with several series for each object, told apart by one more label."""

    name: str
    help: str
    label: str
    read: Callable[[T], Iterable[tuple[str, Number]]]


def families(
    rows: Sequence[Row[T] | SplitRow[T]], objects: Sequence[T], name_label: str
) -> Iterator[GaugeMetricFamily]:
    """Each row with the series of all objects; `name_label` is what the object's name is called."""
    for row in rows:
        labels = ["namespace", name_label]
        if isinstance(row, SplitRow):
            family = GaugeMetricFamily(row.name, row.help, labels=[*labels, row.label])
            for one in objects:
                for value, number in row.read(one):
                    _add(family, [one.metadata.namespace, one.metadata.name, value], number)
        else:
            family = GaugeMetricFamily(row.name, row.help, labels=labels)
            for one in objects:
                _add(family, [one.metadata.namespace, one.metadata.name], row.read(one))
        yield family


def unix_time(moment: str) -> float | None:
    """Seconds since 1970 of a time in an object; None for an empty one, and for one that is no time."""
    try:
        return dt.datetime.fromisoformat(moment).timestamp() if moment else None
    except ValueError:
        return None


def _add(family: GaugeMetricFamily, labels: list[str], number: Number) -> None:
    if number is not None:
        family.add_metric(labels, float(number))
