"""The live way for MariaDB, without Holdfast: files that are copied while `examples/mariadb-still.sh` holds are a whole database.

Also what the demonstration's own pieces say is so: a row of bookings without gaps, and which was acknowledged last.
"""

import hashlib
import shutil

import pytest
import yaml
from demo.mysql.bookings import Bookings, Found
from testbed.errors import SetupFailed
from testbed.machine import VOLUMES
from testbed.mariadb_image import MARIADB


@pytest.fixture(scope="module")
def bookings(node_cluster):
    shop = Bookings(node_cluster)
    shop.install()
    shop.start_customers()
    yield shop
    node_cluster.kubectl("delete", "namespace", "shop", "customers")


@pytest.fixture
def still(bookings):
    """`still("hold", "60")`; afterwards nothing is held."""

    def run(*arguments):
        bookings.cluster.kubectl(
            "exec", "--namespace=shop", "database-0", "--", "sh", "/hooks/mariadb-still.sh", *arguments
        )

    yield run
    if holder(bookings) != "NULL":
        run("release")


def holder(bookings):
    return bookings.sql("SELECT IS_USED_LOCK('holdfast-still')").strip()


def volume_of(bookings):
    """Where the database's files are on this machine."""
    claim = bookings.cluster.api.request("GET", "/api/v1/namespaces/shop/persistentvolumeclaims/data-database-0")
    volume = bookings.cluster.api.request("GET", f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
    return bookings.cluster.volumes_directory / volume["spec"]["hostPath"]["path"].rpartition("/")[2]


def digest(directory):
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def copy(source, target):
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        shutil.chown(path, 999, 999)


def customers_wait(bookings):
    """Whether a booking is held up by the lock."""
    return "backup lock" in bookings.sql("SELECT STATE FROM information_schema.PROCESSLIST")


def test_what_customers_wrote_is_found_without_gaps(bookings):
    told = bookings.see_more()
    found = bookings.found()
    assert found.gapless
    assert found.rows >= told


@pytest.mark.parametrize(
    "found", [Found(3, 1, 4, 3), Found(3, 2, 4, 3), Found(3, 1, 3, 2)], ids=["gap", "no first", "wrong row"]
)
def test_a_row_with_a_gap_is_not_taken_for_a_whole_one(found):
    assert not found.gapless
    assert Found(3, 1, 3, 3).gapless


def test_held_files_do_not_change_and_are_a_whole_database(bookings, still):
    before = bookings.see_more()
    still("hold", "120")
    first = digest(volume_of(bookings))
    copy(volume_of(bookings), bookings.cluster.volumes_directory / "copied")
    bookings.wait(lambda: customers_wait(bookings), "a customer who waits")
    assert digest(volume_of(bookings)) == first
    still("release")
    bookings.see_more()

    found = found_in_copy(bookings.cluster)
    assert found.gapless
    assert found.rows >= before


def found_in_copy(cluster):
    """What a server on the copied files has."""
    container = {
        "name": "mariadb",
        "image": MARIADB.reference,
        "readinessProbe": {"exec": {"command": ["mariadb", "--execute", "SELECT 1"]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
    }
    volumes = [{"name": "data", "hostPath": {"path": str(VOLUMES / "copied")}}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "copy", "namespace": "shop"},
        "spec": {"containers": [container], "volumes": volumes},
    }
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(pod))
    cluster.kubectl("wait", "--namespace=shop", "--for=condition=Ready", "pod/copy", "--timeout=120s")
    return Bookings(cluster).found_in("copy")


def test_a_lock_that_was_gone_too_early_is_told(bookings, still):
    still("hold", "1")
    bookings.wait(lambda: holder(bookings) == "NULL", "the end of the lock")
    with pytest.raises(SetupFailed, match="gone before its end"):
        still("release")
    bookings.see_more()


def test_a_write_meanwhile_is_told(bookings, still):
    """The server's count of writes is not the one that was noted when all was still."""
    still("hold", "120")
    less = "sed -i 's/Innodb_pages_written\t/&1/' /tmp/holdfast-mariadb-still"
    bookings.cluster.kubectl("exec", "--namespace=shop", "database-0", "--", "sh", "-c", less)
    with pytest.raises(SetupFailed, match="wrote to its files"):
        still("release")
    assert holder(bookings) == "NULL"


def test_two_backups_do_not_hold_at_once(bookings, still):
    still("hold", "120")
    with pytest.raises(SetupFailed, match="Another backup"):
        still("hold", "120")
    assert holder(bookings) != "NULL"
