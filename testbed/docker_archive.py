"""The format in which an image is handed to containerd: a tar file with a tar file for each layer."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

Configuration = Mapping[str, object]
"""`Cmd`, `Entrypoint`, `User`, `Env`, …: the `config` of an image."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""By the kernel's word, that of images."""
_ENVIRONMENT: Configuration = {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}


def write(target: Path, roots: Sequence[Path], configurations: Mapping[str, Configuration]) -> Path:
    """Write an archive of images that all have these layers, by reference; gives `target`.

    In a layer everything belongs to root and is as old as everything else, so that equal files make equal layers: what a
    node has of an earlier import is not unpacked again.
    """
    layers = []
    manifest = []
    with tarfile.open(target, "w") as archive:
        for number, root in enumerate(roots):
            layer = target.with_name(f"layer-{number}.tar")
            _pack(layer, root)
            with layer.open("rb") as content:
                layers.append(hashlib.file_digest(content, "sha256").hexdigest())
            archive.add(layer, arcname=f"{layers[-1]}/layer.tar")
            layer.unlink()
        for reference, configuration in configurations.items():
            name = f"{hashlib.sha256(reference.encode()).hexdigest()}.json"
            document = {
                "architecture": _ARCHITECTURES[platform.machine()],
                "os": "linux",
                "config": {**_ENVIRONMENT, **configuration},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in layers]},
            }
            _add(archive, name, document)
            files = [f"{digest}/layer.tar" for digest in layers]
            manifest.append({"Config": name, "RepoTags": [reference], "Layers": files})
        _add(archive, "manifest.json", manifest)
    return target


def _pack(target: Path, root: Path) -> None:
    with tarfile.open(target, "w") as files:
        files.add(root, arcname=".", filter=_as_always)  # in the order of names


def _as_always(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    return member


def _add(archive: tarfile.TarFile, name: str, content: object) -> None:
    encoded = json.dumps(content).encode()
    member = tarfile.TarInfo(name)
    member.size = len(encoded)
    archive.addfile(member, io.BytesIO(encoded))
