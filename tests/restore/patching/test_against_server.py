"""Patches do what a real API server does with the same patch: one by one from a table, and generated ones."""

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.restore_lab import Lab, eventually, obj, unique

from holdfast.errors import ApiRefused
from holdfast.objects.patching.failures import PatchFailed
from holdfast.objects.patching.files import operation
from holdfast.objects.patching.json_patch import apply_json_patch
from holdfast.objects.patching.merge_patch import apply_merge_patch
from holdfast.objects.patching.shapes import shape_of
from holdfast.objects.patching.strategic import apply_strategic_patch

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
REFUSED = "refused"


@pytest.fixture(scope="module")
def lab(cluster):
    lab = Lab(cluster)
    yield lab.new_namespace("patched")
    lab.close()


def deployment():
    first = {
        "name": "web",
        "image": "web:1",
        "args": ["--port", "80"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}],
        "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 443, "name": "https"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    spec = {
        "containers": [first, {"name": "side", "image": "side:1"}],
        "initContainers": [{"name": "prepare", "image": "prepare:1"}],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "configMap": {"name": "x"}}],
        "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
        "nodeSelector": {"disk": "ssd", "zone": "a"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a", "b"]}],
    }
    metadata = {"labels": {"a": "1", "b": "2"}, "finalizers": ["example.com/a", "example.com/b", "example.com/c"]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    body = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return obj("apps/v1", "Deployment", "web", metadata=metadata, spec=body)


@pytest.fixture(scope="module")
def live(lab):
    made = settled(lab, lab.make(deployment()))
    yield made
    lab.patch(made, {"metadata": {"finalizers": None}})


def settled(lab, made):
    """The object when its controller has looked at it, and writes no more."""

    def seen():
        now = lab.read(made)
        return now if now.get("status", {}).get("observedGeneration") == now["metadata"].get("generation") else None

    return eventually(seen, "the controller has seen it")


def essence(thing):
    metadata = {
        key: value
        for key, value in thing["metadata"].items()
        if key not in ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
    }
    return json.dumps({**thing, "metadata": metadata, "status": None}, sort_keys=True)


def on_server(lab, live, patch, content_type):
    """The object as the server's own patch makes it; REFUSED if it does not."""
    try:
        return essence(lab.send("PATCH", lab.path(live), patch, {"dryRun": "All"}, content_type=content_type))
    except ApiRefused:
        return REFUSED


def by_us(lab, live, patched):
    """The same by our patch, sent as a whole object, so that defaults and validation are the server's in both."""
    try:
        return essence(lab.send("PUT", lab.path(live), patched(), {"dryRun": "All"}))
    except (ApiRefused, PatchFailed):
        return REFUSED


def pods(**spec):
    return {"spec": {"template": {"spec": spec}}}


def web(**fields):
    return pods(containers=[{"name": "web", **fields}])


STRATEGIC_CASES = {
    "a scalar": {"spec": {"replicas": 3}},
    "a label more": {"metadata": {"labels": {"c": "3"}}},
    "null removes": {"metadata": {"labels": {"a": None}}},
    "null of nothing": {"metadata": {"annotations": None}},
    "container by name": web(image="web:2"),
    "new container comes first": pods(containers=[{"name": "new", "image": "new:1"}]),
    "new container with a null": pods(containers=[{"name": "new", "image": "new:1", "command": None}]),
    "two containers": pods(containers=[{"name": "side", "image": "s:2"}, {"name": "web", "image": "w:2"}]),
    "container is deleted": pods(containers=[{"name": "side", "$patch": "delete"}]),
    "unknown container is deleted": pods(containers=[{"name": "none", "$patch": "delete"}]),
    "delete without a key": pods(containers=[{"$patch": "delete"}]),
    "containers are replaced": pods(containers=[{"$patch": "replace"}, {"name": "only", "image": "o:1"}]),
    "merge is no instruction": pods(containers=[{"name": "web", "$patch": "merge"}]),
    "container without a name": pods(containers=[{"image": "x:1"}]),
    "environment by name": web(env=[{"name": "B", "value": "9"}, {"name": "D", "value": "4"}]),
    "environment with an order": web(
        **{"$setElementOrder/env": [{"name": "C"}, {"name": "D"}, {"name": "A"}], "env": [{"name": "D", "value": "4"}]}
    ),
    "order alone": web(**{"$setElementOrder/env": [{"name": "C"}, {"name": "A"}]}),
    "order that the list does not follow": web(
        **{
            "$setElementOrder/env": [{"name": "A"}, {"name": "B"}],
            "env": [{"name": "B", "value": "x"}, {"name": "A", "value": "y"}],
        }
    ),
    "order of a list that is not there": web(**{"$setElementOrder/envFrom": [{"name": "x"}]}),
    "deletion with an order": web(
        **{"$setElementOrder/env": [{"name": "C"}, {"name": "A"}], "env": [{"name": "B", "$patch": "delete"}]}
    ),
    "ports by number": web(ports=[{"containerPort": 443, "name": "tls"}, {"containerPort": 8080}]),
    "port as a text is another one": web(ports=[{"containerPort": "443", "name": "tls"}]),
    "mounts by path": web(volumeMounts=[{"mountPath": "/data", "name": "tmp"}]),
    "arguments are replaced": web(args=["--quiet"]),
    "volume source is replaced": pods(
        volumes=[{"name": "data", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]
    ),
    "two volume sources": pods(volumes=[{"name": "data", "secret": {"secretName": "s"}}]),
    "retained keys that lack one": pods(
        volumes=[{"name": "data", "$retainKeys": ["name"], "secret": {"secretName": "s"}}]
    ),
    "retained keys that are no list": pods(volumes=[{"name": "data", "$retainKeys": "name"}]),
    "strategy is replaced": {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
    "strategy is merged": {"spec": {"strategy": {"type": "Recreate"}}},
    "pull secrets": pods(imagePullSecrets=[{"name": "three"}, {"name": "one", "$patch": "delete"}]),
    "tolerations are replaced": pods(tolerations=[{"key": "b", "operator": "Exists"}]),
    "map is replaced": pods(nodeSelector={"$patch": "replace", "disk": "hdd"}),
    "map is emptied": pods(nodeSelector={"$patch": "delete"}),
    "map with another instruction": pods(nodeSelector={"$patch": "burn"}),
    "map that is not there is deleted": pods(securityContext={"$patch": "delete"}),
    "host names are replaced": pods(hostAliases=[{"ip": "10.0.0.1", "hostnames": ["c"]}]),
    "finalizers are added": {"metadata": {"finalizers": ["example.com/d", "example.com/a"]}},
    "finalizers are deleted": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/b", "example.com/x"]}},
    "finalizers with an order": {
        "metadata": {
            "$setElementOrder/finalizers": ["example.com/c", "example.com/d", "example.com/a"],
            "finalizers": ["example.com/d"],
        }
    },
    "finalizers of two types": {"metadata": {"finalizers": ["example.com/d", 1]}},
    "annotations that are new": {"metadata": {"annotations": {"a": "1", "b": None}}},
    "init container in a new list": pods(ephemeralContainers=None, initContainers=[{"name": "more", "image": "m:1"}]),
    "a map for a list": pods(containers={"name": "web"}),
    "nested instruction in what is new": pods(affinity={"nodeAffinity": {"$patch": "delete"}}),
    "nested delete in a new container": pods(
        containers=[{"name": "new", "image": "n:1", "env": [{"name": "X", "$patch": "delete"}]}]
    ),
}


@pytest.mark.parametrize("what", STRATEGIC_CASES)
def test_strategic_patch(lab, live, what):
    patch = STRATEGIC_CASES[what]

    ours = by_us(lab, live, lambda: apply_strategic_patch(live, patch, shape_of("deployments.apps")))

    assert ours == on_server(lab, live, patch, STRATEGIC)


NAMED = {
    "Service": ("services", {"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 81, "name": "b"}]}}),
    "ServiceAccount": ("serviceaccounts", {"secrets": [{"name": "b"}], "imagePullSecrets": [{"name": "c"}]}),
    "PodDisruptionBudget": ("poddisruptionbudgets.policy", {"spec": {"selector": {"matchLabels": {"b": "2"}}}}),
    "ConfigMap": ("configmaps", {"data": {"b": "2", "a": None}}),
    "CronJob": (
        "cronjobs.batch",
        {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:1"}]}}}}}},
    ),
    "PodTemplate": ("podtemplates", {"template": {"spec": {"containers": [{"name": "b", "image": "b:1"}]}}}),
}


def named(kind):
    pod = {"containers": [{"name": "a", "image": "a:1"}], "restartPolicy": "Never"}
    return {
        "Service": obj("v1", kind, "x", spec={"ports": [{"port": 80, "name": "a"}], "selector": {"a": "b"}}),
        "ServiceAccount": obj("v1", kind, "x", secrets=[{"name": "a"}], imagePullSecrets=[{"name": "a"}]),
        "PodDisruptionBudget": obj("policy/v1", kind, "x", spec={"selector": {"matchLabels": {"a": "1"}}}),
        "ConfigMap": obj("v1", kind, "x", data={"a": "1"}),
        "CronJob": obj(
            "batch/v1", kind, "x", spec={"schedule": "1 1 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
        ),
        "PodTemplate": obj("v1", kind, "x", template={"spec": pod}),
    }[kind]


@pytest.mark.parametrize("kind", NAMED)
def test_strategic_patch_of_other_kinds(lab, kind):
    made = lab.make(named(kind))
    live = settled(lab, made) if kind == "PodDisruptionBudget" else made
    plural, patch = NAMED[kind]

    ours = by_us(lab, live, lambda: apply_strategic_patch(live, patch, shape_of(plural)))

    assert ours == on_server(lab, live, patch, STRATEGIC) != REFUSED


def test_custom_kind_has_no_strategic_patch_here_nor_there(lab):
    stem = unique("patched").replace("-", "")
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    names = {"plural": f"{stem}s", "singular": stem, "kind": stem.capitalize()}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    lab.make(obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{stem}s.example.com", spec=spec))
    lab.cluster.wait_established(f"{stem}s.example.com")
    live = lab.make(obj("example.com/v1", stem.capitalize(), "one", spec={"a": 1}))

    assert shape_of(f"{stem}s.example.com") is None
    with pytest.raises(ApiRefused) as refusal:
        lab.send("PATCH", lab.path(live), {"spec": {"a": 2}}, content_type=STRATEGIC)
    assert refusal.value.status == 415


JSON_CASES = {
    "add, copy, move, remove": [
        {"op": "add", "path": "/metadata/labels/c~1d", "value": "x"},
        {"op": "copy", "from": "/metadata/labels/a", "path": "/metadata/labels/e"},
        {"op": "move", "from": "/metadata/labels/b", "path": "/metadata/labels/f"},
        {"op": "remove", "path": "/metadata/labels/a"},
    ],
    "into a list": [{"op": "add", "path": "/spec/template/spec/containers/1", "value": {"name": "n", "image": "n"}}],
    "at its end": [{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "n", "image": "n"}}],
    "the last one": [{"op": "replace", "path": "/spec/template/spec/containers/-1/image", "value": "n"}],
    "before the end": [{"op": "add", "path": "/spec/template/spec/containers/-1", "value": {"name": "n", "image": "n"}}],
    "beyond the end": [{"op": "add", "path": "/spec/template/spec/containers/9", "value": {"name": "n", "image": "n"}}],
    "leading zeros": [{"op": "remove", "path": "/spec/template/spec/containers/01"}],
    "not an index": [{"op": "remove", "path": "/spec/template/spec/containers/one"}],
    "what is not there": [{"op": "remove", "path": "/metadata/labels/zzz"}],
    "below nothing": [{"op": "add", "path": "/metadata/annotations/a", "value": "b"}],
    "below a text": [{"op": "add", "path": "/metadata/name/a", "value": "b"}],
    "a test that holds": [{"op": "test", "path": "/spec/replicas", "value": 0}, {"op": "remove", "path": "/metadata/labels"}],
    "a test that does not": [{"op": "test", "path": "/spec/replicas", "value": 1}, {"op": "remove", "path": "/metadata/labels"}],
    "false is not 0": [{"op": "test", "path": "/spec/replicas", "value": False}],
    "a whole map": [{"op": "test", "path": "/metadata/labels", "value": {"b": "2", "a": "1"}}],
    "nothing is null": [{"op": "test", "path": "/metadata/annotations", "value": None}],
    "a label that is null": [{"op": "add", "path": "/metadata/labels/a", "value": None}],
}  # fmt: skip


@pytest.mark.parametrize("what", JSON_CASES)
def test_json_patch(lab, live, what):
    steps = [operation(step, "the patch") for step in JSON_CASES[what]]

    assert by_us(lab, live, lambda: apply_json_patch(live, steps)) == on_server(lab, live, JSON_CASES[what], JSON)


MERGE_CASES = [
    {"metadata": {"labels": {"a": None, "c": "3"}}},
    {"metadata": {"labels": None, "annotations": {"a": "b", "c": None}}},
    {"spec": {"template": {"spec": {"containers": [{"name": "only", "image": "o:1"}]}}}},
    {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    {"spec": {"template": {"spec": {"nodeSelector": {"disk": {"a": "b"}}}}}},
    {"spec": "text"},
]


@pytest.mark.parametrize("patch", MERGE_CASES, ids=range(len(MERGE_CASES)))
def test_merge_patch(lab, live, patch):
    assert by_us(lab, live, lambda: apply_merge_patch(live, patch)) == on_server(lab, live, patch, MERGE)


# Generated patches: names that are there and that are not, and every directive where it may stand

ENV = st.sampled_from("ABCDE")


def instructed(key, values, plain):
    """Items of a merged list: changes, deletions, now and then a replacement of all."""
    item = st.fixed_dictionaries({key: values}, optional=plain)
    deleted = st.fixed_dictionaries({key: values, "$patch": st.just("delete")})
    items = st.lists(st.one_of(item, item, deleted, st.just({"$patch": "replace"})), max_size=4)
    return items.map(lambda found: once_each(found, key))


def once_each(items, key):
    """A list that names nothing twice: what the server makes of others depends on how it moves its memory."""
    return [item for number, item in enumerate(items) if item.get(key) not in [one.get(key) for one in items[:number]]]


def with_order(name, key, values, items):
    order = st.lists(values, unique=True, min_size=1, max_size=5).map(lambda names: [{key: one} for one in names])
    return st.fixed_dictionaries({}, optional={name: items, f"$setElementOrder/{name}": order})


VARIABLES = with_order("env", "name", ENV, instructed("name", ENV, {"value": st.sampled_from(["x", None])}))
PORTS = with_order(
    "ports",
    "containerPort",
    st.sampled_from([80, 443, 8080]),
    instructed("containerPort", st.sampled_from([80, 443, 8080]), {"name": st.sampled_from(["p", "q", None])}),
)
CONTAINER = st.builds(
    lambda name, image, *parts: {
        "name": name,
        **image,
        **{key: value for part in parts for key, value in part.items()},
    },
    st.sampled_from(["web", "side", "new"]),
    st.sampled_from([{}, {"image": "i:9"}, {"$patch": "delete"}, {"$patch": "replace"}]),
    VARIABLES,
    PORTS,
)
ORDER_OF_CONTAINERS = st.permutations(["web", "side", "new"]).map(lambda names: [{"name": one} for one in names])
VOLUME = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(["data", "tmp", "more"])}, optional={"emptyDir": st.just({})}),
    st.sampled_from(["data", "tmp"]).map(
        lambda name: {"name": name, "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}
    ),
)
SELECTOR = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["disk", "zone", "new"]), st.sampled_from(["v", None]), max_size=3),
    st.sampled_from([{"$patch": "delete"}, {"$patch": "replace", "pool": "x"}, {"$retainKeys": ["zone"], "zone": "q"}]),
)
POD = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(CONTAINER, max_size=3).map(lambda found: once_each(found, "name")),
        "$setElementOrder/containers": ORDER_OF_CONTAINERS,
        "volumes": st.lists(VOLUME, max_size=2).map(lambda found: once_each(found, "name")),
        "nodeSelector": SELECTOR,
        "imagePullSecrets": instructed("name", st.sampled_from(["one", "two", "three"]), {}),
    },
)


@settings(
    max_examples=150,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spec=POD)
def test_generated_strategic_patch(lab, live, spec):
    patch = pods(**spec)

    ours = by_us(lab, live, lambda: apply_strategic_patch(live, patch, shape_of("deployments.apps")))

    assert ours == on_server(lab, live, patch, STRATEGIC), json.dumps(patch)
