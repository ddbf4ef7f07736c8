"""Buckets and accounts in the testbed's MinIO, with the policies of docs/append-only.md."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from pathlib import Path

from minio import Minio, MinioAdmin
from minio.commonconfig import CopySource
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import ENABLED, VersioningConfig
from testbed.s3 import REGION

PAGE = Path(__file__).parents[2] / "docs" / "append-only.md"
PREFIX = "shop"


def from_page(file):
    """The JSON that the page gives under this file's name."""
    (block,) = re.findall(rf"`{re.escape(file)}`[^`]*\n\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return json.loads(block)


class Bucket:
    """A bucket of its own: plain, with `versions`, or with object lock in a `mode` that keeps each version for a day."""

    def __init__(self, server, *, versions=False, mode=None):
        self.server = server
        self.name = f"append-only-{secrets.token_hex(4)}"
        self.url = f"{server.repository(self.name)}/{PREFIX}"
        self.root = self.client(server.environment)
        endpoint = server.url.removeprefix("http://")
        account = StaticProvider(server.access_key, server.secret_key)
        self._admin = MinioAdmin(endpoint=endpoint, credentials=account, region=REGION, secure=False)
        self.root.make_bucket(self.name, object_lock=mode is not None)
        if versions:
            self.root.set_bucket_versioning(self.name, VersioningConfig(ENABLED))
        if mode is not None:
            self.root.set_object_lock_config(self.name, ObjectLockConfig(mode, 1, DAYS))

    def client(self, environment):
        """Requests as the account of these variables makes them with other tools."""
        return Minio(
            self.server.url.removeprefix("http://"),
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            region=REGION,
            secure=False,
        )

    def policy(self, file):
        """A policy of the page, for this bucket instead of the page's."""
        return json.loads(json.dumps(from_page(file)).replace("holdfast-backups", self.name))

    def account(self, policy):
        """The environment of a new account with this policy."""
        name, secret = f"{self.name}-{secrets.token_hex(4)}", secrets.token_hex(16)
        self._admin.user_add(name, secret)
        self._admin.policy_add(name, policy=policy)
        self._admin.policy_set(name, user=name)
        return {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": REGION}

    def files(self, directory=""):
        """{name: content} as everybody sees it."""
        listed = self.root.list_objects(self.name, prefix=f"{PREFIX}/{directory}", recursive=True)
        return {entry.object_name.removeprefix(f"{PREFIX}/"): self.read(entry.object_name) for entry in listed}

    def versions(self, directory=""):
        """Every version and delete marker, newest first for each name."""
        prefix = f"{PREFIX}/{directory}"
        return list(self.root.list_objects(self.name, prefix=prefix, recursive=True, include_version=True))

    def read(self, name, version=None):
        with self.root.get_object(self.name, name, version_id=version) as answer:
            return answer.read()

    def put_back(self):
        """The page's recipe after an attack: of each file, that version whose SHA-256 is its name becomes the newest."""
        restored = set()
        for version in self.versions():
            name = version.object_name
            if version.is_delete_marker or "/locks/" in name or name in restored or self._is_as_named(name):
                continue
            if self._is_as_named(name, version.version_id):
                self.root.copy_object(self.name, name, CopySource(self.name, name, version_id=version.version_id))
                restored.add(name)
        return restored

    def _is_as_named(self, name, version=None):
        """Whether the newest version, or this one, has the content that its name says. `config` is named otherwise."""
        if name == f"{PREFIX}/config":
            return True
        try:
            content = self.read(name, version)
        except S3Error:
            return False  # a delete marker hides it
        return hashlib.sha256(content).hexdigest() == name.rpartition("/")[2]
