"""The programs that back up file trees: Holdfast and its peers, each with the commands that its users type.

All have the same password and their own default options; only their caches, logs and settings are kept in the bench's own
directory. restic comes from the testbed, kopia (whose default is not to compress: zstd is switched on) and rustic from PATH.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from testbed import restic
from testbed.errors import ToolMissing

from bench.command import Used, beside_python, clean_environment, measured

PASSWORD = "bench"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where one program keeps one repository."""

    url: str  # a path, or s3:http://host:port/bucket
    scratch: Path  # of this repository alone: caches, logs, settings
    account: Mapping[str, str]  # the store's

    @classmethod
    def local(cls, directory: Path) -> Repository:
        return cls.at(str(directory / "repository"), directory, {})

    @classmethod
    def at(cls, url: str, scratch: Path, account: Mapping[str, str]) -> Repository:
        """Makes the directory `scratch`."""
        scratch.mkdir()
        return cls(url, scratch, account)

    @property
    def is_local(self) -> bool:
        return self.url.startswith("/")

    def size(self) -> int:
        """Bytes of all files of a local one."""
        return sum(path.stat().st_size for path in Path(self.url).rglob("*") if path.is_file())


class Program(ABC):
    """One backup program. Everything raises CommandFailed."""

    name: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def environment(self, repository: Repository) -> dict[str, str]:
        """What it takes its repository, password and directories from."""

    @abstractmethod
    def init(self, repository: Repository) -> None: ...

    @abstractmethod
    def back_up(self, repository: Repository, tree: Path) -> Used: ...

    @abstractmethod
    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        """The newest backup, into an empty directory."""

    def restored(self, tree: Path, target: Path) -> Path:
        """Where `restore` puts the tree: below its whole path, unless a program does otherwise."""
        return target / tree.relative_to("/")

    def version(self) -> str:
        """What it says about itself."""
        ended = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=False)
        return (ended.stdout + ended.stderr).strip().partition("\n")[0]

    def run(self, repository: Repository, *arguments: str | Path) -> Used:
        return measured([self.path, *arguments], self.environment_of(repository))[0]

    def ask(self, repository: Repository, *arguments: str | Path) -> bytes:
        return measured([self.path, *arguments], self.environment_of(repository))[1]

    def environment_of(self, repository: Repository) -> dict[str, str]:
        """All variables that it runs with."""
        return clean_environment() | self.environment(repository) | dict(repository.account)


class Holdfast(Program):
    name = "holdfast"

    def environment(self, repository: Repository) -> dict[str, str]:
        return {
            "HOLDFAST_REPOSITORY": repository.url,
            "HOLDFAST_PASSWORD": PASSWORD,
            "HOLDFAST_CACHE_DIR": str(repository.scratch / "cache"),
        }

    def init(self, repository: Repository) -> None:
        self.run(repository, "repository", "init")

    def back_up(self, repository: Repository, tree: Path) -> Used:
        return self.run(repository, "backup", "files", tree)

    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        del tree
        return self.run(repository, "restore", "files", "latest", "--target", target)


class Restic(Program):
    name = "restic"

    def version(self) -> str:
        ended = subprocess.run([self.path, "version"], capture_output=True, text=True, check=False)
        return ended.stdout.strip()

    def environment(self, repository: Repository) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY": repository.url,
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(repository.scratch / "cache"),
        }

    def init(self, repository: Repository) -> None:
        self.run(repository, "init")

    def back_up(self, repository: Repository, tree: Path) -> Used:
        return self.run(repository, "backup", tree)

    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        del tree
        return self.run(repository, "restore", "latest", "--target", target)

    def check(self, repository: Repository) -> None:
        """Reads every byte of a repository, its own or Holdfast's."""
        self.run(repository, "--no-cache", "check", "--read-data")


class Kopia(Program):
    name = "kopia"

    def environment(self, repository: Repository) -> dict[str, str]:
        return {
            "KOPIA_PASSWORD": PASSWORD,
            "KOPIA_CONFIG_PATH": str(repository.scratch / "repository.config"),
            "KOPIA_CACHE_DIRECTORY": str(repository.scratch / "cache"),
            "KOPIA_LOG_DIR": str(repository.scratch / "logs"),
            "KOPIA_CHECK_FOR_UPDATES": "false",
        }

    def init(self, repository: Repository) -> None:
        self.run(repository, "repository", "create", "filesystem", "--path", repository.url)
        self.run(repository, "policy", "set", "--global", "--compression", "zstd")

    def back_up(self, repository: Repository, tree: Path) -> Used:
        return self.run(repository, "snapshot", "create", tree)

    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        listed = json.loads(self.ask(repository, "snapshot", "list", "--json", tree))
        return self.run(repository, "restore", listed[-1]["rootEntry"]["obj"], self.restored(tree, target))

    def restored(self, tree: Path, target: Path) -> Path:
        return target / tree.name


class Rustic(Program):
    name = "rustic"

    def environment(self, repository: Repository) -> dict[str, str]:
        return {
            "RUSTIC_REPOSITORY": repository.url,
            "RUSTIC_PASSWORD": PASSWORD,
            "RUSTIC_CACHE_DIR": str(repository.scratch / "cache"),
        }

    def init(self, repository: Repository) -> None:
        self.run(repository, "init")

    def back_up(self, repository: Repository, tree: Path) -> Used:
        return self.run(repository, "backup", tree)

    def restore(self, repository: Repository, tree: Path, target: Path) -> Used:
        return self.run(repository, "restore", f"latest:{tree}", self.restored(tree, target))

    def restored(self, tree: Path, target: Path) -> Path:
        return target / tree.name


PEERS = ("restic", "kopia", "rustic")


def holdfast() -> Holdfast:
    return Holdfast(beside_python())


def newest_restic() -> Restic | None:
    """The testbed's; None where it cannot be had."""
    try:
        return Restic(restic.binary(restic.NEW))
    except ToolMissing:
        return None


def peers() -> list[Program]:
    """Those of PEERS that are on this machine."""
    restic_here = newest_restic()
    on_path = [(kind, shutil.which(kind.name)) for kind in (Kopia, Rustic)]
    return [*([restic_here] if restic_here else []), *(kind(Path(path)) for kind, path in on_path if path)]
