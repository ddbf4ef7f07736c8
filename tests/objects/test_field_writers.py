"""Who wrote a field: by managedFields as a real server writes them."""

import pytest

from holdfast.objects.field_writers import writers

LIVE = {
    "metadata": {
        "managedFields": [
            {"manager": "helm", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {}}, "f:replicas": {}}}},
            {"manager": "autoscaler", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "ca-injector", "fieldsV1": {"f:webhooks": {'k:{"name":"a"}': {"f:clientConfig": {}}}}},
            {"manager": "user", "fieldsV1": {"f:data": {"f:tls.key": {}}}},
            {"manager": "empty"},
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("spec.replicas", ["autoscaler", "helm"]),
        ("spec.template.spec.containers[0].image", ["helm"]),
        ("webhooks[0].clientConfig.caBundle", ["ca-injector"]),
        ('data["tls.key"]', ["user"]),
        ("data.other", ["user"]),
        ("metadata.labels", []),
        ("", []),
    ],
)
def test_writers(path, found):
    assert writers(LIVE, path) == found


def test_an_object_without_managers_has_no_writers():
    assert writers({"metadata": {}}, "spec") == []
