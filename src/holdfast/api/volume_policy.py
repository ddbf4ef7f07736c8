"""Which volumes are saved and how: the document that Velero calls resource policies, with its names of fields.

Conditions and parameters are kept as they are written. What they mean, and which of them there are, is known to
`holdfast.objects.storage.policy`, which reads the same document from a file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from holdfast.api.rules import AS_A_WHOLE

Action = Literal["skip", "fs-backup", "snapshot", "custom"]


class VolumeAction(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What is done with a volume."""

    type: Annotated[Action, Meta(description="skip leaves it out, fs-backup reads its files.")]
    parameters: Annotated[dict[str, Any], Meta(description="Of the action.")] = {}


class VolumeRule(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An action for the volumes that fit."""

    conditions: Annotated[
        dict[str, Any],
        Meta(description="All of them must fit: capacity, storageClass, nfs, csi, volumeTypes, pvcLabels, pvcPhase."),
    ] = {}
    action: Annotated[VolumeAction, Meta(description="What is done with them.")]


class VolumePolicyDocument(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Rules for volumes, of which the first that fits counts. A volume that none fits is saved."""

    version: Annotated[Literal["v1"], Meta(description="Of the document.")]
    volume_policies: Annotated[
        list[VolumeRule], AS_A_WHOLE, Meta(min_length=1, max_length=64, description="The rules, in order.")
    ]
