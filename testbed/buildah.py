"""Builds the users' Dockerfile for real: buildah of Debian 12, and in place of its base image a Debian made from packages.

Needs root. Buildah and what it needs are unpacked into the cache; to find its libraries also where it starts itself again, it
runs among mounts of its own, in which they lie beneath the machine's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say, to_terminal
from testbed.errors import SetupFailed

_PACKAGES = ["buildah", "debootstrap", "wget"]
_BASE = "localhost/base"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
# Arguments: buildah's packages, a scratch directory, the base's root directory, checkout, Dockerfile, reference, archive.
_BUILD = """
set -e
mount -t overlay overlay -o "lowerdir=/usr:$1/usr" /usr
cd "$2"
accept() { verb=$1; shift; buildah "$verb" --signature-policy policy.json "$@"; }
container=$(buildah from scratch)
buildah add "$container" "$3" /
accept commit "$container" {base}
accept build --isolation chroot --build-arg BASE={base} --file "$5" --tag built "$4"
accept push built "docker-archive:$7:$6"
""".replace("{base}", _BASE)
_DEBOOTSTRAP = """
set -e
mount -t overlay overlay -o "lowerdir=/usr:$1/usr" /usr
debootstrap --variant=minbase "$2" "$3" "$4"
"""


def build(dockerfile: Path, context: Path, reference: str, scratch: Path, say: Say = to_terminal) -> Path:
    """A docker archive of what the Dockerfile makes of the directory `context`. Raises ToolMissing, SetupFailed."""
    tools, base = _tools(say), _base(say)
    (scratch / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (scratch / "registries.conf").write_text("unqualified-search-registries = []\n")
    (scratch / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{scratch}/run"\ngraphroot = "{scratch}/storage"\n'
    )
    environment = {
        "CONTAINERS_STORAGE_CONF": str(scratch / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(scratch / "registries.conf"),
    }
    archive = scratch / "built.tar"
    try:
        _run(_BUILD, tools, scratch, base, context, dockerfile, reference, archive, environment=environment)
    finally:
        shutil.rmtree(scratch / "storage", ignore_errors=True)
    return archive


def _tools(say: Say) -> Path:
    def fetch(directory: Path) -> None:
        say("fetching buildah of Debian, about 10 s")
        debian.unpack(_PACKAGES, debian.BOOKWORM, directory, dependencies=True)

    return cache.provide(f"buildah-{cache.digest(debian.BOOKWORM, *_PACKAGES)}", fetch, say)


def _base(say: Say) -> Path:
    """The root directory of a small Debian that trusts whom this machine trusts, for pip."""
    tools = _tools(say)

    def make(directory: Path) -> None:
        say("making a small Debian, about 30 s")
        root = directory / "root"
        _run(_DEBOOTSTRAP, tools, debian.BOOKWORM, root, debian.mirror())
        trusted = root / "usr/local/share/authorities.crt"
        shutil.copyfile(_AUTHORITIES, trusted)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{trusted.relative_to(root)}\n")

    return cache.provide(f"debian-{cache.digest(debian.BOOKWORM, _DEBOOTSTRAP)}", make, say) / "root"


def _run(script: str, *arguments: str | Path, environment: dict[str, str] | None = None) -> None:
    command = ["unshare", "--mount", "sh", "-c", script, "sh", *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupFailed("the Dockerfile could not be built", why=(done.stdout + done.stderr)[-2000:])
