"""A machine within the machine: its own network, process ids and mounts, made of the kernel's namespaces.

Everything that runs in it – servers, containers, their shims – ends when its first process ends, and with the last of them
go its mounts and its network. That is the kernel's work, so it happens also when everybody who could clean up was killed.
Needs root.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.errors import SetupFailed
from testbed.loopback import wait_until
from testbed.node_tools import NodeTools
from testbed.workspace import Workspace

VOLUMES = Path("/tmp/hostpath_pv")
"""Where Kubernetes' host-path provisioner makes volumes; inside it is the workspace's own directory."""

# Run by the first process, which then only waits. It ignores the end of children, so that the kernel reaps the orphans.
_SET_UP = """
set -e
mount --make-rshared /
mount --bind "$1/run" /run
mount --bind "$1/log" /var/log
mount -t overlay -o "lowerdir=/var/lib,upperdir=$1/lib,workdir=$1/lib.work" overlay /var/lib
mkdir -p /var/lib/kubelet
mount --bind "$1/kubelet" /var/lib/kubelet
mkdir -p "$3"
mount --bind "$2" "$3"
cd "$1/sysctl"
find . -type f | while read -r setting; do mount --bind "$setting" "/proc/sys/$setting"; done
cd /
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
touch "$1/ready"
trap '' CHLD
exec sleep infinity
"""
# kubelet sets these for the whole machine, with no way to forbid it; here it finds files that say what it wants.
_KUBELETS_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


class Machine:
    """`/run`, `/var/log` and `/var/lib` are its own; everything else is the real machine's. Ends with the workspace."""

    def __init__(self, name: str, workspace: Workspace, tools: NodeTools) -> None:
        self.name = name
        self.directory = workspace.directory / name
        self.tools = tools
        self._workspace = workspace
        volumes = workspace.directory / "volumes"
        volumes.mkdir(exist_ok=True)
        for part in ("run", "log", "lib", "lib.work", "kubelet"):
            (self.directory / part).mkdir(parents=True)
        for setting, value in _KUBELETS_SETTINGS.items():
            file = self.directory / "sysctl" / setting
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
        namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        set_up: list[str | Path] = ["sh", "-c", _SET_UP, "sh", self.directory, volumes, VOLUMES]
        workspace.start(name, ["unshare", *namespaces, *set_up], tools.environment)
        self._pid = workspace.processes[name].pid
        wait_until((self.directory / "ready").exists, name, workspace)

    @property
    def network(self) -> Path:
        """The file that stands for its network namespace."""
        return Path(f"/proc/{self._pid}/ns/net")

    def start(self, name: str, argv: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
        """Start a server in it; its log goes to the workspace."""
        self._workspace.start(name, self._inside(argv), self.tools.environment | dict(environment or {}))

    def run(self, *argv: str | Path) -> str:
        """Run a command in it to its end; gives what it printed. SetupFailed if it fails."""
        return self._run(self._inside(argv))

    def cable(self, plug: str, other: Machine, other_plug: str) -> None:
        """Connect it with another machine: a network device in each, named like this."""
        # Only in its network: `ip` looks for the other's process id among its own.
        add = ["ip", "link", "add", plug, "type", "veth", "peer", "name", other_plug, "netns", str(other._pid)]
        self._run(["nsenter", f"--net={self.network}", *add])

    def _inside(self, argv: Sequence[str | Path]) -> list[str]:
        # Who unshared is itself in the new network and among the new mounts, but only its children have new process ids.
        # Not `ip netns exec`: it mounts another /sys, and kubelet misses the control groups.
        own = f"/proc/{self._pid}/ns"
        enter = ["nsenter", f"--mount={own}/mnt", f"--net={own}/net", f"--pid={own}/pid_for_children"]
        return [*enter, "setpriv", "--pdeathsig=KILL", *map(str, argv)]

    def _run(self, argv: list[str]) -> str:
        done = subprocess.run(argv, env=self.tools.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupFailed(f"`{' '.join(argv)}` failed", why=(done.stdout + done.stderr)[-2000:])
        return done.stdout
