"""Images of containers, built here from Debian's packages, because there is no registry to pull from.

An image is one layer and lies in the cache as a docker archive. Pods name it by its reference and need no pull policy:
what is there already is not pulled.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed import cache
from testbed.cache import Say, to_terminal
from testbed.node_tools import NodeTools

Command = Sequence[str]
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""By the kernel's word, that of images."""
_ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


@dataclass(frozen=True, slots=True)
class Image:
    reference: str
    """What a pod's `image` says."""
    version: str
    """Another one whenever other things go into it: part of the name in the cache."""
    commands: Mapping[str, Command]
    """What containers run by default, for each reference under which the image is known."""
    fill: Callable[[Path, Say], None]
    """Puts into an empty directory what is to be the root directory of containers."""

    def archive(self, say: Say = to_terminal) -> Path:
        """The image as a file, built if the cache does not have it. Raises ToolMissing, SetupFailed."""

        def make(directory: Path) -> None:
            root = directory / "root"
            root.mkdir()
            self.fill(root, say)
            _write_archive(directory / _ARCHIVE, root, self.commands)
            shutil.rmtree(root)

        name = self.reference.partition("/")[2].replace(":", "-")
        return cache.provide(f"image-{name}-{self.version}", make, say) / _ARCHIVE


def lay_busybox(root: Path, say: Say, accounts: str = "") -> None:
    """Give a root directory a shell with the usual commands, temporary directories and accounts (lines of passwd)."""
    tools = NodeTools.provide(say)
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy2(tools.busybox, root / "bin/busybox")
    for command in subprocess.check_output([tools.busybox, "--list"], text=True).split():
        if not (root / "bin" / command).exists():
            (root / "bin" / command).symlink_to("busybox")
    for path in ("etc", "root", "tmp", "var"):
        (root / path).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    lines = (_ACCOUNTS + accounts).splitlines()
    (root / "etc/passwd").write_text("\n".join(lines) + "\n")
    groups = [":".join([name, "x", fields[2], ""]) for name, *fields in (line.split(":") for line in lines)]
    (root / "etc/group").write_text("\n".join(groups) + "\n")


def _fill_busybox(root: Path, say: Say) -> None:
    lay_busybox(root, say)


PAUSE = "docker.io/testbed/pause:1"
"""What holds the place of a pod: busybox, asleep."""
_SLEEP = ["sleep", "2147483647"]
BUSYBOX = Image("testbed/busybox:1", "1", {"docker.io/testbed/busybox:1": ["sh"], PAUSE: _SLEEP}, _fill_busybox)
_ARCHIVE = "image.tar"


def _write_archive(target: Path, root: Path, commands: Mapping[str, Command]) -> None:
    """A docker archive whose images all have the one layer `root`, everything owned by root."""
    layer = target.with_name("layer.tar")
    with tarfile.open(layer, "w") as files:
        files.add(root, arcname=".", filter=_owned_by_root)
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    manifest = []
    with tarfile.open(target, "w") as archive:
        archive.add(layer, arcname=f"{digest}/layer.tar")
        for reference, command in commands.items():
            name = f"{hashlib.sha256(reference.encode()).hexdigest()}.json"
            configuration = {
                "architecture": _ARCHITECTURES[platform.machine()],
                "os": "linux",
                "config": {"Cmd": list(command), "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            }
            _add(archive, name, configuration)
            manifest.append({"Config": name, "RepoTags": [reference], "Layers": [f"{digest}/layer.tar"]})
        _add(archive, "manifest.json", manifest)
    layer.unlink()


def _add(archive: tarfile.TarFile, name: str, content: object) -> None:
    encoded = json.dumps(content).encode()
    member = tarfile.TarInfo(name)
    member.size = len(encoded)
    archive.addfile(member, io.BytesIO(encoded))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
