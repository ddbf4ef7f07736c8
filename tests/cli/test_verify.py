"""`backup verify` and `restore run --wait` as people and scripts see them."""

from tests.cli.documented import assert_documented
from tests.cli.holdfast import wait_until


def test_a_verified_backup_is_listed_as_proven(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")
    assert "PROVEN" not in connected("backup", "list").out
    assert connected("backup", "list", "-o", "json").document[0]["proven"] is None
    done = connected("backup", "verify", "shop")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["KIND", "RESTORABLE"]
    assert ["secrets", "1"] in lines
    assert " of shop is done: " in done.out
    listed = connected("backup", "list").out.splitlines()
    assert listed[0].split()[-1] == "PROVEN"
    assert "verified" in listed[1]
    document = connected("backup", "list", "-o", "json").document
    assert_documented("backup list", document)
    assert document[0]["proven"]["how"] == "verified"


def test_its_document(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")
    for more in ((), ("--offline",), ("-n", shop, "--include-kind", "secrets")):
        document = connected("backup", "verify", "latest", *more, "-o", "json").document
        assert_documented("backup verify", document)
        assert (document["offline"], document["whole"]) == ("--offline" in more, "-n" not in more)


def test_a_namespace_that_is_not_there_is_3_and_the_way_out_works(connected, shop, cluster):
    connected("backup", "create", "-n", shop, "--name", "shop")
    cluster.api.request("DELETE", f"/api/v1/namespaces/{shop}")
    wait_until(lambda: not cluster.api.exists(f"/api/v1/namespaces/{shop}"))
    done = connected("backup", "verify", "shop", code=3)
    assert "--scratch-namespace" in done.err
    assert "PARTIAL" in done.out
    assert "UNCHECKED" in done.out
    assert "-" in connected("backup", "list").out.splitlines()[1]
    done = connected("backup", "verify", "shop", "--scratch-namespace", f"{shop}-try")
    assert f"were tried in the namespace {shop}-try" in done.err
    assert not cluster.api.exists(f"/api/v1/namespaces/{shop}-try/configmaps/settings")


def test_flags_that_contradict_each_other_are_2(connected):
    assert (
        "contradict" in connected("backup", "verify", "x", "--offline", "--scratch-namespace", "y", code=2).problem[0]
    )


def test_a_backup_of_files_cannot_be_verified(stocked, tmp_path):
    (tmp_path / "file").write_text("text")
    stocked("backup", "files", tmp_path / "file", "--name", "files")
    assert "not an application backup" in stocked("backup", "verify", "files", "--offline", code=1).problem[0]


def test_a_restore_that_waits_says_how_long_and_reads_back(connected, shop):
    connected("backup", "create", "-n", shop, "--name", "shop")
    done = connected(
        "restore", "run", "shop", "--map-namespace", f"{shop}={shop}-copy", "--wait", "--wait-timeout", "20s"
    )
    assert "0 of 0 are ready" in done.out
    assert "Read back: " in done.out
    done = connected("restore", "run", "shop", "--map-namespace", f"{shop}={shop}-more", "--no-verify")
    assert "Read back" not in done.out


def test_what_is_not_ready_is_3(connected, namespace, cluster):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "nowhere",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    cluster.api.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", claim)
    connected("backup", "create", "-n", namespace, "--name", "shop", "--volumes", "none")
    done = connected("restore", "run", "shop", "--wait", "--wait-timeout", "2s", "-o", "json", code=3)
    assert_documented("restore run", done.document)
    assert done.document["waited"]["ready"] == 0
    assert done.document["errors"][0]["what"].endswith("/data is not ready: it is pending, not bound")


def test_a_time_that_is_none_is_2(connected):
    for text in ("soon", "", "10", "1d"):
        problem = connected("restore", "run", "x", "--wait", "--wait-timeout", text, code=2).problem
        assert "--wait-timeout" in problem[0]
