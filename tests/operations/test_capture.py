"""Which objects of a real cluster a selection takes."""

import secrets

import pytest
from tests.operations.harness import capture, connected, make, wait_until

from holdfast.cluster.cluster import PatchType
from holdfast.errors import NotFound, NothingSelected, UsageError

OPT_OUT = {"holdfast.dev/exclude-from-backup": "true"}
VELERO_OPT_OUT = {"velero.io/exclude-from-backup": "true"}


@pytest.fixture(scope="module")
def shop(new_namespace, shared_app):
    name = new_namespace("capture-shop", labels={"team": "sales"})
    container = {"name": "main", "image": "registry.example.com/web:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    shared_app.create(
        make("ConfigMap", "web", name, labels={"app": "web", "tier": "front"}),
        make("ConfigMap", "db", name, labels={"app": "db", "tier": "back"}),
        make("ConfigMap", "plain", name),
        make("Secret", "web", name, labels={"app": "web"}),
        make("ConfigMap", "hidden", name, labels=OPT_OUT),
        make("Secret", "hidden-from-velero", name, labels=VELERO_OPT_OUT),
        make("Event", "started", name, involvedObject={"namespace": name, "kind": "Pod", "name": "web"}),
        make("Lease", "leader", name, version="coordination.k8s.io/v1", spec={}),
        make(
            "Deployment",
            "web",
            name,
            version="apps/v1",
            labels={"app": "web"},
            spec={"selector": {"matchLabels": {"app": "web"}}, "template": template},
        ),
        make("Pod", "bare", name, spec={"containers": [container]}),
        make("Service", "web", name, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}),
    )
    # What controllers make of these is part of the picture.
    wait_until(
        lambda: "makes the pod again" in str(capture(shared_app.live, name, include_kinds=("pods",))[1].excluded)
    )
    wait_until(lambda: shared_app.get("endpoints", name, "web"))
    return name


@pytest.fixture(scope="module")
def quiet(new_namespace, shared_app):
    """A second namespace, with another team's labels."""
    name = new_namespace("capture-quiet", labels={"team": "research"})
    shared_app.create(make("ConfigMap", "notes", name))
    return name


@pytest.fixture(scope="module")
def whole(live, shop):
    return capture(live, shop)


def names(taken, kind):
    return sorted(key.rpartition("/")[2] for key in taken if key.split("/")[0] == kind)


# A whole namespace


def test_a_namespace_is_taken_with_what_people_put_into_it(whole, shop):
    taken, captured = whole
    assert names(taken, "configmaps") == ["db", "plain", "web"]
    assert names(taken, "secrets") == ["web"]
    assert names(taken, "services") == ["web"]
    assert names(taken, "deployments.apps") == ["web"]
    assert names(taken, "serviceaccounts") == ["default"]
    assert taken[f"namespaces/{shop}"] == "holds selected objects"
    assert captured.namespaces == {shop}
    assert captured.problems == []


def test_the_history_of_a_deployment_is_taken_and_the_pods_it_makes_are_not(whole):
    taken, captured = whole
    assert len(names(taken, "replicasets.apps")) == 1
    assert names(taken, "pods") == ["bare"]
    assert captured.excluded["excluded: its controller makes the pod again"] == 1


@pytest.mark.parametrize(
    "kind", ["events", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io"]
)
def test_what_is_of_the_moment_or_made_by_controllers_is_left_out(whole, kind):
    assert names(whole[0], kind) == []


def test_objects_that_ask_to_stay_out_stay_out(whole):
    taken, captured = whole
    assert not {key for key in taken if "hidden" in key}
    assert captured.excluded["excluded: its label asks to stay out of backups"] == 2


def test_a_namespace_that_asks_to_stay_out_stays_out_with_all_it_holds(live, new_namespace, shared_app, shop):
    opted_out = new_namespace("capture-opted-out", labels=OPT_OUT)
    shared_app.create(make("ConfigMap", "in-it", opted_out))
    taken, _ = capture(live, shop, opted_out)
    assert not {key for key in taken if opted_out in key}
    with pytest.raises(NothingSelected) as error:
        capture(live, opted_out)
    assert "its label asks to stay out of backups" in error.value.why


def test_a_namespace_that_is_being_deleted_is_left_out(live, new_namespace, shared_app):
    going = new_namespace("capture-going")
    finalized = make("ConfigMap", "stays", going)
    finalized["metadata"]["finalizers"] = ["test.example.com/hold"]
    shared_app.create(finalized)
    find = live.api_surface().find
    live.delete(find("namespaces"), "", going)
    try:
        with pytest.raises(NothingSelected) as error:
            capture(live, going)
        assert "being deleted" in error.value.why
    finally:
        body = b'[{"op":"remove","path":"/metadata/finalizers"}]'
        live.patch(find("configmaps"), going, "stays", body, patch_type=PatchType.JSON)


# Labels


@pytest.mark.parametrize(
    ("selector", "configmaps"),
    [
        ("app=web", ["web"]),
        ("app==web", ["web"]),
        ("app!=web", ["db", "plain"]),
        ("tier in (front, back)", ["db", "web"]),
        ("tier notin (front)", ["db", "plain"]),
        ("app", ["db", "web"]),
        ("!app", ["plain"]),
        ("app in (web,db),tier!=back", ["web"]),
    ],
)
def test_a_selector_takes_objects_by_their_labels(live, shop, selector, configmaps):
    taken, _ = capture(live, shop, selector=selector)
    assert names(taken, "configmaps") == configmaps


def test_a_selector_holds_for_every_kind(live, shop):
    taken, _ = capture(live, shop, selector="app=web")
    assert names(taken, "secrets") == names(taken, "deployments.apps") == names(taken, "configmaps") == ["web"]
    assert names(taken, "serviceaccounts") == names(taken, "services") == []
    assert taken[f"configmaps/{shop}/web"] == "labels match app=web"


def test_the_namespace_comes_along_when_an_object_in_it_is_selected_by_label(live, shop):
    assert capture(live, shop, selector="app=web")[0][f"namespaces/{shop}"] == "holds selected objects"


def test_an_exclude_selector_keeps_objects_out(live, shop):
    taken, captured = capture(live, shop, exclude_selector="app=web")
    assert names(taken, "configmaps") == ["db", "plain"]
    assert names(taken, "secrets") == []
    assert captured.excluded["excluded: labels match app=web"] >= 3


def test_both_selectors_can_be_used_together(live, shop):
    taken, _ = capture(live, shop, selector="app in (web,db)", exclude_selector="tier=back")
    assert names(taken, "configmaps") == ["web"]


def test_a_selector_that_makes_no_sense_is_refused(live, shop):
    with pytest.raises(UsageError):
        capture(live, shop, selector="app in web")


# Namespaces


def test_several_namespaces_are_taken_together(live, shop, quiet):
    _, captured = capture(live, shop, quiet)
    assert captured.namespaces == {shop, quiet}


def test_a_glob_takes_the_namespaces_that_match(live, shop, quiet):
    _, captured = capture(live, "capture-sh?p-*", cluster_objects="none")
    assert shop in captured.namespaces
    assert quiet not in captured.namespaces


def test_a_glob_that_matches_nothing_selects_nothing(live):
    with pytest.raises(NothingSelected):
        capture(live, "no-such-namespace-*")


def test_a_namespace_selector_takes_namespaces_by_their_labels(live, shop, quiet):
    _, captured = capture(live, namespace_selector="team=sales")
    assert captured.namespaces == {shop}
    _, captured = capture(live, namespace_selector="team in (sales, research)")
    assert captured.namespaces == {shop, quiet}


def test_a_namespace_selector_narrows_a_glob(live, quiet):
    _, captured = capture(live, "capture-*", namespace_selector="team=research")
    assert captured.namespaces == {quiet}


def test_all_namespaces_but_the_excluded_ones(live, shop, quiet):
    _, captured = capture(live, all_namespaces=True, exclude_namespaces=("kube-*", "default", "capture-sh*"))
    assert quiet in captured.namespaces
    assert not captured.namespaces & {shop, "kube-system", "kube-public", "default"}


def test_many_namespaces_are_read_with_few_lists_and_without_their_neighbours(cluster, shared_app, shop):
    prefix = f"many-{secrets.token_hex(3)}"
    for number in range(9):
        shared_app.create(make("Namespace", f"{prefix}-{number}"))
        shared_app.create(make("ConfigMap", "one", f"{prefix}-{number}"))
    with connected(cluster.kubeconfig) as counted:
        lists = []
        listed = counted.list
        counted.list = lambda resource, **where: lists.append(where.get("namespace")) or listed(resource, **where)
        taken, captured = capture(counted, f"{prefix}-*", include_kinds=("configmaps", "secrets"))
    assert sorted(taken) == [f"configmaps/{prefix}-{number}/one" for number in range(9)] + [
        f"namespaces/{prefix}-{number}" for number in range(9)
    ]
    assert shop not in captured.namespaces
    assert lists.count(None) == len(lists)


def test_names_and_all_contradict_each_other(live, shop):
    with pytest.raises(UsageError):
        capture(live, shop, all_namespaces=True)


def test_asking_for_nothing_is_an_error(live):
    with pytest.raises(UsageError, match="nothing is asked for"):
        capture(live)


# Kinds and single objects


@pytest.mark.parametrize("spelling", ["cm", "configmap", "ConfigMap", "configmaps"])
def test_a_kind_can_be_named_in_every_usual_way(live, shop, spelling):
    taken, _ = capture(live, shop, include_kinds=(spelling,))
    assert {key.split("/")[0] for key in taken} == {"configmaps", "namespaces"}


def test_excluded_kinds_stay_out(live, shop):
    taken, _ = capture(live, shop, exclude_kinds=("secrets", "deployments.apps"))
    assert names(taken, "secrets") == names(taken, "deployments.apps") == []
    assert names(taken, "configmaps") == ["db", "plain", "web"]


def test_a_kind_that_is_never_backed_up_cannot_be_asked_for(live, shop):
    with pytest.raises(NothingSelected) as error:
        capture(live, shop, include_kinds=("events",))
    assert "expire within hours" in error.value.why


def test_single_objects_are_taken_alone_with_their_namespace(live, shop):
    taken, _ = capture(live, objects=(f"configmap/{shop}/web", f"secret/{shop}/web"))
    assert taken == {
        f"configmaps/{shop}/web": "named in the selection",
        f"secrets/{shop}/web": "named in the selection",
        f"namespaces/{shop}": "holds selected objects",
    }


def test_a_single_cluster_scoped_object_is_taken(live):
    taken, _ = capture(live, objects=("storageclass/standard",))
    assert taken == {"storageclasses.storage.k8s.io/standard": "named in the selection"}


def test_a_single_object_joins_a_namespace(live, shop, quiet):
    taken, _ = capture(live, quiet, objects=(f"configmap/{shop}/web",), include_kinds=("configmaps",))
    assert names(taken, "configmaps") == ["notes", "web"]


@pytest.mark.parametrize(
    "text", ["configmap/{shop}/nothing", "configmap/no-such-namespace/web", "storageclass/nothing"]
)
def test_a_single_object_that_does_not_exist_is_named(live, shop, text):
    with pytest.raises(NotFound) as error:
        capture(live, objects=(text.format(shop=shop),))
    assert "no" in error.value.what


@pytest.mark.parametrize("text", ["configmap", "configmap/", "configmap/web", "storageclass/a/b", "configmap/a/b/c"])
def test_a_single_object_with_too_many_or_few_parts_is_refused(live, text):
    with pytest.raises(UsageError):
        capture(live, objects=(text,))


def test_nothing_is_taken_twice(live, shop):
    taken, captured = capture(live, shop, objects=(f"configmap/{shop}/web", f"namespace/{shop}"))
    assert len(taken) == captured.objects
    assert taken[f"configmaps/{shop}/web"] == "named in the selection"


def test_pods_of_the_selection_are_known_though_their_controllers_remake_them(shop, whole):
    _, captured = whole
    names = {key.name.rpartition("-")[0].partition("-")[0] or key.name for key in captured.pods}
    assert names == {"web", "bare"}
    assert {key.namespace for key in captured.pods} == {shop}


def test_pods_that_a_label_does_not_select_are_not_known(live, shop):
    assert capture(live, shop, selector="app=db")[1].pods == []
    assert capture(live, shop, exclude_selector="app=web", include_kinds=("pods",))[1].pods == [
        key for key in capture(live, shop)[1].pods if key.name == "bare"
    ]


def test_pods_of_a_workload_are_known(live, shop):
    _, captured = capture(live, workloads=(f"deployment/{shop}/web",))
    assert [key.name.partition("-")[0] for key in captured.pods] == ["web"]
