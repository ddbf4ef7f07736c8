"""Real clusters and small repositories, with the few verbs that tests of restores are made of.

lab = Lab(cluster)                        a control plane, spoken to as an ordinary account
vault = Vault()                           a repository in memory (or any store)
vault.back_up(lab, namespaces=("shop",))
report = vault.restore(lab, namespaces={"shop": "shop-2"})
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import suppress

from tests.sample_repository import init, reopen

from holdfast.cluster import kubeconfig, paths
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.connection import Connection
from holdfast.errors import ApiRefused
from holdfast.model.backup import VolumesMode
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.restore import OnConflict
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.images import parse_images
from holdfast.objects.mapping import NameMap, ObjectMapping
from holdfast.objects.node_labels import parse_node_labels
from holdfast.operations.back_up import back_up
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.catalog import read_catalog
from holdfast.operations.restore.opening import open_backup
from holdfast.operations.restore.plan import RestoreOptions
from holdfast.operations.restore.run import FromBackup, restore, show_plan
from holdfast.operations.restore.undo import Undo, find_undoable
from holdfast.store.memory import MemoryStore
from holdfast.testing.local_movers import LocalMovers

EVERYTHING = Selection(all_namespaces=True, cluster_objects=ClusterObjects.ALL)
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATIENCE = 30.0  # seconds; only a failing test waits so long
MORE_OPTIONS = {
    *("pause_gitops", "scale_down_first", "restore_status", "quarantine", "open_inside", "wait", "verify"),
    *("volumes", "volume_claims"),
}
"""Options of a restore that tests give as they are."""
NOT_LISTED = {"events", "endpoints", "endpointslices", "leases", "bindings"}


class Lab:
    """One cluster; namespaced objects go into `namespace` unless they name one."""

    def __init__(self, control_plane, namespace="", *, account=None, cancel=None):
        settings = kubeconfig.load(str(account or control_plane.kubeconfig), None, {})
        self.cancel = cancel or Cancel()
        self.cluster = Cluster(Connection(settings, cancel=self.cancel))
        self.control_plane = control_plane
        self.namespace = namespace
        self._made = []  # paths of what does not end with a test's own namespace

    def close(self):
        """Deletes what was made outside of namespaces, and `new_namespace`s without waiting for their end."""
        for path in reversed(self._made):
            with suppress(ApiRefused):  # what stays cannot disturb other tests: its name is unique
                self.cluster.connection.request("DELETE", path, expect={404})
        self.cluster.close()

    def new_namespace(self, stem="test", **metadata):
        """The lab with a fresh namespace as its default."""
        name = unique(stem)
        self.make(obj("v1", "Namespace", name, metadata=metadata))
        self.control_plane.wait_namespace(name)
        return self.within(name)

    def end_later(self, *namespaces):
        """For namespaces that a restore made."""
        self._made += [f"/api/v1/namespaces/{name}" for name in namespaces]

    def within(self, namespace):
        """The same cluster with another namespace as default."""
        other = object.__new__(Lab)
        other.__dict__.update(self.__dict__, namespace=namespace)
        return other

    def delete_later(self, thing):
        """For what else a restore made."""
        self._made.append(self.path(thing))

    # Objects

    def resource(self, thing):
        kind = thing["apiVersion"], thing["kind"]
        found = self.cluster.api_surface().by_kind(*kind) or self.cluster.refresh_surface().by_kind(*kind)
        assert found, f"{thing['kind']} is not served"
        return found

    def path(self, thing, subresource=""):
        metadata = thing["metadata"]
        resource = self.resource(thing)
        namespace = metadata.get("namespace", self.namespace) if resource.namespaced else ""
        return paths.single(resource, namespace, metadata["name"], subresource)

    def send(self, method, path, body=None, query=(), **options):
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self.cluster.connection.request(method, path, query, data, **options).body)

    def make(self, thing, manager="kubectl-create"):
        """Creates the object and returns it as the server has it."""
        path = self.path(thing)
        if not self.resource(thing).namespaced:
            self._made.append(path)
        return self.send("POST", path.rpartition("/")[0], thing, {"fieldManager": manager})

    def server_side_apply(self, thing, manager="flux"):
        query = {"fieldManager": manager, "force": "true"}
        return self.send("PATCH", self.path(thing), thing, query, content_type=APPLY_PATCH)

    def patch(self, thing, change, manager="kubectl-edit", subresource=""):
        path = self.path(thing, subresource)
        return self.send("PATCH", path, change, {"fieldManager": manager}, content_type=MERGE_PATCH)

    def find(self, thing):
        """The object now; None if it does not exist."""
        try:
            return self.send("GET", self.path(thing))
        except ApiRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def read(self, thing):
        found = self.find(thing)
        assert found, f"{thing['kind']} {thing['metadata']['name']} is not there"
        return found

    def delete(self, thing):
        """Deletes the object, lifts its finalizers, and waits until it is gone."""
        path, uid = self.path(thing), self.read(thing)["metadata"]["uid"]
        options = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
        self.cluster.connection.request("DELETE", path, (), json.dumps(options).encode())

        def gone():
            live = self.find(thing)
            if live is None or live["metadata"]["uid"] != uid:
                return True
            if live["metadata"].get("finalizers"):
                with suppress(ApiRefused):  # gone meanwhile
                    self.patch(thing, {"metadata": {"uid": uid, "finalizers": None}})
            return False

        eventually(gone, f"{thing['metadata']['name']} is gone")

    def orphan(self, thing):
        """Deletes the object and leaves what it owns; waits until it is gone."""
        options = {"propagationPolicy": "Orphan"}
        self.cluster.connection.request("DELETE", self.path(thing), (), json.dumps(options).encode())
        eventually(lambda: self.find(thing) is None, f"{thing['metadata']['name']} is gone")

    def finish(self, made):
        """Lets the pods of a Job succeed, and waits until the Job knows."""
        pods = f"/api/v1/namespaces/{made['metadata'].get('namespace', self.namespace)}/pods"
        query = {"labelSelector": f"job-name={made['metadata']['name']}"}

        def finished():
            for each in self.send("GET", pods, query=query)["items"]:
                self.patch(
                    pod(each["metadata"]["name"]), {"status": {"phase": "Succeeded"}}, "kubelet", subresource="status"
                )
            return "completionTime" in self.read(made).get("status", {})

        eventually(finished, "the job is complete")

    def objects(self, namespace=None):
        """{(kind, name): object} of everything that people and controllers keep in the namespace."""
        found = {}
        for resource in self.cluster.refresh_surface().resources:
            if resource.namespaced and "list" in resource.verbs and resource.plural not in NOT_LISTED:
                found.update(
                    {(resource.kind, thing["metadata"]["name"]): thing for thing in self._listed(resource, namespace)}
                )
        return found

    def _listed(self, resource, namespace):
        try:
            pages = list(self.cluster.list(resource, namespace=namespace or self.namespace))
        except ApiRefused as refusal:
            if refusal.status != 404:
                raise
            return []  # another test's kind, whose definition has just been deleted
        return [json.loads(item) for page in pages for item in page.items]

    def versions(self, namespace=None):
        """{(kind, name): (uid, resourceVersion)}: equal if nothing was changed in between."""
        return _versions(self.objects(namespace))

    def settled(self, namespace=None):
        """The versions once controllers have nothing more to write; all claims are bound by then."""
        before = self.versions(namespace)

        def same():
            nonlocal before
            time.sleep(0.4)
            now = self.objects(namespace)
            unbound = [key for key, thing in now.items() if key[0] == "PersistentVolumeClaim" and not _is_bound(thing)]
            before, earlier = _versions(now), before
            return before == earlier and not unbound

        eventually(same, "the controllers come to rest")
        return before


def _versions(things):
    return {key: (thing["metadata"]["uid"], thing["metadata"]["resourceVersion"]) for key, thing in things.items()}


def _is_bound(volume_claim):
    return volume_claim.get("status", {}).get("phase") == "Bound"


class Vault:
    """A repository with the operations that are tested; every call goes the whole way, locks and reports included."""

    def __init__(self, store=None):
        self.store = store if store is not None else MemoryStore()
        self.repository = init(self.store)

    def reopen(self):
        """Reads everything anew, as a new process does."""
        self.repository = reopen(self.store)

    def back_up(self, lab, *, volumes=VolumesMode.NONE, name="", **selection):
        """The run; by default of the lab's namespace."""
        selection = selection or {"namespaces": (lab.namespace,)}
        options = BackUpOptions(selection=Selection(**selection), volumes=volumes, name=name)
        movers = LocalMovers(lambda: reopen(self.store), {})
        return back_up(self.repository, lab.cluster, options, Cancel(), Silent(), movers=movers)

    def open(self, reference="latest"):
        return open_backup(self.repository, read_catalog(self.repository).find_backup(reference))

    def plan(self, lab, reference="latest", **options):
        """As `restore plan` shows it."""
        return show_plan(self._task(lab, reference, options), lab.cluster, lab.cancel, Silent())

    def make_plan(self, lab, reference="latest", **options):
        """As a run makes it, before it is used."""
        return self._task(lab, reference, options).plan(lab.cancel, Silent())

    def restore(self, lab, reference="latest", *, approve=lambda _: None, **options):
        task = self._task(lab, reference, options)
        return restore(self.repository, task, lab.cluster, lab.cancel, Silent(), approve)

    def undo(self, lab, reference="latest", *, approve=lambda _: None, **options):
        task = self._undoing(lab, reference, options)
        return restore(self.repository, task, lab.cluster, lab.cancel, Silent(), approve)

    def plan_undo(self, lab, reference="latest", **options):
        """As `restore undo --dry-run` shows it."""
        return show_plan(self._undoing(lab, reference, options), lab.cluster, lab.cancel, Silent())

    def catalog(self):
        return read_catalog(self.repository)

    def safety_points(self):
        return self.catalog().safety_points

    def _undoing(self, lab, reference, options):
        lab.cluster.refresh_surface()
        catalog = read_catalog(self.repository)
        undoable = find_undoable(self.repository, catalog, reference)
        return Undo(self.repository, catalog, undoable, lab.cluster, **{"delete_data": False, **options})

    def _task(self, lab, reference, options):
        lab.cluster.refresh_surface()  # a new process would ask, too
        return FromBackup(self.repository, self.open(reference), lab.cluster, _options(**options))


def _options(
    *,
    namespaces=None,
    storage_classes=None,
    images=(),
    node_labels=(),
    claim_sizes=None,
    patches=(),
    on_conflict="",
    rollback=False,
    delete_data=False,
    **selection,
):
    more = {name: selection.pop(name) for name in MORE_OPTIONS & selection.keys()}
    if selection:
        everywhere = not selection.keys() & {"namespaces_in", "objects", "workloads"}
        selection = {"all_namespaces": everywhere, **selection}
        selection["namespaces"] = selection.pop("namespaces_in", ())
    return RestoreOptions(
        selection=Selection(**selection) if selection else EVERYTHING,
        mapping=ObjectMapping(
            NameMap(namespaces or {}),
            NameMap(storage_classes or {}),
            parse_images(images),
            parse_node_labels(node_labels),
            claim_sizes or {},
        ),
        patches=patches,
        on_conflict=OnConflict(on_conflict or ("replace" if rollback else "skip")),
        rollback=rollback,
        delete_data=delete_data,
        **more,
    )


def outcomes(report):
    """{(plural, name): result} of a report, {(plural, name): action} of a plan."""
    return {_named(item): getattr(item, "result", None) or item.action for item in report.objects}


def entry(report, plural, name):
    """The one line of a report or a plan about an object."""
    (found,) = [item for item in report.objects if _named(item) == (plural, name)]
    return found


def _named(item):
    return item.kind.partition(".")[0], item.name


def owners(thing):
    """managedFields without status entries and times, in one order."""
    entries = [
        {key: value for key, value in each.items() if key != "time"}
        for each in thing["metadata"].get("managedFields", ())
        if each.get("subresource") != "status"
    ]
    return sorted(entries, key=lambda each: (each["manager"], each["operation"]))


def essence(thing, namespace):
    """What a user would compare: all but what belongs to one cluster or is written by its controllers."""
    kind, metadata = thing["kind"], dict(thing["metadata"])
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"):
        metadata.pop(field, None)
    metadata["ownerReferences"] = [{**one, "uid": ""} for one in metadata.get("ownerReferences", ())]
    spec = dict(thing.get("spec", {}))
    if kind == "Service":
        for field in ("clusterIP", "clusterIPs") if spec["clusterIP"] != "None" else ():
            spec.pop(field)
        spec["ports"] = [{**port, "nodePort": 0} for port in spec["ports"]]
    if kind == "PersistentVolumeClaim":
        spec.pop("volumeName", None)
        metadata["annotations"] = {
            key: value for key, value in metadata.get("annotations", {}).items() if "kubernetes.io/" not in key
        }
    text = {**thing, "metadata": metadata, "spec": spec, "status": {}}
    if kind == "Job":
        text = _without(text, {"controller-uid", "batch.kubernetes.io/controller-uid"})
    if thing.get("type") == "kubernetes.io/service-account-token":
        text = _without(text, {"token", "namespace", "kubernetes.io/service-account.uid"})
    return _replaced(text, namespace)


def _without(value, keys):
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    return [_without(item, keys) for item in value] if isinstance(value, list) else value


def _replaced(value, namespace):
    if isinstance(value, dict):
        return {key: _replaced(item, namespace) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, namespace) for item in value]
    return "NAMESPACE" if value == namespace else value


def eventually(true, what):
    """The first value that is not false. Fails when none comes."""
    end = time.monotonic() + PATIENCE
    while not (value := true()):
        assert time.monotonic() < end, f"not in {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)
    return value


def unique(stem):
    """A name for something that is not in a test's namespace."""
    return f"{stem}-{secrets.token_hex(4)}"


# Objects


def obj(api_version, kind, name, **fields):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **fields.pop("metadata", {})}, **fields}


def config_map(name="settings", **fields):
    return obj("v1", "ConfigMap", name, **({"data": {"color": "blue"}} | fields))


def pod_spec(**fields):
    return {"containers": [{"name": "main", "image": "none.invalid/none:1"}], **fields}


def template(app="web", **fields):
    return {"metadata": {"labels": {"app": app}}, "spec": pod_spec(**fields)}


def pod(name="lonely", **fields):
    return obj("v1", "Pod", name, **({"spec": pod_spec()} | fields))


def workload(kind, name, **spec):
    selector = {"matchLabels": {"app": name}}
    return obj("apps/v1", kind, name, spec={"selector": selector, "template": template(name), **spec})


def service(name="web", **spec):
    return obj("v1", "Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80}], **spec})


def job(name="once", **fields):
    spec = {"template": {"spec": pod_spec(restartPolicy="Never")}}
    return obj("batch/v1", "Job", name, **({"spec": spec} | fields))


def claim(name="data", **spec):
    size = {"requests": {"storage": "1Mi"}}
    return obj("v1", "PersistentVolumeClaim", name, spec={"accessModes": ["ReadWriteOnce"], "resources": size, **spec})


def definition(stem, *, scope="Namespaced", version="v1"):
    """A CustomResourceDefinition of the group example.com for the kind `stem.capitalize()`."""
    names = {"plural": f"{stem}s", "singular": stem, "kind": stem.capitalize()}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    spec = {"group": "example.com", "scope": scope, "names": names, "versions": versions}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec)


def owned_by(owner, *, controller=False):
    """metadata that names `owner`, a live object."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {"ownerReferences": [reference | ({"controller": True} if controller else {})]}
