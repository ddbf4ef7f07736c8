"""Why a patch cannot be applied to an object."""

from __future__ import annotations


class PatchFailed(Exception):
    """The object is not as the patch needs it, or the patch itself makes no sense there. `str()` is the reason."""


class TestFailed(PatchFailed):
    """A `test` of a JSON patch found another value."""

    __test__ = False  # not a test of ours


class PathMissing(PatchFailed):
    """A path of a JSON patch leads nowhere."""
