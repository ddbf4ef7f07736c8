"""What a rule of a volume policy may ask of a volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from holdfast.objects.fields import Object, at, text
from holdfast.objects.limits.quantities import parse, parse_typed
from holdfast.objects.patching.reading import Fields
from holdfast.objects.storage.claims import VOLUME_SOURCES, ClaimFacts
from holdfast.objects.storage.pod_volumes import PodVolume

_VOLUME_TYPES = {
    name.lower()
    for name in (
        *VOLUME_SOURCES,
        "awsAzureDisk",  # Velero's own; no volume has it
        "configMap",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "gitRepo",
        "projected",
        "secret",
    )
}
_PHASES = ("Pending", "Bound", "Lost")


class Seen(NamedTuple):
    """What conditions look at."""

    capacity: Decimal  # 0 if nobody knows it: as in Velero, where a volume of a pod has none
    storage_class: str
    sort: str  # of the source, in lower case; "" for a claim without a volume
    nfs: Object | None
    csi: Object | None
    labels: Mapping[str, str]
    phase: str  # "" for what is no claim
    sort_is_known: bool = True


Condition = Callable[[Seen], bool]


def seen_claim(facts: ClaimFacts) -> Seen:
    spec = at(facts.volume or {}, "spec")
    return Seen(
        capacity=parse(facts.capacity),
        storage_class=facts.class_name,
        sort=facts.source.lower(),
        nfs=_map(spec.get("nfs")),
        csi=_map(spec.get("csi")),
        labels=facts.labels,
        phase=facts.phase,
        sort_is_known=not facts.volume_is_unread,
    )


def seen_pod_volume(volume: PodVolume) -> Seen:
    return Seen(
        capacity=Decimal(0),
        storage_class="",
        sort=volume.kind.lower(),
        nfs=_map(volume.volume.get("nfs")),
        csi=_map(volume.volume.get("csi")),
        labels={},
        phase="",
    )


def _map(value: Any) -> Object | None:
    return value if isinstance(value, dict) else None


class Conditions(NamedTuple):
    """All must hold. Those about the sort of a volume look at its PersistentVolume."""

    plain: tuple[Condition, ...] = ()
    about_sort: tuple[Condition, ...] = ()

    def may_hold(self, seen: Seen) -> bool:
        """True also if that hangs on the sort of a volume, and nobody knows it."""
        return all(condition(seen) for condition in self.plain) and (
            not seen.sort_is_known or all(condition(seen) for condition in self.about_sort)
        )


def read_conditions(given: Fields | None) -> Conditions:
    """Raises UsageError for those that nobody knows, or that can never hold."""
    if given is None:
        return Conditions()
    plain, about_sort = (tuple(made for make in makers if (made := make(given))) for makers in (_PLAIN, _ABOUT_SORT))
    given.done()
    return Conditions(plain, about_sort)


def _capacity(given: Fields) -> Condition | None:
    """`LOWEST,HIGHEST`, both included; a highest of 0, or none, is no limit."""
    written = given.text("capacity")
    if not written:
        return None
    amounts = [parse_typed(part.strip() or "0") for part in written.split(",")]
    lowest, highest = amounts if len(amounts) == 2 else (None, None)
    if lowest is None or highest is None or lowest < 0 or highest < 0 or 0 < highest < lowest:
        raise given.invalid(f'capacity {written!r:.50} is no range such as "0,100Gi" or "100Gi,"')
    return lambda seen: lowest <= seen.capacity and (not highest or seen.capacity <= highest)


def _storage_class(given: Fields) -> Condition | None:
    classes = _texts(given, "storageClass")
    return (lambda seen: seen.storage_class in classes) if classes else None


def _nfs(given: Fields) -> Condition | None:
    if (below := given.below("nfs")) is None:
        return None
    wanted = {name: value for name in ("server", "path") if (value := below.text(name))}
    below.done()
    return lambda seen: seen.nfs is not None and wanted.items() <= seen.nfs.items()


def _csi(given: Fields) -> Condition | None:
    if (below := given.below("csi")) is None:
        return None
    driver, attributes = below.text("driver"), _text_map(below, "volumeAttributes")
    below.done()
    return lambda seen: (
        seen.csi is not None
        and (not driver or text(seen.csi, "driver") == driver)
        and attributes.items() <= at(seen.csi, "volumeAttributes").items()
    )


def _volume_types(given: Fields) -> Condition | None:
    """In any case of letters: Velero's own documentation writes `configmap`, and its code `configMap`."""
    types = {name.lower() for name in _texts(given, "volumeTypes")}
    if unknown := types - _VOLUME_TYPES:
        raise given.invalid(f"volumeTypes: there are no volumes of the type {min(unknown)!r:.50}")
    return (lambda seen: seen.sort in types) if types else None


def _labels(given: Fields) -> Condition | None:
    wanted = _text_map(given, "pvcLabels")
    return (lambda seen: wanted.items() <= seen.labels.items()) if wanted else None


def _phase(given: Fields) -> Condition | None:
    """One phase or a list of them."""
    phases = _texts(given, "pvcPhase", or_one=True)
    if unknown := set(phases) - set(_PHASES):
        raise given.invalid(f"pvcPhase: {min(unknown)!r:.50} is none of {', '.join(_PHASES)}")
    return (lambda seen: seen.phase in phases) if phases else None


_PLAIN = (_capacity, _storage_class, _labels, _phase)
_ABOUT_SORT = (_nfs, _csi, _volume_types)


def _texts(given: Fields, name: str, *, or_one: bool = False) -> list[str]:
    value = given.value(name)
    if or_one and isinstance(value, str):
        return [value] if value else []
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise given.invalid(f"{name} is not a list of texts")
    return value or []


def _text_map(given: Fields, name: str) -> dict[str, str]:
    value = given.value(name)
    if value is not None and not (isinstance(value, dict) and all(isinstance(one, str) for one in value.values())):
        raise given.invalid(f"{name} is not a map of texts; numbers and true or false are put in quotes")
    return value or {}
