"""Eight real writers at once, with prunes and forgets in their midst, on a directory and on S3.

Their files come from one pool of contents, so that what one forgets another stores at that moment. It goes in waves, two days
apart by all clocks: what one wave marked is removed while the next one writes.
"""

import json
import os
import random
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults import rubbish
from tests.faults.doomed import ended, start
from tests.operations.file_trees import contents
from tests.restic_oracle import export
from tests.sample_repository import check_all, init, read_files, reopen

from holdfast.operations.catalog import read_catalog
from holdfast.repository import lock
from holdfast.store.location import store_at

SEED = 20261126
WRITERS = 8
WAVES = 3
BACKUPS = 2  # of each writer in each wave
POOL = [b"%d " % number * 700 for number in range(60)]
ENVIRON = rubbish.SMALL | {"HOLDFAST_TEST_SETTLE": str(lock.SETTLE)}


class Place:
    """A repository that children write, at a path or URL."""

    def __init__(self, location, environ, scratch):
        self.location = location
        self.environ = {**os.environ, **environ}
        self.clock = scratch / "clock"
        self.environ |= {**ENVIRON, "HOLDFAST_TEST_CLOCK": str(self.clock)}
        self.store = store_at(str(location), environ=self.environ)
        init(self.store)

    def run(self, *arguments):
        """What a child that succeeded printed."""
        arguments = *arguments, "--progress", "none", "-o", "json"
        child = start("SIGKILL", "store", 0, self.location, "/dev/null", *arguments, environ=self.environ)
        code, output, errors = ended(child)
        assert code == 0, (arguments, code, output, errors)
        return json.loads(output)


@pytest.fixture(params=["directory", "s3"])
def place(request, tmp_path):
    if request.param == "directory":
        return Place(tmp_path / "repository", {}, tmp_path)
    server = request.getfixturevalue("s3_server")
    bucket = f"many-{secrets.token_hex(4)}"
    server.create_bucket(bucket)
    return Place(f"{server.repository(bucket)}/repository", server.environment, tmp_path)


def write(place, wave, number, scratch):
    """Backups of a tree that changes between them; returns {name: {path: content}}."""
    chance = random.Random(f"{SEED} {wave} {number}")
    tree = scratch / f"tree-{number}"
    made = {}
    for turn in range(BACKUPS):
        for _ in range(12):
            file = tree / f"{chance.randrange(4)}" / f"{chance.randrange(6)}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(chance.choice(POOL))
        name = f"writer-{number}-{wave}-{turn}"
        made[name] = {f"{tree}/{path}".lstrip("/"): content for path, content in contents(tree).items()}
        place.run("backup", "files", tree, "--name", name)
    return made


def prune_all_the_time(place, is_over):
    """Returns how many prunes there were, and how many packs they removed."""
    times = removed = 0
    while not is_over.is_set():
        flags = ("--grace", "0") if times % 3 == 2 else ()
        removed += place.run("repository", "prune", "--max-unused", "0%", *flags)["counts"]["removed"]
        times += 1
    return times, removed


def check_all_the_time(place, is_over):
    """It finds nothing wrong, though packs are removed while it reads. Returns how often it read all."""
    times = 0
    while not is_over.wait(2):
        place.run("repository", "check", "--read-data")
        times += 1
    return times


def forget_all_the_time(place, is_over):
    times = 0
    while not is_over.wait(0.5):
        place.run("backup", "forget", "--keep-last", "2", "--yes")
        times += 1
    return times


def test_nothing_is_lost_and_nobody_fails(place, tmp_path, restics, say):
    written, prunes, forgets, checks, removed = {}, 0, 0, 0, 0
    for wave in range(WAVES):
        place.clock.write_text(str(2 * wave * 24 * 3600))
        is_over = threading.Event()
        with ThreadPoolExecutor(WRITERS + 3) as pool:
            pruning = pool.submit(prune_all_the_time, place, is_over)
            checking = pool.submit(check_all_the_time, place, is_over)
            forgetting = pool.submit(forget_all_the_time, place, is_over)
            try:
                for made in pool.map(lambda number, wave=wave: write(place, wave, number, tmp_path), range(WRITERS)):
                    written |= made
            finally:
                is_over.set()
            checks += checking.result()
            times, packs = pruning.result()
            prunes, removed, forgets = prunes + times, removed + packs, forgets + forgetting.result()

    repository = reopen(place.store)
    assert check_all(repository).errors == []
    backups = read_catalog(repository).backups
    assert {f"writer-{number}-{WAVES - 1}-{BACKUPS - 1}" for number in range(WRITERS)} <= {one.name for one in backups}
    for entry in backups:
        files = read_files(repository, entry.id)
        assert files == written[entry.name], entry.name
    directory = tmp_path / "exported"
    export(place.store, directory)
    for restic in restics:
        restic.check(directory)
    say(
        f"{WRITERS} writers at once: {len(written)} backups, {prunes} prunes removed {removed} packs, {forgets} forgets, "
        f"{checks} checks, 0 blobs lost (seed {SEED})"
    )
    assert removed > 10
    place.clock.write_text(str((2 * WAVES + 2) * 24 * 3600))
    place.run("repository", "prune", "--max-unused", "0%")
    place.clock.write_text(str((2 * WAVES + 4) * 24 * 3600))
    place.run("repository", "prune", "--max-unused", "0%")
    with rubbish.small_repositories():
        rubbish.assert_tidy(reopen(place.store))
