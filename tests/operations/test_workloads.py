"""Captures of workloads, with all that they live on and nothing else."""

import json
import secrets
from urllib.parse import urlsplit

import pytest
from tests.operations.harness import back_up, capture, connected, wait_until
from tests.workload_app import Builder

from holdfast.cluster.listing import Page
from holdfast.errors import ApiRefused, Cancelled, NotFound, UsageError
from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.model.selection import Selection
from holdfast.operations import workload_capture
from holdfast.operations.back_up_options import BackUpOptions
from holdfast.operations.back_up_preview import preview

READ = ["get", "list"]
_SEES_NAMESPACE = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}


@pytest.fixture(scope="module")
def builder(new_namespace, shared_app):
    """A namespace with the application and its neighbours."""
    namespace = new_namespace("workloads")
    builder = Builder(namespace, namespace)
    shared_app.create(*builder.related(), builder.workload(), *builder.neighbours())
    deployment = shared_app.read("deploy", namespace, "web")
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": deployment["metadata"]["uid"]}
    shared_app.create(builder.config_map("generated", ownerReferences=[owner]))
    wait_until(lambda: _replicas(shared_app.live, namespace, "web") and _replicas(shared_app.live, namespace, "other"))
    for claim in ("uploads", "other"):
        wait_until(lambda claim=claim: shared_app.read("pvc", namespace, claim)["status"].get("phase") == "Bound")
    return builder


def _replicas(live, namespace, deployment):
    """Names of the ReplicaSets that the controller made."""
    taken, _ = capture(live, namespace, include_kinds=("rs",), cluster_objects="none")
    return [key for key in taken if key.startswith(f"replicasets.apps/{namespace}/{deployment}-")]


@pytest.fixture(scope="module")
def web(builder):
    return f"deployments.apps/{builder.namespace}/web"


@pytest.fixture(scope="module")
def expected(builder, shared_app, web):
    at = builder.namespace
    volume = shared_app.read("pvc", at, "uploads")["spec"]["volumeName"]
    (replicas,) = _replicas(shared_app.live, at, "web")
    return {
        **builder.reasons(),
        f"persistentvolumes/{volume}": f"volume of persistentvolumeclaims/{at}/uploads",
        f"configmaps/{at}/generated": f"owned by {web}",
        replicas: f"owned by {web}",
    }


@pytest.fixture
def account(cluster):
    """`account(rules, namespace) -> Cluster` as an account with just these rights there, which may see the namespace."""
    opened = []

    def log_in(rules, namespace):
        user = f"account-{secrets.token_hex(4)}"
        path = cluster.account(user, [*rules, _SEES_NAMESPACE], namespace)
        opened.append(connected(path))
        return opened[-1].__enter__()

    yield log_in
    for one in opened:
        one.__exit__(None, None, None)


def test_a_workload_comes_with_all_that_it_lives_on_and_nothing_else(live, builder, expected):
    taken, captured = capture(live, workloads=(f"deploy/{builder.namespace}/web",))
    assert taken == expected
    assert len(expected) >= 25
    assert len(builder.neighbours()) >= 15
    assert captured.problems == []
    assert captured.namespaces == {builder.namespace}


@pytest.mark.parametrize("kind", ["Deployment", "deployments", "deploy.apps", "deployments.v1.apps", "DEPLOY"])
def test_a_kind_is_spelled_as_for_kubectl(live, builder, expected, web, kind):
    taken, captured = capture(live, workloads=(f"{kind}/{builder.namespace}/web",))
    assert taken.keys() == expected.keys()
    assert captured.selection == Selection(workloads=(web,))


def test_nothing_is_listed_in_other_namespaces(proxy, builder, expected, web):
    with connected(proxy.kubeconfig) as through:
        taken, _ = capture(through, workloads=(web,))
    assert taken.keys() == expected.keys()
    lists = {urlsplit(request.path).path for request in proxy.requests if "limit=" in request.path}
    inside = {path for path in lists if f"/namespaces/{builder.namespace}/" in path}
    outside = {path.rpartition("/")[2] for path in lists - inside}
    assert outside == {"namespaces", "clusterroles", "clusterrolebindings"}


def test_a_dry_run_says_why_each_object_is_in(live, web, expected):
    found = preview(live, BackUpOptions(selection=Selection(workloads=(web,))), Cancel(), Silent())
    shown = {"/".join(filter(None, (each.kind, each.namespace, each.name))): each.reason for each in found.objects}
    assert shown == expected


class TestTogetherWithOtherFlags:
    def test_a_namespace_and_a_workload_in_it_are_the_namespace(self, live, builder, web):
        whole, _ = capture(live, builder.namespace)
        taken, captured = capture(live, builder.namespace, workloads=(web,))
        assert taken.keys() == whole.keys()
        assert captured.selection.namespaces == (builder.namespace,)

    def test_labels_narrow_the_namespace_and_not_the_workload(self, live, builder, web, expected):
        taken, _ = capture(live, builder.namespace, selector="no=such", workloads=(web,))
        assert taken.keys() == expected.keys()

    def test_two_workloads_come_with_what_each_lives_on(self, live, builder, web, expected):
        other = f"deployments.apps/{builder.namespace}/other"
        taken, captured = capture(live, workloads=(other, web, web))
        alone, _ = capture(live, workloads=(other,))
        assert taken.keys() == expected.keys() | alone.keys()
        assert f"configmaps/{builder.namespace}/settings" in alone
        assert captured.selection.workloads == (other, web)

    def test_single_objects_come_once(self, live, builder, web, expected):
        settings = f"configmaps/{builder.namespace}/settings"
        other = f"secrets/{builder.namespace}/other"
        taken, _ = capture(live, objects=(settings, other), workloads=(web,))
        assert taken.keys() == expected.keys() | {other}
        assert taken[settings] == "named in the selection"

    def test_excluded_kinds_stay_and_so_does_what_only_they_lead_to(self, live, builder, web, expected):
        taken, _ = capture(live, workloads=(web,), exclude_kinds=("services", "roles"))
        lost = {key.partition("/")[0].partition(".")[0] for key in expected.keys() - taken.keys()}
        assert lost == {"services", "roles", "ingresses", "ingressclasses", "secrets"}
        assert expected.keys() - taken.keys() >= {f"secrets/{builder.namespace}/tls"}

    def test_none_takes_no_cluster_scoped_object_but_the_namespace(self, live, builder, web, expected):
        taken, _ = capture(live, workloads=(web,), cluster_objects="none")
        assert taken.keys() == {key for key in expected if key.count("/") == 2} | {f"namespaces/{builder.namespace}"}


class TestOtherKinds:
    @pytest.fixture
    def make_here(self, namespace):
        return Builder(namespace, namespace)

    def test_a_stateful_set_brings_its_claims_and_its_headless_service(self, live, app, make_here):
        at = make_here.namespace
        template = {"metadata": {"name": "data"}, "spec": make_here.claim("x")["spec"]}
        app.create(
            make_here.service("db", "nobody", clusterIP="None"),
            make_here.runner("StatefulSet", "db", spec={"serviceName": "db", "volumeClaimTemplates": [template]}),
            make_here.claim("data-db-5"),  # of a time with more replicas
            make_here.claim("data-dbx-0"),
        )
        wait_until(lambda: app.get("pvc", at, "data-db-0"))
        taken, _ = capture(live, workloads=(f"sts/{at}/db",), cluster_objects="none")
        assert taken == {
            f"namespaces/{at}": "holds selected objects",
            f"statefulsets.apps/{at}/db": "named in the selection",
            f"services/{at}/db": f"gives names to the pods of statefulsets.apps/{at}/db",
            f"persistentvolumeclaims/{at}/data-db-0": f"claim of statefulsets.apps/{at}/db",
            f"persistentvolumeclaims/{at}/data-db-5": f"claim of statefulsets.apps/{at}/db",
            f"serviceaccounts/{at}/default": f"account of statefulsets.apps/{at}/db",
        }

    def test_a_custom_kind_with_a_pod_template_is_a_workload_like_any_other(self, live, app, make_here):
        at = make_here.namespace
        deployment = make_here.runner("Deployment", "x", volumes=[{"name": "v", "configMap": {"name": "settings"}}])
        app.create(
            make_here.config_map("settings"),
            make_here.config_map("other"),
            make_here.service("canary", "x"),
            make_here.widget("canary", strategy={"canary": {}}, template=deployment["spec"]["template"]),
        )
        taken, _ = capture(live, workloads=(f"widget/{at}/canary",), cluster_objects="none")
        assert taken.keys() == {
            f"namespaces/{at}",
            f"widgets.backup.example.com/{at}/canary",
            f"configmaps/{at}/settings",
            f"services/{at}/canary",
            f"serviceaccounts/{at}/default",
        }

    def test_an_operators_resource_brings_what_it_owns_and_what_that_lives_on(self, live, app, make_here):
        at = make_here.namespace
        app.create(make_here.widget("shop", tls={"secretName": "license"}), make_here.secret("license"))
        widget = app.read("widget", at, "shop")
        owner = {"apiVersion": widget["apiVersion"], "kind": "Widget", "name": "shop", "uid": widget["metadata"]["uid"]}
        owned = {"ownerReferences": [{**owner, "controller": True}]}
        bare = make_here.make("v1", "Pod", "shop-0", metadata={**owned, "labels": {"app": "shop"}})
        volumes = [{"name": "v", "configMap": {"name": "of-pod"}}]
        app.create(
            make_here.config_map("of-pod"),
            make_here.config_map("other"),
            make_here.runner(
                "Deployment", "front", metadata=owned, volumes=[{"name": "v", "secret": {"secretName": "s"}}]
            ),
            make_here.secret("s"),
            make_here.service("front", "front"),
            {**bare, "spec": {"containers": [{"name": "main", "image": "none.invalid/none"}], "volumes": volumes}},
            make_here.service("shop", "shop"),
        )
        wait_until(lambda: _replicas(live, at, "front"))
        taken, captured = capture(live, workloads=(f"widget/{at}/shop",), cluster_objects="none")
        (replicas,) = _replicas(live, at, "front")
        assert taken == {
            f"namespaces/{at}": "holds selected objects",
            f"widgets.backup.example.com/{at}/shop": "named in the selection",
            f"secrets/{at}/license": f"secret of widgets.backup.example.com/{at}/shop",
            f"deployments.apps/{at}/front": f"owned by widgets.backup.example.com/{at}/shop",
            replicas: f"owned by deployments.apps/{at}/front",
            f"secrets/{at}/s": f"secret of deployments.apps/{at}/front",
            f"services/{at}/front": f"selects the pods of deployments.apps/{at}/front",
            f"services/{at}/shop": f"selects the pods of pods/{at}/shop-0",
            f"configmaps/{at}/of-pod": f"configuration of pods/{at}/shop-0",
            f"serviceaccounts/{at}/default": f"account of deployments.apps/{at}/front",
        }
        assert captured.excluded["excluded: its controller makes the pod again"] >= 1

    def test_what_binds_the_account_default_is_not_for_one_workload(self, live, app, make_here):
        at = make_here.namespace
        app.create(
            make_here.runner("Deployment", "web"),
            make_here.role("ClusterRole", f"{at}:all"),
            make_here.binding("ClusterRoleBinding", f"{at}:all", f"{at}:all", "default"),
            make_here.binding("RoleBinding", "all", "all", "default"),
        )
        taken, _ = capture(live, workloads=(f"deploy/{at}/web",))
        assert f"serviceaccounts/{at}/default" in taken
        assert not [key for key in taken if "role" in key]

    def test_an_object_that_asks_to_stay_out_leads_to_nothing(self, live, app, make_here):
        at = make_here.namespace
        hidden = {"labels": {"holdfast.dev/exclude-from-backup": "true"}}
        service = make_here.service("web", "web")
        service["metadata"].update(hidden)
        app.create(make_here.runner("Deployment", "web"), service, make_here.ingress("web", "web"))
        app.create(make_here.runner("Deployment", "hidden", metadata=hidden, serviceAccountName="hidden"))
        app.create(make_here.account("hidden"))
        taken, _ = capture(live, workloads=(f"deploy/{at}/web",), cluster_objects="none")
        assert f"services/{at}/web" not in taken
        assert f"ingresses.networking.k8s.io/{at}/web" not in taken
        taken, captured = capture(live, workloads=(f"deploy/{at}/hidden",))
        assert taken == {}
        assert captured.excluded["excluded: its label asks to stay out of backups"] == 1


class TestWhatCannotBe:
    def test_a_workload_that_does_not_exist_is_named_with_what_is_near(self, live, builder):
        with pytest.raises(NotFound, match=f"deployments.apps/{builder.namespace}/wbe does not exist") as error:
            capture(live, workloads=(f"deploy/{builder.namespace}/wbe",))
        assert error.value.why == "similar names are web"

    def test_nor_one_in_a_namespace_that_does_not_exist(self, live):
        with pytest.raises(NotFound, match="the namespace 'nowhere' does not exist"):
            capture(live, workloads=("deploy/nowhere/web",))

    @pytest.mark.parametrize("text", ["web", "deploy/web", "deploy//web", "deploy/a/b/c", "/shop/web", "deploy/shop/"])
    def test_another_spelling_is_refused_with_the_right_one(self, live, text):
        with pytest.raises(UsageError, match="does not name a workload") as error:
            capture(live, workloads=(text,))
        assert "deployment/shop/web" in error.value.next

    def test_an_unknown_kind_is_refused(self, live, builder):
        with pytest.raises(UsageError, match="no kind 'deploymnet'") as error:
            capture(live, workloads=(f"deploymnet/{builder.namespace}/web",))
        assert "deployments.apps" in error.value.next

    def test_a_kind_without_namespaces_is_no_workload(self, live, builder):
        with pytest.raises(UsageError, match="ClusterRole has no namespace"):
            capture(live, workloads=(f"clusterrole/{builder.namespace}/view",))


class TestAccountsWithFewRights:
    ALL = ({"apiGroups": ["*"], "resources": ["*"], "verbs": READ},)

    def test_whoever_may_read_the_namespace_gets_what_is_in_it_and_the_rest_is_named(
        self, account, builder, expected, web
    ):
        taken, captured = capture(account(self.ALL, builder.namespace), workloads=(web,))
        assert taken.keys() >= {key for key in expected if key.count("/") == 2}
        refused = " ".join(problem.what for problem in captured.problems)
        assert "clusterrolebindings.rbac.authorization.k8s.io could not be listed" in refused
        assert f"priorityclasses.scheduling.k8s.io/{builder.stem}-urgent" in refused

    def test_what_may_not_be_listed_is_named_and_read_one_by_one(self, account, builder, expected, web):
        at = builder.namespace
        rules = [
            {"apiGroups": ["apps", "networking.k8s.io"], "resources": ["*"], "verbs": READ},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["login", "registry"]},
        ]
        taken, captured = capture(account(rules, at), workloads=(web,), cluster_objects="none")
        assert {key for key in taken if key.startswith("secrets/")} == {
            f"secrets/{at}/{name}" for name in ("login", "registry")
        }
        assert taken[f"secrets/{at}/registry"] == expected[f"secrets/{at}/registry"]
        what = [problem.what for problem in captured.problems]
        assert len(what) == len(set(what))
        assert f"secrets in namespace {at} could not be listed" in what
        assert [each for each in what if each.startswith(f"secrets/{at}/keys (secret of {web})")]
        assert [each for each in what if each.startswith(f"configmaps/{at}/settings (configuration of {web})")]

    def test_a_workload_that_may_not_be_read_ends_the_run(self, account, builder, web):
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": READ}]
        with pytest.raises(ApiRefused, match="web"):
            capture(account(rules, builder.namespace), workloads=(web,), cluster_objects="none")


class Between:
    """A source that does as a test says between the lists and what comes after them."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.api_surface = cluster.api_surface
        self.get = cluster.get

    def list(self, resource, *, namespace=None, label_selector=""):
        yield from self._cluster.list(resource, namespace=namespace, label_selector=label_selector)


class TestWhileTheClusterChanges:
    def test_a_list_that_begins_anew_leaves_nothing_of_what_it_held(self, live, builder, expected, web):
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u"}
        ghost = json.dumps(builder.config_map("ghost", ownerReferences=[owner])).encode()

        class Restarting(Between):
            def list(self, resource, **where):
                if resource.plural != "configmaps":
                    yield from super().list(resource, **where)
                    return
                yield Page([ghost], "1", None, restarted=False)
                for page in super().list(resource, **where):
                    yield page._replace(restarted=True)

        taken, _ = capture(Restarting(live), workloads=(web,))
        assert taken == expected

    def test_what_there_was_no_room_to_keep_is_read_again(self, live, expected, web, monkeypatch):
        monkeypatch.setattr(workload_capture, "_ROOM", 10_000)
        taken, _ = capture(live, workloads=(web,))
        assert taken == expected

    def test_what_vanishes_meanwhile_is_not_taken(self, live, builder, expected, web, monkeypatch):
        monkeypatch.setattr(workload_capture, "_ROOM", 0)
        source = Between(live)
        source.get = lambda resource, namespace, name: None if name == "env" else live.get(resource, namespace, name)
        taken, captured = capture(source, workloads=(web,))
        assert expected.keys() - taken.keys() == {f"configmaps/{builder.namespace}/env"}
        assert captured.problems == []

    def test_a_cancelled_run_ends(self, live, web):
        cancel = Cancel()
        cancel.request()
        with pytest.raises(Cancelled):
            capture(live, workloads=(web,), cancel=cancel)


def test_a_backup_of_a_workload_has_its_name_and_stays_in_its_group(repository, live, web):
    first = back_up(repository, live, selection=Selection(workloads=(web,)), volumes="none")
    second = back_up(
        repository, live, selection=Selection(workloads=(web.replace("deployments.apps", "deploy"),)), volumes="none"
    )
    assert first.name.startswith("web-")
    assert first.outcome == second.outcome == "done"
    assert second.counts["added"] == second.counts["changed"] == second.counts["removed"] == 0
