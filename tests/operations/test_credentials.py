"""Credentials from a directory of files, laid out as the kubelet mounts a Secret."""

import pytest

from holdfast.errors import UsageError
from holdfast.operations.credentials import Credentials


@pytest.fixture
def mount(tmp_path):
    """`mount(**values)`: a directory as the kubelet makes one; names with a dot are given as `{"ca.crt": …}`."""

    def made(values):
        data = tmp_path / "credentials" / "..2026_11_26_20_00_00.123"
        data.mkdir(parents=True)
        (tmp_path / "credentials" / "..data").symlink_to(data.name)
        for name, value in values.items():
            (data / name).write_bytes(value)
            (tmp_path / "credentials" / name).symlink_to(f"..data/{name}")
        return tmp_path / "credentials"

    return made


def test_a_mounted_secret_is_read_through_its_symlinks(mount):
    directory = mount({"password": b"one two\n", "ca.crt": b"PEM\n", "AWS_ACCESS_KEY_ID": b"key\r\n"})
    found = Credentials.read(directory)
    assert (found.password, found.certificates, found.variables) == ("one two", b"PEM\n", {"AWS_ACCESS_KEY_ID": "key"})


def test_blanks_belong_to_a_value(mount):
    assert Credentials.read(mount({"password": b" a b \n\n"})).password == " a b "


def test_a_directory_without_a_password_may_be_all_that_a_store_needs(mount):
    found = Credentials.read(mount({"AWS_REGION": b"eu-west-1"}))
    assert (found.password, found.certificates) == ("", None)


def test_values_are_in_no_text(mount):
    found = Credentials.read(mount({"password": b"hunter2", "AWS_SECRET_ACCESS_KEY": b"hunter3"}))
    assert "hunter" not in f"{found!r} {found}"


@pytest.mark.parametrize("name", ["aws-key", "1KEY", "a b", ".hidden"])
def test_a_name_that_names_no_variable_is_refused(mount, name):
    with pytest.raises(UsageError) as caught:
        Credentials.read(mount({name: b"hunter2"}))
    assert name in caught.value.what
    assert "hunter2" not in f"{caught.value.what} {caught.value.why} {caught.value.next}"
    assert "docs/locations.md" in caught.value.next


@pytest.mark.parametrize(("value", "why"), [(b"\xffhunter2", "UTF-8"), (b"hunter2\0x", "zero byte")])
def test_what_cannot_be_a_value_is_refused_without_being_shown(mount, value, why):
    with pytest.raises(UsageError, match=f"AWS_REGION of the directory .* cannot be used: .*{why}") as caught:
        Credentials.read(mount({"AWS_REGION": value}))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_in_place_of_the_directory_and_none_at_all_are_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be read: Not a directory"):
        Credentials.read(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        Credentials.read(tmp_path / "none")


def test_an_entry_that_is_no_file_is_named(tmp_path):
    (tmp_path / "AWS_REGION").mkdir()
    with pytest.raises(UsageError, match=r"AWS_REGION of the directory .* cannot be read: Is a directory"):
        Credentials.read(tmp_path)


def test_an_unreadable_file_is_named(tmp_path):
    (tmp_path / "password").symlink_to("gone")
    with pytest.raises(UsageError, match=r"password of the directory .* cannot be read: No such file"):
        Credentials.read(tmp_path)


def test_a_directory_fills_what_the_environment_leaves_open():
    found = Credentials.of({"AWS_REGION": b"eu", "AWS_ACCESS_KEY_ID": b"of the directory"}, "here")
    assert found.under({"AWS_ACCESS_KEY_ID": "given", "HOME": "/"}) == {
        "AWS_ACCESS_KEY_ID": "given",
        "AWS_REGION": "eu",
        "HOME": "/",
    }


def test_a_location_replaces_a_whole_account_of_the_environment():
    found = Credentials.of({"AWS_ACCESS_KEY_ID": b"of the location"}, "here")
    environ = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SESSION_TOKEN": "mine", "AZURE_ACCOUNT_NAME": "mine", "HOME": "/"}
    assert found.over(environ) == {"AWS_ACCESS_KEY_ID": "of the location", "AZURE_ACCOUNT_NAME": "mine", "HOME": "/"}


def test_a_location_with_a_password_only_leaves_the_account_to_the_environment():
    assert Credentials.of({"password": b"x"}, "here").over({"AWS_ACCESS_KEY_ID": "mine"}) == {
        "AWS_ACCESS_KEY_ID": "mine"
    }
