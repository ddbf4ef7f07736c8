"""Holdfast as it is installed: pods of its image in a cluster with two nodes, and an S3 server that they reach."""

import base64
import json
import secrets
import subprocess
import time

from testbed import programs
from tests.cli.holdfast import PASSWORD
from tests.controller.lab import Objects

from holdfast.api.names import API_VERSION, RESOURCES

HOME = "holdfast"
ACCOUNT = "holdfast-runner"
PATIENCE = 240.0  # seconds; only a failing test waits so long
SECRET_VALUE = "nobody-may-read-this-in-a-log"
SMALL = {"volumes": "none", "clusterObjects": "none"}
"""What a tenant's account may back up, too."""
OURS = "app.kubernetes.io/managed-by=holdfast"


def until(answer, tell=lambda: "", seconds=PATIENCE):
    """What `answer` gives once it is true; `tell` says what there was instead."""
    deadline = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < deadline, f"it never came: {tell()}"
        time.sleep(0.3)
    return found


class Space(Objects):
    """Objects of one namespace of an installation, with more patience: pods run here."""

    def __init__(self, installed, namespace):
        super().__init__(installed.cluster, namespace)
        self.installed = installed

    def secret(self, name, **values):
        """Makes or replaces a Secret; None leaves a key out."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items() if value is not None}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(body))

    def location(self, name, *, secret=None, url, **spec):
        return self._ours("StorageLocation", name, {"url": url, "secret": secret or "location-main", **spec})

    def plan(self, name, *namespaces, location="main", schedule="0 0 1 1 *", **spec):
        backup = {**SMALL, "namespaces": list(namespaces)}
        return self._ours("BackupPlan", name, {"schedule": schedule, "location": location, "backup": backup, **spec})

    def backup(self, name, *namespaces, location="main", **spec):
        fields = {**SMALL, "location": location, "namespaces": list(namespaces), **spec}
        return self._ours("Backup", name, fields)

    def restore(self, name, backup="latest", location="main", **spec):
        return self._ours("Restore", name, {"location": location, "backup": backup, **spec})

    def run_by_hand(self, plan, job):
        """A Job of this name, made of the plan's CronJob."""
        until(lambda: self.get("CronJob", f"plan-{plan}"))
        self.kubectl("create", "job", job, f"--from=cronjob/plan-{plan}")

    def wait(self, kind, name, wanted, status, reason=None):
        """(status, reason, message) of a condition once it is so."""

        def fits():
            found = self.condition(kind, name, wanted)
            return found and found[0] == status and reason in (None, found[1]) and found

        return until(fits, lambda: json.dumps((self.get(kind, name) or {}).get("status"), indent=1))

    def pods_of(self, job):
        """Oldest first."""
        found = [pod for pod in self.list("Pod") if pod["metadata"]["labels"].get("job-name") == job]
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def status(self, kind, name):
        return (self.get(kind, name) or {}).get("status", {})

    def leave(self):
        """Deletes the namespace and does not wait for it."""
        self.kubectl("delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found")

    def kubectl(self, verb, *arguments, **options):
        return self.installed.cluster.kubectl(verb, f"--namespace={self.namespace}", *arguments, **options)

    def ask(self, verb, *arguments):
        """What kubectl prints; "" if it fails, because a pod does not run yet."""
        command = [programs.KUBECTL.path, f"--kubeconfig={self.installed.cluster.admin_kubeconfig}", verb]
        done = subprocess.run(
            [*command, f"--namespace={self.namespace}", *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def _ours(self, kind, name, spec):
        return self.create({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec})


class Installed:
    def __init__(self, cluster, server, outside):
        self.cluster = cluster
        self.server = server
        self.outside = outside
        """The command line on this machine, with the repository of the location holdfast/main."""
        self.home = Space(self, HOME)

    def space(self, namespace):
        return Space(self, namespace)

    def namespace(self, name=None):
        """A new namespace with an application that is a ConfigMap and a Secret."""
        space = self.space(name or f"shop-{secrets.token_hex(3)}")
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.namespace}}
        self.cluster.api.create("/api/v1/namespaces", body)
        self.cluster.wait_namespace(space.namespace)
        space.secret("token", token=SECRET_VALUE)
        space.kubectl("create", "configmap", "settings", "--from-literal=colour=green")
        return space

    def tenant(self):
        """The same with a location of its own, whose repository is in `tenant.bucket`, and an account that may back it up."""
        space = self.namespace()
        space.bucket = self.bucket()
        space.secret("location-main", **self.credentials())
        space.location("main", url=self.url(space.bucket))
        space.kubectl("create", "serviceaccount", ACCOUNT)
        role = ("--clusterrole=holdfast-tenant-runner", f"--serviceaccount={space.namespace}:{ACCOUNT}")
        space.kubectl("create", "rolebinding", ACCOUNT, *role)
        return space

    def bucket(self, *, init=True, password=PASSWORD):
        """A new bucket with a repository; gives its name."""
        name = f"bucket-{secrets.token_hex(4)}"
        self.server.create_bucket(name)
        if init:
            self.at(name, password)("repository", "init")
        return name

    def at(self, bucket, password=PASSWORD):
        """The command line on this machine with the repository of another bucket."""
        return self.outside.but(HOLDFAST_REPOSITORY=self.server.repository(bucket), HOLDFAST_PASSWORD=password)

    def url(self, bucket, server=None):
        """Of a bucket, for pods."""
        return f"s3:{self.cluster.url_for_pods((server or self.server).url)}/{bucket}"

    def credentials(self, **other):
        """What a location's Secret holds."""
        return {"password": PASSWORD, **self.server.environment, **other}

    def controllers(self):
        """Pods of the controller that are not about to end."""
        found = [
            pod
            for pod in self.home.list("Pod")
            if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "controller"
        ]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_for_controllers(self, replicas=2):
        self.home.kubectl("rollout", "status", "deployment/holdfast-controller", "--timeout=300s")
        until(lambda: len(self.controllers()) == replicas)

    def holder(self):
        """Name of the pod that is at work by the Lease."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/holdfast-controller"
        return self.cluster.api.request("GET", path)["spec"].get("holderIdentity", "")

    def backups(self, name=None, **elsewhere):
        """Backups of the repository as this machine's command line lists them."""
        outside = self.outside.but(**elsewhere) if elsewhere else self.outside
        found = outside("backup", "list", "-o", "json").document
        return [one for one in found if name is None or (one["name"] or "").startswith(name)]

    def told(self):
        """All that people read, as (what it is, text): logs of our pods that still exist, Events, and our objects."""
        for selector in (OURS, "app.kubernetes.io/name=holdfast"):
            for pod in self._pods(selector):
                for more in ((), ("--previous",)):
                    text = self._log(pod["metadata"]["namespace"], pod["metadata"]["name"], *more)
                    yield pod["metadata"]["name"], text
        for kind in ("events", "jobs", *(resource.plural for resource in RESOURCES)):
            yield kind, self.cluster.kubectl("get", kind, "-A", "-o", "json")

    def _pods(self, selector):
        return json.loads(self.cluster.kubectl("get", "pods", "-A", "-l", selector, "-o", "json"))["items"]

    def _log(self, namespace, pod, *more):
        """Empty if there is none: the pod did not begin, or is gone."""
        command = [programs.KUBECTL.path, f"--kubeconfig={self.cluster.admin_kubeconfig}", "logs", "-n", namespace, pod]
        return subprocess.run([*command, *more], capture_output=True, text=True, check=False).stdout
