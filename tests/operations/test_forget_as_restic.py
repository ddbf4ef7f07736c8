"""`restic forget` with the same rules keeps the same snapshots, where all of them are good."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from tests.restic_oracle import Restic, export
from tests.sample_repository import init, write_files

from holdfast.ids import BlobId
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


@pytest.fixture(scope="module")
def stocked():
    """A repository with 400 snapshots of four groups."""
    rng = random.Random(SEED)
    repository = init(MemoryStore())
    tree = repository.load_snapshot(
        write_files(repository, {"a": b"b"}, time=timestamp(NOW - timedelta(days=9000)))
    ).tree
    assert BlobId.parse(tree)
    with repository.lock(Cancel()) as lock:
        for _ in range(400):
            snapshot = Snapshot(
                time=timestamp(random_time(rng)),
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


def ours(repository, rules):
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
    options = ForgetOptions(policy=RetentionPolicy(**policy | {"keep_tags": frozenset(policy["keep_tags"])}), zone=UTC)
    plan = plan_forget(read_catalog(repository), options, NOW)
    return {(group.key.host, one.entry.id.hex()) for group in plan.groups for one in group.backups if one.keep}


@pytest.mark.parametrize("rules", POLICIES)
@pytest.mark.parametrize("restic", ["restic_old", "restic_new"])
def test_the_same_snapshots_are_kept(stocked, exported, restic, rules, request, tmp_path):
    if restic == "restic_old" and "unlimited" in rules:
        rules = rules.replace("unlimited", "-1")
    oracle = Restic(request.getfixturevalue(restic), tmp_path)
    oracle._environment["TZ"] = "UTC"
    output = oracle.run(
        exported, "forget", "--dry-run", "--no-lock", "--json", "--group-by", "host,paths", *rules.split()
    )
    theirs = {(group["host"], one["id"]) for group in json.loads(output) for one in group["keep"] or ()}
    kept = ours(stocked, rules.replace("-1", "unlimited"))
    assert kept == theirs, f"seed {SEED}"
    assert len(kept) > 4
