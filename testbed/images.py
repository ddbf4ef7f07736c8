"""Images of containers, built here from Debian's packages, because there is no registry to pull from.

An image is a pile of layers. Most layers lie in the cache; an archive of them is made for each import. Pods name an image by
its reference and need no pull policy: what is there already is not pulled.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed import cache, docker_archive
from testbed.cache import Say, to_terminal
from testbed.docker_archive import Configuration
from testbed.node_tools import NodeTools

_ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


@dataclass(frozen=True, slots=True)
class Layer:
    name: str
    version: str | None
    """Another one whenever other things go into it: part of the name in the cache. None if it is made for each archive."""
    fill: Callable[[Path, Say], None]
    """Puts into an empty directory what the layer adds to the root directory of containers."""

    def provide(self, say: Say, scratch: Path | None = None) -> Path:
        """Its directory: in the cache, or in `scratch`. Raises ToolMissing, SetupFailed."""
        if self.version is None:
            assert scratch is not None
            root = scratch / self.name
            root.mkdir()
            self.fill(root, say)
            return root
        return cache.provide(f"layer-{self.name}-{self.version}", lambda root: self.fill(root, say), say)


@dataclass(frozen=True, slots=True)
class Image:
    reference: str
    """What a pod's `image` says."""
    layers: Sequence[Layer]
    """From the lowest."""
    configurations: Mapping[str, Configuration]
    """What containers run by default, for each reference under which the image is known."""

    def archive(self, scratch: Path, say: Say = to_terminal) -> Path:
        """A docker archive of it in the directory `scratch`. Raises ToolMissing, SetupFailed."""
        roots = [layer.provide(say, scratch) for layer in self.layers]
        return docker_archive.write(scratch / "image.tar", roots, self.configurations)

    def build(self, say: Say = to_terminal) -> None:
        """Put into the cache what can be there. Raises ToolMissing, SetupFailed."""
        for layer in self.layers:
            if layer.version is not None:
                layer.provide(say)


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
BUSYBOX = Image(
    "testbed/busybox:1",
    [Layer("busybox", "1", _fill_busybox)],
    {"docker.io/testbed/busybox:1": {"Cmd": ["sh"]}, PAUSE: {"Cmd": _SLEEP}},
)
