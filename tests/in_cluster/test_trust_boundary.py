"""A tenant who may do all that `edit` allows beside an application, while its volumes go to a shared repository and back.

Whoever has the repository's password reads every backup in it. So nothing that leads to it may come into that namespace, be it
for a moment: every object that ever appears there is looked at.
"""

import contextlib
import json
import threading

import pytest
from tests.cli.holdfast import PASSWORD
from tests.in_cluster.application import give_data, lose_data, read
from tests.in_cluster.installed import HOME, until
from tests.installation.conftest import RBAC_GROUP, bind
from tests.installation.tenants import CLAIMS, EVENTS, JOBS, LEASES, PODS, SECRETS, VOLUMES, is_forbidden, kind

from holdfast.assembly import Settings, connect
from holdfast.cluster.watch_events import Changed, Listed, Synced
from holdfast.errors import Cancelled
from holdfast.model.cancel import Cancel

pytestmark = pytest.mark.cluster
WATCHED = (
    *(SECRETS, PODS, CLAIMS, JOBS, LEASES),
    kind("v1", "configmaps", "ConfigMap"),
    kind("v1", "serviceaccounts", "ServiceAccount"),
    kind("apps/v1", "replicasets", "ReplicaSet"),
    kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
)
RUN = "holdfast.dev/run"


class Watching:
    """All that appears in a namespace, from the first moment on: (kind, name) → its states."""

    def __init__(self, cluster, namespace):
        self._seen = {}
        self._cancel = Cancel()
        self._connection = connect(Settings(kubeconfig=str(cluster.kubeconfig)), self._cancel)
        self._heard = {resource.kind: threading.Event() for resource in WATCHED}
        self._threads = [
            threading.Thread(target=self._watch, args=(resource, namespace), daemon=True) for resource in WATCHED
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        for heard in self._heard.values():
            assert heard.wait(30)
        return self

    def __exit__(self, *_):
        self._cancel.request()
        for thread in self._threads:
            thread.join()
        self._connection.close()

    @property
    def seen(self):
        """What came so far; more may come while one looks at it."""
        return dict(self._seen)

    def of(self, wanted):
        return {name for found, name in self.seen if found == wanted}

    def _watch(self, resource, namespace):
        with contextlib.suppress(Cancelled):
            for event in self._connection.watch(resource, namespace=namespace):
                match event:
                    case Listed(items):
                        for item in items:
                            self._note(resource, item)
                    case Changed(item):
                        self._note(resource, item)
                    case Synced():
                        self._heard[resource.kind].set()

    def _note(self, resource, item):
        metadata = json.loads(item)["metadata"]
        self._seen.setdefault((resource.kind, metadata["name"]), []).append(item.decode())


@pytest.fixture
def team(installed, shop):
    """A connection with `edit` in the application's namespace."""
    user = f"member-of-{shop.namespace}"
    kubeconfig = installed.cluster.account(user, [], shop.namespace)
    bind(installed.cluster.api, "edit", {"kind": "User", "apiGroup": RBAC_GROUP, "name": user}, shop.namespace)
    made = connect(Settings(kubeconfig=str(kubeconfig)), Cancel())
    yield made
    made.close()


@pytest.fixture
def watched(installed, shop):
    """Both namespaces, the tenant's and Holdfast's."""
    with Watching(installed.cluster, shop.namespace) as theirs, Watching(installed.cluster, HOME) as ours:
        yield theirs, ours


def movers_in(watching):
    """Pods of movers that mounted the repository's Secret and a volume."""
    found = set()
    for (what, name), states in watching.seen.items():
        pod = json.loads(states[-1])
        if what == "Pod" and RUN in pod["metadata"].get("labels", {}):
            volumes = pod["spec"]["volumes"]
            assert [one for one in volumes if "secret" in one]
            assert [one for one in volumes if "persistentVolumeClaim" in one]
            found.add(name)
    return found


def assert_nothing_of_ours(watching, installed, allowed):
    """No object but the application's own, none with a label of ours, none that names our Secret or holds what is in it."""
    hidden = (PASSWORD, installed.server.secret_key, "location-main", "HOLDFAST_", RUN)
    for (what, name), states in watching.seen.items():
        for state in states:
            assert not [word for word in hidden if word in state], f"{what} {name}: {state}"
            assert json.loads(state)["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by") != "holdfast"
    assert watching.of("PersistentVolumeClaim") <= {"data"}
    assert watching.of("Secret") == {"token"}
    assert watching.of("Job") == watching.of("Lease") == set()
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in watching.of("Pod")} <= {"web"}
    assert watching.of("ConfigMap") <= {"settings", "kube-root-ca.crt"}
    assert watching.of("RoleBinding") <= allowed


def test_nothing_of_a_shared_repository_comes_near_a_tenant(installed, home, shop, team, watched):
    theirs, ours = watched
    give_data(shop, "1,2,3")
    bindings = theirs.of("RoleBinding")
    home.backup("boundary", shop.namespace, volumes="auto")
    until(lambda: movers_in(ours))
    cannot_reach(team, ours)
    home.wait("Backup", "boundary", "Complete", "True", "Done")
    assert_nothing_of_ours(theirs, installed, bindings)

    before = movers_in(ours)
    lose_data(shop)
    home.restore("boundary", "boundary", namespaces=[shop.namespace])
    until(lambda: movers_in(ours) - before)
    cannot_reach(team, ours)
    home.wait("Restore", "boundary", "Complete", "True", "Done")
    until(lambda: read(shop) == "1,2,3")
    assert_nothing_of_ours(theirs, installed, bindings)


def cannot_reach(team, ours):
    """While movers are there: neither them nor what they have."""
    for resource in (SECRETS, PODS, JOBS, CLAIMS, LEASES, EVENTS):
        assert is_forbidden(list, team.list(resource, namespace=HOME))
    assert is_forbidden(list, team.list(VOLUMES))
    assert is_forbidden(team.get, SECRETS, HOME, "location-main")
    for name in movers_in(ours):
        for part in ("log", "exec", "attach", "portforward"):
            path = f"/api/v1/namespaces/{HOME}/pods/{name}/{part}"
            assert is_forbidden(team.connection.request, "GET", path)
