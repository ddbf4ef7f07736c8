"""Commands that freeze a file system, and what thaws it: so that a hook written for Velero gets a timer too."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PROGRAM = r"(?:[\w./-]*/)?(?:fsfreeze|xfs_freeze)"
_FREEZES = re.compile(rf"(?<![\w./-])({_PROGRAM})\s+(-f|--freeze)\s+([\w./-]+|'[^']*'|\"[^\"$`\\]*\")")
_THAWS = {"-f": "-u", "--freeze": "--unfreeze"}  # as it was written: busybox knows the long options only
_SHELLS = frozenset(("sh", "bash", "dash", "ash"))


def thaw_of(command: Sequence[str]) -> tuple[str, ...]:
    """The command that undoes this one; empty for one that freezes nothing as far as can be seen."""
    match command:
        case [program, "-f" | "--freeze" as option, path] if re.fullmatch(_PROGRAM, program):
            return (program, _THAWS[option], path)
        case [program, *_, text] if program.rpartition("/")[2] in _SHELLS:
            thaws = [f"{found[1]} {_THAWS[found[2]]} {found[3]}" for found in _FREEZES.finditer(text)]
            return ("/bin/sh", "-c", "; ".join(reversed(thaws))) if thaws else ()
    return ()
