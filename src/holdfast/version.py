"""Which Holdfast this is; the package's metadata takes it from here."""

from __future__ import annotations

VERSION = "0.1.0.dev0"

PROGRAM_VERSION = f"holdfast {VERSION}"
"""As snapshots name the program that wrote them."""
