"""Volumes of all sorts go into one backup and come back in another namespace: what the demonstration has no room for."""

import os
import secrets

import pytest
from testbed.storage import FAST, LATE, STANDARD
from tests.movers.scene import Scene, claim, pod, stateful_set, until
from tests.operations.file_trees import picture

SLEEP = "exec sleep 2147483647"
MIXED = {"mixed": "files of mixed owners and modes", "many": "10,000 small files", "sparse": "a 2 GB sparse file"}
CLAIMS = [*MIXED, "unused", "data-team-0", "data-team-1", "data-team-2"]
SPARSE = 2 * 1024**3


@pytest.fixture(scope="module")
def scene(node_cluster, holdfast_image, s3_server, tmp_path_factory):  # noqa: ARG001 - movers are made of it
    """A namespace with these claims, filled."""
    namespace = f"scene-{secrets.token_hex(3)}"
    node_cluster.kubectl("create", "namespace", namespace)
    scene = Scene(node_cluster, namespace, s3_server, tmp_path_factory.mktemp("home"))
    scene.apply(
        stateful_set("team", 3, f"test -e /data/whose || hostname >/data/whose; {SLEEP}"),
        *(claim(name) for name in MIXED),
        claim("unused"),
        *(pod(name, SLEEP, name) for name in MIXED),
    )
    scene.wait_ready(*MIXED, "team-0", "team-1", "team-2")
    fill_mixed(scene.volume("mixed"))
    fill_many(scene.volume("many"))
    fill_sparse(scene.volume("sparse"))
    (scene.volume("unused") / "kept").write_text("for later")
    yield scene
    node_cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def fill_mixed(root):
    for number, mode in enumerate((0o400, 0o4755, 0o2640, 0o777, 0)):
        file = root / f"mode-{mode:o}"
        file.write_bytes(os.urandom(100 * number))
        os.chown(file, 1000 + number, 2000 + number)
        file.chmod(mode)
    secret = root / "closed"
    secret.mkdir()
    (secret / "inside").write_text("nobody but its owner may look")
    os.link(secret / "inside", root / "linked")
    os.chown(secret, 999, 999)
    secret.chmod(0o1700)
    (root / "to nowhere").symlink_to("../is not there")
    os.mkfifo(root / "pipe", 0o620)
    os.utime(root / "mode-400", ns=(1, 987654321_123456789))
    (root / os.fsdecode(b"not utf-8 \xff")).touch()
    os.chown(root, 999, 1234)
    root.chmod(0o2770)


def fill_many(root):
    for number in range(10_000):
        directory = root / f"{number // 100}"
        directory.mkdir(exist_ok=True)
        (directory / f"{number}").write_text(f"{number}\n")


def fill_sparse(root):
    with (root / "disk").open("wb") as file:
        file.truncate(SPARSE)
        file.seek(SPARSE // 2)
        file.write(b"in the middle")


@pytest.fixture(scope="module")
def backup(scene):
    return scene.back_up()


@pytest.fixture(scope="module")
def restored(scene, backup):
    """The namespace into which all of it was restored, with another class for some of it."""
    other = f"{scene.namespace}-copy"
    scene.holdfast(
        "restore", "run", backup["id"], "--map-namespace", f"{scene.namespace}={other}",
        "--map-storage-class", f"{STANDARD}={FAST}", "--progress", "lines",
    )  # fmt: skip
    yield other
    scene.cluster.kubectl("delete", "namespace", other, "--wait=false")


def test_a_backup_says_of_each_volume_that_it_has_it(scene, backup):
    assert backup["outcome"] == "done"
    volumes = scene.volumes(backup["id"])
    assert {name: volume["outcome"] for name, volume in volumes.items()} == dict.fromkeys(CLAIMS, "done")
    assert volumes["many"]["files"] == 10_000
    assert volumes["sparse"]["bytes"] >= SPARSE
    assert volumes["sparse"]["added"] < SPARSE / 100
    assert volumes["mixed"]["driver"] == "hostPath"
    assert not scene.left()


@pytest.mark.parametrize("name", CLAIMS)
def test_all_files_of_a_volume_come_back_as_they_were(scene, restored, name):
    assert picture(scene.volume(name, restored)) == picture(scene.volume(name))


def test_each_replica_has_its_own_data_again(scene, restored):
    for number in range(3):
        assert (scene.volume(f"data-team-{number}", restored) / "whose").read_text() == f"team-{number}\n"
    scene.cluster.kubectl("rollout", "status", f"--namespace={restored}", "statefulset/team", "--timeout=180s")


def test_claims_come_back_in_the_class_that_was_asked_for(scene, restored):
    found = scene.cluster.api.request("GET", f"/api/v1/namespaces/{restored}/persistentvolumeclaims")["items"]
    assert {item["spec"]["storageClassName"] for item in found} == {FAST}
    assert not scene.left()


def test_holes_stay_holes(scene, restored):
    disk = scene.volume("sparse", restored) / "disk"
    assert disk.stat().st_size == SPARSE
    assert disk.stat().st_blocks * 512 < SPARSE / 100


def test_only_what_changed_is_read_again(scene, backup):
    first = scene.volumes(backup["id"])
    (scene.volume("many") / "0" / "0").write_text("another\n")
    again = scene.volumes(scene.back_up()["id"])
    assert again["many"]["files"] == 10_000
    assert 0 < again["many"]["added"] < first["many"]["added"] / 20
    assert again["sparse"]["added"] == 0


WRITES = """
number=0
while :; do
    number=$((number + 1))
    echo "line $number" >>/data/log
    echo "$number" >/data/file-$((number % 50))
    rm -f /data/file-$(((number + 25) % 50))
done
"""


def test_a_volume_that_is_written_meanwhile_has_each_file_as_it_was_at_some_moment(scene):
    scene.apply(claim("busy"), pod("busy", WRITES, "busy"))
    scene.wait_ready("busy")
    log = scene.volume("busy") / "log"
    (log.parent / "quiet").write_bytes(os.urandom(100_000))
    until(log.exists)
    before = len(log.read_bytes().splitlines())
    backup = scene.back_up("--object", f"persistentvolumeclaim/{scene.namespace}/busy", code=None)
    assert backup["outcome"] in ("done", "partial")

    target = log.parent.parent / f"read-{secrets.token_hex(3)}"
    scene.holdfast("restore", "files", backup["id"], f"/volumes/{scene.namespace}/busy", "--target", target)
    read = target / "volumes" / scene.namespace / "busy"
    lines = (read / "log").read_bytes().splitlines()
    assert lines == log.read_bytes().splitlines()[: len(lines)]  # nothing torn, nothing made up
    assert len(lines) >= before
    assert (read / "quiet").read_bytes() == (log.parent / "quiet").read_bytes()
    scene.kubectl("delete", "pod/busy", "persistentvolumeclaim/busy")


def test_a_volume_that_waits_for_its_first_pod_is_made_where_that_pod_can_run(scene, backup):
    other = f"{scene.namespace}-late"
    scene.holdfast(
        "restore", "run", backup["id"], "--map-namespace", f"{scene.namespace}={other}",
        "--map-storage-class", f"{STANDARD}={LATE}", "--volume", f"{scene.namespace}/unused",
    )  # fmt: skip
    assert (scene.volume("unused", other) / "kept").read_text() == "for later"
    scene.cluster.kubectl("delete", "namespace", other, "--wait=false")
