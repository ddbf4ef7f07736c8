"""A directory of very many files."""

import os

from tests.operations.file_trees import ROOT, picture
from tests.operations.files_harness import back_up, below, restore

MANY = 100_000


def test_a_hundred_thousand_files_in_one_directory(repository, directory, restics, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    fd = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
    for number in range(MANY):
        file = os.open(f"{number * 7919 % MANY:x}", os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
        os.write(file, b"%d" % (number // 3))  # of three names one content
        os.close(file)
    os.close(fd)
    before = picture(source)

    run = back_up(repository, source)
    assert (run.errors, run.counts["files"]) == ([], MANY)
    assert restore(repository, run, tmp_path / "target").errors == []
    assert picture(below(tmp_path / "target", source)) == before
    again = back_up(repository, source)
    assert again.counts["unmodified"] == MANY
    if ROOT:
        restics[1].run(directory, "restore", "latest", "--tag", "kind=files", "--target", tmp_path / "by restic")
        assert picture(below(tmp_path / "by restic", source)) == before
