"""Block devices and images with holes: the same bytes come back, holes stay holes, and large ones are not read."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from tests.operations.files_harness import back_up, below, restore

from holdfast.codec.chunker import MAX_SIZE
from holdfast.volumes.reading import FileStream

MIB = 1 << 20
DATA = {
    0: 3 * MIB,
    70 * MIB + 12345: 2 * MIB,
    140 * MIB: 4096,
    209 * MIB: 1,
}  # place → length; what is between are holes
SIZE = 280 * MIB
HUGE = 4 << 30


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A disk's image: holes of more than 64 MiB in its middle and at its end."""
    path = tmp_path_factory.mktemp("image") / "disk.img"
    with path.open("wb") as file:
        for place, length in DATA.items():
            file.seek(place)
            file.write(os.urandom(length - 1) + b"\1")
        file.truncate(SIZE)
    assert path.stat().st_blocks * 512 < 8 * MIB
    return path


@pytest.fixture
def device(image):
    """The image as a block device, which knows of no holes."""
    command = ["losetup", "--find", "--show", "--read-only", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"testbed: losetup is refused ({done.stderr.strip()})")
    yield Path(done.stdout.strip())
    subprocess.run(["losetup", "--detach", done.stdout.strip()], check=True)


@pytest.fixture
def read(monkeypatch):
    """Counts the bytes that are read of long files, or made for their holes."""
    counts = []
    readinto = FileStream.readinto

    def counted(self, target):
        counts.append(readinto(self, target))
        return counts[-1]

    monkeypatch.setattr(FileStream, "readinto", counted)
    return counts


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def used(path):
    return path.stat().st_blocks * 512


def assert_same(restored, image):
    assert (restored.stat().st_size, digest(restored)) == (SIZE, digest(image))


def assert_same_with_holes(restored, image):
    assert_same(restored, image)
    assert used(restored) <= used(image) + 64 * 1024


def test_an_image_comes_back_with_its_holes_which_are_not_read(repository, image, tmp_path, read):
    run = back_up(repository, image)
    assert (run.errors, run.bytes["files"]) == ([], SIZE)
    assert sum(read) < sum(DATA.values()) + len(DATA) * 2 * MAX_SIZE
    assert run.bytes["added"] < sum(DATA.values()) + (len(DATA) + 1) * MAX_SIZE
    assert restore(repository, run, tmp_path / "target", verify=True).errors == []
    assert_same_with_holes(below(tmp_path / "target", image), image)


def test_a_device_becomes_a_file_with_holes(repository, image, device, tmp_path):
    run = back_up(repository, device)
    assert (run.errors, run.counts["files"], run.bytes["files"]) == ([], 1, SIZE)
    assert run.bytes["added"] < sum(DATA.values()) + (len(DATA) + 2) * MAX_SIZE
    assert restore(repository, run, tmp_path / "target", verify=True).errors == []
    assert_same_with_holes(below(tmp_path / "target", device), image)


def test_a_hole_of_gigabytes_is_passed_over(repository, tmp_path, read):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(b"begins")
        file.truncate(HUGE)
    run = back_up(repository, path)
    assert (run.errors, run.bytes["files"]) == ([], HUGE)
    assert sum(read) < 2 * MAX_SIZE
    assert restore(repository, run, tmp_path / "target").errors == []
    restored = below(tmp_path / "target", path)
    assert (restored.stat().st_size, used(restored)) == (HUGE, 4096)
    with restored.open("rb") as file:
        assert file.read(7) == b"begins\0"


@pytest.mark.parametrize("source", ["image", "device"])
def test_restic_restores_both(repository, directory, restics, image, source, request, tmp_path):
    path = request.getfixturevalue(source)
    run = back_up(repository, path)
    old, new = restics
    for restic, flags in ((old, []), (new, []), (new, ["--sparse"])):
        target = tmp_path / f"target {restic is new} {flags}"
        restic.run(directory, "restore", run.id, *flags, "--target", target)
        # A device knows of no holes, and zeros that are no holes are cut as everything else.
        keeps_holes = flags and source == "image"
        (assert_same_with_holes if keeps_holes else assert_same)(below(target, path), image)
