"""Writing entries: nothing outside the target, nothing half, the metadata in the right order."""

import os
import stat
from contextlib import closing

import pytest

from holdfast.volumes.entry import Entry, EntryType
from holdfast.volumes.writing import NewFile, TargetDirectory

TIME = 1_600_000_000_123_456_789


def entry(name=b"file", entry_type=EntryType.FILE, mode=0o644, **fields):
    own = {"uid": os.geteuid(), "gid": os.getegid(), "size": 0, "mtime": TIME, "ctime": TIME}
    return Entry(name, entry_type, entry_type.value | mode, **(own | {"inode": 1, "device": 1, "links": 1} | fields))


@pytest.fixture
def target(tmp_path):
    with closing(TargetDirectory.root(os.fsencode(tmp_path / "target"))) as directory:
        yield directory


@pytest.fixture
def place(tmp_path, target):  # noqa: ARG001 - makes it
    return tmp_path / "target"


def write(target, wanted, *parts, as_owner=False):
    file = NewFile(target, wanted.name, sum(map(len, parts)))
    offset = 0
    for part in parts:
        file.write(part, offset)
        offset += len(part)
    return file.commit(wanted, as_owner=as_owner)


def test_a_file_has_its_name_only_when_it_is_whole(target, place):
    file = NewFile(target, b"file", 4)
    file.write(b"half", 0)
    assert not (place / "file").exists()
    file.commit(entry(), as_owner=False)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"file": b"half"}


def test_a_discarded_file_leaves_nothing_and_the_old_one(target, place):
    write(target, entry(), b"old")
    file = NewFile(target, b"file", 3)
    file.write(b"new", 0)
    file.discard()
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"file": b"old"}


def test_a_file_cannot_replace_a_directory_and_leaves_nothing(target, place):
    (place / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write(target, entry(), b"new")
    assert [path.name for path in place.iterdir()] == ["file"]


def test_metadata_survives_its_own_order(target, place):
    """A change of owner clears set-user-id; attributes need the right to write; both change times."""
    wanted = entry(mode=0o6444, xattrs=(("user.a", b"1"),))
    assert write(target, wanted, b"x", as_owner=True) == []
    found = (place / "file").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o6444, TIME)
    assert os.getxattr(place / "file", "user.a") == b"1"


def test_a_directory_gets_its_times_after_its_files(target, place):
    with closing(target.enter(b"sub")) as sub:
        write(sub, entry(), b"x")
        assert sub.finish(entry(b"sub", EntryType.DIRECTORY, 0o1500), as_owner=False) == []
    found = (place / "sub").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o1500, TIME)


def test_what_cannot_be_set_is_told(target):
    failures = write(target, entry(xattrs=(("nonsense.name", b"1"),)), b"x")
    assert failures == ["attribute nonsense.name: Operation not supported"]


def test_blocks_of_zeros_become_holes_and_the_size_stays(target, place):
    write(target, entry(), bytes(1 << 20), b"x", bytes(1 << 20))
    found = (place / "file").stat()
    assert found.st_size == (2 << 20) + 1
    assert found.st_blocks * 512 < 1 << 20
    assert (place / "file").read_bytes() == bytes(1 << 20) + b"x" + bytes(1 << 20)


def test_parts_may_come_in_any_order_and_a_hole_at_the_end_stays(target, place):
    file = NewFile(target, b"file", 56_004)
    for offset, part in ((6000, b"last"), (0, b"first"), (6004, bytes(50_000)), (5, bytes(5995))):
        file.write(part, offset)
    assert file.commit(entry(), as_owner=False) == []
    assert (place / "file").read_bytes() == b"first" + bytes(5995) + b"last" + bytes(50_000)


def test_what_is_overwritten_is_gone_also_where_zeros_come(target, place):
    file = NewFile(target, b"file", 20_000)
    file.write(b"x" * 20_000, 0)
    file.overwrite(bytes(10_000) + b"y" * 10_000, 0)
    assert file.commit(entry(), as_owner=False) == []
    assert (place / "file").read_bytes() == bytes(10_000) + b"y" * 10_000


@pytest.mark.parametrize("kind", ["symlink", "broken symlink", "file"])
def test_what_has_a_directorys_name_gives_way_and_is_not_followed(target, place, tmp_path, kind):
    outside = tmp_path / "outside"
    outside.mkdir()
    if kind == "file":
        (place / "sub").write_bytes(b"x")
    else:
        (place / "sub").symlink_to(outside if kind == "symlink" else tmp_path / "nowhere")
    with closing(target.enter(b"sub")) as sub:
        write(sub, entry(), b"x")
    assert (place / "sub" / "file").read_bytes() == b"x"
    assert not (place / "sub").is_symlink()
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_symlink_with_a_files_name_is_replaced_not_followed(target, place, tmp_path):
    (tmp_path / "outside").write_bytes(b"untouched")
    (place / "file").symlink_to(tmp_path / "outside")
    write(target, entry(), b"x")
    assert (tmp_path / "outside").read_bytes() == b"untouched"
    assert not (place / "file").is_symlink()


def test_removing_does_not_follow_symlinks(target, place, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (place / "a" / "b" / "c").mkdir(parents=True)
    (place / "a" / "link").symlink_to(outside)
    (place / "a" / "b" / "file").touch()
    (place / "other link").symlink_to(outside)
    target.remove(b"a")
    target.remove(b"other link")
    assert list(place.iterdir()) == []
    assert (outside / "file").exists()


def test_special_files_and_links(target, place):
    assert target.special(entry(b"pipe", EntryType.FIFO, 0o620), as_owner=False) == []
    assert target.special(entry(b"link", EntryType.SYMLINK, 0o777, target=b"/\xff"), as_owner=False) == []
    write(target, entry(), b"x")
    with closing(target.enter(b"sub")) as sub:
        sub.link(b"again", target, b"file")
    found = (place / "pipe").stat()
    assert (stat.S_ISFIFO(found.st_mode), stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (True, 0o620, TIME)
    link = os.fsencode(place / "link")
    assert os.readlink(link) == b"/\xff"  # noqa: PTH115 - bytes
    assert os.lstat(link).st_mtime_ns == TIME
    assert (place / "sub" / "again").samefile(place / "file")


KIB = 1 << 10
MIB = 1 << 20


@pytest.mark.parametrize(
    "layout",  # lengths, data and hole in turn
    [
        (100 * KIB, 3 * MIB, 100 * KIB),
        (100 * KIB + 17, 3 * MIB + 5, 1),
        (0, 64 * KIB, 8 * KIB, 64 * KIB, 8 * KIB, 64 * KIB),
        (5, 12 * KIB, 4 * KIB, 20 * KIB),
        (0, 5 * MIB),
        (3 * MIB,),
    ],
)
@pytest.mark.parametrize("part", [8 * MIB, 1 * MIB + 13, 70_001])
def test_holes_inside_of_what_is_written_stay_holes(target, place, tmp_path, layout, part):
    with (tmp_path / "original").open("wb") as original:
        for turn, length in enumerate(layout):
            if turn % 2:
                original.seek(length, os.SEEK_CUR)
            else:
                original.write(os.urandom(length))
        original.truncate(sum(layout))
    content = (tmp_path / "original").read_bytes()
    write(target, entry(), *(content[start : start + part] for start in range(0, len(content), part)))
    assert (place / "file").read_bytes() == content
    pieces = -(-len(content) // part) if part % 4096 else 0  # between two, a block of zeros may be torn
    assert (place / "file").stat().st_blocks <= (tmp_path / "original").stat().st_blocks + 8 * pieces + 8


def test_data_full_of_zeros_is_kept(target, place):
    content = b"".join(bytes(number * 37) + b"x" * (number % 50) for number in range(600))
    write(target, entry(), *(content[start : start + 65_537] for start in range(0, len(content), 65_537)))
    assert (place / "file").read_bytes() == content


def test_attributes_that_were_there_before_go(target, place):
    with closing(target.enter(b"sub")) as sub:
        os.setxattr(place / "sub", "user.old", b"1")
        wanted = entry(b"sub", EntryType.DIRECTORY, 0o700, xattrs=(("user.new", b"2"),))
        assert sub.finish(wanted, as_owner=False) == []
    assert {name: os.getxattr(place / "sub", name) for name in os.listxattr(place / "sub")} == {"user.new": b"2"}


def test_nonsense_is_an_error_of_the_file(target, place):
    for wanted in (
        entry(b"link", EntryType.SYMLINK, target=b"a\0b"),
        entry(b"device", EntryType.CHARACTER_DEVICE, rdev=1 << 70),
        entry(b"fifo", EntryType.FIFO, rdev=1 << 70),
    ):
        with pytest.raises(OSError, match=r"Errno 22|Operation not permitted"):
            target.special(wanted, as_owner=False)
    failures = write(target, entry(uid=1 << 40, mtime=1 << 200, xattrs=(("user.a\0b", b""),)), b"x", as_owner=True)
    assert [failure.partition(":")[0] for failure in failures] == ["owner", "attribute user.a\0b", "times"]
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {"file": b"x"}


def test_a_program_does_not_run_as_somebody_it_was_not_meant_for(target, place):
    failures = write(target, entry(mode=0o6755, uid=os.geteuid() + 1), b"x")
    assert failures == ["mode: not set-user-ID, because the user is another"]
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o2755
    with closing(target.enter(b"sub")) as sub:
        assert sub.finish(entry(b"sub", EntryType.DIRECTORY, 0o2755, gid=1234), as_owner=False) == []
    assert stat.S_IMODE((place / "sub").stat().st_mode) == 0o2755  # of a directory it only says who gets new files
