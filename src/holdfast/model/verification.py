"""Whether the objects of a backup can be restored, one by one, as a verification found it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from holdfast.model.run import Run


class Proof(StrEnum):
    """What is known of one object. The order is that of tables."""

    RESTORABLE = "restorable"  # read and decoded, and the server would take it
    INTACT = "intact"  # read and decoded; no server was asked
    UNCHECKED = "unchecked"  # the same; the server cannot tell, because something else is missing there
    LEFT_OUT = "left out"  # a restore does not make it again, and says why
    REFUSED = "refused"  # the server would not take it
    DAMAGED = "damaged"  # cannot be read


class VerifiedObject(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    namespace: str  # as in the backup
    name: str
    proof: Proof
    why: str = ""
    next: str = ""


class VerifiedData(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a volume, or a dump."""

    path: str  # in the backup: "/volumes/shop/data", "/dumps/…"
    proof: Proof  # INTACT or DAMAGED
    files: int = 0  # that are there
    bytes: int = 0  # of these
    why: str = ""
    next: str = ""


class VerifyRun(Run, kw_only=True, rename="camel"):
    """A verification's run, and what it found of each object."""

    backup: str  # snapshot id
    cluster: str  # uid of the cluster that was asked; "" offline, and for accounts that may not read it
    offline: bool
    whole: bool  # all of the backup, not only a selection
    objects: list[VerifiedObject]
    data: list[VerifiedData] = msgspec.field(default_factory=list)
