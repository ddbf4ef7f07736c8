"""What the suite cannot see: modes, the order of steps, full disks, missing rights, killed writers, restic's files."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.small_disk import mount  # noqa: F401 - a fixture

from holdfast.errors import FileExists, FileMissing, StoreRefused, StoreUnavailable
from holdfast.store.base import StoredFile
from holdfast.store.local import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "repository")


def files_below(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_files_name_is_its_path(store, tmp_path):
    store.put("data/0a/file", [b"content"])
    assert (tmp_path / "repository/data/0a/file").read_bytes() == b"content"


def test_nobody_else_may_read(store, tmp_path):
    old = os.umask(0)
    try:
        store.put("data/0a/file", [b"content"])
        store.create("locks/one", [b"content"])
    finally:
        os.umask(old)
    for path in [tmp_path / "repository", *(tmp_path / "repository").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("method", ["put", "create"])
def test_a_file_is_on_disk_before_it_is_visible_and_its_name_is_on_disk_before_the_return(store, monkeypatch, method):
    store.put("keys/other", [b"makes the directory"])
    steps = []

    def watched(name, describe):
        original = getattr(os, name)

        def step(*args):
            original(*args)
            steps.append(f"{name} {describe(args)}")

        monkeypatch.setattr(os, name, step)

    watched("fsync", lambda args: "directory" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else "file")
    watched("replace", lambda _: "")
    watched("link", lambda _: "")
    getattr(store, method)("keys/one", [b"content"])
    assert steps == ["fsync file", "replace " if method == "put" else "link ", "fsync directory"]


def test_new_directories_are_on_disk_too(store, monkeypatch, tmp_path):
    synced = []
    original = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), original(fd))
    )
    store.put("data/0a/file", [b"content"])
    assert [path for path in synced if "-tmp-" not in path] == [
        str(tmp_path),
        f"{tmp_path}/repository",
        f"{tmp_path}/repository/data",
        f"{tmp_path}/repository/data/0a",
    ]


def test_unfinished_files_are_not_listed(store, tmp_path):
    store.put("data/0a/whole", [b"content"])
    for name in ("data/0a/ours-tmp-0123456789", "data/0a/restics-tmp-42"):
        (tmp_path / "repository" / name).write_bytes(b"cont")
    assert list(store.list("")) == [StoredFile("data/0a/whole", 7)]


def test_other_peoples_files_are_not_listed(store, tmp_path):
    store.put("config", [b"x"])
    (tmp_path / "repository/read me.txt").write_text("x")
    (tmp_path / "repository/lost+found").mkdir()
    (tmp_path / "repository/lost+found/file").write_text("x")
    (tmp_path / "repository/dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "repository/pipe")
    assert list(store.list("")) == [StoredFile("config", 1)]


def test_a_directory_that_is_a_link_works(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository/data").symlink_to(tmp_path / "elsewhere")
    store.put("data/0a/file", [b"x"])
    assert list(store.list("data")) == [StoredFile("data/0a/file", 1)]


def test_no_temporary_file_stays_after_success_or_failure(store, tmp_path):
    store.create("locks/one", [b"x"])
    with pytest.raises(FileExists):
        store.create("locks/one", [b"y"])
    store.put("locks/two", [b"x"])
    (tmp_path / "repository/locks/directory").mkdir()
    with pytest.raises(StoreRefused):
        store.put("locks/directory", [b"x"])
    assert files_below(tmp_path / "repository") == ["locks/one", "locks/two"]


def test_a_file_in_the_place_of_a_directory_is_refused(store, tmp_path):
    store.put("data", [b"x"])
    with pytest.raises(StoreRefused):
        store.put("data/0a/file", [b"x"])
    with pytest.raises(FileMissing):
        store.get("data/0a/file")
    store.delete("data/0a/file")
    assert files_below(tmp_path / "repository") == ["data"]


def test_a_full_disk_is_named_and_nothing_is_half_written(mount, tmp_path):  # noqa: F811 - the fixture
    disk = mount(tmp_path / "mount", "size=256k")
    store = LocalStore(disk / "repository")
    store.put("config", [b"old content"])
    for write in (store.put, store.create):
        with pytest.raises(StoreRefused, match="No space left") as caught:
            write("data/0a/big", [b"x" * 1_000_000])
        assert "Free some space" in caught.value.next
    with pytest.raises(StoreRefused):
        store.put("config", [b"y" * 1_000_000])
    assert store.get("config") == b"old content"
    assert files_below(disk) == ["repository/config"]
    store.put("data/0a/small", [b"there is room again"])


def test_a_file_system_mounted_for_reading_is_named(mount, tmp_path):  # noqa: F811 - the fixture
    with pytest.raises(StoreRefused, match="Read-only") as caught:
        LocalStore(mount(tmp_path / "mount", "ro,size=64k")).put("config", [b"x"])
    assert "Mount" in caught.value.next


def test_missing_rights_are_named(store, tmp_path):
    store.put("config", [b"x"])
    (tmp_path / "repository").chmod(0o500 if os.geteuid() else 0o700)
    (tmp_path / "repository/config").chmod(0o000 if os.geteuid() else 0o600)
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)  # root may do everything, so be somebody else for a moment
    try:
        attempts = [lambda: store.put("keys/k", [b"x"]), lambda: store.get("config"), lambda: store.delete("config")]
        for attempt in attempts:
            with pytest.raises(StoreRefused, match="Permission denied") as caught:
                attempt()
            assert "right" in caught.value.next
    finally:
        os.seteuid(own)
        (tmp_path / "repository").chmod(0o700)


@pytest.mark.parametrize("code", [errno.ESTALE, errno.ETIMEDOUT])
def test_a_network_file_systems_passing_fault_is_worth_another_try(store, monkeypatch, code):
    def broken(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreUnavailable):
        store.put("config", [b"x"])


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.EINVAL])
def test_a_file_system_without_fsync_is_accepted(store, monkeypatch, code):
    def lacking(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", lacking)
    store.put("config", [b"x"])
    assert store.get("config") == b"x"


_WRITER = """
import hashlib, itertools, sys
from pathlib import Path
from holdfast.store.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("ready", flush=True)
for number in itertools.count():
    content = b"%08d" % number * 50_000
    name = hashlib.sha256(content).hexdigest()
    (store.put if number % 2 else store.create)(f"data/{name[:2]}/{name}", [content])
    print(name, flush=True)
"""


@pytest.mark.parametrize("finished", [0, 1, 3, 8])
def test_a_killed_writer_leaves_whole_files_only_and_all_that_it_had_finished(tmp_path, finished):
    child = subprocess.Popen([sys.executable, "-c", _WRITER, tmp_path / "r"], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout.readline() == "ready\n"
        reported = {child.stdout.readline().strip() for _ in range(finished)}
        child.send_signal(signal.SIGKILL)
        child.wait()
        reported |= set(child.stdout.read().split())
    store = LocalStore(tmp_path / "r")
    listed = {file.name.rpartition("/")[2]: file for file in store.list("")}
    assert reported <= set(listed)
    for name, file in listed.items():
        assert hashlib.sha256(store.get(file.name)).hexdigest() == name
