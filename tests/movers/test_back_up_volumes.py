"""Backups of claims by real movers: what is read, what is read again, and what is said of a volume that cannot be."""

import os
import secrets
import subprocess

import pytest
from tests.movers.scene import Scene, claim, pod, until
from tests.operations.file_trees import picture

SLEEP = "exec sleep 2147483647"
LARGE = 20_000_000  # bytes


@pytest.fixture(scope="module")
def scene(node_cluster, holdfast_image, s3_server, tmp_path_factory):  # noqa: ARG001 - movers are made of it
    """A namespace with a claim that a pod uses and one that none does."""
    namespace = f"backup-{secrets.token_hex(3)}"
    node_cluster.kubectl("create", "namespace", namespace)
    scene = Scene(node_cluster, namespace, s3_server, tmp_path_factory.mktemp("home"))
    scene.apply(claim("data"), claim("idle"), pod("web", SLEEP, "data"))
    scene.wait_ready("web")
    fill(scene.volume("data"))
    (scene.volume("idle") / "kept").write_text("for later")
    yield scene
    node_cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def fill(root):
    (root / "large").write_bytes(os.urandom(LARGE))
    (root / "deep" / "down").mkdir(parents=True)
    (root / "deep" / "down" / "small").write_text("small")
    (root / "link").symlink_to("deep/down/small")
    os.chown(root / "deep", 1000, 2000)
    root.chmod(0o2750)


@pytest.fixture(scope="module")
def first(scene):
    return scene.back_up("--name", "first")


def restic(scene, binary, *arguments):
    told = scene.holdfast.environment
    environment = {
        **told,
        "RESTIC_REPOSITORY": told["HOLDFAST_REPOSITORY"],
        "RESTIC_PASSWORD": told["HOLDFAST_PASSWORD"],
    }
    command = [binary, "--no-cache", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_backup_is_done_and_says_what_it_has(scene, first):
    assert (first["outcome"], first["errors"]) == ("done", [])
    assert (first["counts"]["volumes"], first["counts"]["volumesSaved"]) == (2, 2)
    data, idle = first["volumes"]
    assert (data["name"], data["way"], data["outcome"], data["node"]) == ("data", "live", "done", "node-1")
    assert data["files"] == 2
    assert data["bytes"] == LARGE + len("small")
    assert (idle["name"], idle["outcome"], idle["files"]) == ("idle", "done", 1)
    assert scene.left() == []


def test_restic_restores_the_files_as_they_are(scene, first, restic_new, tmp_path):
    assert "no errors were found" in restic(scene, restic_new, "check", "--read-data")
    path = f"/volumes/{scene.namespace}/data"
    listed = restic(scene, restic_new, "ls", first["id"], path, "--recursive").splitlines()
    assert f"{path}/deep/down/small" in listed
    restic(scene, restic_new, "restore", first["id"], "--include", path, "--target", str(tmp_path))
    assert picture(tmp_path / path.strip("/")) == picture(scene.volume("data"))


def test_files_come_back_to_a_directory(scene, first, tmp_path):  # noqa: ARG001 - the backup
    path = f"/volumes/{scene.namespace}/data"
    scene.holdfast("restore", "files", "first", path, "--target", tmp_path, "--verify")
    assert picture(tmp_path / path.strip("/")) == picture(scene.volume("data"))


def test_an_unchanged_volume_is_not_read_again(scene, first):
    second = scene.back_up()
    assert second["type"] == "incremental"
    data, idle = second["volumes"]
    assert (data["bytes"], data["added"], idle["added"]) == (LARGE + len("small"), 0, 0)
    assert second["bytes"]["stored"] * 50 < first["bytes"]["stored"]


def test_a_full_backup_reads_all_and_adds_little(scene, first):
    (scene.volume("data") / "deep" / "down" / "small").write_text("other")
    full = scene.back_up("--type", "full")
    data, _ = full["volumes"]
    assert (full["type"], data["outcome"]) == ("full", "done")
    assert 0 < data["added"] < 10_000
    assert full["bytes"]["stored"] * 50 < first["bytes"]["stored"]


def test_a_claim_that_waits_is_named_and_the_rest_is_saved(scene, first):  # noqa: ARG001 - unchanged files are known
    scene.apply(claim("waits", storageClassName="nowhere"))
    try:
        run = scene.back_up(code=3)
    finally:
        scene.kubectl("delete", "pvc", "waits")
    assert run["outcome"] == "partial"
    (problem,) = run["errors"]
    assert problem["what"] == f"the data of the volume {scene.namespace}/waits was not saved"
    assert "Pending" in problem["why"]
    assert {volume["name"]: volume["outcome"] for volume in run["volumes"]} == {
        "data": "done",
        "idle": "done",
        "waits": "failed",
    }


def test_what_is_left_out_is_not_in_the_backup(scene):
    run = scene.back_up("--exclude-path", f"{scene.namespace}/data:/large", "--type", "full")
    data, _ = run["volumes"]
    assert (run["outcome"], data["files"]) == ("done", 1)


def test_a_run_that_is_stopped_leaves_nothing_but_its_report(scene):
    (scene.volume("idle") / "more").write_bytes(os.urandom(LARGE))
    child = scene.holdfast.start(
        "backup", "create", "-n", scene.namespace, "--name", "stopped", "--type", "full", "--progress", "lines"
    )
    until(scene.left)
    child.interrupt()
    assert child.end().code == 130
    until(lambda: not scene.left(), tell=lambda: str(scene.left()))
    listed = scene.holdfast("backup", "list", "-o", "json").document
    assert [one["outcome"] for one in listed if one["name"] == "stopped"] == ["cancelled"]
    assert scene.back_up()["outcome"] == "done"


def test_a_repository_that_only_this_machine_reaches_saves_the_objects_and_names_every_volume(scene, tmp_path):
    local = scene.holdfast.but(HOLDFAST_REPOSITORY=tmp_path / "repository", HOLDFAST_MOVER_REPOSITORY=None)
    local("repository", "init")
    run = local("backup", "create", "-n", scene.namespace, "-o", "json", code=3).document
    assert run["counts"]["objects"] > 2
    assert [(volume["name"], volume["outcome"]) for volume in run["volumes"]] == [
        ("data", "failed"),
        ("idle", "failed"),
    ]
    assert all("--mover-repository" in problem["next"] for problem in run["errors"])
    assert scene.left() == []


@pytest.fixture
def hooked(scene):
    """`hooked(**annotations)`: a pod with a claim of its own, and these hooks."""
    names = []

    def make(name, **annotations):
        names.append(name)
        made = pod(name, SLEEP, name)
        made["metadata"]["annotations"] = {
            f"hooks.holdfast.dev/{hook.replace('_', '-')}": command for hook, command in annotations.items()
        }
        scene.apply(claim(name), made)
        scene.wait_ready(name)
        (scene.volume(name) / "file").write_text("content")
        return scene.volume(name)

    yield make
    for name in names:
        scene.kubectl("delete", "pod,pvc", name, "--wait=false")


def test_a_volume_is_read_between_the_hooks_of_its_pod(scene, hooked):
    volume = hooked("quiet", before_backup="touch /data/still", after_backup="rm /data/still")
    run = scene.back_up("--name", "with-hooks")
    assert run["outcome"] == "done"
    assert [(hook["name"], hook["when"], hook["outcome"]) for hook in run["hooks"]] == [
        ("before-backup", "before-backup", "done"),
        ("after-backup", "after-backup", "done"),
    ]
    listed = scene.holdfast(
        "backup", "browse", "with-hooks", f"/volumes/{scene.namespace}/quiet", "-o", "json"
    ).document
    assert {one["path"].rpartition("/")[2] for one in listed} == {"file", "still"}
    assert sorted(one.name for one in volume.iterdir()) == ["file"]


def test_a_hook_that_fails_keeps_its_volume_from_being_read_and_no_other(scene, hooked):
    hooked("loud", before_backup="echo cannot >&2; exit 7", after_backup="touch /data/after")
    run = scene.back_up(code=3)
    outcomes = {volume["name"]: volume["outcome"] for volume in run["volumes"]}
    assert outcomes == {"data": "done", "idle": "done", "loud": "failed"}
    whats = [problem["what"] for problem in run["errors"]]
    assert f"the data of the volume {scene.namespace}/loud was not saved" in whats
    assert f"the hook before-backup (before-backup) failed in the pod {scene.namespace}/loud" in whats


def test_a_dump_is_a_file_of_the_backup(scene, hooked):
    hooked("dumped", dump="cat /data/file")
    run = scene.back_up("--name", "with-a-dump", "--volumes", "none")
    (dump,) = run["hooks"]
    assert (dump["when"], dump["outcome"], dump["bytes"]) == ("dump", "done", len("content"))
    assert run["counts"]["dumps"] == 1
    assert scene.holdfast("backup", "cat", "with-a-dump", dump["path"]).out == "content"
    assert scene.holdfast("backup", "verify", "with-a-dump", "--offline").code == 0
