from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from holdfast.errors import DamagedData
from holdfast.model.kubernetes import ObjectKey, Resource
from holdfast.objects.paths import object_path, parse_object_path

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)

# What Kubernetes allows in the most liberal kinds (RBAC): anything but `/` and `%`.
NAMES = st.text(st.characters(exclude_characters="/%", exclude_categories=["Cs"]), min_size=1, max_size=300)
DNS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "path"),
    [
        (DEPLOYMENTS, "shop", "web", "/objects/apps/v1/deployments/shop/web.json"),
        (CONFIG_MAPS, "shop", "a.b", "/objects/core/v1/configmaps/shop/a.b.json"),
        (
            CLUSTER_ROLES,
            "",
            "system:controller:x",
            "/objects/rbac.authorization.k8s.io/v1/clusterroles/_cluster/system:controller:x.json",
        ),
    ],
)
def test_paths_are_those_of_the_design(resource, namespace, name, path):
    assert object_path(resource, namespace, name) == path


@given(DNS, DNS, DNS, DNS | st.just(""), NAMES)
@example("apps", "v1", "deployments", "shop", "n" * 250)
@example("apps", "v1", "deployments", "", "a\nb\x00c\x7f")
@example("apps", "v1", "deployments", "", "x.json")
def test_a_path_leads_back_to_its_object(group, version, plural, namespace, name):
    path = object_path(Resource(group, version, plural, "K", namespaced=bool(namespace)), namespace, name)
    parsed = parse_object_path(path)
    assert parsed[:4] == (group, version, plural, namespace)
    assert parsed.name in (name, None)
    assert parsed.key(name) == ObjectKey(group, plural, namespace, name)


@given(NAMES)
@example("n" * 251)
@example("\N{SNOWMAN}" * 84)
def test_file_names_fit_every_file_system(name):
    file_name = object_path(CONFIG_MAPS, "shop", name).rpartition("/")[2]
    assert len(file_name.encode()) <= 255
    assert file_name.isprintable() or not name.isprintable()
    assert not any(ord(character) < 32 for character in file_name)


@given(NAMES, NAMES)
@example("n" * 300, "n" * 301)
@example("\n", "%0A".replace("%", ""))
def test_two_names_never_share_a_path(one, other):
    assume(one != other)
    assert object_path(CONFIG_MAPS, "shop", one) != object_path(CONFIG_MAPS, "shop", other)


def test_names_of_up_to_250_bytes_are_kept_and_longer_ones_say_that_they_are_shortened():
    assert parse_object_path(object_path(CONFIG_MAPS, "shop", "n" * 250)).name == "n" * 250
    assert parse_object_path(object_path(CONFIG_MAPS, "shop", "n" * 251)).name is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/backup.json",
        "/objects/apps/v1/deployments/shop",
        "/objects/apps/v1/deployments/shop/web",
        "/objects/apps/v1/deployments//web.json",
        "/objects/apps/v1/deployments/shop/x/web.json",
        "objects/apps/v1/deployments/shop/web.json",
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(DamagedData, match="not the path of an object"):
        parse_object_path(path)
