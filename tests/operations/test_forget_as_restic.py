"""`restic forget` with the same rules keeps the same snapshots, where all of them are good."""

import json
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.restic_oracle import Restic, export
from tests.sample_repository import init, write_files

from holdfast.model.cancel import Cancel
from holdfast.model.retention import RetentionPolicy
from holdfast.model.run import timestamp
from holdfast.model.span import Span
from holdfast.operations.catalog import read_catalog
from holdfast.operations.forget import ForgetOptions, plan_forget
from holdfast.repository.snapshot import Snapshot
from holdfast.store.memory import MemoryStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEED = 20261123
HOSTS = ["web1", "web2"]
PATHS = [["/srv/data"], ["/srv/data", "/etc"], ["/etc", "/srv/data"]]  # the last two are the same to both


def random_time(rng):
    """Some close together, some spread over years."""
    minutes = rng.choice([3 * 24 * 60, 60 * 24 * 60, 5 * 365 * 24 * 60])
    return NOW - timedelta(minutes=rng.randrange(minutes), microseconds=rng.randrange(60_000_000))


@pytest.fixture(scope="module", params=["UTC", "America/New_York"])
def zone(request):
    return request.param


@pytest.fixture(scope="module")
def stocked(zone):
    """A repository with 400 snapshots of four groups, written in one zone: restic takes its days from each snapshot's offset."""
    rng = random.Random(SEED)
    repository = init(MemoryStore())
    first = write_files(repository, {"a": b"b"}, time=timestamp(NOW - timedelta(days=9000)))
    tree = repository.load_snapshot(first).tree
    with repository.lock(Cancel()) as lock:
        for _ in range(400):
            snapshot = Snapshot(
                time=random_time(rng).astimezone(ZoneInfo(zone)).isoformat(timespec="microseconds"),
                tree=tree,
                hostname=rng.choice(HOSTS),
                paths=rng.choice(PATHS),
                tags=rng.choice([[], ["release"], ["label:team=sales"]]),
            )
            repository.save_snapshot(snapshot, lock)
    return repository


@pytest.fixture(scope="module")
def exported(stocked, tmp_path_factory):
    return export(stocked.store, tmp_path_factory.mktemp("exported"))


POLICIES = [
    "--keep-last 5",
    "--keep-last unlimited",
    "--keep-hourly 24",
    "--keep-daily 7",
    "--keep-weekly 4",
    "--keep-monthly 12",
    "--keep-yearly 10",
    "--keep-yearly unlimited",
    "--keep-daily 1000",
    "--keep-hourly 24 --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 75",
    "--keep-last 3 --keep-weekly 20 --keep-tag release",
    "--keep-last 1 --keep-tag label:team=sales --keep-tag release",
    "--keep-within 30d",
    "--keep-within 1y2m5d3h",
    "--keep-within 36h --keep-monthly 6",
]


def ours(repository, rules, zone):
    """What we keep by the same words."""
    words = rules.split()
    policy = {"keep_tags": set()}
    for flag, value in zip(words[::2], words[1::2], strict=True):
        name = flag.removeprefix("--").replace("-", "_")
        if name == "keep_tag":
            policy["keep_tags"].add(value)
        elif name == "keep_within":
            policy[name] = Span.parse(value, flag)
        else:
            policy[name] = -1 if value == "unlimited" else int(value)
    options = ForgetOptions(policy=RetentionPolicy(**policy | {"keep_tags": frozenset(policy["keep_tags"])}), zone=zone)
    plan = plan_forget(read_catalog(repository), options, NOW)
    return {(group.key.host, one.entry.id.hex()) for group in plan.groups for one in group.backups if one.keep}


@pytest.mark.parametrize("rules", POLICIES)
def test_the_same_snapshots_are_kept(stocked, exported, restic_new, rules, zone, tmp_path):
    oracle = Restic(restic_new, tmp_path, TZ=zone)
    output = oracle.run(
        exported, "forget", "--dry-run", "--no-lock", "--json", "--group-by", "host,paths", *rules.split()
    )
    theirs = {(group["host"], one["id"]) for group in json.loads(output) for one in group["keep"] or ()}
    kept = ours(stocked, rules, ZoneInfo(zone))
    assert kept == theirs, f"seed {SEED}"
    assert len(kept) > 4
