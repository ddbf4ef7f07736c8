"""Pods that run Holdfast as its image is made for: not root, nothing writable but two empty directories, no rights."""

import json
import time

import yaml

PATIENCE = 60.0  # seconds; only a failing test waits so long
LOCKED_DOWN = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
FINALIZER = "tests.holdfast.dev/kept"
WRITABLE = {"tmp": "/tmp", "cache": "/var/cache/holdfast"}


class Pods:
    """Those of one namespace."""

    def __init__(self, cluster, namespace, image):
        self._cluster = cluster
        self._namespace = namespace
        self._image = image
        self._kept = []

    def start(self, name, *arguments, files=None, account=None, command=None, user=None, kept=False, **environment):
        """`files` are laid in /run/files; `account` is a service account whose token is mounted; `user` is another one than the
        image's. One that is `kept` can be looked at after it was deleted, until the test ends.
        """
        mounts = [{"name": volume, "mountPath": path} for volume, path in WRITABLE.items()]
        volumes = [{"name": volume, "emptyDir": {}} for volume in WRITABLE]
        made = []
        if files:
            made.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": files})
            mounts.append({"name": "files", "mountPath": "/run/files"})
            volumes.append({"name": "files", "secret": {"secretName": name}})
        variables = {"HOLDFAST_CACHE_DIR": WRITABLE["cache"], **environment}
        container = {
            "name": "holdfast",
            "image": self._image,
            "args": list(arguments),
            "env": [{"name": variable, "value": value} for variable, value in variables.items()],
            "securityContext": LOCKED_DOWN | ({"runAsUser": user} if user else {}),
            "volumeMounts": mounts,
        }
        if command:
            container["command"] = command
        spec = {
            "containers": [container],
            "volumes": volumes,
            "restartPolicy": "Never",
            "automountServiceAccountToken": account is not None,
            "serviceAccountName": account or "default",
        }
        metadata = {"name": name, "finalizers": [FINALIZER] if kept else []}
        self._kept += [name] if kept else []
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        self._kubectl("apply", "-f", "-", input=yaml.safe_dump_all(made))

    def run(self, name, *arguments, code=0, **options):
        """Start one and wait for its end; gives what it printed."""
        self.start(name, *arguments, **options)
        ended = self.wait(name, has_ended)
        said = self.log(name)
        assert exit_code(ended) == code, said
        return said

    def wait(self, name, condition):
        """Until the pod is so; gives it."""
        deadline = time.monotonic() + PATIENCE
        while not condition(pod := json.loads(self._kubectl("get", "pod", name, "-o", "json"))):
            assert time.monotonic() < deadline, pod["status"]
            time.sleep(0.1)
        return pod

    def log(self, name):
        return self._kubectl("logs", name)

    def delete(self, name):
        """As people do it: SIGTERM, and a grace period of half a minute."""
        self._kubectl("delete", "pod", name, "--wait=false")

    def close(self):
        for name in self._kept:
            self._kubectl("patch", "pod", name, "--type=merge", '--patch={"metadata": {"finalizers": null}}')

    def _kubectl(self, verb, *arguments, **options):
        return self._cluster.kubectl(verb, f"--namespace={self._namespace}", *arguments, **options)


def has_ended(pod):
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def exit_code(pod):
    [status] = pod["status"]["containerStatuses"]
    return status["state"]["terminated"]["exitCode"]
