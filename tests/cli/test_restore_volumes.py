"""Options of restores about the data of volumes."""

import pytest

REFUSED = {
    "--volume without its namespace": (("run", "latest", "--volume", "data"), "--volume data is not possible"),
    "--volume beside none": (("run", "latest", "--volume", "shop/data", "--volumes", "none"), "contradict each other"),
    "a size of nothing": (("run", "latest", "--volume-size", "20Gi"), "--volume-size 20Gi is not possible"),
    "no size": (("run", "latest", "--volume-size", "shop/data=much"), "--volume-size shop/data=much is not possible"),
    "two sizes": (
        ("run", "latest", "--volume-size", "shop/data=1Gi", "--volume-size", "shop/data=2Gi"),
        "given twice for shop/data",
    ),
    "a claim without its namespace": (("files", "latest", "--target", "pvc:data"), "names no claim"),
    "a way out of the volume": (("files", "latest", "--target", "pvc:shop/data/../x"), "names no claim"),
    "patterns for a mover": (
        ("files", "latest", "--target", "pvc:shop/data", "--include", "*.png"),
        "not possible together",
    ),
    "files of two volumes": (
        ("files", "latest", "/volumes/shop/a/x", "/volumes/shop/b/y", "--target", "pvc:shop/data"),
        "the paths are of several volumes",
    ),
    "files of no volume": (
        ("files", "latest", "/srv/data", "--target", "pvc:shop/data"),
        "/srv/data is not in a volume",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(what, holdfast):
    """Neither a repository nor a cluster is known here."""
    arguments, message = REFUSED[what]
    assert message in holdfast("restore", *arguments, code=2).problem[0]


def test_claims_without_data_are_in_the_plan_and_in_the_report(connected, cluster, shop, make_namespace):
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    cluster.api.create(f"/api/v1/namespaces/{shop}/persistentvolumeclaims", body)
    connected("backup", "create", "-n", shop, "--name", "shop", "--volumes", "none")
    other = make_namespace()
    flags = ("shop", "--map-namespace", f"{shop}={other}")

    plan = connected("restore", "plan", *flags, "-o", "json").document
    table = connected("restore", "plan", *flags).out
    report = connected("restore", "run", *flags, "-o", "json").document

    (planned,) = plan["volumes"]
    assert (planned["original"], planned["namespace"], planned["action"]) == (f"{shop}/data", other, "empty")
    assert ["empty", other, "data", f"{shop}/data"] in [line.split()[:4] for line in table.splitlines()]
    (done,) = report["volumes"]
    assert (done["action"], done["outcome"]) == ("empty", "left-out")


def test_data_of_an_unknown_claim_is_an_error(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop", "--volumes", "none")

    refused = connected("restore", "run", "shop", "-n", shop, "--volume", f"{shop}/gone", code=1)

    assert refused.problem[0] == f"the claim {shop}/gone of --volume is not part of this restore"
