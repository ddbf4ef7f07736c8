"""Where a repository lives: in a directory, or in a bucket of a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testbed.s3 import S3Server
from tests.faults import rubbish
from tests.restic_oracle import export
from tests.sample_repository import init

from holdfast.store.base import Store
from holdfast.store.location import store_at


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, in a store that nothing disturbs, and what a child needs to find it."""

    url: str
    scratch: Path
    environ: Mapping[str, str] = field(repr=False)
    store: Store = field(repr=False)

    @classmethod
    def new(cls, scratch: Path, server: S3Server | None) -> Place:
        """Makes a repository: in a bucket of the server if there is one, else in a directory."""
        scratch.mkdir(parents=True)
        url, account = str(scratch / "repository"), dict[str, str]()
        if server is not None:
            bucket = f"soak-{os.urandom(6).hex()}"
            server.create_bucket(bucket)
            url, account = f"{server.repository(bucket)}/repository", server.environment
        store = store_at(url, environ={**os.environ, **account})
        init(store)
        return cls(url, scratch, account | rubbish.SMALL, store)

    def as_directory(self) -> Path:
        """The repository, or a copy of it."""
        directory = self.scratch / "repository"
        if self.url != str(directory):
            export(self.store, directory)
        return directory
