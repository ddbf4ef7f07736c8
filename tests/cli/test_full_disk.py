"""A repository on a file system that is full."""

import os

import pytest
from tests.cli.holdfast import PASSWORD
from tests.small_disk import mount  # noqa: F401 - a fixture


@pytest.fixture
def small_disk(mount, tmp_path):  # noqa: F811 - the fixture
    return mount(tmp_path / "disk", "size=2m")


def test_a_backup_that_does_not_fit_says_so_and_harms_nothing(holdfast, cluster, shop, small_disk, restic_agrees):
    ready = holdfast.but(HOLDFAST_REPOSITORY=small_disk / "repository", KUBECONFIG=cluster.kubeconfig)
    ready("repository", "init")
    ready("backup", "create", "-n", shop, "--name", "before")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(4 << 20))
    cluster.api.create(
        f"/api/v1/namespaces/{shop}/configmaps",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "new"},
            "data": {"a": os.urandom(200_000).hex()},
        },
    )
    what, why, advice = ready("backup", "create", "-n", shop, code=1).problem
    assert str(small_disk) in what
    assert "space" in why
    assert advice
    assert [entry["name"] for entry in ready("backup", "list", "-o", "json").document] == ["before"]
    filler.unlink()
    assert "no errors were found" in ready("repository", "check", "--read-data").out
    restic_agrees(small_disk / "repository", PASSWORD)
    ready("backup", "create", "-n", shop, "--name", "after")
