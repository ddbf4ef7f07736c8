"""How checks of a drill are written, and the commands that they become."""

import subprocess

import pytest

from holdfast.errors import UsageError
from holdfast.model.drill import CheckKind, CheckTarget
from holdfast.objects.checks import make_check, parse_check, parse_target

TARGET = CheckTarget("deployment", "shop", "web")


@pytest.mark.parametrize(
    ("text", "command", "expect"),
    [
        ("deployment/shop/web: true", ("true",), ""),
        ('deployment/shop/web: mariadb -e "select 1" => 1', ("mariadb", "-e", "select 1"), "1"),
        ("deployment/shop/web: sh -c 'a | b'", ("sh", "-c", "a | b"), ""),
        ("deployment/shop/web: echo a: b => a: b", ("echo", "a:", "b"), "a: b"),
        ("deployment/shop/web: echo a => b => a => b", ("echo", "a", "=>", "b", "=>", "a"), "b"),
    ],
)
def test_a_command(text, command, expect):
    check = parse_check(CheckKind.COMMAND, text, "--check-command")
    assert (check.target, check.command, check.expect) == (TARGET, command, expect)


def test_a_container_can_be_named():
    assert parse_target("pod/shop/web/nginx", "--x") == CheckTarget("pod", "shop", "web", "nginx")
    assert str(parse_target("pod/shop/web/nginx", "--x")) == "pod/shop/web/nginx"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "true",
        "web: true",
        "shop/web: true",
        "deployment/shop/web:true",
        "deployment/shop/web: ",
        "a/b/c/d/e: true",
        "//: x",
    ],
)
def test_what_is_no_check_is_refused_with_the_flag(text):
    with pytest.raises(UsageError, match="--check-command"):
        parse_check(CheckKind.COMMAND, text, "--check-command")


def test_quotes_must_match():
    with pytest.raises(UsageError, match="cannot be read"):
        make_check(CheckKind.COMMAND, TARGET, "echo 'a")


def test_a_checksum_needs_an_absolute_path():
    with pytest.raises(UsageError, match="absolute"):
        make_check(CheckKind.CHECKSUM, TARGET, "www")


# What the scripts do, in a real shell


def run(kind, text, path=None, **environment):
    command = make_check(kind, TARGET, text).command
    default = "/usr/bin:/bin"
    return subprocess.run(
        command, env={"PATH": f"{path}:{default}" if path else default, **environment}, capture_output=True, check=False
    )


def test_checksums_tell_content_and_names_apart_and_no_times(tmp_path):
    def tree(name, files):
        (tmp_path / name).mkdir()
        for path, content in files.items():
            place = tmp_path / name / path
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        done = run(CheckKind.CHECKSUM, str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    files = {"a": b"1", "sub dir/b": b"2", "empty": b""}
    first = tree("first", files)
    assert first.startswith("sha256:")
    assert tree("second", dict(reversed(files.items()))) == first
    assert len({first, tree("third", files | {"a": b"x"}), tree("fourth", {"c": b"1"}), tree("fifth", {})}) == 3 + 1


def test_the_checksum_of_a_file_is_its_own(tmp_path):
    (tmp_path / "file").write_bytes(b"hello\n")
    done = run(CheckKind.CHECKSUM, str(tmp_path / "file"))
    assert done.stdout == b"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\n"


def test_the_checksum_of_what_is_not_there_fails(tmp_path):
    assert run(CheckKind.CHECKSUM, str(tmp_path / "nothing")).returncode != 0


@pytest.mark.parametrize(
    ("client", "environment", "said"),
    [
        ("mariadb", {}, "[] --batch --skip-column-names --execute select 1"),
        ("mysql", {"MYSQL_ROOT_PASSWORD": "secret"}, "[secret] --batch --skip-column-names --execute select 1"),
        ("psql", {"POSTGRES_USER": "shop"}, "[] -U shop -d shop -v ON_ERROR_STOP=1 -At -c select 1"),
        ("psql", {}, "[] -U postgres -d postgres -v ON_ERROR_STOP=1 -At -c select 1"),
    ],
)
def test_a_query_goes_to_the_client_that_is_there(tmp_path, client, environment, said):
    program = tmp_path / client
    program.write_text('#!/bin/sh\necho "[$MYSQL_PWD] $*"\n')
    program.chmod(0o755)
    assert run(CheckKind.QUERY, "select 1", tmp_path, **environment).stdout.decode().strip() == said


def test_a_container_without_a_client_says_so(tmp_path):
    (tmp_path / "sh").symlink_to("/bin/sh")
    command = make_check(CheckKind.QUERY, TARGET, "select 1").command
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, check=False)
    assert done.returncode == 127
    assert b"no mariadb, mysql or psql" in done.stderr
