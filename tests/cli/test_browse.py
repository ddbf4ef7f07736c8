"""`backup browse` and `backup cat` as a user runs them."""

import datetime as dt
import hashlib
import os
import subprocess

import pytest
from tests.cli.documented import assert_documented
from tests.cli.holdfast import PROGRAM


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "one").write_bytes(b"one")
    (root / "one").chmod(0o4750)
    (root / "sub" / "two").write_bytes(b"two")
    (root / "sub" / "two").chmod(0o640)
    (root / "evil\nname").write_bytes(b"")
    (root / "link").symlink_to("sub/two")
    for path in (root / "one", root / "sub" / "two"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return root


@pytest.fixture
def saved(stocked, source):
    """The program with a repository that has a backup of `source`."""
    stocked("backup", "files", source)
    return stocked


def test_a_listing_has_a_line_for_each_entry(saved, source):
    lines = saved("backup", "browse", "latest", source).out.splitlines()
    assert [line.split()[0] for line in lines] == ["TYPE", "file", "symlink", "file", "dir"]
    assert lines[1].endswith(f"{source}/evil\\nname")
    assert lines[3].split()[1:3] == ["3", "B"]


def test_a_long_listing_is_that_of_ls(saved, source):
    done = saved.but(TZ="Asia/Tokyo")("backup", "browse", "latest", source, "-R", "--long").out
    rows = {line.split()[-1]: line.split() for line in done.splitlines()}
    owner, group = (subprocess.check_output(["stat", "-c", f, source / "one"], text=True).strip() for f in ("%U", "%G"))
    moment = dt.datetime.fromtimestamp(1_700_000_000, dt.timezone(dt.timedelta(hours=9)))
    when = [f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"]
    assert rows[f"{source}/one"][:-1] == ["-rwsr-x---", owner, group, "3", *when]
    assert rows[f"{source}/sub/two"][0] == "-rw-r-----"
    assert rows[f"{source}/sub"][0][0] == "d"
    assert rows["sub/two"][0] == "lrwxrwxrwx"
    assert rows["sub/two"][-3:] == [f"{source}/link", "->", "sub/two"]


@pytest.mark.parametrize("flags", [(), ("-R",), ("-l",)])
def test_a_listing_as_a_document(saved, source, flags):
    done = saved("backup", "browse", "latest", source, *flags, "-o", "json")
    assert_documented("backup browse", done.document)
    assert done.document == saved("backup", "browse", "latest", source, *flags, "-o", "yaml").yaml
    found = {one["path"]: one for one in done.document}
    assert found[f"{source}/one"]["mode"] == "-rwsr-x---"
    assert found[f"{source}/link"]["target"] == "sub/two"
    assert f"{source}/evil\nname" in found
    assert (f"{source}/sub/two" in found) == (flags == ("-R",))


def test_an_empty_directory_is_an_empty_list(stocked, tmp_path):
    (tmp_path / "empty").mkdir()
    stocked("backup", "files", tmp_path / "empty")
    for form in ("json", "yaml"):
        assert stocked("backup", "browse", "latest", tmp_path / "empty", "-o", form).yaml == []


def test_a_file_is_printed_byte_for_byte(stocked, tmp_path):
    """More than is read ahead, and no newline at its end."""
    content = os.urandom(24 << 20)
    (tmp_path / "long").write_bytes(content)
    stocked("backup", "files", tmp_path / "long")
    command = [PROGRAM, "backup", "cat", "latest", tmp_path / "long"]
    done = subprocess.run(command, env=stocked.environment, capture_output=True, check=True)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(content).digest()
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("path", "what", "why"),
    [
        ("{source}", "{source} is not a file", "it is a directory"),
        ("/", "/ is not a file", "it is a directory"),
        ("{source}/link", "{source}/link is not a file", "it is a symlink"),
        ("{source}/nothing", "the backup has no {source}/nothing", "nothing in it has this path"),
    ],
)
def test_what_is_no_file_is_not_printed(saved, source, path, what, why):
    done = saved("backup", "cat", "latest", path.format(source=source), code=1)
    assert done.problem[:2] == (what.format(source=source), why)
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments", [("browse", "latest", "-R"), ("browse", "latest", "-R", "-o", "json"), ("cat", "latest", "{path}")]
)
def test_a_reader_that_has_seen_enough_is_no_error_worth_words(stocked, tmp_path, arguments):
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    for number in range(3000):
        (crowd / f"a name that is long enough to fill a pipe {number}").touch()
    (crowd / "long").write_bytes(os.urandom(1 << 20))
    stocked("backup", "files", crowd)
    words = [word.format(path=crowd / "long") for word in arguments]
    command = [PROGRAM, "backup", *words]
    with subprocess.Popen(command, env=stocked.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
