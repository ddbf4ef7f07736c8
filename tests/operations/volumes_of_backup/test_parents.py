"""From which snapshot a volume goes on."""

import pytest

from holdfast.ids import SnapshotId
from holdfast.model.backup import BackupType
from holdfast.model.tags import Tags
from holdfast.operations.catalog import Catalog, Entry
from holdfast.operations.volumes_of_backup.parents import find_parents
from holdfast.repository.snapshot import Snapshot

SHOP, ALL = ["/namespaces/shop"], ["/namespaces/*"]


def snapshot(number, hostname, paths, **tags):
    time = f"2026-11-{number:02}T00:00:00Z"
    found = Snapshot(time=time, tree="0" * 64, paths=paths, hostname=hostname, tags=Tags(tags).format())
    return Entry(SnapshotId.of(bytes([number])), found, Tags(tags))


def backup(number, *volumes, hostname="here", paths=SHOP, **tags):
    entry = snapshot(number, hostname, paths, kind="app", **{"type": "incremental"} | tags)
    return entry, set(volumes)


def part(number, volume, hostname="here", **tags):
    return snapshot(number, hostname, [f"/volumes/{volume}"], kind="part", volume=volume, **tags), set()


class Looked:
    """Which backups were looked into."""

    def __init__(self, made):
        self.volumes = {entry.id: volumes for entry, volumes in made}
        self.into = []

    def __call__(self, entry, volume):
        self.into.append(entry.snapshot.time[8:10])
        return volume in self.volumes[entry.id]


def parent_day(made, backup_type="incremental", volume="shop/data"):
    """The day of the month of the parent, None without one."""
    catalog = Catalog(tuple(entry for entry, _ in made), ())
    found = find_parents(
        catalog, [volume], BackupType(backup_type), cluster="here", paths=SHOP, has_volume=Looked(made)
    )
    return int(found[volume].snapshot.time[8:10]) if found else None


DATA = "shop/data"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([], None),
        ([backup(1)], None),
        ([backup(1, DATA), backup(2, DATA)], 2),
        ([backup(1, DATA), backup(2)], 1),  # left out by a policy the last time
        ([backup(1, DATA), part(2, DATA)], 2),  # of a run that died
        ([part(1, DATA), backup(2, DATA)], 2),
        ([part(1, DATA), part(2, DATA)], 2),
        ([part(1, "shop/logs")], None),
        ([backup(1, DATA, hostname="there"), part(2, DATA, hostname="there")], None),
        ([backup(1, DATA, paths=ALL)], 1),  # another selection has read it
        ([backup(1, DATA), backup(2, DATA, paths=ALL)], 1),
    ],
)
def test_an_incremental_backup_goes_on_from_the_newest_that_has_the_volume(made, expected):
    assert parent_day(made) == expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([backup(1, DATA)], None),
        ([part(1, DATA)], None),
        ([backup(1, DATA, type="full"), backup(2, DATA), part(3, DATA)], 1),
        ([backup(1, DATA, type="full"), backup(2, DATA, type="full")], 2),
        ([backup(1, DATA, type="full"), backup(2, type="full")], 1),
    ],
)
def test_a_differential_one_goes_on_from_the_newest_full_one(made, expected):
    assert parent_day(made, "differential") == expected


def test_a_full_one_goes_on_from_nothing():
    assert parent_day([backup(1, DATA, type="full"), part(2, DATA)], "full") is None


def test_each_volume_has_a_parent_of_its_own():
    made = [backup(1, "shop/logs"), part(2, DATA)]
    catalog = Catalog(tuple(entry for entry, _ in made), ())
    found = find_parents(
        catalog,
        [DATA, "shop/logs", "shop/new"],
        BackupType.INCREMENTAL,
        cluster="here",
        paths=SHOP,
        has_volume=Looked(made),
    )
    assert {volume: entry.kind for volume, entry in found.items()} == {DATA: "part", "shop/logs": "app"}


def test_a_new_volume_is_not_looked_for_in_every_backup_of_the_cluster():
    made = [backup(number % 28 + 1, paths=ALL) for number in range(200)]
    looked = Looked(made)
    catalog = Catalog(tuple(entry for entry, _ in made), ())
    assert not find_parents(catalog, [DATA], BackupType.INCREMENTAL, cluster="here", paths=SHOP, has_volume=looked)
    assert len(looked.into) <= 32
