"""The programs that are built from Go modules: which package of which pinned module, and with what flags.

Each directory in `programs/` is a module that exists only to pin versions (go.mod, go.sum). Changing a pin or a flag
changes the cache key, so the program is built again under a new key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from testbed import cache

MODULES = Path(__file__).parent / "programs"

KUBERNETES = {"1.34": "1.34.4", "1.30": "1.30.14"}
"""Minor version → the release that is built for it. 1.34 is the newest that still runs on cgroup v1."""


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    version: str
    module: str
    """Directory below `programs/`."""
    package: str
    seconds: int
    """About how long a first build takes on 2 cores, when the programs before it in the table are built already."""
    ldflags: str = "-s -w"

    @property
    def arguments(self) -> list[str]:
        """Flags of `go build`. Without -trimpath and -buildvcs=false a binary depends on where the checkout lies."""
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", self.ldflags]

    @property
    def key(self) -> str:
        module = MODULES / self.module
        pins = [(module / name).read_bytes() for name in ("go.mod", "go.sum")]
        pins += [
            source.read_bytes() for source in module.glob("main.go")
        ]  # a program of our own, from others' packages
        flags = "\0".join([*self.arguments, self.package]).encode()
        digest = hashlib.sha256(b"\0".join([*pins, flags])).hexdigest()
        return f"{self.name}-{self.version}-{digest[:12]}"

    @property
    def path(self) -> Path:
        """Where the binary is, once it is built."""
        return cache.root() / self.key / self.name


def _kubernetes(name: str, minor: str, seconds: int) -> Program:
    release = KUBERNETES[minor]
    major, number = minor.split(".")
    # Without these the server calls itself v0.0.0 and clients misbehave.
    stamps = {"gitVersion": f"v{release}", "gitMajor": major, "gitMinor": number}
    ldflags = " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items())])
    return Program(name, release, f"kubernetes-{minor}", f"k8s.io/kubernetes/cmd/{name}", seconds, ldflags)


ETCD = Program("etcd", "3.6.14", "etcd-3.6", "go.etcd.io/etcd/server/v3", 22)
VERSITYGW = Program("versitygw", "1.8.0", "versitygw-1.8", "github.com/versity/versitygw/cmd/versitygw", 49)
MINIO = Program("minio", "20260212", "minio", "github.com/minio/minio", 124)
DASHBOARD_CHECK = Program("dashboard-check", "0.0.22", "dashboard-check", ".", 38)
OPERATOR_CHECK = Program("operator-check", "0.95.2", "operator-check", ".", 30)
FAKE_GCS = Program("fake-gcs-server", "1.56.1", "fake-gcs-server", "github.com/fsouza/fake-gcs-server", 29)
CRON = Program("cron", "3.0.1", "cron", ".", 4)
"""Reads schedules as Kubernetes does, to compare with."""
KUBECTL = _kubernetes("kubectl", "1.34", 21)

API_SERVER = {"1.34": _kubernetes("kube-apiserver", "1.34", 223), "1.30": _kubernetes("kube-apiserver", "1.30", 149)}
CONTROLLER_MANAGER = {
    "1.34": _kubernetes("kube-controller-manager", "1.34", 49),
    "1.30": _kubernetes("kube-controller-manager", "1.30", 45),
}

SCHEDULER = _kubernetes("kube-scheduler", "1.34", 8)
KUBELET = _kubernetes("kubelet", "1.34", 37)
KUBE_PROXY = _kubernetes("kube-proxy", "1.34", 11)
COREDNS = Program("coredns", "1.15.0", "coredns", ".", 67)
HELM = Program("helm", "4.3.1", "helm", "helm.sh/helm/v4/cmd/helm", 117)


def control_plane(minor: str) -> list[Program]:
    return [ETCD, API_SERVER[minor], CONTROLLER_MANAGER[minor]]


NODE = [SCHEDULER, KUBELET, KUBE_PROXY, COREDNS]
"""What a cluster with nodes needs besides its control plane; of the newest Kubernetes only."""

EVERYTHING = [
    *control_plane("1.34"),
    KUBECTL,
    *NODE,
    *control_plane("1.30")[1:],
    VERSITYGW,
    MINIO,
    FAKE_GCS,
    CRON,
    HELM,
    DASHBOARD_CHECK,
    OPERATOR_CHECK,
]
