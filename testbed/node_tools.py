"""What a node needs besides Kubernetes' own programs: containerd, runc, network plugins, iptables, ip – from Debian.

The packages are unpacked into the cache and run from there; the machine gets nothing installed.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from testbed import cache, debian
from testbed.cache import Say

_PACKAGES = [
    "containerd", "runc", "libseccomp2", "containernetworking-plugins",
    "iptables", "libip6tc2", "libxtables12", "libnftnl11", "libmnl0",
    "iproute2", "libbpf1", "libelf1", "libbsd0", "libmd0",
    "busybox-static",
]  # fmt: skip
_LIBRARIES = f"{platform.machine()}-linux-gnu"


class NodeTools:
    """The programs, by what they are used for. Use `provide`."""

    def __init__(self, root: Path) -> None:
        self.containerd = root / "usr/bin/containerd"
        self.ctr = root / "usr/bin/ctr"
        self.runc = root / "usr/sbin/runc"
        self.network_plugins = root / "usr/lib/cni"
        self.busybox = root / "bin/busybox"
        directories = [root / part for part in ("commands", "usr/bin", "usr/sbin", "bin")]
        libraries = [root / "usr/lib" / _LIBRARIES, root / "lib" / _LIBRARIES]
        self.environment = {
            "PATH": ":".join([*map(str, directories), os.environ.get("PATH", os.defpath)]),
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
            "XTABLES_LIBDIR": str(libraries[0] / "xtables"),
        }
        """Variables with which they find each other and their libraries."""

    @classmethod
    def provide(cls, say: Say) -> NodeTools:
        """Fetches them where the cache does not have them. Raises ToolMissing, SetupFailed."""

        def fetch(directory: Path) -> None:
            say("fetching containerd and what else a node needs of Debian, about 5 s")
            debian.unpack(_PACKAGES, debian.BOOKWORM, directory)
            _name_iptables(directory)

        return cls(cache.provide(f"node-tools-{cache.digest(debian.BOOKWORM, *_PACKAGES)}", fetch, say))


def _name_iptables(directory: Path) -> None:
    """The names that the package leaves to the machine's administrator to choose."""
    commands = directory / "commands"
    commands.mkdir()
    for family in ("iptables", "ip6tables"):
        for action in ("", "-save", "-restore"):
            (commands / f"{family}{action}").symlink_to("../usr/sbin/xtables-nft-multi")
