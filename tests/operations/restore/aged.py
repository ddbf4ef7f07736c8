"""A real cluster that shows some of its kinds in versions of long ago, so that a backup of them can be made."""

import json
from dataclasses import replace

from holdfast.cluster.surface import ApiSurface


class AgedCluster:
    """Asked for a kind in `kinds`, it answers as a server of that time would.

    `kinds` is {group resource: (old group, old version, function that turns an object of today into one of then)}.
    """

    def __init__(self, cluster, kinds):
        self._cluster = cluster
        self._today = {}
        served = []
        for resource in cluster.api_surface().resources:
            old = resource
            if resource.group_resource in kinds:
                group, version, _ = kinds[resource.group_resource]
                old = _as(resource, group, version)
                self._today[old] = (resource, kinds[resource.group_resource][2])
            served.append(old)
        self._surface = ApiSurface(served)

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def api_surface(self):
        return self._surface

    def list(self, resource, **options):
        today, change = self._today.get(resource, (resource, None))
        for page in self._cluster.list(today, **options):
            items = [self._aged(resource, data, change) for data in page.items] if change else page.items
            yield page._replace(items=items)

    def get(self, resource, namespace, name):
        today, change = self._today.get(resource, (resource, None))
        found = self._cluster.get(today, namespace, name)
        return self._aged(resource, found, change) if change and found else found

    @staticmethod
    def _aged(resource, data, change):
        thing = json.loads(data)
        change(thing)
        today, thing["apiVersion"] = thing.get("apiVersion"), resource.api_version
        for owner in thing["metadata"].get("managedFields", ()):
            if today in (None, owner["apiVersion"]):
                owner["apiVersion"] = resource.api_version
        return json.dumps(thing).encode()


def _as(resource, group, version):
    return replace(resource, group=group, version=version)


class AgedLab:
    """A lab whose cluster is aged; enough for `Vault.back_up`."""

    def __init__(self, lab, kinds):
        self.cluster = AgedCluster(lab.cluster, kinds)
        self.namespace = lab.namespace
