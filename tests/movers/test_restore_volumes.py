"""Data of volumes comes back on real nodes: before the workloads, into claims of all sorts, and file by file."""

import json
import secrets
import subprocess
import tarfile

import pytest
from testbed.holdfast_image import HOLDFAST
from testbed.storage import LATE, STANDARD, shared_volume
from tests.cli.holdfast import PROGRAM
from tests.conftest import needed_tools
from tests.movers.scene import Scene, claim, pod, pod_spec, until
from tests.operations.file_trees import picture

SLEEP = "exec sleep 2147483647"
STARTS_ANEW = f"[ -e /data/table ] || echo new >/data/table; {SLEEP}"
"""As databases do: an empty directory gets a new one."""


def deployment(name, claim_name, script=STARTS_ANEW, **more):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(script, claim_name, **more)}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template, "strategy": {"type": "Recreate"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


class Shop(Scene):
    """A database and files, and one backup of both."""

    def restore(self, *flags, code=0):
        """The report."""
        done = self.holdfast("restore", "run", "shop", "--progress", "lines", "-o", "json", *flags, code=code)
        return json.loads(done.out)

    def plan(self, *flags, code=0):
        return json.loads(self.holdfast("restore", "plan", "shop", "-o", "json", *flags, code=code).out)

    def into(self, namespace):
        return "--map-namespace", f"{self.namespace}={namespace}"

    def ready(self, namespace, name="db"):
        self.cluster.kubectl("rollout", "status", f"--namespace={namespace}", f"deployment/{name}", "--timeout=180s")

    def end(self, namespace):
        self.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def shop(node_cluster, holdfast_image, s3_server, tmp_path_factory):  # noqa: ARG001 - movers are made of it
    namespace = f"restored-{secrets.token_hex(3)}"
    node_cluster.kubectl("create", "namespace", namespace)
    shop = Shop(node_cluster, namespace, s3_server, tmp_path_factory.mktemp("home"))
    shop.apply(claim("db"), claim("files"), deployment("db", "db"), deployment("web", "files", SLEEP))
    for name in ("db", "web"):
        shop.ready(namespace, name)
    until((shop.volume("db") / "table").exists)
    (shop.volume("db") / "table").write_text("old")
    fill(shop.volume("files"))
    shop.back_up("--name", "shop")
    yield shop
    shop.end(namespace)


def fill(root):
    for number, mode in enumerate((0o400, 0o4755, 0o2640)):
        file = root / "images" / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(secrets.token_bytes(1000))
        file.chmod(mode)
    (root / "images").chmod(0o1750)
    (root / "link").symlink_to("images/0.png")
    root.chmod(0o2770)


@pytest.fixture
def other(shop):
    name = f"{shop.namespace}-{secrets.token_hex(2)}"
    yield name
    shop.end(name)


def by_name(report):
    return {volume["name"]: volume for volume in report["volumes"]}


def test_data_is_there_before_the_workload_starts_in_another_namespace_and_class(shop, other):
    report = shop.restore(*shop.into(other), "--map-storage-class", f"{STANDARD}={LATE}", "--wait")

    assert report["outcome"] == "done", report["errors"]
    volumes = by_name(report)
    assert {name: volume["outcome"] for name, volume in volumes.items()} == {"db": "done", "files": "done"}
    assert volumes["files"]["verified"] == volumes["files"]["files"] == 3
    assert volumes["files"]["storageClass"] == LATE
    assert (shop.volume("db", other) / "table").read_text() == "old"
    assert picture(shop.volume("files", other)) == picture(shop.volume("files"))
    assert not shop.left()


def test_hooks_run_in_pods_of_new_workloads_only(shop, other):
    hook = ("--hook-after-restore", f"{other}/db-*=cat /data/table >/data/seen")

    report = shop.restore(*shop.into(other), *hook)

    (hooked,) = report["hooks"]
    assert (hooked["outcome"], hooked["namespace"], hooked["when"]) == ("done", other, "after-restore"), hooked
    assert (shop.volume("db", other) / "seen").read_text() == "old"
    assert shop.restore(*shop.into(other), *hook)["hooks"] == []
    failing = ("--hook-after-restore", f"{other}/web-*=exit 7")
    shop.cluster.kubectl("delete", "deployment", "web", f"--namespace={other}")
    report = shop.restore(*shop.into(other), *failing, code=3)
    assert [(one["outcome"], one["exitCode"]) for one in report["hooks"]] == [("failed", 7)]
    assert any("failed in the pod" in problem["what"] for problem in report["errors"])


def test_one_claim_alone_with_another_size(shop, other):
    name = f"{shop.namespace}/files"

    report = shop.restore("--volume", name, "--volume-size", f"{name}=5Gi", *shop.into(other))

    assert [one["kind"] for one in report["objects"] if one["result"] == "created"] == [
        "namespaces",
        "persistentvolumeclaims",
    ]
    assert picture(shop.volume("files", other)) == picture(shop.volume("files"))
    made = shop.cluster.api.request("GET", f"/api/v1/namespaces/{other}/persistentvolumeclaims/files")
    assert made["spec"]["resources"]["requests"]["storage"] == "5Gi"
    volume = shop.cluster.api.request("GET", f"/api/v1/persistentvolumes/{made['spec']['volumeName']}")
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert not [mark for mark in volume["metadata"].get("labels", {}) if mark.startswith("holdfast.dev")]


def test_a_class_that_is_missing_is_blocked_and_nothing_starts_empty(shop, other):
    flags = (*shop.into(other), "--map-storage-class", f"{STANDARD}=gone")

    plan = shop.plan(*flags, code=3)
    report = shop.restore(*flags, code=3)

    assert {one["action"] for one in plan["volumes"]} == {"blocked"}
    assert "the storage class gone does not exist" in plan["volumes"][0]["why"]
    assert f"--map-storage-class {STANDARD}=NEW" in plan["volumes"][0]["next"]
    assert {one["name"]: one["result"] for one in report["objects"] if one["kind"] == "deployments.apps"} == {
        "db": "failed",
        "web": "failed",
    }


def test_what_exists_is_kept_or_made_exactly_what_it_was_if_that_is_asked(shop, other):
    shop.restore(*shop.into(other))
    shop.ready(other)
    table = shop.volume("db", other) / "table"
    table.write_text("newer")
    (table.parent / "stray").write_text("not in the backup")

    kept = by_name(shop.restore(*shop.into(other)))["db"]
    assert (kept["action"], kept["outcome"], table.read_text()) == ("keep", "left-out", "newer")

    used = by_name(shop.restore(*shop.into(other), "--volumes", "overwrite", "--yes", code=3))["db"]
    assert used["outcome"] == "failed"
    assert f"--scale-down-first deployment/{other}/db" in used["next"]
    assert table.read_text() == "newer"

    still = [word for name in ("db", "web") for word in ("--scale-down-first", f"deployment/{other}/{name}")]
    report = shop.restore(*shop.into(other), "--volumes", "overwrite", "--yes", *still)
    volume = by_name(report)["db"]
    assert (volume["outcome"], volume["deleted"]) == ("done", 1), report["errors"]
    assert table.read_text() == "old"
    assert not (table.parent / "stray").exists()
    shop.ready(other)
    assert not shop.left()


def test_files_go_into_a_claim_that_a_pod_uses(shop, other):
    shop.restore(*shop.into(other))
    shop.ready(other, "web")
    images = shop.volume("files", other) / "images"
    (images / "0.png").unlink()
    (images / "1.png").write_bytes(b"changed")
    (images / "new.png").write_text("stays")
    path = f"/volumes/{shop.namespace}/files/images"

    done = shop.holdfast(
        "restore", "files", "shop", f"{path}/0.png", "--target", f"pvc:{other}/files", "--verify", "-o", "json"
    )
    run = json.loads(done.out)
    assert (run["outcome"], run["counts"]["files"], run["counts"]["verified"]) == ("done", 1, 1)
    assert "Pods used the volume while it was written" in run["notes"][0]
    assert (images / "1.png").read_bytes() == b"changed"

    shop.holdfast("restore", "files", "shop", path, "--target", f"pvc:{other}/files", "--delete")
    assert picture(images.parent) == picture(shop.volume("files"))
    assert not shop.left()


def test_files_go_to_the_laptop_as_a_tar_stream(shop, tmp_path):
    stream = tmp_path / "files.tar"
    path = f"/volumes/{shop.namespace}/files"
    with stream.open("wb") as file:
        command = [PROGRAM, "restore", "files", "shop", path, "--target", "-"]
        subprocess.run(command, env=shop.holdfast.environment, stdout=file, check=True)
    with tarfile.open(stream) as archive:
        archive.extractall(tmp_path, filter="fully_trusted")
    assert without_times(tmp_path / path.lstrip("/")) == without_times(shop.volume("files"))


def test_a_volume_that_is_not_empty_fails_by_name(shop):
    """It was made by hand, and both the volume and its directory outlive their claim."""
    name = f"by-hand-{secrets.token_hex(3)}"
    shop.apply(*shared_volume(name, shop.namespace), pod(name, f"echo old >/data/table; {SLEEP}", name))
    shop.wait_ready(name)
    shop.back_up(
        "--name", name, "--object", f"persistentvolumeclaim/{shop.namespace}/{name}", "--cluster-objects", "auto"
    )
    shop.kubectl("delete", "pod", name)
    shop.kubectl("delete", "pvc", name)
    shop.cluster.kubectl("delete", "pv", name)
    done = shop.holdfast("restore", "run", name, "--progress", "lines", "-o", "json", code=3)
    volume = by_name(json.loads(done.out))[name]
    assert volume["outcome"] == "failed"
    assert "not empty" in volume["why"] or "has" in volume["why"]
    assert (shop.cluster.volumes_directory / name / "table").read_text() == "old\n"
    shop.cluster.kubectl("delete", "pvc", f"--namespace={shop.namespace}", name, "--wait=false")
    shop.cluster.kubectl("delete", "pv", name, "--wait=false")


def without_times(root):
    """What Python's own reader of tar streams brings back."""
    return {path: seen._replace(mtime=0) for path, seen in picture(root).items()}


@pytest.fixture(scope="module")
def two_nodes(two_node_cluster, say):
    with needed_tools():
        two_node_cluster.import_image(HOLDFAST, say)
    return two_node_cluster


def test_a_new_volume_is_made_where_its_workload_may_run_and_files_go_where_it_runs(two_nodes, s3_server, tmp_path):
    namespace = f"placed-{secrets.token_hex(3)}"
    two_nodes.kubectl("create", "namespace", namespace)
    shop = Shop(two_nodes, namespace, s3_server, tmp_path)
    there = {"kubernetes.io/hostname": two_nodes.nodes[1].name}
    shop.apply(claim("db", storageClassName=LATE), deployment("db", "db", nodeSelector=there))
    shop.ready(namespace)
    (shop.volume("db") / "table").write_text("old")
    shop.back_up("--name", "shop")
    other = f"{namespace}-copy"

    report = shop.restore(*shop.into(other))

    assert by_name(report)["db"]["node"] == two_nodes.nodes[1].name
    shop.ready(other)
    assert (shop.volume("db", other) / "table").read_text() == "old"
    (shop.volume("db", other) / "table").write_text("newer")
    shop.holdfast("restore", "files", "shop", f"/volumes/{namespace}/db/table", "--target", f"pvc:{other}/db")
    assert (shop.volume("db", other) / "table").read_text() == "old"
    for name in (namespace, other):
        shop.end(name)
