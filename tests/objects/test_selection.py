from __future__ import annotations

import json
from dataclasses import replace

import pytest

from holdfast.errors import NotFound, NothingSelected, UsageError
from holdfast.model.kubernetes import Resource
from holdfast.model.selection import ClusterObjects, Selection
from holdfast.objects.metadata import Glimpse, glimpse
from holdfast.objects.selection import apply, kinds_to_list, normalise, parse_object, resolve_namespaces

ALL_VERBS = frozenset({"create", "delete", "get", "list", "patch", "update", "watch"})


def kind(group: str, plural: str, name: str, short: str = "", *, namespaced: bool = True) -> Resource:
    return Resource(group, "v1", plural, name, namespaced=namespaced, verbs=ALL_VERBS, short_names=(short,))


CONFIG_MAPS = kind("", "configmaps", "ConfigMap", "cm")
EVENTS = kind("", "events", "Event", "ev")
NAMESPACES = kind("", "namespaces", "Namespace", "ns", namespaced=False)
NODES = kind("", "nodes", "Node", "no", namespaced=False)
PODS = kind("", "pods", "Pod", "po")
DEPLOYMENTS = kind("apps", "deployments", "Deployment", "deploy")
CLUSTER_ROLES = kind("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", "", namespaced=False)
VOLUMES = kind("", "persistentvolumes", "PersistentVolume", "pv", namespaced=False)
RESOURCES = (CONFIG_MAPS, EVENTS, NAMESPACES, NODES, DEPLOYMENTS, CLUSTER_ROLES, VOLUMES)


def resolve_kind(typed: str) -> Resource:
    for resource in RESOURCES:
        if typed in {resource.kind, resource.kind.lower(), resource.plural, resource.group_resource} | {
            *resource.short_names
        } - {""}:
            return resource
    raise NotFound(f"the kind {typed!r} does not exist")


def an_object(name: str, namespace: str = "", **metadata: object) -> Glimpse:
    return glimpse(json.dumps({"metadata": {"name": name, "namespace": namespace, **metadata}}).encode())


CLUSTER = [
    an_object("default"),
    an_object("kube-system"),
    an_object("shop", labels={"team": "a"}),
    an_object("shop-test", labels={"team": "a", "stage": "test"}),
    an_object("hidden", labels={"holdfast.dev/exclude-from-backup": "true"}),
    an_object("dying", deletionTimestamp="2026-01-01T00:00:00Z"),
]


def applied(**fields):
    return apply(Selection(**fields), RESOURCES, CLUSTER, resolve_kind)


def kinds_of(resources):
    return {resource.group_resource for resource in resources}


class TestNamespaces:
    @pytest.mark.parametrize(
        ("selection", "expected"),
        [
            (Selection(namespaces=("shop",)), {"shop"}),
            (Selection(namespaces=("shop*",)), {"shop", "shop-test"}),
            (Selection(namespaces=("shop-tes?", "[d]efault")), {"shop-test", "default"}),
            (Selection(namespaces=("shop", "nothing-*")), {"shop"}),
            (Selection(all_namespaces=True), {"default", "kube-system", "shop", "shop-test"}),
            (Selection(all_namespaces=True, exclude_namespaces=("kube-*", "default")), {"shop", "shop-test"}),
            (Selection(namespaces=("shop*",), exclude_namespaces=("*-test",)), {"shop"}),
            (Selection(namespace_selector="team=a"), {"shop", "shop-test"}),
            (Selection(namespaces=("shop*",), namespace_selector="stage"), {"shop-test"}),
            (Selection(all_namespaces=True, namespace_selector="!team"), {"default", "kube-system"}),
            (Selection(objects=("cm/shop/a",)), set()),
        ],
    )
    def test_names_globs_labels_and_excludes_work_together(self, selection, expected):
        assert set(resolve_namespaces(selection, CLUSTER).names) == expected

    def test_names_are_matched_as_a_whole_and_not_as_globs(self):
        assert resolve_namespaces(Selection(namespaces=("shop",)), CLUSTER).names == ("shop",)

    def test_an_unknown_name_is_not_found_and_similar_ones_are_offered(self):
        with pytest.raises(NotFound, match=r"'shopp' does not exist: similar names are shop"):
            resolve_namespaces(Selection(namespaces=("shop", "shopp")), CLUSTER)

    @pytest.mark.parametrize(
        ("selection", "why"),
        [
            (Selection(namespaces=("nothing-*",)), "none matches namespaces nothing-*"),
            (Selection(namespaces=("shop",), exclude_namespaces=("shop",)), "none matches"),
            (Selection(namespace_selector="team=z"), "none matches"),
            (Selection(namespaces=("hidden",)), "namespace hidden: its label asks to stay out"),
        ],
    )
    def test_an_empty_choice_is_an_error_that_says_why(self, selection, why):
        with pytest.raises(NothingSelected) as caught:
            resolve_namespaces(selection, CLUSTER)
        assert why in caught.value.why

    def test_namespaces_that_are_opted_out_or_being_deleted_are_left_out_with_their_reason(self):
        left_out = resolve_namespaces(Selection(all_namespaces=True), CLUSTER).left_out
        assert left_out == {"hidden": "its label asks to stay out of backups", "dying": "it is being deleted"}


class TestKinds:
    def test_everything_in_all_namespaces_lists_cluster_scoped_kinds_too(self):
        kinds = kinds_to_list(Selection(all_namespaces=True), RESOURCES, resolve_kind)
        assert kinds_of(kinds.namespaced) == {"configmaps", "deployments.apps"}
        assert kinds_of(kinds.cluster_scoped) == {"clusterroles.rbac.authorization.k8s.io", "persistentvolumes"}

    @pytest.mark.parametrize(
        ("fields", "cluster_scoped"),
        [
            ({"namespaces": ("shop",)}, set()),
            ({"namespaces": ("*",)}, {"clusterroles.rbac.authorization.k8s.io", "persistentvolumes"}),
            ({"all_namespaces": True, "selector": "app=web"}, set()),
            ({"all_namespaces": True, "namespace_selector": "team"}, set()),
            ({"all_namespaces": True, "cluster_objects": ClusterObjects.NONE}, set()),
            ({"namespaces": ("shop",), "include_kinds": ("cm", "pv")}, {"persistentvolumes"}),
            ({"include_kinds": ("pv",)}, {"persistentvolumes"}),
            ({"all_namespaces": True, "exclude_kinds": ("pv",)}, {"clusterroles.rbac.authorization.k8s.io"}),
            (
                {"namespaces": ("shop",), "cluster_objects": ClusterObjects.ALL},
                {"clusterroles.rbac.authorization.k8s.io", "persistentvolumes"},
            ),
        ],
    )
    def test_cluster_scoped_kinds_are_listed_by_flag_by_name_or_with_everything(self, fields, cluster_scoped):
        assert kinds_of(kinds_to_list(Selection(**fields), RESOURCES, resolve_kind).cluster_scoped) == cluster_scoped

    @pytest.mark.parametrize(
        ("fields", "namespaced"),
        [
            ({"include_kinds": ("deploy",)}, {"deployments.apps"}),
            ({"include_kinds": ("Deployment", "cm")}, {"deployments.apps", "configmaps"}),
            ({"exclude_kinds": ("deployments.apps",)}, {"configmaps"}),
            ({"include_kinds": ("deploy", "cm"), "exclude_kinds": ("cm",)}, {"deployments.apps"}),
        ],
    )
    def test_kinds_are_included_and_excluded_as_typed(self, fields, namespaced):
        selection = Selection(namespaces=("shop",), **fields)
        assert kinds_of(kinds_to_list(selection, RESOURCES, resolve_kind).namespaced) == namespaced

    def test_kinds_of_the_table_are_left_out_with_their_row(self):
        left_out = kinds_to_list(Selection(all_namespaces=True), RESOURCES, resolve_kind).left_out
        assert {name: row.id for name, row in left_out.items()} == {"events": "events", "nodes": "nodes"}

    def test_a_kind_served_in_two_versions_is_listed_in_the_first(self):
        older = replace(CONFIG_MAPS, version="v1beta1")
        kinds = kinds_to_list(Selection(namespaces=("shop",)), (CONFIG_MAPS, older), resolve_kind)
        assert kinds.namespaced == (CONFIG_MAPS,)

    def test_without_namespaces_no_namespaced_kind_is_listed(self):
        kinds = kinds_to_list(Selection(cluster_objects=ClusterObjects.ALL), RESOURCES, resolve_kind)
        assert kinds.namespaced == ()

    def test_a_kind_both_included_and_refused_is_a_usage_error(self):
        selection = Selection(namespaces=("shop",), include_kinds=("pv",), cluster_objects=ClusterObjects.NONE)
        with pytest.raises(UsageError, match="persistentvolumes is included and refused"):
            kinds_to_list(selection, RESOURCES, resolve_kind)

    def test_including_only_what_is_never_backed_up_selects_nothing(self):
        selection = Selection(namespaces=("shop",), include_kinds=("events",))
        with pytest.raises(NothingSelected, match="events tell what happened"):
            kinds_to_list(selection, RESOURCES, resolve_kind)

    def test_an_unknown_kind_is_the_resolvers_error(self):
        with pytest.raises(NotFound, match="'wrong'"):
            kinds_to_list(Selection(namespaces=("shop",), exclude_kinds=("wrong",)), RESOURCES, resolve_kind)


class TestDecide:
    @pytest.mark.parametrize(
        ("fields", "resource", "seen", "verdict"),
        [
            ({"namespaces": ("shop",)}, CONFIG_MAPS, an_object("a", "shop"), (True, "in namespace shop")),
            (
                {"namespaces": ("shop",)},
                CONFIG_MAPS,
                an_object("a", "default"),
                (False, "namespace default is not selected"),
            ),
            (
                {"namespaces": ("shop",)},
                VOLUMES,
                an_object("a"),
                (False, "the kind persistentvolumes is not selected"),
            ),
            (
                {"namespaces": ("shop",), "include_kinds": ("cm",)},
                DEPLOYMENTS,
                an_object("a", "shop"),
                (False, "the kind deployments.apps is not selected"),
            ),
            (
                {"namespaces": ("shop",), "selector": "app==web"},
                CONFIG_MAPS,
                an_object("a", "shop", labels={"app": "web"}),
                (True, "labels match app=web"),
            ),
            (
                {"namespaces": ("shop",), "selector": "app=web"},
                CONFIG_MAPS,
                an_object("a", "shop"),
                (False, "labels do not match app=web"),
            ),
            (
                {"namespaces": ("shop",), "selector": "app", "exclude_selector": "tmp in (yes)"},
                CONFIG_MAPS,
                an_object("a", "shop", labels={"app": "web", "tmp": "yes"}),
                (False, "excluded: labels match tmp=yes"),
            ),
            (
                {"namespaces": ("shop",)},
                CONFIG_MAPS,
                an_object("kube-root-ca.crt", "shop"),
                (False, "excluded: each namespace of each cluster gets that cluster's own certificates there"),
            ),
            ({"all_namespaces": True}, VOLUMES, an_object("a"), (True, "all cluster-scoped objects are taken")),
            ({"include_kinds": ("pv",)}, VOLUMES, an_object("a"), (True, "its kind is included")),
            (
                {"cluster_objects": ClusterObjects.ALL, "selector": "app"},
                VOLUMES,
                an_object("a"),
                (False, "labels do not match app"),
            ),
            (
                {"all_namespaces": True},
                CONFIG_MAPS,
                an_object("a", "hidden"),
                (False, "excluded with its namespace: its label asks to stay out of backups"),
            ),
            ({"objects": ("cm/shop/a",)}, CONFIG_MAPS, an_object("a", "shop"), (True, "named in the selection")),
            (
                {"objects": ("cm/shop/a",), "namespaces": ("shop",), "selector": "app", "exclude_selector": "tmp"},
                CONFIG_MAPS,
                an_object("a", "shop", labels={"tmp": ""}),
                (True, "named in the selection"),
            ),
            (
                {"objects": ("cm/shop/a",)},
                CONFIG_MAPS,
                an_object("a", "shop", labels={"holdfast.dev/exclude-from-backup": "true"}),
                (False, "excluded: its label asks to stay out of backups"),
            ),
            (
                {"objects": ("cm/hidden/a", "cm/shop/a")},
                CONFIG_MAPS,
                an_object("a", "hidden"),
                (False, "excluded with its namespace: its label asks to stay out of backups"),
            ),
            (
                {"objects": ("no/one",)},
                NODES,
                an_object("one"),
                (False, "excluded: nodes are machines of this cluster, and each kubelet registers its own"),
            ),
        ],
    )
    def test_each_object_has_a_verdict_with_a_reason(self, fields, resource, seen, verdict):
        assert applied(**fields).decide(resource, seen) == verdict

    def test_objects_that_no_list_brings_are_to_be_fetched(self):
        fetched = applied(namespaces=("shop",), objects=("cm/shop/a", "cm/default/b", "clusterrole/c", "cm/default/b"))
        assert [str(entry.key) for entry in fetched.single] == [
            "configmaps/default/b",
            "clusterroles.rbac.authorization.k8s.io/c",
        ]

    def test_objects_of_a_namespace_that_is_left_out_are_not_fetched(self):
        assert applied(objects=("cm/hidden/a",)).single == ()

    def test_an_object_in_an_unknown_namespace_is_not_found(self):
        with pytest.raises(NotFound, match="'shopp'"):
            applied(objects=("cm/shopp/a",))

    @pytest.mark.parametrize(
        "fields",
        [{}, {"include_kinds": ("cm",)}, {"exclude_namespaces": ("kube-*",)}, {"selector": "app"}],
    )
    def test_asking_for_nothing_is_a_usage_error(self, fields):
        with pytest.raises(UsageError, match="nothing is asked for"):
            applied(**fields)


class TestNamespaceObjects:
    @pytest.mark.parametrize(
        ("fields", "name", "holds", "verdict"),
        [
            ({"namespaces": ("shop",)}, "shop", True, (True, "holds selected objects")),
            ({"namespaces": ("shop",)}, "shop", False, (True, "is selected")),
            ({"namespaces": ("shop",)}, "default", False, (False, "namespace default is not selected")),
            ({"namespaces": ("shop",), "selector": "app"}, "shop", True, (True, "holds selected objects")),
            ({"namespaces": ("shop",), "selector": "app"}, "shop", False, (False, "labels do not match app")),
            ({"namespaces": ("shop",), "selector": "team"}, "shop", False, (True, "labels match team")),
            ({"namespaces": ("shop",), "exclude_selector": "team"}, "shop", True, (True, "holds selected objects")),
            ({"namespaces": ("shop",), "include_kinds": ("cm",)}, "shop", True, (True, "holds selected objects")),
            ({"namespaces": ("shop",), "include_kinds": ("cm",)}, "shop", False, (False, "holds no selected objects")),
            ({"namespaces": ("shop",), "include_kinds": ("ns",)}, "shop", False, (True, "is selected")),
            (
                {"namespaces": ("shop",), "exclude_kinds": ("ns",)},
                "shop",
                True,
                (False, "the kind namespaces is not selected"),
            ),
            (
                {"namespaces": ("shop",), "cluster_objects": ClusterObjects.NONE},
                "shop",
                True,
                (True, "holds selected objects"),
            ),
            ({"objects": ("cm/shop/a",)}, "shop", True, (True, "holds selected objects")),
            ({"objects": ("ns/shop",)}, "shop", False, (True, "named in the selection")),
            (
                {"objects": ("ns/hidden",)},
                "hidden",
                False,
                (False, "excluded: its label asks to stay out of backups"),
            ),
            ({"all_namespaces": True}, "dying", False, (False, "excluded: it is being deleted")),
        ],
    )
    def test_a_namespace_follows_what_it_holds(self, fields, name, holds, verdict):
        seen = next(seen for seen in CLUSTER if seen.name == name)
        assert applied(**fields).decide_namespace(seen, holds_objects=holds) == verdict


class TestCompanions:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"namespaces": ("shop",)}, True),
            ({"all_namespaces": True, "selector": "app"}, True),
            ({"all_namespaces": True}, False),
            ({"namespaces": ("shop",), "cluster_objects": ClusterObjects.ALL}, False),
            ({"namespaces": ("shop",), "cluster_objects": ClusterObjects.NONE}, False),
        ],
    )
    def test_companions_are_searched_for_unless_all_or_none_are_taken(self, fields, expected):
        assert applied(**fields).follows_companions is expected

    def test_a_companion_comes_along_whatever_selector_and_included_kinds_say(self):
        selection = applied(namespaces=("shop",), selector="app", include_kinds=("cm",))
        assert selection.decide_companion(VOLUMES, an_object("a"), "volume of x") == (True, "volume of x")

    @pytest.mark.parametrize(
        ("fields", "resource", "labels", "reason"),
        [
            ({"exclude_kinds": ("pv",)}, VOLUMES, {}, "the kind persistentvolumes is excluded"),
            ({"exclude_selector": "tmp"}, VOLUMES, {"tmp": ""}, "excluded: labels match tmp"),
            (
                {},
                CLUSTER_ROLES,
                {"kubernetes.io/bootstrapping": "rbac-defaults"},
                "excluded: API servers make their default roles and bindings at each start",
            ),
            ({}, NODES, {}, "excluded: nodes are machines of this cluster, and each kubelet registers its own"),
        ],
    )
    def test_a_companion_that_was_excluded_stays_out(self, fields, resource, labels, reason):
        selection = applied(namespaces=("shop",), **fields)
        assert selection.decide_companion(resource, an_object("a", labels=labels), "needed") == (False, reason)


class TestWorkloads:
    @pytest.mark.parametrize(
        ("fields", "workloads"),
        [
            ({"workloads": ("deploy/shop/web", "cm/hidden/a")}, ["deployments.apps/shop/web"]),
            ({"workloads": ("deploy/dying/web",), "namespaces": ("shop",)}, []),
        ],
    )
    def test_workloads_are_followed_but_for_those_in_namespaces_that_are_left_out(self, fields, workloads):
        assert [str(key) for _, key in applied(**fields).workloads] == workloads

    def test_a_workload_is_named_and_brings_no_whole_namespace(self):
        selection = applied(workloads=("deploy/shop/web",), exclude_kinds=("deploy",), exclude_selector="app")
        web = an_object("web", "shop", labels={"app": "web"})
        assert selection.kinds.namespaced == selection.single == ()
        assert selection.decide_companion(DEPLOYMENTS, web, "because") == (True, "named in the selection")
        assert selection.leads_on(DEPLOYMENTS, web)

    @pytest.mark.parametrize(
        ("fields", "resource", "metadata", "leads"),
        [
            ({}, CONFIG_MAPS, {}, True),
            ({"selector": "no=such", "include_kinds": ("deploy",)}, CONFIG_MAPS, {}, True),
            ({"exclude_kinds": ("cm",)}, CONFIG_MAPS, {}, False),
            ({"exclude_selector": "app"}, CONFIG_MAPS, {"labels": {"app": "x"}}, False),
            ({}, CONFIG_MAPS, {"labels": {"velero.io/exclude-from-backup": "true"}}, False),
            ({}, CONFIG_MAPS, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, False),
            ({}, PODS, {"ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": True}]}, True),
        ],
    )
    def test_what_nobody_wants_out_leads_on_even_if_a_controller_remakes_it(self, fields, resource, metadata, leads):
        selection = applied(workloads=("deploy/shop/web",), **fields)
        assert selection.leads_on(resource, an_object("x", "shop", **metadata)) is leads

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("deploy/web", "kind/namespace/name"),
            ("deploy", "kind/namespace/name"),
            ("deploy/shop/web/1", "kind/namespace/name"),
            ("deploy//web", "kind/namespace/name"),
            ("pv/shop/a", "PersistentVolume has no namespace"),
        ],
    )
    def test_what_names_no_workload_is_a_usage_error(self, text, why):
        with pytest.raises(UsageError, match=why):
            applied(workloads=(text,))

    def test_one_in_an_unknown_namespace_is_not_found(self):
        with pytest.raises(NotFound, match="'shpo'"):
            applied(workloads=("deploy/shpo/web",))


class TestSpelling:
    def test_two_spellings_of_a_selection_have_one_normal_form(self):
        one = Selection(
            namespaces=("b", "a"),
            selector="x==1, y",
            include_kinds=("deploy", "cm"),
            objects=("Deployment/shop/web",),
            workloads=("deploy/shop/web", "Deployment/shop/web"),
        )
        other = Selection(
            namespaces=("a", "b", "a"),
            selector="y,x in (1)",
            include_kinds=("configmaps", "Deployment"),
            objects=("deployments.apps/shop/web",),
            workloads=("deployments.apps/shop/web",),
        )
        assert normalise(one, resolve_kind) == normalise(other, resolve_kind)
        assert normalise(one, resolve_kind).paths() == (
            "/kinds/configmaps",
            "/kinds/deployments.apps",
            "/namespaces/a",
            "/namespaces/b",
            "/objects/deployments.apps/shop/web",
            "/selector/x=1,y",
            "/workloads/deployments.apps/shop/web",
        )

    @pytest.mark.parametrize("field", ["selector", "exclude_selector", "namespace_selector"])
    def test_a_bad_selector_is_a_usage_error(self, field):
        with pytest.raises(UsageError, match="at character 1"):
            normalise(Selection(**{field: "=1"}), resolve_kind)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("deploy", "write kind/namespace/name or kind/name"),
            ("deploy/", "write kind/namespace/name or kind/name"),
            ("/shop/web", "write kind/namespace/name or kind/name"),
            ("deploy/shop/web/x", "write kind/namespace/name or kind/name"),
            ("deploy/web", "Deployment has a namespace: write kind/namespace/name"),
            ("pv/shop/x", "PersistentVolume has no namespace: write kind/name"),
        ],
    )
    def test_what_names_no_object_is_a_usage_error(self, text, why):
        with pytest.raises(UsageError, match=why):
            parse_object(text, resolve_kind)

    def test_names_with_colons_are_objects(self):
        assert parse_object("clusterrole/system:x:y", resolve_kind).key.name == "system:x:y"
