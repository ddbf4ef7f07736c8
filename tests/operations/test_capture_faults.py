"""Captures while the API server forgets, refuses, or goes away, and for accounts that may read only a part."""

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest
from testbed.accounts import grant
from tests.api_proxy import status
from tests.cluster.local_server import Answer
from tests.operations.harness import capture, connected, make, wait_until

from holdfast.errors import ApiRefused, Cancelled, ClusterUnreachable, NotFound
from holdfast.model.cancel import Cancel

READ = ["get", "list"]


class SmallPages:
    """A source whose lists come in pages of two."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.api_surface = cluster.api_surface
        self.get = cluster.get

    def list(self, resource, **where):
        return self._cluster.list(resource, page_size=2, **where)


@pytest.fixture
def five(namespace, app):
    """A namespace with five ConfigMaps of ours."""
    app.create(*(make("ConfigMap", f"map-{number}", namespace, data={"a": "b"}) for number in range(5)))
    return namespace


@pytest.fixture
def through(proxy):
    """The cluster through the proxy; pauses between two tries take no time."""
    with connected(proxy.kubeconfig, sleep=lambda _: None) as one:
        yield one


def continues(request, plural):
    """Whether a request asks for a later page of a list."""
    url = urlsplit(request.path)
    return url.path.endswith(f"/{plural}") and "continue" in parse_qs(url.query)


# Lists that the server forgets in the middle


def test_a_list_that_expires_begins_anew_and_nothing_is_lost_or_doubled(proxy, through, five, app, live):
    expired = []

    def expire_once(request):
        if not continues(request, "configmaps") or expired:
            return None
        expired.append(request.path)
        live.delete(live.api_surface().find("configmaps"), five, "map-0")  # it was on the page before
        app.create(make("ConfigMap", "map-00", five))
        return status(410, "Expired")

    proxy.intercept = expire_once
    taken, captured = capture(SmallPages(through), five, include_kinds=("configmaps",))
    assert expired
    assert sorted(key.rpartition("/")[2] for key in taken if key.startswith("configmaps/")) == [
        "map-00",
        "map-1",
        "map-2",
        "map-3",
        "map-4",
    ]
    assert {resource.plural: count for resource, count in captured.counts.items()} == {"configmaps": 5, "namespaces": 1}
    assert captured.problems == []


# Servers that go away


def test_a_server_that_goes_away_in_the_middle_ends_the_capture(proxy, through, five):
    proxy.intercept = lambda request: Answer(0, hang_up=True) if request.path.endswith("limit=500") else None
    with pytest.raises(ClusterUnreachable) as error:
        capture(through, five)
    assert proxy.url in error.value.what
    assert error.value.why
    assert error.value.next


def test_a_server_that_goes_away_for_a_moment_is_asked_again(proxy, through, five):
    hung_up = []

    def hang_up_twice(request):
        if "/configmaps" in request.path and len(hung_up) < 2:
            hung_up.append(request)
            return Answer(0, hang_up=True)
        return None

    proxy.intercept = hang_up_twice
    taken, captured = capture(through, five)
    assert len(hung_up) == 2
    assert len([key for key in taken if key.startswith("configmaps/")]) == 5
    assert captured.problems == []


@pytest.mark.parametrize("path", ["/configmaps", "/clusterrolebindings", "/storageclasses/"])
def test_a_credential_that_expires_in_the_middle_ends_the_capture(proxy, through, five, app, path):
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "storageClassName": "standard",
    }
    app.create(make("PersistentVolumeClaim", "data", five, spec=spec))
    proxy.intercept = lambda request: status(401, "Unauthorized") if path in request.path else None
    with pytest.raises(ApiRefused) as error:
        capture(through, five)
    assert error.value.status == 401
    assert "expired" in error.value.why
    assert "Log in" in error.value.next


def test_a_kind_that_answers_only_with_errors_is_named_and_the_rest_is_taken(proxy, through, five):
    proxy.intercept = lambda request: status(500, "InternalError") if "/secrets" in request.path else None
    taken, captured = capture(through, five)
    assert len([key for key in taken if key.startswith("configmaps/")]) == 5
    (problem,) = captured.problems
    assert problem.what == f"secrets in namespace {five} could not be listed"


def test_a_capture_stops_between_two_lists_when_it_is_cancelled(proxy, five):
    cancel = Cancel()

    def cancel_at_secrets(request):
        if "/secrets" in request.path:
            cancel.request()

    proxy.intercept = cancel_at_secrets
    with connected(proxy.kubeconfig, cancel=cancel) as one, pytest.raises(Cancelled):
        capture(one, five, cancel=cancel)


def test_an_api_group_whose_server_is_down_is_named(cluster, live, app, five):
    group = f"down-{secrets.token_hex(3)}.example.com"
    spec = {
        "group": group,
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 1,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": five, "name": "nobody"},
    }
    app.create(make("APIService", f"v1.{group}", version="apiregistration.k8s.io/v1", spec=spec))
    with connected(cluster.kubeconfig) as one:
        wait_until(lambda: any(group in name for name in one.refresh_surface().unavailable))
        _, captured = capture(one, five)
        _, narrowed = capture(one, five, include_kinds=("configmaps",))
    assert [problem.what for problem in captured.problems] == [f"the API group {group}/v1 could not be read"]
    assert "APIService" in captured.problems[0].next
    assert narrowed.problems == []
    live.delete(live.api_surface().find("apiservices"), "", f"v1.{group}")  # while it is there no namespace can go


# Accounts with few rights


@pytest.fixture
def account(cluster):
    """`account(rules, namespace=None, also={namespace: rules}) -> Cluster` as an account with just these rights."""
    opened = []

    def log_in(rules, namespace=None, also=None):
        user = f"account-{secrets.token_hex(4)}"
        path = cluster.account(user, rules, namespace)
        for other, more in (also or {}).items():
            grant(cluster.api, user, more, other)
        opened.append(connected(path))
        return opened[-1].__enter__()

    yield log_in
    for one in opened:
        one.__exit__(None, None, None)


ALL_IN_NAMESPACE = [{"apiGroups": ["*"], "resources": ["*"], "verbs": READ}]


def test_kinds_that_may_not_be_read_are_named_and_the_rest_is_taken(account, five):
    rules = [
        {"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": READ},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": READ},
    ]
    taken, captured = capture(
        account(rules, five), five, include_kinds=("cm", "secrets", "deploy"), cluster_objects="none"
    )
    assert len([key for key in taken if key.startswith("configmaps/")]) == 5
    (problem,) = captured.problems
    assert problem.what == f"secrets in namespace {five} could not be listed"
    assert "forbidden" in problem.why
    assert problem.next == "Grant the verb list on this kind, or leave it out with --exclude-kind."


def test_whoever_may_read_one_namespace_can_take_it(account, five):
    taken, captured = capture(account(ALL_IN_NAMESPACE, five), five, cluster_objects="none")
    assert {f"namespaces/{five}", f"configmaps/{five}/map-0", f"serviceaccounts/{five}/default"} <= taken.keys()
    assert captured.problems == []


def test_companions_that_may_not_be_read_are_named_with_a_way_out(account, five):
    taken, captured = capture(account(ALL_IN_NAMESPACE, five), five)
    assert f"configmaps/{five}/map-0" in taken
    assert {problem.what for problem in captured.problems} == {
        "clusterrolebindings.rbac.authorization.k8s.io could not be listed",
        "clusterroles.rbac.authorization.k8s.io could not be listed",
    }
    assert all("--cluster-objects none" in problem.next for problem in captured.problems)


def test_whoever_may_read_one_namespace_cannot_take_another(account, five, make_namespace):
    with pytest.raises(ApiRefused) as error:
        capture(account(ALL_IN_NAMESPACE, five), make_namespace())
    assert error.value.reason == "Forbidden"


@pytest.mark.parametrize(
    "selection", [{"all_namespaces": True}, {"namespace_selector": "a=b"}, {"namespaces": ("t*",)}]
)
def test_whoever_may_not_list_namespaces_must_name_them(account, five, selection):
    with pytest.raises(ApiRefused) as error:
        capture(account(ALL_IN_NAMESPACE, five), *selection.pop("namespaces", ()), **selection)
    assert error.value.reason == "Forbidden"
    assert "cannot list namespaces" in error.value.what


def test_a_single_object_can_be_taken_with_the_right_to_read_just_that(account, five):
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["map-1"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    taken, captured = capture(account(rules, five), objects=(f"configmap/{five}/map-1",), cluster_objects="none")
    assert taken.keys() == {f"configmaps/{five}/map-1", f"namespaces/{five}"}
    assert captured.problems == []


def test_of_many_namespaces_those_that_may_be_read_are_taken(account, app):
    """Many namespaces are read with one list over all; where that is forbidden, each is asked for itself."""
    prefix = f"part-{secrets.token_hex(3)}"
    for number in range(9):
        app.create(make("Namespace", f"{prefix}-{number}"), make("ConfigMap", "one", f"{prefix}-{number}"))
    user = account(
        [{"apiGroups": [""], "resources": ["namespaces"], "verbs": READ}], also={f"{prefix}-3": ALL_IN_NAMESPACE}
    )
    taken, captured = capture(user, f"{prefix}-*", include_kinds=("configmaps",), cluster_objects="none")
    assert taken.keys() == {f"configmaps/{prefix}-3/one", f"namespaces/{prefix}-3"}
    assert {problem.what for problem in captured.problems} == {
        f"configmaps in namespace {prefix}-{number} could not be listed" for number in range(9) if number != 3
    }


def test_a_namespace_that_does_not_exist_is_named_to_a_narrow_account_too(account):
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    with pytest.raises(NotFound, match="no-such-namespace"):
        capture(account(rules), "no-such-namespace", cluster_objects="none")
