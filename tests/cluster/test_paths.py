from __future__ import annotations

import pytest

from holdfast.cluster import paths
from holdfast.errors import ClusterError
from holdfast.model.kubernetes import Resource

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)


def test_where_kinds_and_objects_live():
    assert paths.collection(CONFIGMAPS, None) == "/api/v1/configmaps"
    assert paths.collection(CONFIGMAPS, "shop") == "/api/v1/namespaces/shop/configmaps"
    assert paths.collection(ROLES, "") == "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    assert paths.single(CONFIGMAPS, "shop", "a", "status") == "/api/v1/namespaces/shop/configmaps/a/status"
    assert paths.single(ROLES, "ignored", "system:a b").endswith("/clusterroles/system%3Aa%20b")


@pytest.mark.parametrize("forged", ["", ".", "..", "a/../../secrets/b", "/", "a%2Fb"])
def test_a_forged_name_reaches_no_server(forged):
    with pytest.raises(ClusterError):
        paths.single(CONFIGMAPS, "shop", forged)
    if forged:
        with pytest.raises(ClusterError):
            paths.collection(CONFIGMAPS, forged)
