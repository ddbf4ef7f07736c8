"""What a restore writes on claims and volumes that it is not done with, so that a run that was killed is recognised."""

from __future__ import annotations

from holdfast.objects.fields import Object, at

FILLING = "holdfast.dev/filling"
"""Annotation of a claim: the run that is about to fill it. It goes when the data is complete."""
HANDOVER = "holdfast.dev/handover"
"""Label of a PersistentVolume: the run that hands it over to the claim for which it was filled."""
HANDOVER_NOTE = "holdfast.dev/handover-of"
"""Annotation beside it, JSON: all that is needed to finish, or to clear up, see `handover.Note`."""


def is_half_filled(claim: Object) -> bool:
    return FILLING in at(claim, "metadata", "annotations")
