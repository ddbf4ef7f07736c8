"""What opens a repository, from one place: a directory of files, as a Secret is mounted, or the Secret itself.

`password` is the repository's password, `ca.crt` the certificate authority of the store, and every other name a variable that the
store's credentials are looked for in, as `AWS_ACCESS_KEY_ID`. Values come into no text: errors name keys only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from holdfast.api.storage_location import CA_KEY, PASSWORD_KEY
from holdfast.errors import UsageError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTERNAL = ".."
"""How the names begin by which the kubelet exchanges all files of a Secret at once."""
_NEXT = f"Its names are {PASSWORD_KEY}, {CA_KEY} and variables such as AWS_ACCESS_KEY_ID: see docs/locations.md."


@dataclass(frozen=True, slots=True, repr=False)  # what is printed by mistake must not hold a secret
class Credentials:
    origin: str
    """For errors: `the directory /run/holdfast/credentials`, `the Secret shop/main`."""
    password: str
    """"" if there is none: then it must come from elsewhere."""
    certificates: bytes | None
    variables: Mapping[str, str]

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Raises UsageError if it is no directory, or if a file of it cannot be read, or its name or content makes no sense."""
        origin = f"the directory {directory}"
        try:
            names = sorted(path.name for path in directory.iterdir() if not path.name.startswith(_INTERNAL))
        except OSError as error:
            raise UsageError(
                f"the credentials in {origin} cannot be read",
                why=error.strerror or "",
                next="HOLDFAST_CREDENTIALS must name a directory that this user may read.",
            ) from error
        return cls.of({name: _content(directory / name, origin) for name in names}, origin)

    @classmethod
    def of(cls, values: Mapping[str, bytes], origin: str) -> Self:
        """Those that a Secret's data is. Raises UsageError as above."""
        texts = {name: _text(name, value, origin) for name, value in values.items() if name != CA_KEY}
        return cls(
            origin=origin,
            password=texts.pop(PASSWORD_KEY, ""),
            certificates=values.get(CA_KEY),
            variables=texts,
        )

    def over(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment with these put before it. What it has of the same family (`AWS_`…) goes: half of an account's
        credentials and half of another's would be neither's.
        """
        families = {_family(name) for name in self.variables}
        return {name: value for name, value in environ.items() if _family(name) not in families} | dict(self.variables)

    def under(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment with these where it is silent."""
        return {**self.variables, **environ}


def _family(name: str) -> str:
    return name.partition("_")[0]


def _content(path: Path, origin: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path.name} of {origin} cannot be read",
            why=error.strerror or "",
            next="Every entry must be a file that this user may read.",
        ) from error


def _text(name: str, value: bytes, origin: str) -> str:
    """Without the line end that editors add: as restic reads a password, and no variable of a store's ends with one."""
    if not _VARIABLE.fullmatch(name):
        raise UsageError(f"{name!r:.100} in {origin} is no name", why="it cannot name a variable", next=_NEXT)
    try:
        text = value.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{name} of {origin} cannot be used", why="it is not UTF-8 text", next=_NEXT) from None
    if "\0" in text:
        raise UsageError(f"{name} of {origin} cannot be used", why="it has a zero byte in it", next=_NEXT)
    return text
