"""Volumes that change at random from part to part: each part is what the volume was, whatever its parent."""

import os
import random
import shutil

import pytest
from tests.movers.alone.lab import CLUSTER, opened
from tests.operations.file_trees import picture

from holdfast.model.cancel import Cancel
from holdfast.model.progress import Silent
from holdfast.operations.movers.read_volume import ReadVolumeOptions, read_volume
from holdfast.operations.movers.volume_name import VolumeName
from holdfast.operations.movers.write_volume import WriteVolumeOptions, write_volume

STEPS = 6
VOLUME = VolumeName("shop", "data")


class Changing:
    """A volume, and what is done to it."""

    def __init__(self, root, seed):
        self.root = root
        self.chosen = random.Random(seed)
        root.mkdir()

    def change(self):
        for _ in range(self.chosen.randrange(1, 25)):
            change = self.chosen.choice(
                (
                    self.write,
                    self.write,
                    self.write,
                    self.grow,
                    self.remove,
                    self.rename,
                    self.link,
                    self.dress,
                    self.directory,
                )
            )
            change()

    def place(self):
        """A path that may be taken."""
        directory = self.chosen.choice([self.root, *(path for path in self.root.rglob("*") if self.is_directory(path))])
        return directory / self.chosen.choice("abcdefgh")

    def is_directory(self, path):
        return path.is_dir() and not path.is_symlink()

    def files(self):
        return [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]

    def write(self):
        path = self.place()
        if not self.is_directory(path):
            path.unlink(missing_ok=True)
            size = self.chosen.choice((0, 1, 300, 5000, 400_000, 900_000))
            with path.open("wb") as file:
                file.seek(self.chosen.choice((0, 0, 3 << 20)))
                file.write(self.chosen.randbytes(size))

    def grow(self):
        for path in self.files()[:1]:
            with path.open("ab") as file:
                file.write(self.chosen.randbytes(1000))

    def remove(self):
        path = self.place()
        if self.is_directory(path):
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def rename(self):
        paths, target = self.files(), self.place()
        if paths and not self.is_directory(target):
            self.chosen.choice(paths).rename(target)

    def link(self):
        paths, target = self.files(), self.place()
        if paths and not target.exists() and not target.is_symlink():
            if self.chosen.randrange(2):
                target.hardlink_to(self.chosen.choice(paths))
            else:
                target.symlink_to(self.chosen.choice(("a", "../b", "/nowhere")))

    def directory(self):
        path = self.place()
        if not path.exists() and not path.is_symlink():
            path.mkdir()

    def dress(self):
        for path in [self.root, *self.files()[:2]]:
            os.chown(path, self.chosen.randrange(2000), self.chosen.randrange(2000))
            path.chmod(self.chosen.choice((0o600, 0o755, 0o4711, 0o2770, 0o1777)))
            os.setxattr(path, "user.note", self.chosen.randbytes(9))


@pytest.mark.parametrize("seed", range(2))
def test_each_part_is_what_the_volume_was(repository, tmp_path, seed):
    changing, chosen = Changing(tmp_path / "volume", seed), random.Random(seed)
    parts = []  # (id, what the volume was then)
    for step in range(STEPS):
        changing.change()
        parent = chosen.choice(parts)[0] if parts and step % 3 else ""
        options = ReadVolumeOptions(
            run=f"run-{step}",
            volume=VOLUME,
            root=os.fsencode(changing.root),
            cluster_name=CLUSTER,
            parent=parent,
            full=chosen.randrange(4) == 0,
        )
        moved = read_volume(opened(repository), options, Cancel(), Silent())
        assert moved.errors == []
        parts.append((moved.part, picture(changing.root)))

    target = tmp_path / "target"
    target.mkdir()
    for part, seen in chosen.sample(parts, len(parts)):  # exactly, over what another part left
        options = WriteVolumeOptions(
            run="run", volume=VOLUME, backup=part, root=os.fsencode(target), exact=True, overwrite=True, verify=True
        )
        moved = write_volume(opened(repository), options, Cancel(), Silent())
        assert moved.errors == []
        assert picture(target) == seen
