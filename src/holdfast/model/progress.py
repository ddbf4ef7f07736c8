"""The only way in which code below the command line speaks to people."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what a run is doing. Implementations must be thread-safe and must not raise."""

    @property
    def wants_totals(self) -> bool:
        """Whether it is worth work to find out what to `expect`: false if nobody looks."""
        ...

    def phase(self, name: str, total: int | None = None, size: int | None = None) -> None:
        """A new stage begins; `total` is its number of units, `size` its bytes, None while unknown."""
        ...

    def expect(self, total: int | None, size: int | None) -> None:
        """The totals of the current phase became known, or were corrected; both are replaced."""
        ...

    def advance(self, count: int = 1, size: int = 0) -> None:
        """`count` more units of the current phase are done, `size` bytes with them. Cheap: called for every file."""
        ...

    def note(self, message: str) -> None:
        """One line worth keeping in the run's log."""
        ...

    def warn(self, message: str) -> None:
        """One line that the user should see while the run goes on."""
        ...


class Silent:
    """A Progress that drops everything."""

    wants_totals = False

    def phase(self, name: str, total: int | None = None, size: int | None = None) -> None: ...

    def expect(self, total: int | None, size: int | None) -> None: ...

    def advance(self, count: int = 1, size: int = 0) -> None: ...

    def note(self, message: str) -> None: ...

    def warn(self, message: str) -> None: ...
