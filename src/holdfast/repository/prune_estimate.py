"""How long a prune will take: measured on the packs that it will read, in the store where they are."""

from __future__ import annotations

import time

from holdfast.repository.layout import CONFIG, file_name
from holdfast.repository.prune_plan import Action, PrunePlan
from holdfast.repository.repository import Repository

_SAMPLE = 2
"""Packs that are read, at most: what a later run reads of them again is little."""


def estimate_seconds(repository: Repository, plan: PrunePlan) -> float:
    """Reading and storing what is repacked, at the rate at which some of it can be read now, and a request for each removal."""
    packs = plan.packs(Action.REPACK)
    removed = plan.packs(Action.DELETE)
    seconds = 0.0
    if packs:
        sample = sorted(packs, key=lambda pack: -pack.size)[:_SAMPLE]
        taken = _seconds_to_read([file_name(pack.id) for pack in sample], repository)
        seconds += taken / sum(pack.size for pack in sample) * (plan.totals(Action.REPACK)[1] + plan.rewritten_bytes)
    if removed:
        began = time.monotonic()
        repository.store.size(CONFIG)
        seconds += (time.monotonic() - began) * len(removed)
    return seconds


def _seconds_to_read(names: list[str], repository: Repository) -> float:
    began = time.monotonic()
    for name in names:
        repository.store.get(name)
    return time.monotonic() - began
